INSERT INTO statement_runs (tenant, run_id, facility, first_on, as_of, channels, status, started_at,
                            version, position)
SELECT * FROM unnest($1::text::text[], $2::text::text[], $3::text::text[], $4::text::date[],
                     $5::text::date[], $6::text::jsonb[], $7::text::text[],
                     $8::text::timestamptz[], $9::text::bigint[], $10::text::bigint[])
