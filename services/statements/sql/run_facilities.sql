-- The facilities of a run with their accounts. $1 facility, or null for all
SELECT facility, count(*) AS accounts
  FROM read.account_balances
 WHERE tenant = current_setting('daybook.tenants') AND ($1::text IS NULL OR facility = $1)
 GROUP BY facility ORDER BY facility
