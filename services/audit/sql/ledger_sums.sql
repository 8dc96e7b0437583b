-- What tenant $1's entries booked up to day $2 (before it where $4) add up to, by account and
-- currency, of what the log held up to position $3.
SELECT gl_account, currency, sum(amount_minor)::bigint AS amount_minor
  FROM read.general_ledger_entries
 WHERE tenant = $1 AND position <= $3
   AND (booked_on < $2::date OR (booked_on = $2::date AND NOT $4))
 GROUP BY gl_account, currency
 ORDER BY gl_account, currency
