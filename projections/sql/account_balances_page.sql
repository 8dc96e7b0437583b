-- Accounts behind a page. $1 account behind which to begin, $2 rows, $3 patient
SELECT account_id, patient_id, name, facility, currency, language, status,
       receivable_minor, credit_minor, charged_minor, paid_minor, adjusted_minor, refunded_minor,
       open_charges, version, position
  FROM read.account_balances
 WHERE tenant = current_setting('daybook.tenants') AND account_id > $1
   AND ($3::text IS NULL OR patient_id = $3)
 ORDER BY account_id LIMIT $2
