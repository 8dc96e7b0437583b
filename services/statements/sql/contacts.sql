-- How the customers of accounts are reached, from the events that opened them. $1 accounts
SELECT e.stream_id AS account_id, e.type, e.body
  FROM daybook.events e
 WHERE e.tenant = current_setting('daybook.tenants') AND e.stream_id = ANY ($1) AND e.version = 1
