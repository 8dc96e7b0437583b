-- Which of the accounts that were not locked are there: another transaction holds them.
SELECT w.tenant, w.account_id
  FROM unnest($1::text::text[], $2::text::text[]) AS w (tenant, account_id)
 WHERE EXISTS (SELECT FROM account_heads a
                WHERE (a.tenant, a.account_id) = (w.tenant, w.account_id) OFFSET 0)
