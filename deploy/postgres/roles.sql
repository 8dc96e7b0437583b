-- Who may do what in Postgres: run once by a superuser in the database `daybook`, before `daybook
-- migrate`; running it again changes nothing that is as it should be.
--
--   psql --dbname daybook --file roles.sql --file passwords.sql
--
-- The roles without login own nothing and are given their rights by migration 0004 and later. A
-- login has no right of its own: it may only become the roles of its process (SET ROLE, which
-- every connection of ours does as it begins), so what a leaked password opens is one process.

DO $$
DECLARE
    wanted record;
    granted record;
BEGIN
    FOR wanted IN SELECT * FROM (VALUES
        -- Work: what `daybook migrate` would create, made here so that the owner needs not be
        -- allowed to create roles, or to give away BYPASSRLS.
        ('daybook_writer', 'NOLOGIN NOBYPASSRLS'),
        ('daybook_reader', 'NOLOGIN NOBYPASSRLS'),
        ('daybook_reporter', 'NOLOGIN NOBYPASSRLS'),
        ('daybook_sequencer', 'NOLOGIN BYPASSRLS'),
        ('daybook_projector', 'NOLOGIN BYPASSRLS'),
        ('daybook_auditor', 'NOLOGIN BYPASSRLS'),
        -- Logins. The owner's is for `daybook migrate` alone, no process has it.
        ('daybook_owner', 'LOGIN'),
        ('daybook_serve_api', 'LOGIN'),
        ('daybook_serve_intake', 'LOGIN'),
        ('daybook_serve_relay', 'LOGIN'),
        ('daybook_serve_projector', 'LOGIN'),
        ('daybook_serve_worker', 'LOGIN'),
        ('daybook_operator', 'LOGIN'),
        ('daybook_verify', 'LOGIN')) AS roles (name, attributes)
    LOOP
        IF NOT EXISTS (SELECT FROM pg_roles WHERE rolname = wanted.name) THEN
            EXECUTE format('CREATE ROLE %I', wanted.name);
        END IF;
        EXECUTE format('ALTER ROLE %I NOSUPERUSER NOCREATEDB NOCREATEROLE NOREPLICATION INHERIT %s',
                       wanted.name, wanted.attributes);
    END LOOP;

    FOR granted IN SELECT * FROM (VALUES
        ('daybook_writer', 'daybook_serve_api'),
        ('daybook_reader', 'daybook_serve_api'),
        ('daybook_reporter', 'daybook_serve_api'),
        ('daybook_writer', 'daybook_serve_intake'),
        ('daybook_sequencer', 'daybook_serve_relay'),
        ('daybook_projector', 'daybook_serve_projector'),
        ('daybook_writer', 'daybook_serve_worker'),
        ('daybook_reader', 'daybook_serve_worker'),
        ('daybook_reporter', 'daybook_serve_worker'),
        -- The command line of an operator: parked and rejected things, rebuilds, verification.
        ('daybook_writer', 'daybook_operator'),
        ('daybook_reader', 'daybook_operator'),
        ('daybook_projector', 'daybook_operator'),
        ('daybook_auditor', 'daybook_operator'),
        -- `daybook audit verify` and nothing else.
        ('daybook_auditor', 'daybook_verify'),
        -- A read model's tables belong to the projector: the owner makes their schema for it.
        ('daybook_projector', 'daybook_owner')) AS grants (role, login)
    LOOP
        EXECUTE format('GRANT %I TO %I WITH INHERIT FALSE, SET TRUE', granted.role, granted.login);
    END LOOP;

    -- daybook_oldest_transaction_seconds looks at everybody's sessions.
    GRANT pg_read_all_stats TO daybook_sequencer;

    EXECUTE format('ALTER DATABASE %I OWNER TO daybook_owner', current_database());
    EXECUTE format('REVOKE ALL ON DATABASE %I FROM PUBLIC', current_database());
    -- The audit compares read models with temporary tables.
    EXECUTE format('GRANT TEMPORARY ON DATABASE %I TO daybook_auditor', current_database());
    EXECUTE format('GRANT CONNECT ON DATABASE %I TO daybook_serve_api, daybook_serve_intake,'
                   ' daybook_serve_relay, daybook_serve_projector, daybook_serve_worker,'
                   ' daybook_operator, daybook_verify', current_database());
END $$;

REVOKE CREATE ON SCHEMA public FROM PUBLIC;
