-- What two builds are compared by, per tenant; a run is in no currency.
SELECT r.tenant, '' AS currency, measure, value
  FROM (SELECT tenant, count(*) AS runs, count(ended_at) AS ended, sum(version) AS events,
               count(*) FILTER (WHERE status = 'failed') AS failed
          FROM workflow_runs GROUP BY tenant) r
  LEFT JOIN (SELECT tenant, count(*) AS steps, count(*) FILTER (WHERE status = 'skipped') AS skipped
               FROM workflow_run_steps GROUP BY tenant) s USING (tenant)
 CROSS JOIN LATERAL (VALUES
       ('runs', runs::numeric), ('ended', ended), ('events', events), ('failed', failed),
       ('steps', coalesce(steps, 0)), ('skipped', coalesce(skipped, 0))) AS m (measure, value)
