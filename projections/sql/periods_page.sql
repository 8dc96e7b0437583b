-- Periods of a customer, the latest first. $1 customer, $2 rows
SELECT period_id, customer_id, currency, days, started_at, ends_at, closed_at, closed_by
  FROM read.periods
 WHERE tenant = current_setting('daybook.tenants') AND md5(customer_id) = md5($1)
   AND customer_id = $1
 ORDER BY position DESC LIMIT $2
