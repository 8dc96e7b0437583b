-- Invoices behind a page, the latest drafted first.
-- $1 position before which to begin, $2 rows, $3 account, $4 status, $5 and $6 days of issue
SELECT invoice_id, account_id, facility, currency, status, number, issued_on, due_on,
       paid_on, voided_on, line_count, net_minor, tax_minor, total_minor, outstanding_minor,
       drafted_position, version, position
  FROM read.invoices
 WHERE tenant = current_setting('daybook.tenants') AND drafted_position < $1
   AND ($3::text IS NULL OR account_id = $3)
   AND ($4::text IS NULL OR status = $4)
   AND ($5::date IS NULL OR issued_on >= $5)
   AND ($6::date IS NULL OR issued_on <= $6)
 ORDER BY drafted_position DESC LIMIT $2
