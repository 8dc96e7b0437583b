-- What was made of these messages before; n is the place in the question, from 1.
SELECT w.n, i.payload_hash, i.stream_id, i.version, i.token, NULL::bytea AS refusal
  FROM billing_inbox i
  JOIN unnest($1::text::text[], $2::text::text[], $3::text::text[], $4::text::text[])
       WITH ORDINALITY AS w (tenant, consumer, source, id, n) USING (tenant, consumer, source, id)
