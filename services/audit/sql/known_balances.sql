-- Of a replay: what each account owes and has as credit by what counts up to day $1, of account $2
-- where it is named.
SELECT account_id, currency,
       coalesce(sum(amount_minor) FILTER (WHERE gl_account = '1100'), 0)::bigint AS receivable,
       coalesce(-sum(amount_minor) FILTER (WHERE gl_account = '2100'), 0)::bigint AS credit
  FROM pg_temp.general_ledger_entries
 WHERE ($1::date IS NULL OR effective_on <= $1) AND ($2::text IS NULL OR account_id = $2)
 GROUP BY account_id, currency
 ORDER BY account_id, currency
