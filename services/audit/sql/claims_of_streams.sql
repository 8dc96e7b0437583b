-- Claims behind the key ($1, $2, $3), at most $4, each with the events of the stream that holds it.
SELECT c.tenant, c.kind, c.key, c.stream_id,
       coalesce(array_agg(e.type ORDER BY e.version) FILTER (WHERE e.type IS NOT NULL), '{}'),
       coalesce(array_agg(e.body ORDER BY e.version) FILTER (WHERE e.type IS NOT NULL), '{}')
  FROM (SELECT tenant, kind, key, stream_id FROM daybook.claims
         WHERE (tenant, kind, key) > ($1, $2, $3) ORDER BY tenant, kind, key LIMIT $4) c
  LEFT JOIN daybook.events e ON e.tenant = c.tenant AND e.stream_id = c.stream_id
 GROUP BY c.tenant, c.kind, c.key, c.stream_id
 ORDER BY c.tenant, c.kind, c.key
