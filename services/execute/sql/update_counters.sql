-- The numbers that were drawn; the rows are locked since the load.
UPDATE counters c SET value = u.value
  FROM unnest($1::text::text[], $2::text::text[], $3::text::bigint[]) AS u (tenant, name, value)
 WHERE c.tenant = u.tenant AND c.name = u.name
