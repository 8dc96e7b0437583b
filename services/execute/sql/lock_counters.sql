-- Lock the counters of a batch, sorted; what is drawn from them stays gapless by it.
SELECT c.tenant, c.name, c.value
  FROM counters c
  JOIN unnest($1::text::text[], $2::text::text[]) AS w (tenant, name) USING (tenant, name)
 ORDER BY c.tenant, c.name
   FOR UPDATE OF c
