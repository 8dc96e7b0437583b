-- An account's lines behind a page, in the order of the log.
-- $1 account, $2 and $3 position and line behind which to begin, $4 rows
SELECT position, line, transaction_id, type, gl_account, facility, currency, amount_minor,
       balance_minor, effective_on, booked_on, recorded_at
  FROM read.general_ledger_entries
 WHERE tenant = current_setting('daybook.tenants') AND account_id = $1
   AND gl_account IN ('1100', '2100') AND (position, line) > ($2::bigint, $3::bigint)
 ORDER BY position, line LIMIT $4
