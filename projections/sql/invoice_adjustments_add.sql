INSERT INTO invoice_adjustments (tenant, invoice_id, position, adjustment_id, reason, direction,
                                 amount_minor, effective_on, booked_on)
SELECT * FROM unnest($1::text::text[], $2::text::text[], $3::text::bigint[], $4::text::text[],
                     $5::text::text[], $6::text::text[], $7::text::bigint[], $8::text::date[],
                     $9::text::date[])
