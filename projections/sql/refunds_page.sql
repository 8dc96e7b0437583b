-- Refunds behind a page, the latest first.
-- $1 position before which to begin, $2 rows, $3 account, $4 payment, $5 status,
-- $6 and $7 days of the request
SELECT refund_id, payment_id, account_id, facility, currency, status, method, amount_minor,
       reason, requested_by, requested_on, decided_by, rejection_reason, issued_on,
       from_credit_minor, from_receivable_minor, failure, listed_position, version,
       position
  FROM read.refunds
 WHERE tenant = current_setting('daybook.tenants') AND listed_position < $1
   AND ($3::text IS NULL OR account_id = $3)
   AND ($4::text IS NULL OR payment_id = $4)
   AND ($5::text IS NULL OR status = $5)
   AND ($6::date IS NULL OR requested_on >= $6)
   AND ($7::date IS NULL OR requested_on <= $7)
 ORDER BY listed_position DESC LIMIT $2
