-- Counters that are drawn from for the first time; sorted, so that two makers never deadlock.
INSERT INTO counters (tenant, name, value)
SELECT w.tenant, w.name, 0
  FROM unnest($1::text::text[], $2::text::text[]) AS w (tenant, name)
 ORDER BY w.tenant, w.name
    ON CONFLICT DO NOTHING
