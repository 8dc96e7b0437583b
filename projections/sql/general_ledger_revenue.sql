-- What was turned over from $1 to $2 and what is owed at the end of $2, by facility and currency,
-- with the position it is known up to: at least one row, so that empty books have a position too.
-- $3 facility, or null for every one. Which GL accounts make a figure: docs/reports.md.
SELECT p.checkpoint, t.facility, t.currency, t.captured, t.tax, t.adjusted, t.collected,
       t.outstanding, t.credit
  FROM read.projections p
  LEFT JOIN (
       SELECT facility, currency,
              coalesce(-sum(minor) FILTER (WHERE within AND gl_account IN ('4000', '4100')), 0)
                  AS captured,
              coalesce(-sum(minor) FILTER (WHERE within AND gl_account = '2200'), 0) AS tax,
              coalesce(sum(minor) FILTER (WHERE within
                  AND gl_account IN ('4900', '4910', '6100', '6110')), 0) AS adjusted,
              coalesce(sum(minor) FILTER (WHERE within
                  AND gl_account IN ('1010', '1020', '1030')), 0) AS collected,
              coalesce(sum(minor) FILTER (WHERE gl_account = '1100'), 0) AS outstanding,
              coalesce(-sum(minor) FILTER (WHERE gl_account = '2100'), 0) AS credit
         FROM (SELECT facility, currency, gl_account, booked_on >= $1 AS within,
                      debit_minor - credit_minor AS minor
                 FROM read.general_ledger_totals
                WHERE tenant = current_setting('daybook.tenants') AND booked_on <= $2
                  AND ($3::text IS NULL OR facility = $3)) d
        GROUP BY facility, currency) t ON true
 WHERE p.name = 'general_ledger' AND p.stage = 'live'
 ORDER BY t.facility, t.currency
