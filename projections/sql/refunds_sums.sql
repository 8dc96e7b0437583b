-- What two builds are compared by, per tenant and currency.
SELECT tenant, currency, measure, value
  FROM (SELECT tenant, currency, count(*) AS refunds, sum(amount_minor) AS amount,
               count(*) FILTER (WHERE status = 'requested') AS requested,
               count(*) FILTER (WHERE status = 'issued') AS issued,
               coalesce(sum(from_credit_minor), 0) AS from_credit,
               coalesce(sum(from_receivable_minor), 0) AS from_receivable
          FROM refunds GROUP BY tenant, currency) r
 CROSS JOIN LATERAL (VALUES
       ('refunds', refunds::numeric), ('amount', amount), ('requested', requested),
       ('issued', issued), ('from credit', from_credit),
       ('from receivable', from_receivable)) AS m (measure, value)
