-- The accounts whose locks guard these streams; n is the place in the question, from 1.
SELECT w.n, h.account_id
  FROM stream_heads h
  JOIN unnest($1::text::text[], $2::text::text[]) WITH ORDINALITY AS w (tenant, stream_id, n)
    USING (tenant, stream_id)
 WHERE h.account_id IS NOT NULL
