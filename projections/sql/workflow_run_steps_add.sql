INSERT INTO workflow_run_steps (tenant, workflow_run_id, position, place, activity, status,
                                attempts, output, output_bytes, output_sha256, condition, ended_at)
SELECT * FROM unnest($1::text::text[], $2::text::text[], $3::text::bigint[], $4::text::bigint[],
                     $5::text::text[], $6::text::text[], $7::text::bigint[], $8::text::jsonb[],
                     $9::text::bigint[], $10::text::text[], $11::text::text[],
                     $12::text::timestamptz[])
