-- A page of a facility's accounts, and which of them are done. $1 facility, $2 account behind which
-- to begin, $3 rows, $4 run
SELECT b.account_id, d.account_id IS NOT NULL AS done
  FROM read.account_balances b
  LEFT JOIN daybook.statement_run_accounts d
    ON d.tenant = b.tenant AND d.run_id = $4 AND d.account_id = b.account_id
 WHERE b.tenant = current_setting('daybook.tenants') AND b.facility = $1 AND b.account_id > $2
 ORDER BY b.account_id LIMIT $3
