-- $1 the run
SELECT workflow_run_id, workflow, branch, tenant_organization_id, status, requested_at, version,
       commit_id, plan_digest, activity_count, started_at, cancel_requested_at, ended_at, code,
       input::text AS input, detail::text AS detail
  FROM read.workflow_runs
 WHERE tenant = current_setting('daybook.tenants') AND workflow_run_id = $1
