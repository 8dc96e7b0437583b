-- Everything of a kind that is open on these accounts.
SELECT i.tenant, i.account_id, i.kind, i.item_id, i.outstanding_minor, i.due_on, i.number
  FROM open_items i
  JOIN unnest($1::text::text[], $2::text::text[], $3::text::text[]) AS w (tenant, account_id, kind)
    USING (tenant, account_id, kind)
