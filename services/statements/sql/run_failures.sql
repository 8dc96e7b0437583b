-- Accounts of a run that got nothing, and why. $1 tenant, $2 run, $3 account behind which to begin,
-- $4 rows
SELECT account_id, code, detail, ended_at
  FROM daybook.statement_run_accounts
 WHERE tenant = $1 AND run_id = $2 AND outcome = 'failed' AND account_id > $3
 ORDER BY account_id LIMIT $4
