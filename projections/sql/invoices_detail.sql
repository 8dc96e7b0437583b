-- Invoice $1 and everything below it in one statement, so that all of it is of one moment.
SELECT i.tenant, i.invoice_id, i.account_id, i.facility, i.currency, i.status, i.number,
       i.issued_on, i.due_on, i.paid_on, i.settled_by, i.lines_digest, i.voided_on,
       i.void_reason, i.released_minor, i.line_count, i.net_minor,
       i.tax_minor, i.total_minor, i.outstanding_minor, i.version, i.position,
       (SELECT coalesce(json_agg(l ORDER BY l.line), '[]')
          FROM (SELECT row_number() OVER (ORDER BY part, line) AS line, charge_id, code, quantity,
                       service_on, net_minor, tax_minor
                  FROM read.invoice_lines
                 WHERE tenant = i.tenant AND invoice_id = i.invoice_id) l) AS lines,
       (SELECT json_build_object('bill_id', b.bill_id, 'customer_id', b.customer_id,
                                 'month', b.month, 'item_count', b.item_count,
                                 'total_minor', b.total_minor)
          FROM read.bills b
         WHERE b.tenant = i.tenant AND b.invoice_id = i.invoice_id) AS bill,
       (SELECT coalesce(json_agg(p ORDER BY p.position, p.line), '[]')
          FROM read.invoice_payments p
         WHERE p.tenant = i.tenant AND p.invoice_id = i.invoice_id) AS payments,
       (SELECT coalesce(json_agg(a ORDER BY a.position), '[]')
          FROM read.invoice_adjustments a
         WHERE a.tenant = i.tenant AND a.invoice_id = i.invoice_id) AS adjustments,
       (SELECT coalesce(json_agg(r ORDER BY r.position), '[]')
          FROM read.invoice_reminders r
         WHERE r.tenant = i.tenant AND r.invoice_id = i.invoice_id) AS reminders
  FROM read.invoices i
 WHERE i.tenant = current_setting('daybook.tenants') AND i.invoice_id = $1
