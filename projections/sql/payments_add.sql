INSERT INTO payments (tenant, payment_id, account_id, facility, currency, method, amount_minor,
                      allocated_minor, credited_minor, payer, reference, remittance_id,
                      effective_on, booked_on, recorded_at, version, position)
SELECT * FROM unnest($1::text::text[], $2::text::text[], $3::text::text[], $4::text::text[],
                     $5::text::text[], $6::text::text[], $7::text::bigint[], $8::text::bigint[],
                     $9::text::bigint[], $10::text::text[], $11::text::text[], $12::text::text[],
                     $13::text::date[], $14::text::date[], $15::text::timestamptz[],
                     $16::text::bigint[], $17::text::bigint[])
