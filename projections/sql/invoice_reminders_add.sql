INSERT INTO invoice_reminders (tenant, invoice_id, position, day, channel, delivery_id,
                               outstanding_minor, recorded_at)
SELECT * FROM unnest($1::text::text[], $2::text::text[], $3::text::bigint[], $4::text::bigint[],
                     $5::text::text[], $6::text::text[], $7::text::bigint[],
                     $8::text::timestamptz[])
