-- What became of each account of a run, in the order of the accounts. $1 tenant, $2 run
SELECT account_id, outcome, sha256
  FROM statement_run_accounts WHERE tenant = $1 AND run_id = $2 ORDER BY account_id
