-- How the customers of accounts are reached: what opened them, and what was recorded since, in
-- order. $1 accounts
SELECT e.stream_id AS account_id, e.type, e.body
  FROM daybook.events e
 WHERE e.tenant = current_setting('daybook.tenants') AND e.stream_id = ANY ($1)
   AND (e.version = 1 OR e.type LIKE 'billing.account.contact\_recorded.v%')
 ORDER BY e.stream_id, e.version
