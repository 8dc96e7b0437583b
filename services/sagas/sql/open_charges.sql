-- Which of these charges are on no invoice yet. LATERAL ... LIMIT 1, here and in read_sources.sql,
-- keeps to one index probe a row: as a plain join, and with stale statistics, Postgres read
-- everything that the tenant has open (84,000 rows to find 300).
SELECT i.item_id
  FROM unnest($2::text[], $3::text[]) AS w (account_id, item_id)
 CROSS JOIN LATERAL (
       SELECT o.item_id
         FROM open_items o
        WHERE (o.tenant, o.account_id, o.kind, o.item_id)
            = ($1, w.account_id, 'charge', w.item_id)
        LIMIT 1) i
