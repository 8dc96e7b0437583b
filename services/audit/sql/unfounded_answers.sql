-- Rows of billing_idempotency whose result or whose token is no event; at most $1.
SELECT i.tenant, ARRAY[i.method, i.path, i.key] AS identity, named.id, named.is_token
  FROM daybook.billing_idempotency i
 CROSS JOIN LATERAL (
       VALUES (i.stream_id, i.version, i.stream_id || '-' || i.version, false),
              (left(i.token, -1 - length(split_part(i.token, '-', -1))),
               CASE WHEN split_part(i.token, '-', -1) ~ '^[0-9]{1,18}$'
                    THEN split_part(i.token, '-', -1)::bigint END,
               i.token, true)
        UNION ALL
       SELECT item.stream_id, item.version, item.stream_id || '-' || item.version, false
         FROM jsonb_to_recordset(convert_from(i.items, 'UTF8')::jsonb)
           AS item (stream_id text, version bigint)) AS named (stream_id, version, id, is_token)
 WHERE named.id IS NOT NULL
   AND NOT EXISTS (
       SELECT FROM daybook.events e
        WHERE e.tenant = i.tenant AND e.stream_id = named.stream_id
          AND e.version = named.version)
 ORDER BY i.tenant, i.method, i.path, i.key, named.is_token
 LIMIT $1
