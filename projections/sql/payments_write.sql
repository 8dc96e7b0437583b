-- Writes what a batch does to its payments; answers how many payments that were.
-- One that began in the batch is new, any other is there already.
WITH changed AS (
    SELECT * FROM unnest($1::text::text[], $2::text::text[], $3::text::text[], $4::text::text[],
                         $5::text::text[], $6::text::text[], $7::text::text[],
                         $8::text::bigint[], $9::text::bigint[],
                         $10::text::bigint[], $11::text::text[],
                         $12::text::text[], $13::text::text[],
                         $14::text::text[], $15::text::text[], $16::text::text[],
                         $17::text::date[], $18::text::date[],
                         $19::text::timestamptz[], $20::text::bigint[],
                         $21::text::bigint[], $22::text::bigint[],
                         $23::text::bigint[], $24::text::bigint[])
        AS c (tenant, payment_id, account_id, facility, currency, status, method, amount_minor,
              allocated_minor, credited_minor, payer, reference, payment_ref,
              payment_method_id, failure, remittance_id, effective_on, booked_on, recorded_at,
              refunded_minor, reserved_minor, listed_position, version, position)
), added AS (
    INSERT INTO payments
        (tenant, payment_id, account_id, facility, currency, status, method, amount_minor,
         allocated_minor, credited_minor, payer, reference, payment_ref,
         payment_method_id, failure, remittance_id, effective_on, booked_on, recorded_at,
         refunded_minor, reserved_minor, listed_position, version, position)
    SELECT tenant, payment_id, account_id, facility, currency, status, method, amount_minor,
           coalesce(allocated_minor, 0), coalesce(credited_minor, 0), payer,
           reference, payment_ref, payment_method_id, failure, remittance_id, effective_on,
           booked_on, recorded_at, refunded_minor, reserved_minor, listed_position, version,
           position
      FROM changed WHERE listed_position IS NOT NULL
    RETURNING 1
), moved AS (
    UPDATE payments p
       SET status = coalesce(c.status, p.status),
           allocated_minor = coalesce(c.allocated_minor, p.allocated_minor),
           credited_minor = coalesce(c.credited_minor, p.credited_minor),
           payer = coalesce(c.payer, p.payer),
           reference = coalesce(c.reference, p.reference),
           payment_ref = coalesce(c.payment_ref, p.payment_ref),
           failure = coalesce(c.failure, p.failure),
           remittance_id = coalesce(c.remittance_id, p.remittance_id),
           effective_on = coalesce(c.effective_on, p.effective_on),
           booked_on = coalesce(c.booked_on, p.booked_on),
           recorded_at = coalesce(c.recorded_at, p.recorded_at),
           refunded_minor = p.refunded_minor + c.refunded_minor,
           reserved_minor = p.reserved_minor + c.reserved_minor,
           version = coalesce(c.version, p.version),
           position = c.position
      FROM changed c
     WHERE c.listed_position IS NULL AND p.tenant = c.tenant AND p.payment_id = c.payment_id
    RETURNING 1
)
SELECT (SELECT count(*) FROM added) + (SELECT count(*) FROM moved)
