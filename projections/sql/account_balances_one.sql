SELECT account_id, patient_id, name, facility, currency, language, status,
       receivable_minor, credit_minor, charged_minor, paid_minor, adjusted_minor, refunded_minor,
       open_charges, version, position
  FROM read.account_balances
 WHERE tenant = current_setting('daybook.tenants') AND account_id = $1
