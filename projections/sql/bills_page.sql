-- Bills before a place, the latest first. $1 position before which to begin, $2 rows, $3 status or
-- null, $4 customer or null, $5 surface or null
SELECT bill_id, account_id, surface, customer_id, facility, currency, status, month, period_id,
       created_at, starts_at, ends_at, updated_at, closed_at, closed_by, item_count, total_minor,
       invoice_id, payment_id, code, detail, version, position, created_position
  FROM read.bills
 WHERE tenant = current_setting('daybook.tenants') AND created_position < $1
   AND ($3::text IS NULL OR status = $3)
   AND ($4::text IS NULL OR (md5(customer_id) = md5($4) AND customer_id = $4))
   AND ($5::text IS NULL OR surface = $5)
 ORDER BY created_position DESC LIMIT $2
