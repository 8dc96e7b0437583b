-- Open items that are settled; by row address, so that each is one index probe, too. Nobody else
-- changes them: the batch holds their accounts.
DELETE FROM open_items
 WHERE ctid = ANY (ARRAY(
       SELECT i.ctid
         FROM unnest($1::text::text[], $2::text::text[], $3::text::text[], $4::text::text[])
           AS s (tenant, account_id, kind, item_id)
        CROSS JOIN LATERAL (
              SELECT o.ctid
                FROM open_items o
               WHERE (o.tenant, o.account_id, o.kind, o.item_id)
                   = (s.tenant, s.account_id, s.kind, s.item_id)
               LIMIT 1) i))
