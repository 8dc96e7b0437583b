INSERT INTO workflow_runs (tenant, workflow_run_id, workflow, branch, tenant_organization_id, input,
                           status, requested_at, version, position)
SELECT * FROM unnest($1::text::text[], $2::text::text[], $3::text::text[], $4::text::text[],
                     $5::text::text[], $6::text::jsonb[], $7::text::text[],
                     $8::text::timestamptz[], $9::text::bigint[], $10::text::bigint[])
