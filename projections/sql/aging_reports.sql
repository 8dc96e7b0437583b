-- Reports with their totals: of facility $1 or of each, as of $2 or the latest one of each.
SELECT r.report, r.facility, r.as_of, r.time_zone, r.refreshed_at, r.position,
       (SELECT coalesce(jsonb_agg(t ORDER BY t.currency), '[]')
          FROM (SELECT currency, accounts, current::text, days_1_30::text, days_31_60::text,
                       days_61_90::text, days_over_90::text, unbilled::text, unallocated::text,
                       credit::text
                  FROM read.aging_totals
                 WHERE tenant = r.tenant AND report = r.report) t)::text AS totals
  FROM (SELECT DISTINCT ON (facility) tenant, report, facility, as_of, time_zone, refreshed_at,
               position
          FROM read.aging_reports
         WHERE tenant = current_setting('daybook.tenants')
           AND ($1::text IS NULL OR facility = $1) AND ($2::date IS NULL OR as_of = $2)
         ORDER BY facility, as_of DESC) r
 ORDER BY r.facility
