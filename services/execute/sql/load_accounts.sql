-- The heads of locked accounts.
SELECT h.*
  FROM account_heads h
  JOIN unnest($1::text::text[], $2::text::text[]) AS w (tenant, account_id)
    USING (tenant, account_id)
