SELECT p.payment_id, p.account_id, p.facility, p.currency, p.status, p.method, p.amount_minor,
       p.allocated_minor, p.credited_minor, p.payer, p.reference, p.payment_ref,
       p.payment_method_id, p.failure, p.remittance_id, p.refunded_minor, p.reserved_minor,
       p.listed_position, p.effective_on, p.booked_on, p.recorded_at, p.version, p.position,
       (SELECT coalesce(json_agg(a ORDER BY a.line), '[]') FROM read.payment_allocations a
         WHERE a.tenant = p.tenant AND a.payment_id = p.payment_id) AS allocations
  FROM read.payments p
 WHERE p.tenant = current_setting('daybook.tenants') AND p.payment_id = $1
