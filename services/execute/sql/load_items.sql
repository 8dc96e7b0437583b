-- Everything of a kind that is open on these accounts.
SELECT i.*
  FROM unnest($1::text::text[], $2::text::text[], $3::text::text[]) AS w (tenant, account_id, kind)
 CROSS JOIN LATERAL (
       SELECT o.tenant, o.account_id, o.kind, o.item_id, o.outstanding_minor, o.due_on, o.number
         FROM open_items o
        WHERE (o.tenant, o.account_id, o.kind) = (w.tenant, w.account_id, w.kind)
       OFFSET 0) i
