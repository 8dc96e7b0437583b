-- The final tax of lines, which are there already; a charge is on an invoice once.
UPDATE invoice_lines l SET tax_minor = t.tax_minor
  FROM unnest($1::text::text[], $2::text::text[], $3::text::text[], $4::text::bigint[])
    AS t (tenant, invoice_id, charge_id, tax_minor)
 WHERE l.tenant = t.tenant AND l.invoice_id = t.invoice_id AND l.charge_id = t.charge_id
