-- What two builds are compared by, per tenant and currency.
SELECT tenant, currency, measure, value
  FROM (SELECT tenant, currency, count(*) AS bills, sum(item_count) AS items,
               sum(total_minor) AS total, count(closed_at) AS closed,
               count(*) FILTER (WHERE status = 'attention_required') AS attention
          FROM bills GROUP BY tenant, currency) s
 CROSS JOIN LATERAL (VALUES
       ('bills', bills::numeric), ('items', items), ('total', total), ('closed', closed),
       ('attention', attention)) AS m (measure, value)
