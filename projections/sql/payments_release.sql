-- What payments had settled of voided invoices is credit again: invoice, and position of the void.
WITH released AS (
    UPDATE payment_allocations a
       SET released = true
      FROM unnest($1::text::text[], $2::text::text[], $3::text::bigint[])
        AS v (tenant, invoice_id, position)
     WHERE a.tenant = v.tenant AND a.invoice_id = v.invoice_id AND NOT a.released
    RETURNING a.tenant, a.payment_id, a.amount_minor, v.position
)
UPDATE payments p
   SET allocated_minor = p.allocated_minor - r.amount_minor,
       credited_minor = p.credited_minor + r.amount_minor,
       position = greatest(p.position, r.position)
  FROM (SELECT tenant, payment_id, sum(amount_minor) AS amount_minor, max(position) AS position
          FROM released GROUP BY tenant, payment_id) r
 WHERE p.tenant = r.tenant AND p.payment_id = r.payment_id
