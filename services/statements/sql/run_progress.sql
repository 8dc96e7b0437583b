-- How far a run is. $1 tenant, $2 run
SELECT (SELECT t.accounts FROM daybook.statement_run_totals t
         WHERE t.tenant = $1 AND t.run_id = $2) AS total,
       count(*) AS done,
       count(*) FILTER (WHERE a.outcome = 'delivered') AS delivered,
       count(*) FILTER (WHERE a.outcome = 'made') AS made,
       count(*) FILTER (WHERE a.outcome = 'skipped') AS skipped,
       count(*) FILTER (WHERE a.outcome = 'failed') AS failed
  FROM daybook.statement_run_accounts a
 WHERE a.tenant = $1 AND a.run_id = $2
