-- The same for the lane that waits (within lock_timeout); sorted, so that two never deadlock.
SELECT h.tenant, h.account_id, true AS locked
  FROM account_heads h
  JOIN (SELECT DISTINCT w.tenant, w.account_id
          FROM unnest($1::text::text[], $2::text::text[]) AS w (tenant, account_id)) wanted
    USING (tenant, account_id)
 ORDER BY h.tenant, h.account_id
   FOR UPDATE OF h
