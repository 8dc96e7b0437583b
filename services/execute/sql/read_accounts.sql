-- Accounts as they are, for who only looks.
SELECT h.*
  FROM unnest($1::text::text[], $2::text::text[]) AS w (tenant, account_id)
 CROSS JOIN LATERAL (
       SELECT a.tenant, a.account_id, a.version, a.facility, a.currency, a.status,
              a.receivable_minor, a.credit_minor
         FROM account_heads a
        WHERE (a.tenant, a.account_id) = (w.tenant, w.account_id)
        LIMIT 1) h
