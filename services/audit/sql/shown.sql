-- What readers name and what is there: views of `read` with the build's schema that each shows, the
-- tables of live builds with the schema in which they should be shown, and schemas of no build.
WITH builds AS (
    SELECT read.build_schema(name, version, build) AS schema, stage FROM read.projections
), schemas AS (
    SELECT oid, nspname::text AS schema FROM pg_catalog.pg_namespace
     WHERE nspname ~ '^read_.+_v[0-9]+_b[0-9]+$'
), shown AS (
    SELECT DISTINCT v.relname::text AS name, s.schema
      FROM pg_catalog.pg_class v
      JOIN pg_catalog.pg_namespace n ON n.oid = v.relnamespace AND n.nspname = 'read'
      JOIN pg_catalog.pg_rewrite r ON r.ev_class = v.oid
      JOIN pg_catalog.pg_depend d ON d.classid = 'pg_rewrite'::regclass AND d.objid = r.oid
                                 AND d.refclassid = 'pg_class'::regclass
      JOIN pg_catalog.pg_class t ON t.oid = d.refobjid
      JOIN schemas s ON s.oid = t.relnamespace
     WHERE v.relkind = 'v'
), live AS (
    SELECT t.relname::text AS name, s.schema
      FROM builds b JOIN schemas s USING (schema)
      JOIN pg_catalog.pg_class t ON t.relnamespace = s.oid AND t.relkind = 'r'
     WHERE b.stage = 'live'
)
SELECT 'the view read.' || name || ' shows what is not live' AS what,
       (SELECT l.schema FROM live l WHERE l.name = s.name) AS expected, schema AS found
  FROM shown s WHERE (name, schema) NOT IN (SELECT name, schema FROM live)
 UNION ALL
SELECT 'the view read.' || name || ' does not show the live build', schema, NULL
  FROM live WHERE name NOT IN (SELECT name FROM shown)
 UNION ALL
SELECT 'a build is not in read.projections', NULL, schema
  FROM schemas WHERE schema NOT IN (SELECT schema FROM builds)
 UNION ALL
SELECT 'a live build has no tables', schema, NULL
  FROM builds WHERE stage = 'live' AND schema NOT IN (SELECT schema FROM schemas)
 ORDER BY 1, 3
