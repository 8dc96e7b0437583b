-- Temporal's own login and databases, apart from the ledger's; run once by a superuser.

\set ON_ERROR_STOP on
SET log_statement = 'none';
SET log_min_duration_statement = -1;
SET log_min_error_statement = 'panic';

\getenv password TEMPORAL_POSTGRES_PASSWORD
SELECT 'CREATE ROLE temporal LOGIN'
 WHERE NOT EXISTS (SELECT FROM pg_roles WHERE rolname = 'temporal') \gexec
ALTER ROLE temporal PASSWORD :'password';

SELECT format('CREATE DATABASE %I OWNER temporal', wanted)
  FROM unnest(ARRAY['temporal', 'temporal_visibility']) AS wanted
 WHERE NOT EXISTS (SELECT FROM pg_database WHERE datname = wanted) \gexec
SELECT format('REVOKE ALL ON DATABASE %I FROM PUBLIC', wanted)
  FROM unnest(ARRAY['temporal', 'temporal_visibility']) AS wanted \gexec
