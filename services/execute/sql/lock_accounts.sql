-- Lock the accounts of a batch without waiting, and read them: what comes back is the version that
-- was locked. One that another transaction holds gives no row, like one that is not there.
SELECT h.*
  FROM unnest($1::text::text[], $2::text::text[]) AS w (tenant, account_id)
 CROSS JOIN LATERAL (
       SELECT a.tenant, a.account_id, a.version, a.facility, a.currency, a.status,
              a.receivable_minor, a.credit_minor
         FROM account_heads a
        WHERE (a.tenant, a.account_id) = (w.tenant, w.account_id)
        LIMIT 1 FOR UPDATE SKIP LOCKED) h
