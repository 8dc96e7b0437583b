-- The latest balance of each account, one step down the index an account.
SELECT a.tenant, a.account_id, latest.balance_minor
  FROM unnest($1::text::text[], $2::text::text[]) AS a (tenant, account_id)
 CROSS JOIN LATERAL (
       SELECT e.balance_minor FROM general_ledger_entries e
        WHERE e.tenant = a.tenant AND e.account_id = a.account_id
          AND e.gl_account IN ('1100', '2100')
        ORDER BY e.position DESC, e.line DESC LIMIT 1) AS latest
