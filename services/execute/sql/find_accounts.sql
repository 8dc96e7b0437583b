-- The accounts whose locks guard these streams; n is the place in the question, from 1.
SELECT w.n, h.account_id
  FROM unnest($1::text::text[], $2::text::text[]) WITH ORDINALITY AS w (tenant, stream_id, n)
 CROSS JOIN LATERAL (
       SELECT s.account_id
         FROM stream_heads s
        WHERE (s.tenant, s.stream_id) = (w.tenant, w.stream_id) AND s.account_id IS NOT NULL
        LIMIT 1) h
