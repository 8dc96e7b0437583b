-- Brings runs to where a batch leaves them, one row a run; what it says nothing of stays.
UPDATE workflow_runs r
   SET status = coalesce(c.status, r.status),
       commit_id = coalesce(c.commit_id, r.commit_id),
       plan_digest = coalesce(c.plan_digest, r.plan_digest),
       activity_count = coalesce(c.activity_count, r.activity_count),
       started_at = coalesce(c.started_at, r.started_at),
       cancel_requested_at = coalesce(c.cancel_requested_at, r.cancel_requested_at),
       ended_at = coalesce(c.ended_at, r.ended_at),
       code = coalesce(c.code, r.code),
       detail = coalesce(c.detail, r.detail),
       version = c.version
  FROM unnest($1::text::text[], $2::text::text[], $3::text::text[], $4::text::text[],
              $5::text::text[], $6::text::bigint[], $7::text::timestamptz[],
              $8::text::timestamptz[], $9::text::timestamptz[], $10::text::text[],
              $11::text::jsonb[], $12::text::bigint[])
       AS c (tenant, workflow_run_id, status, commit_id, plan_digest, activity_count, started_at,
             cancel_requested_at, ended_at, code, detail, version)
 WHERE r.tenant = c.tenant AND r.workflow_run_id = c.workflow_run_id
