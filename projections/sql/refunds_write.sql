-- Writes what a batch does to its refunds; answers how many refunds that were.
-- One that was asked for in the batch is new, any other is there already.
WITH changed AS (
    SELECT * FROM unnest($1::text::text[], $2::text::text[], $3::text::text[], $4::text::text[],
                         $5::text::text[], $6::text::text[], $7::text::text[],
                         $8::text::text[], $9::text::bigint[],
                         $10::text::text[], $11::text::text[],
                         $12::text::date[], $13::text::text[],
                         $14::text::text[], $15::text::date[],
                         $16::text::bigint[], $17::text::bigint[],
                         $18::text::text[], $19::text::bigint[],
                         $20::text::bigint[], $21::text::bigint[])
        AS c (tenant, refund_id, payment_id, account_id, facility, currency, status, method,
              amount_minor, reason, requested_by, requested_on, decided_by,
              rejection_reason, issued_on, from_credit_minor, from_receivable_minor,
              failure, listed_position, version, position)
), added AS (
    INSERT INTO refunds
        (tenant, refund_id, payment_id, account_id, facility, currency, status, method,
         amount_minor, reason, requested_by, requested_on, decided_by, rejection_reason,
         issued_on, from_credit_minor, from_receivable_minor, failure, listed_position,
         version, position)
    SELECT tenant, refund_id, payment_id, account_id, facility, currency, status, method,
           amount_minor, reason, requested_by, requested_on, decided_by,
           rejection_reason, issued_on, from_credit_minor, from_receivable_minor,
           failure, listed_position, version, position
      FROM changed WHERE listed_position IS NOT NULL
    RETURNING 1
), moved AS (
    UPDATE refunds r
       SET status = coalesce(c.status, r.status),
           decided_by = coalesce(c.decided_by, r.decided_by),
           rejection_reason = coalesce(c.rejection_reason, r.rejection_reason),
           issued_on = coalesce(c.issued_on, r.issued_on),
           from_credit_minor = coalesce(c.from_credit_minor, r.from_credit_minor),
           from_receivable_minor = coalesce(c.from_receivable_minor, r.from_receivable_minor),
           failure = coalesce(c.failure, r.failure),
           version = c.version,
           position = c.position
      FROM changed c
     WHERE c.listed_position IS NULL AND r.tenant = c.tenant AND r.refund_id = c.refund_id
    RETURNING 1
)
SELECT (SELECT count(*) FROM added) + (SELECT count(*) FROM moved)
