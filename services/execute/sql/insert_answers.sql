-- The answers by Idempotency-Key: a result to be rendered again, a domain refusal, or what became
-- of each item of a batch.
INSERT INTO billing_idempotency (tenant, method, path, key, request_hash, stream_id, version,
                                 token, refusal, items, recorded_at)
SELECT a.*, $11
  FROM unnest($1::text::text[], $2::text::text[], $3::text::text[], $4::text::text[], $5::bytea[],
              $6::text::text[], $7::text::bigint[], $8::text::text[], $9::bytea[],
              $10::bytea[]) AS a
