-- The answer to a batch under one Idempotency-Key: what became of each item, in order, as a JSON
-- array of {stream_id, version, token} for what was done and {code, detail} for what was refused.
ALTER TABLE billing_idempotency
    ADD COLUMN items bytea,
    DROP CONSTRAINT billing_idempotency_has_a_result_or_a_refusal,
    ADD CONSTRAINT billing_idempotency_has_a_result_a_refusal_or_items
        CHECK (num_nonnulls(stream_id, refusal, items) = 1);
