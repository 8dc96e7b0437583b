UPDATE invoice_payments p
   SET released = true
  FROM unnest($1::text::text[], $2::text::text[]) AS v (tenant, invoice_id)
 WHERE p.tenant = v.tenant AND p.invoice_id = v.invoice_id
