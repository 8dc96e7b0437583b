-- Version and state of streams, and the account whose lock guards each.
SELECT w.tenant, w.stream_id, h.version, h.account_id, h.state
  FROM unnest($1::text::text[], $2::text::text[]) AS w (tenant, stream_id)
 CROSS JOIN LATERAL (
       SELECT s.version, s.account_id, s.state
         FROM stream_heads s
        WHERE (s.tenant, s.stream_id) = (w.tenant, w.stream_id)
        LIMIT 1) h
