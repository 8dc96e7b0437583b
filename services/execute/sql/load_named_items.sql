-- These items, as far as they are open.
SELECT i.*
  FROM unnest($1::text::text[], $2::text::text[], $3::text::text[], $4::text::text[])
    AS w (tenant, account_id, kind, item_id)
 CROSS JOIN LATERAL (
       SELECT o.tenant, o.account_id, o.kind, o.item_id, o.outstanding_minor, o.due_on, o.number
         FROM open_items o
        WHERE (o.tenant, o.account_id, o.kind, o.item_id)
            = (w.tenant, w.account_id, w.kind, w.item_id)
        LIMIT 1) i
