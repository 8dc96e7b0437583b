-- Of a replay: the invoices that were issued up to day $1, of account $2 where it is named.
SELECT invoice_id, number, account_id, status, issued_on, currency, total_minor AS total,
       outstanding_minor AS outstanding
  FROM pg_temp.invoices
 WHERE ($1::date IS NULL OR issued_on <= $1) AND ($2::text IS NULL OR account_id = $2)
 ORDER BY drafted_position
