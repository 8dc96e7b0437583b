-- $1 the run
SELECT activity, status, attempts, output::text AS output, output_bytes, output_sha256, condition,
       ended_at
  FROM read.workflow_run_steps
 WHERE tenant = current_setting('daybook.tenants') AND workflow_run_id = $1
 ORDER BY position, place
