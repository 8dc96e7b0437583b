-- What two builds are compared by, per tenant and currency.
SELECT tenant, currency, measure, value
  FROM (SELECT tenant, currency, count(*) AS periods, count(closed_at) AS closed, sum(days) AS days
          FROM periods GROUP BY tenant, currency) s
 CROSS JOIN LATERAL (VALUES
       ('periods', periods::numeric), ('closed', closed), ('days', days)) AS m (measure, value)
