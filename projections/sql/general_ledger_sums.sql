-- What two builds are compared by, per tenant and currency: entries and totals, account by account.
SELECT tenant, currency, measure, value
  FROM (SELECT tenant, currency, gl_account, count(*) AS entries, sum(amount_minor) AS balance
          FROM general_ledger_entries GROUP BY tenant, currency, gl_account) e
 CROSS JOIN LATERAL (VALUES
       (gl_account || ' entries', entries::numeric), (gl_account || ' balance', balance))
       AS m (measure, value)
 UNION ALL
SELECT tenant, currency, measure, value
  FROM (SELECT tenant, currency, gl_account, sum(debit_minor) AS debit, sum(credit_minor) AS credit
          FROM general_ledger_totals GROUP BY tenant, currency, gl_account) t
 CROSS JOIN LATERAL (VALUES
       (gl_account || ' debit', debit), (gl_account || ' credit', credit)) AS m (measure, value)
