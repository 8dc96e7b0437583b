-- Which of these charges are on no invoice yet.
SELECT i.item_id
  FROM open_items i
  JOIN unnest($2::text[], $3::text[]) AS w (account_id, item_id) USING (account_id, item_id)
 WHERE i.tenant = $1 AND i.kind = 'charge'
