-- What two builds are compared by, per tenant; a run is in no currency.
SELECT r.tenant, '' AS currency, measure, value
  FROM (SELECT tenant, count(*) AS runs, count(ended_at) AS ended, sum(total) AS accounts,
               sum(delivered) AS delivered, sum(failed) AS failed
          FROM statement_runs GROUP BY tenant) r
 CROSS JOIN LATERAL (VALUES
       ('runs', runs::numeric), ('ended', ended), ('accounts', accounts),
       ('delivered', delivered), ('failed', failed)) AS m (measure, value)
