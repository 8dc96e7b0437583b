-- The entries of posting dates $1 to $2 that the log held up to position $3, of a facility ($4) and
-- a currency ($5) where they are given. The order is total: the same entries come the same way.
SELECT position, line, transaction_id, type, booked_on, effective_on, recorded_at, facility,
       account_id, gl_account, currency, amount_minor
  FROM read.general_ledger_entries
 WHERE tenant = current_setting('daybook.tenants')
   AND booked_on BETWEEN $1 AND $2 AND position <= $3
   AND ($4::text IS NULL OR facility = $4) AND ($5::text IS NULL OR currency = $5)
 ORDER BY booked_on, position, line
