-- For each table of build $3 (of version $2) of projection $1: its name and key, and the statements
-- that analyse the replayed table, count the live one, and give at most $4 rows that differ: where
-- they have a position, the lowest ones.
SELECT t.relname AS name, k.names AS keys,
       format('ANALYZE pg_temp.%I', t.relname) AS analyze,
       format('SELECT count(*) FROM %I.%I', s.name, t.relname) AS count,
       format('SELECT CASE WHEN r.%4$I IS NOT NULL THEN to_jsonb(r) END::text,'
              ' CASE WHEN f.%4$I IS NOT NULL THEN to_jsonb(f) END::text'
              ' FROM pg_temp.%2$I r FULL JOIN %1$I.%2$I f ON %3$s'
              ' WHERE ROW(r.*) IS DISTINCT FROM ROW(f.*)'
              ' ORDER BY %5$s LIMIT %6$s',
              s.name, t.relname, k.same, k.names[1],
              concat(k.by_position, k.by_key), $4::integer) AS compare
  FROM (SELECT read.build_schema($1, $2, $3) AS name) s
  JOIN pg_catalog.pg_class t ON t.relnamespace = to_regnamespace(s.name) AND t.relkind = 'r'
 CROSS JOIN LATERAL (
       SELECT array_agg(a.attname::text ORDER BY p.n) AS names,
              string_agg(format('r.%1$I = f.%1$I', a.attname), ' AND ' ORDER BY p.n) AS same,
              (SELECT 'coalesce(r.position, f.position), ' FROM pg_catalog.pg_attribute n
                WHERE n.attrelid = t.oid AND n.attname = 'position') AS by_position,
              string_agg(format('coalesce(r.%1$I, f.%1$I)', a.attname), ', ' ORDER BY p.n)
              AS by_key
         FROM pg_catalog.pg_index i
        CROSS JOIN LATERAL unnest(i.indkey::smallint[]) WITH ORDINALITY AS p (attnum, n)
         JOIN pg_catalog.pg_attribute a ON a.attrelid = i.indrelid AND a.attnum = p.attnum
        WHERE i.indrelid = t.oid AND i.indisprimary) k
 ORDER BY t.oid
