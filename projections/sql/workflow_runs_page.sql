-- Runs before a page, the latest first. $1 position before which to begin, $2 rows
SELECT workflow_run_id, workflow, branch, tenant_organization_id, status, requested_at, version,
       commit_id, plan_digest, activity_count, started_at, cancel_requested_at, ended_at, code,
       position
  FROM read.workflow_runs
 WHERE tenant = current_setting('daybook.tenants') AND position < $1
 ORDER BY position DESC LIMIT $2
