INSERT INTO general_ledger_totals AS t
       (tenant, facility, gl_account, currency, booked_on, debit_minor, credit_minor, entries)
SELECT * FROM unnest($1::text::text[], $2::text::text[], $3::text::text[], $4::text::text[],
                     $5::text::date[], $6::text::numeric[], $7::text::numeric[],
                     $8::text::bigint[])
ON CONFLICT (tenant, facility, gl_account, currency, booked_on) DO UPDATE
   SET debit_minor = t.debit_minor + excluded.debit_minor,
       credit_minor = t.credit_minor + excluded.credit_minor,
       entries = t.entries + excluded.entries
