-- What two builds are compared by, per tenant and currency.
SELECT tenant, currency, measure, value
  FROM (SELECT i.tenant, i.currency, count(*) AS invoices,
               count(*) FILTER (WHERE i.status = 'draft') AS drafts,
               count(*) FILTER (WHERE i.status = 'paid') AS paid,
               count(*) FILTER (WHERE i.status = 'void') AS void,
               sum(i.released_minor) AS released,
               sum(i.total_minor) AS total, sum(i.outstanding_minor) AS outstanding,
               sum(l.total) AS lines, sum(p.total) AS payments, sum(a.total) AS adjustments,
               sum(r.number) AS reminders
          FROM invoices i
          LEFT JOIN (SELECT tenant, invoice_id, sum(net_minor + tax_minor) AS total
                       FROM invoice_lines GROUP BY 1, 2) l USING (tenant, invoice_id)
          LEFT JOIN (SELECT tenant, invoice_id, sum(amount_minor) AS total
                       FROM invoice_payments GROUP BY 1, 2) p USING (tenant, invoice_id)
          LEFT JOIN (SELECT tenant, invoice_id, sum(amount_minor) AS total
                       FROM invoice_adjustments GROUP BY 1, 2) a USING (tenant, invoice_id)
          LEFT JOIN (SELECT tenant, invoice_id, count(*) AS number
                       FROM invoice_reminders GROUP BY 1, 2) r USING (tenant, invoice_id)
         GROUP BY i.tenant, i.currency) s
 CROSS JOIN LATERAL (VALUES
       ('invoices', invoices::numeric), ('drafts', drafts), ('paid', paid), ('void', void),
       ('released', coalesce(released, 0)), ('total', total),
       ('outstanding', outstanding), ('lines', lines), ('payments', payments),
       ('adjustments', adjustments), ('reminders', coalesce(reminders, 0))) AS m (measure, value)
