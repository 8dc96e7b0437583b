-- Open items that are settled.
DELETE FROM open_items i
 USING unnest($1::text::text[], $2::text::text[], $3::text::text[], $4::text::text[])
    AS s (tenant, account_id, kind, item_id)
 WHERE (i.tenant, i.account_id, i.kind, i.item_id) = (s.tenant, s.account_id, s.kind, s.item_id)
