-- What two builds are compared by, per tenant and currency.
SELECT tenant, currency, measure, value
  FROM (SELECT p.tenant, p.currency, count(*) AS payments, sum(p.amount_minor) AS amount,
               sum(p.credited_minor) AS credited, sum(a.total) AS allocated,
               sum(p.refunded_minor) AS refunded, sum(p.reserved_minor) AS reserved,
               count(*) FILTER (WHERE p.status = 'posted') AS posted
          FROM payments p
          LEFT JOIN (SELECT tenant, payment_id, sum(amount_minor) AS total
                       FROM payment_allocations WHERE NOT released GROUP BY 1, 2) a
         USING (tenant, payment_id)
         GROUP BY p.tenant, p.currency) s
 CROSS JOIN LATERAL (VALUES
       ('payments', payments::numeric), ('amount', amount), ('credited', credited),
       ('allocated', coalesce(allocated, 0)), ('refunded', refunded), ('reserved', reserved),
       ('posted', posted)) AS m (measure, value)
