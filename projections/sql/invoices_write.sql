-- Writes what a batch does to its invoices; answers how many invoices that were.
-- One that was drafted in the batch is new, any other is there already.
WITH changed AS (
    SELECT * FROM unnest($1::text::text[], $2::text::text[], $3::text::text[], $4::text::text[],
                         $5::text::text[], $6::text::text[], $7::text::text[], $8::text::date[],
                         $9::text::date[], $10::text::date[], $11::text::text[],
                         $12::text::text[], $13::text::date[], $14::text::text[],
                         $15::text::bigint[], $16::text::bigint[], $17::text::bigint[],
                         $18::text::bigint[], $19::text::bigint[], $20::text::bigint[],
                         $21::text::bigint[], $22::text::bigint[], $23::text::bigint[])
        AS c (tenant, invoice_id, account_id, facility, currency, status,
              number, issued_on, due_on, paid_on, settled_by, lines_digest, voided_on, void_reason,
              line_count, net_minor, tax_minor, total_minor, outstanding_minor, released_minor,
              drafted_position, version, position)
), drafted AS (
    INSERT INTO invoices
        (tenant, invoice_id, account_id, facility, currency, status, number, issued_on, due_on,
         paid_on, settled_by, lines_digest, voided_on, void_reason, line_count, net_minor,
         tax_minor, total_minor, outstanding_minor, released_minor, drafted_position, version,
         position)
    SELECT * FROM changed WHERE drafted_position IS NOT NULL
    RETURNING 1
), moved AS (
    UPDATE invoices i
       SET status = coalesce(c.status, i.status),
           number = coalesce(c.number, i.number),
           issued_on = coalesce(c.issued_on, i.issued_on),
           due_on = coalesce(c.due_on, i.due_on),
           paid_on = coalesce(c.paid_on, i.paid_on),
           settled_by = coalesce(c.settled_by, i.settled_by),
           lines_digest = coalesce(c.lines_digest, i.lines_digest),
           voided_on = coalesce(c.voided_on, i.voided_on),
           void_reason = coalesce(c.void_reason, i.void_reason),
           released_minor = coalesce(c.released_minor, i.released_minor),
           line_count = coalesce(c.line_count, i.line_count),
           net_minor = coalesce(c.net_minor, i.net_minor),
           tax_minor = coalesce(c.tax_minor, i.tax_minor),
           total_minor = coalesce(c.total_minor, i.total_minor),
           outstanding_minor = i.outstanding_minor + c.outstanding_minor,
           version = coalesce(c.version, i.version),
           position = c.position
      FROM changed c
     WHERE c.drafted_position IS NULL AND i.tenant = c.tenant AND i.invoice_id = c.invoice_id
    RETURNING 1
)
SELECT (SELECT count(*) FROM drafted) + (SELECT count(*) FROM moved)
