-- Accounts of a report behind a page. $1 report, $2 account behind which to begin, $3 rows
SELECT account_id, currency, current, days_1_30, days_31_60, days_61_90, days_over_90, unbilled,
       unallocated, credit
  FROM read.aging_accounts
 WHERE tenant = current_setting('daybook.tenants') AND report = $1 AND account_id > $2
 ORDER BY account_id LIMIT $3
