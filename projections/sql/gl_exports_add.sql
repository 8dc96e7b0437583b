INSERT INTO gl_exports (tenant, gl_export_id, booked_from, booked_to, facility, currency, format,
                        layout, status, requested_at, version, position)
SELECT * FROM unnest($1::text::text[], $2::text::text[], $3::text::date[], $4::text::date[],
                     $5::text::text[], $6::text::text[], $7::text::text[], $8::text::text[],
                     $9::text::text[], $10::text::timestamptz[], $11::text::bigint[],
                     $12::text::bigint[])
