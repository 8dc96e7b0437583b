-- Of a replay: turnover by account and currency of what counts up to day $1, of account $2 where it
-- is named.
SELECT gl_account, currency,
       coalesce(sum(amount_minor) FILTER (WHERE amount_minor >= 0), 0)::bigint AS debit,
       coalesce(-sum(amount_minor) FILTER (WHERE amount_minor < 0), 0)::bigint AS credit
  FROM pg_temp.general_ledger_entries
 WHERE ($1::date IS NULL OR effective_on <= $1) AND ($2::text IS NULL OR account_id = $2)
 GROUP BY gl_account, currency
 ORDER BY currency, gl_account
