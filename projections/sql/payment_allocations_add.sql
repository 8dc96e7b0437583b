INSERT INTO payment_allocations (tenant, payment_id, line, invoice_id, amount_minor)
SELECT * FROM unnest($1::text::text[], $2::text::text[], $3::text::bigint[], $4::text::text[],
                     $5::text::bigint[])
