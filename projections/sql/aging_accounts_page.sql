-- Accounts of a report behind a page, and the report itself in every row: at least one, so that an
-- empty page has one too. $1 facility, $2 day or null for the latest, $3 account behind which to
-- begin, $4 rows
SELECT r.report, r.facility, r.as_of, r.refreshed_at, r.position, a.account_id, a.currency,
       a.current, a.days_1_30, a.days_31_60, a.days_61_90, a.days_over_90, a.unbilled,
       a.unallocated, a.credit
  FROM (SELECT tenant, report, facility, as_of, refreshed_at, position
          FROM read.aging_reports
         WHERE tenant = current_setting('daybook.tenants') AND facility = $1
           AND ($2::date IS NULL OR as_of = $2)
         ORDER BY as_of DESC LIMIT 1) r
  LEFT JOIN LATERAL (
       SELECT account_id, currency, current, days_1_30, days_31_60, days_61_90, days_over_90,
              unbilled, unallocated, credit
         FROM read.aging_accounts
        WHERE tenant = r.tenant AND report = r.report AND account_id > $3
        ORDER BY account_id LIMIT $4) a ON true
 ORDER BY a.account_id
