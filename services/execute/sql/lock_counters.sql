-- Lock the counters of a batch in the order of the parameters, which are sorted; what is drawn
-- from them stays gapless by it.
SELECT c.*
  FROM unnest($1::text::text[], $2::text::text[]) AS w (tenant, name)
 CROSS JOIN LATERAL (
       SELECT n.tenant, n.name, n.value
         FROM counters n
        WHERE (n.tenant, n.name) = (w.tenant, w.name)
        LIMIT 1 FOR UPDATE) c
