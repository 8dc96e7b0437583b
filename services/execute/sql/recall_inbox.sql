-- What was made of these messages before; n is the place in the question, from 1.
-- Here and below, LATERAL ... LIMIT 1 keeps to one index probe a row: as a plain join, and with no
-- statistics yet, Postgres read everything that the tenant has (10 ms at 14,500 rows, and growing).
SELECT w.n, i.payload_hash, i.stream_id, i.version, i.token, NULL::bytea AS refusal,
       NULL::bytea AS items
  FROM unnest($1::text::text[], $2::text::text[], $3::text::text[], $4::text::text[])
       WITH ORDINALITY AS w (tenant, consumer, source, id, n)
 CROSS JOIN LATERAL (
       SELECT b.payload_hash, b.stream_id, b.version, b.token
         FROM billing_inbox b
        WHERE (b.tenant, b.consumer, b.source, b.id) = (w.tenant, w.consumer, w.source, w.id)
        LIMIT 1) i
