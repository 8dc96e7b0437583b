-- The heads of locked accounts.
SELECT h.tenant, h.account_id, h.version, h.facility, h.currency, h.status, h.receivable_minor,
       h.credit_minor
  FROM account_heads h
  JOIN unnest($1::text::text[], $2::text::text[]) AS w (tenant, account_id)
    USING (tenant, account_id)
