-- What two builds are compared by, per tenant and currency.
SELECT x.tenant, t.currency, measure, value
  FROM (SELECT tenant, count(*) AS exports, count(ended_at) AS ended, sum(row_count) AS rows
          FROM gl_exports GROUP BY tenant) x
 CROSS JOIN (VALUES ('')) AS t (currency)
 CROSS JOIN LATERAL (VALUES
       ('exports', exports::numeric), ('ended', ended), ('rows', rows)) AS m (measure, value)
 UNION ALL
SELECT tenant, t.currency, 'debit', sum(t.debit::numeric)
  FROM gl_exports, jsonb_to_recordset(totals) AS t (currency text, debit text)
 GROUP BY tenant, t.currency
