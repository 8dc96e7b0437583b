-- Writes what a batch does to its bills; answers how many bills that were.
-- One that was made in the batch is new, any other is there already.
WITH changed AS (
    SELECT * FROM unnest($1::text::text[], $2::text::text[], $3::text::text[], $4::text::text[],
                         $5::text::text[], $6::text::text[], $7::text::text[], $8::text::text[],
                         $9::text::text[], $10::text::text[], $11::text::timestamptz[],
                         $12::text::timestamptz[], $13::text::timestamptz[],
                         $14::text::timestamptz[], $15::text::timestamptz[], $16::text::text[],
                         $17::text::bigint[], $18::text::bigint[], $19::text::text[],
                         $20::text::text[], $21::text::text[], $22::text::text[],
                         $23::text::bigint[], $24::text::bigint[], $25::text::bigint[])
        AS c (tenant, bill_id, account_id, surface, customer_id, facility, currency, status,
              month, period_id, created_at, starts_at, ends_at, updated_at, closed_at, closed_by,
              item_count, total_minor, invoice_id, payment_id, code, detail, created_position,
              version, position)
), made AS (
    INSERT INTO bills
        (tenant, bill_id, account_id, surface, customer_id, facility, currency, status, month,
         period_id, created_at, starts_at, ends_at, updated_at, closed_at, closed_by, item_count,
         total_minor, invoice_id, payment_id, code, detail, created_position, version, position)
    SELECT * FROM changed WHERE created_position IS NOT NULL
    RETURNING 1
), moved AS (
    UPDATE bills b
       SET status = coalesce(c.status, b.status),
           updated_at = c.updated_at,
           closed_at = coalesce(c.closed_at, b.closed_at),
           closed_by = coalesce(c.closed_by, b.closed_by),
           item_count = b.item_count + c.item_count,
           total_minor = b.total_minor + c.total_minor,
           -- Of the last closing, which has none where the one before had one.
           invoice_id = CASE WHEN c.closed_by IS NULL THEN b.invoice_id ELSE c.invoice_id END,
           payment_id = CASE WHEN c.closed_by IS NULL THEN b.payment_id ELSE c.payment_id END,
           code = coalesce(c.code, b.code),
           detail = coalesce(c.detail, b.detail),
           version = c.version,
           position = c.position
      FROM changed c
     WHERE c.created_position IS NULL AND b.tenant = c.tenant AND b.bill_id = c.bill_id
    RETURNING 1
)
SELECT (SELECT count(*) FROM made) + (SELECT count(*) FROM moved)
