-- Writes what a batch does to its accounts; answers how many accounts that were.
-- An account that was opened in the batch is new, any other is there already.
WITH changed AS (
    SELECT * FROM unnest($1::text::text[], $2::text::text[], $3::text::text[], $4::text::text[],
                         $5::text::text[], $6::text::text[], $7::text::text[], $8::text::text[],
                         $9::text::numeric[], $10::text::numeric[], $11::text::numeric[],
                         $12::text::numeric[], $13::text::numeric[], $14::text::numeric[],
                         $15::text::bigint[], $16::text::bigint[], $17::text::bigint[])
        AS c (tenant, account_id, patient_id, name, facility, currency,
              language, status, receivable_minor, credit_minor, charged_minor,
              paid_minor, adjusted_minor, refunded_minor, open_charges, version, position)
), opened AS (
    INSERT INTO account_balances
        (tenant, account_id, patient_id, name, facility, currency, language, status,
         receivable_minor, credit_minor, charged_minor, paid_minor, adjusted_minor,
         refunded_minor, open_charges, version, position)
    SELECT * FROM changed WHERE patient_id IS NOT NULL
    RETURNING 1
), moved AS (
    UPDATE account_balances a
       SET receivable_minor = a.receivable_minor + c.receivable_minor,
           credit_minor = a.credit_minor + c.credit_minor,
           charged_minor = a.charged_minor + c.charged_minor,
           paid_minor = a.paid_minor + c.paid_minor,
           adjusted_minor = a.adjusted_minor + c.adjusted_minor,
           refunded_minor = a.refunded_minor + c.refunded_minor,
           open_charges = a.open_charges + c.open_charges,
           version = a.version + c.version,
           status = coalesce(c.status, a.status),
           position = c.position
      FROM changed c
     WHERE c.patient_id IS NULL AND a.tenant = c.tenant AND a.account_id = c.account_id
    RETURNING 1
)
SELECT (SELECT count(*) FROM opened) + (SELECT count(*) FROM moved)
