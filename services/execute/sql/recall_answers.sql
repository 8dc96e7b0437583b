-- What was answered under these keys before; n is the place in the question, from 1.
SELECT w.n, i.request_hash AS payload_hash, i.stream_id, i.version, i.token, i.refusal, i.items
  FROM unnest($1::text::text[], $2::text::text[], $3::text::text[], $4::text::text[])
       WITH ORDINALITY AS w (tenant, method, path, key, n)
 CROSS JOIN LATERAL (
       SELECT b.request_hash, b.stream_id, b.version, b.token, b.refusal, b.items
         FROM billing_idempotency b
        WHERE (b.tenant, b.method, b.path, b.key) = (w.tenant, w.method, w.path, w.key)
        LIMIT 1) i
