-- Passwords of the logins, from the environment of psql; run it again to change them.

\set ON_ERROR_STOP on
-- A statement with a password in it is nothing for the server's log.
SET log_statement = 'none';
SET log_min_duration_statement = -1;
SET log_min_error_statement = 'panic';
SET password_encryption = 'scram-sha-256';

\getenv owner DAYBOOK_OWNER_PASSWORD
ALTER ROLE daybook_owner PASSWORD :'owner';
\getenv api DAYBOOK_SERVE_API_PASSWORD
ALTER ROLE daybook_serve_api PASSWORD :'api';
\getenv intake DAYBOOK_SERVE_INTAKE_PASSWORD
ALTER ROLE daybook_serve_intake PASSWORD :'intake';
\getenv relay DAYBOOK_SERVE_RELAY_PASSWORD
ALTER ROLE daybook_serve_relay PASSWORD :'relay';
\getenv projector DAYBOOK_SERVE_PROJECTOR_PASSWORD
ALTER ROLE daybook_serve_projector PASSWORD :'projector';
\getenv worker DAYBOOK_SERVE_WORKER_PASSWORD
ALTER ROLE daybook_serve_worker PASSWORD :'worker';
\getenv operator DAYBOOK_OPERATOR_PASSWORD
ALTER ROLE daybook_operator PASSWORD :'operator';
\getenv verify DAYBOOK_VERIFY_PASSWORD
ALTER ROLE daybook_verify PASSWORD :'verify';
