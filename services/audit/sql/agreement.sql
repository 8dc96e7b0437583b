-- What read models that were replayed must say alike, and do not; the replays are pg_temp's tables.
-- $1 whether balances are there, $2 whether the general ledger is there at the same position,
-- $3 whether invoices are, $4 rows
SELECT d.what, d.tenant, d.expected::text AS expected, d.found::text AS found
  FROM (SELECT 'the items of account ' || b.account_id AS what, b.tenant,
               b.receivable_minor - b.credit_minor AS expected, coalesce(i.minor, 0) AS found
          FROM account_balances b
          LEFT JOIN (SELECT tenant, account_id,
                            sum(CASE WHEN item = 'credit' THEN -outstanding_minor
                                     ELSE outstanding_minor END) AS minor
                       FROM receivables GROUP BY tenant, account_id) i USING (tenant, account_id)
         WHERE $1
         UNION ALL
        SELECT 'the days of ' || r.item || ' of account ' || r.account_id, r.tenant,
               r.outstanding_minor, coalesce(d.minor, 0)
          FROM receivables r
          LEFT JOIN (SELECT tenant, account_id, item, sum(amount_minor) AS minor
                       FROM receivable_days GROUP BY tenant, account_id, item) d
                 USING (tenant, account_id, item)
         WHERE $1
         UNION ALL
        SELECT 'receivable and credit of all accounts in ' || b.currency, b.tenant,
               coalesce(t.minor, 0), b.minor
          FROM (SELECT tenant, currency, sum(receivable_minor - credit_minor) AS minor
                  FROM account_balances GROUP BY tenant, currency) b
          LEFT JOIN (SELECT tenant, currency, sum(debit_minor - credit_minor) AS minor
                       FROM general_ledger_totals WHERE gl_account IN ('1100', '2100')
                      GROUP BY tenant, currency) t USING (tenant, currency)
         WHERE $2
         UNION ALL
        SELECT 'what is owed on invoice ' || v.invoice_id, v.tenant, v.outstanding_minor,
               coalesce(r.outstanding_minor, 0)
          FROM invoices v
          LEFT JOIN receivables r ON r.tenant = v.tenant AND r.account_id = v.account_id
                                 AND r.item = v.invoice_id
         WHERE $3) d
 WHERE d.expected <> d.found
 ORDER BY d.tenant, d.what LIMIT $4
