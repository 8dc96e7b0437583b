INSERT INTO invoice_lines (tenant, invoice_id, part, line, charge_id, code, quantity, service_on,
                           net_minor, tax_minor)
SELECT * FROM unnest($1::text::text[], $2::text::text[], $3::text::bigint[], $4::text::bigint[],
                     $5::text::text[], $6::text::text[], $7::text::bigint[], $8::text::date[],
                     $9::text::bigint[], $10::text::bigint[])
