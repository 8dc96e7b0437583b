SELECT refund_id, payment_id, account_id, facility, currency, status, method, amount_minor,
       reason, requested_by, requested_on, decided_by, rejection_reason, issued_on,
       from_credit_minor, from_receivable_minor, failure, listed_position, version,
       position
  FROM read.refunds
 WHERE tenant = current_setting('daybook.tenants') AND refund_id = $1
