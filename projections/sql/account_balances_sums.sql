-- What two builds are compared by, per tenant and currency.
SELECT tenant, currency, measure, value
  FROM (SELECT tenant, currency, count(*) AS accounts, sum(receivable_minor) AS receivable,
               sum(credit_minor) AS credit, sum(charged_minor) AS charged,
               sum(paid_minor) AS paid, sum(adjusted_minor) AS adjusted,
               sum(refunded_minor) AS refunded,
               sum(open_charges) AS open_charges
          FROM account_balances GROUP BY tenant, currency) a
 CROSS JOIN LATERAL (VALUES
       ('accounts', accounts::numeric), ('receivable', receivable), ('credit', credit),
       ('charged', charged), ('paid', paid), ('adjusted', adjusted),
       ('refunded', refunded),
       ('open charges', open_charges)) AS m (measure, value)
