-- One bill. $1 its id
SELECT bill_id, account_id, surface, customer_id, facility, currency, status, month, period_id,
       created_at, starts_at, ends_at, updated_at, closed_at, closed_by, item_count, total_minor,
       invoice_id, payment_id, code, detail, version, position, created_position
  FROM read.bills
 WHERE tenant = current_setting('daybook.tenants') AND bill_id = $1
