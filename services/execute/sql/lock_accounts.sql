-- Lock the accounts of a batch without waiting. `locked` is false for one that another
-- transaction holds; an account that is not there gives no row.
WITH wanted AS (
    SELECT DISTINCT w.tenant, w.account_id
      FROM unnest($1::text::text[], $2::text::text[]) AS w (tenant, account_id)
), mine AS (
    SELECT h.tenant, h.account_id
      FROM account_heads h JOIN wanted w USING (tenant, account_id)
     ORDER BY h.tenant, h.account_id
       FOR UPDATE OF h SKIP LOCKED
)
SELECT h.tenant, h.account_id, m.account_id IS NOT NULL AS locked
  FROM account_heads h JOIN wanted w USING (tenant, account_id)
  LEFT JOIN mine m ON m.tenant = h.tenant AND m.account_id = h.account_id
