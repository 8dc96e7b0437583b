-- Turnover by account and currency of posting dates $1 to $2, of facility $3 if named, with the
-- position it is known up to: at least one row, so that empty books have a position too.
SELECT p.checkpoint, t.gl_account, t.currency, t.debit, t.credit
  FROM read.projections p
  LEFT JOIN (SELECT gl_account, currency, sum(debit_minor) AS debit, sum(credit_minor) AS credit
               FROM read.general_ledger_totals
              WHERE tenant = current_setting('daybook.tenants')
                AND ($1::date IS NULL OR booked_on >= $1)
                AND ($2::date IS NULL OR booked_on <= $2)
                AND ($3::text IS NULL OR facility = $3)
              GROUP BY gl_account, currency) t ON true
 WHERE p.name = 'general_ledger' AND p.stage = 'live'
 ORDER BY t.currency, t.gl_account
