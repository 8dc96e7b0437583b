INSERT INTO periods (tenant, period_id, customer_id, currency, days, started_at, ends_at, position)
SELECT * FROM unnest($1::text::text[], $2::text::text[], $3::text::text[], $4::text::text[],
                     $5::text::bigint[], $6::text::timestamptz[], $7::text::timestamptz[],
                     $8::text::bigint[])
