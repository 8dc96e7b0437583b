SELECT p.*,
       (SELECT coalesce(json_agg(a ORDER BY a.line), '[]') FROM read.payment_allocations a
         WHERE a.tenant = p.tenant AND a.payment_id = p.payment_id) AS allocations
  FROM read.payments p
 WHERE p.tenant = current_setting('daybook.tenants') AND p.payment_id = $1
