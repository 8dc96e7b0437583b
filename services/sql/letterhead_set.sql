INSERT INTO daybook.letterheads AS l (tenant, facility, language, name, address, phone, email,
                                      tax_id, payment_instructions, calendar)
VALUES (current_setting('daybook.tenants'), $1, $2, $3, $4, $5, $6, $7, $8, $9)
ON CONFLICT (tenant, facility, language) DO UPDATE
   SET name = excluded.name, address = excluded.address, phone = excluded.phone,
       email = excluded.email, tax_id = excluded.tax_id,
       payment_instructions = excluded.payment_instructions, calendar = excluded.calendar
