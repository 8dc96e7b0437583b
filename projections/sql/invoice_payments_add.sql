INSERT INTO invoice_payments (tenant, invoice_id, position, line, payment_id, method, amount_minor,
                              effective_on, booked_on)
SELECT * FROM unnest($1::text::text[], $2::text::text[], $3::text::bigint[], $4::text::bigint[],
                     $5::text::text[], $6::text::text[], $7::text::bigint[], $8::text::date[],
                     $9::text::date[])
