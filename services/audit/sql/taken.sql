-- What the inbox says of these messages, in their order: the event that the message led to last, as
-- the token that it answers, and that event's metadata; NULLs for a message that it does not have.
SELECT i.stream_id, i.recorded_at, i.token, e.metadata
  FROM unnest($1::text::text[], $2::text::text[], $3::text::text[], $4::text::text[])
       WITH ORDINALITY AS w (tenant, consumer, source, id, n)
  LEFT JOIN LATERAL (
       SELECT b.stream_id, b.recorded_at,
              coalesce(b.token, b.stream_id || '-' || b.version) AS token
         FROM daybook.billing_inbox b
        WHERE (b.tenant, b.consumer, b.source, b.id) = (w.tenant, w.consumer, w.source, w.id)
        LIMIT 1) i ON true
  LEFT JOIN LATERAL (
       SELECT metadata FROM daybook.events
        WHERE tenant = w.tenant
          AND stream_id = left(i.token, -1 - length(split_part(i.token, '-', -1)))
          AND version = CASE WHEN split_part(i.token, '-', -1) ~ '^[0-9]{1,18}$'
                             THEN split_part(i.token, '-', -1)::bigint END
        LIMIT 1) e ON true
 ORDER BY w.n
