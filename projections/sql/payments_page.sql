-- Payments behind a page, the latest first.
-- $1 position before which to begin, $2 rows, $3 account, $4 remittance, $5 status,
-- $6 method, $7 and $8 posting dates
SELECT p.payment_id, p.account_id, p.facility, p.currency, p.status, p.method, p.amount_minor,
       p.allocated_minor, p.credited_minor, p.payer, p.reference, p.payment_ref,
       p.payment_method_id, p.failure, p.remittance_id, p.refunded_minor, p.reserved_minor,
       p.listed_position, p.effective_on, p.booked_on, p.recorded_at, p.version, p.position,
       (SELECT coalesce(json_agg(a ORDER BY a.line), '[]') FROM read.payment_allocations a
         WHERE a.tenant = p.tenant AND a.payment_id = p.payment_id) AS allocations
  FROM read.payments p
 WHERE p.tenant = current_setting('daybook.tenants') AND p.listed_position < $1
   AND ($3::text IS NULL OR p.account_id = $3)
   AND ($4::text IS NULL OR p.remittance_id = $4)
   AND ($5::text IS NULL OR p.status = $5)
   AND ($6::text IS NULL OR p.method = $6)
   AND ($7::date IS NULL OR p.booked_on >= $7)
   AND ($8::date IS NULL OR p.booked_on <= $8)
 ORDER BY p.listed_position DESC LIMIT $2
