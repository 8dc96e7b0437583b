-- Accounts behind a page, each with what its balance is made of, by days past due today.
-- $1 account behind which to begin, $2 rows, $3 patient, $4 account; local dates: $5 of any
-- facility that is not in $6, a JSON object; UTC's where neither has one
SELECT a.account_id, a.patient_id, a.name, a.facility, a.currency, a.language, a.status,
       a.receivable_minor, a.credit_minor, a.charged_minor, a.paid_minor, a.adjusted_minor,
       a.refunded_minor, a.open_charges, a.version, a.position, r.*
  FROM (SELECT account_id, patient_id, name, facility, currency, language, status,
               receivable_minor, credit_minor, charged_minor, paid_minor, adjusted_minor,
               refunded_minor, open_charges, version, position,
               coalesce(($6::text::jsonb ->> facility)::date, $5,
                        (now() AT TIME ZONE 'UTC')::date) AS as_of
          FROM read.account_balances
         WHERE tenant = current_setting('daybook.tenants') AND account_id > $1
           AND ($3::text IS NULL OR patient_id = $3)
           AND ($4::text IS NULL OR account_id = $4)
         ORDER BY account_id LIMIT $2) a
 CROSS JOIN LATERAL (
       SELECT a.as_of,
              coalesce(sum(minor) FILTER (WHERE days <= 0), 0) AS current,
              coalesce(sum(minor) FILTER (WHERE days BETWEEN 1 AND 30), 0) AS days_1_30,
              coalesce(sum(minor) FILTER (WHERE days BETWEEN 31 AND 60), 0) AS days_31_60,
              coalesce(sum(minor) FILTER (WHERE days BETWEEN 61 AND 90), 0) AS days_61_90,
              coalesce(sum(minor) FILTER (WHERE days > 90), 0) AS days_over_90,
              coalesce(sum(minor) FILTER (WHERE item = 'unbilled'), 0) AS unbilled,
              coalesce(sum(minor) FILTER (WHERE item = 'unallocated'), 0) AS unallocated
         FROM (SELECT item, a.as_of - due_on AS days, outstanding_minor AS minor
                 FROM read.receivables
                WHERE tenant = current_setting('daybook.tenants')
                  AND account_id = a.account_id AND outstanding_minor <> 0) i) r
 ORDER BY a.account_id
