-- What is outstanding of a due date, a page of it. $1 due date, $2 invoice behind which to begin,
-- $3 rows
SELECT o.item_id AS invoice_id, o.account_id, o.outstanding_minor, h.state
  FROM daybook.open_items o
  JOIN daybook.stream_heads h ON h.tenant = o.tenant AND h.stream_id = o.item_id
 WHERE o.tenant = current_setting('daybook.tenants') AND o.kind = 'invoice' AND o.due_on = $1
   AND o.item_id > $2
 ORDER BY o.item_id LIMIT $3
