-- Read models: what builds of each projection there are, how far each is, which one is shown.
-- A build is a schema of its own, read_<projection>_v<version>_b<build>, that the projector owns;
-- the views in `read` show the tables of the live build and are all that a reader names.

GRANT USAGE ON SCHEMA read TO
    daybook_writer, daybook_reader, daybook_sequencer, daybook_projector, daybook_auditor;
GRANT CREATE ON SCHEMA read TO daybook_projector;  -- the views

CREATE TABLE read.projections (
    name            text        NOT NULL,
    build           integer     NOT NULL,
    version         integer     NOT NULL,   -- VERSION of the code that fills it
    stage           text        NOT NULL DEFAULT 'building',
    status          text        NOT NULL DEFAULT 'following',
    checkpoint      bigint      NOT NULL DEFAULT 0,  -- the last position that is in the tables
    fence           bigint      NOT NULL DEFAULT 0,  -- of its owner; an older one's write misses
    halted_position bigint,                 -- the event that it could not apply
    error           text,
    sums            text        NOT NULL,   -- SQL with what two builds are compared by
    updated_at      timestamptz NOT NULL DEFAULT clock_timestamp(),
    CONSTRAINT projections_have_numbered_builds PRIMARY KEY (name, build),
    CONSTRAINT projections_have_a_known_stage CHECK (stage IN ('building', 'live', 'retired')),
    CONSTRAINT projections_have_a_known_status CHECK (status IN ('following', 'halted')),
    CONSTRAINT projections_say_why_they_halted
        CHECK ((status = 'halted') = (halted_position IS NOT NULL AND error IS NOT NULL))
) WITH (fillfactor = 10);                   -- updated in place (HOT) with every batch
CREATE UNIQUE INDEX projections_show_one_build ON read.projections (name) WHERE stage = 'live';

-- Events that a projection could not apply and may leave for later, and behind each the later
-- events of the same key, in order. The checkpoint has passed them and never comes back.
CREATE TABLE read.parked_events (
    name      text        NOT NULL,
    build     integer     NOT NULL,
    position  bigint      NOT NULL,
    tenant    text        NOT NULL,
    key       text        NOT NULL,
    error     text,                         -- null: it only waits for one before it
    parked_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    CONSTRAINT parked_events_are_parked_once PRIMARY KEY (name, build, position),
    CONSTRAINT parked_events_belong_to_a_build FOREIGN KEY (name, build)
        REFERENCES read.projections ON DELETE CASCADE
);
-- Is this key parked? Asked for every batch.
CREATE INDEX parked_events_by_key ON read.parked_events (name, build, tenant, key, position);
ALTER TABLE read.parked_events ENABLE ROW LEVEL SECURITY;
CREATE POLICY parked_events_of_the_current_tenants ON read.parked_events
    USING (tenant = ANY ((SELECT daybook.current_tenants())::text[]));

GRANT SELECT, INSERT, UPDATE, DELETE ON read.projections, read.parked_events TO daybook_projector;
GRANT SELECT ON read.projections, read.parked_events TO daybook_auditor;
GRANT SELECT ON read.parked_events TO daybook_reader;
-- Not `error`: it may quote a row of whichever tenant the projection halted at.
GRANT SELECT (name, build, version, stage, status, checkpoint, halted_position, updated_at)
    ON read.projections TO daybook_reader;

CREATE FUNCTION read.build_schema(projection text, code_version integer, build_number integer)
RETURNS text LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
    SELECT format('read_%s_v%s_b%s', projection, code_version, build_number)
$$;

-- Only this function makes schemas, so that the projector needs no right to create any other.
CREATE FUNCTION read.create_build(projection text, code_version integer, sums text)
RETURNS integer LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE added integer;
BEGIN
    IF projection !~ '^[a-z][a-z_]{0,39}$' THEN
        RAISE EXCEPTION '% is no name of a projection', projection
            USING ERRCODE = 'invalid_schema_name';
    END IF;
    INSERT INTO read.projections (name, build, version, sums)
    SELECT projection, coalesce(max(p.build), 0) + 1, code_version, create_build.sums
      FROM read.projections p WHERE p.name = projection
    RETURNING build INTO added;
    EXECUTE format('CREATE SCHEMA %I AUTHORIZATION daybook_projector',
                   read.build_schema(projection, code_version, added));
    RETURN added;
END $$;
REVOKE EXECUTE ON FUNCTION read.create_build FROM PUBLIC;
GRANT EXECUTE ON FUNCTION read.create_build TO daybook_projector;

-- A reader sees its tenants only; run by the tables' owner, after it has made them.
CREATE FUNCTION read.guard_build(build_schema text) RETURNS void LANGUAGE plpgsql AS $$
DECLARE made text;
BEGIN
    EXECUTE format('GRANT USAGE ON SCHEMA %I TO daybook_reader, daybook_auditor', build_schema);
    FOR made IN SELECT tablename FROM pg_tables WHERE schemaname = build_schema LOOP
        EXECUTE format('ALTER TABLE %I.%I ENABLE ROW LEVEL SECURITY', build_schema, made);
        EXECUTE format('CREATE POLICY of_the_current_tenants ON %I.%I'
                       ' USING (tenant = ANY ((SELECT daybook.current_tenants())::text[]))',
                       build_schema, made);
        EXECUTE format('GRANT SELECT ON %I.%I TO daybook_reader, daybook_auditor',
                       build_schema, made);
    END LOOP;
END $$;

-- Show a build: its tables behind the views, in one transaction with its stage and checkpoint.
-- A view that keeps its columns is replaced, so that what others built on it lives on.
CREATE FUNCTION read.show_build(projection text, build_number integer)
RETURNS void LANGUAGE plpgsql AS $$
DECLARE
    shown  read.projections%ROWTYPE;
    hidden read.projections%ROWTYPE;
    origin text;
    target text;
    seen   text;
BEGIN
    SELECT * INTO STRICT shown FROM read.projections p
     WHERE p.name = projection AND p.build = build_number FOR UPDATE;
    SELECT * INTO hidden FROM read.projections p
     WHERE p.name = projection AND p.stage = 'live' AND p.build <> build_number FOR UPDATE;
    target := read.build_schema(projection, shown.version, shown.build);
    origin := read.build_schema(projection, hidden.version, hidden.build);
    FOR seen IN SELECT tablename FROM pg_tables WHERE schemaname = origin
                EXCEPT SELECT tablename FROM pg_tables WHERE schemaname = target LOOP
        EXECUTE format('DROP VIEW read.%I', seen);
    END LOOP;
    -- In the order of creation, in which queries name them too: so the two never deadlock.
    FOR seen IN SELECT c.relname FROM pg_class c
                 WHERE c.relnamespace = to_regnamespace(target) AND c.relkind = 'r'
                 ORDER BY c.oid LOOP
        PERFORM read.show_table(target, seen);
    END LOOP;
    UPDATE read.projections
       SET stage = 'retired', status = 'following', halted_position = NULL, error = NULL
     WHERE name = projection AND stage = 'live';
    UPDATE read.projections SET stage = 'live'
     WHERE name = projection AND build = build_number;
END $$;

CREATE FUNCTION read.show_table(build_schema text, shown text) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
    BEGIN
        EXECUTE format('CREATE OR REPLACE VIEW read.%I WITH (security_invoker = true)'
                       ' AS SELECT * FROM %I.%I', shown, build_schema, shown);
    EXCEPTION WHEN invalid_table_definition THEN
        EXECUTE format('DROP VIEW read.%I', shown);
        EXECUTE format('CREATE VIEW read.%I WITH (security_invoker = true)'
                       ' AS SELECT * FROM %I.%I', shown, build_schema, shown);
    END;
    EXECUTE format('GRANT SELECT ON read.%I TO daybook_reader, daybook_auditor', shown);
END $$;

CREATE FUNCTION read.drop_build(projection text, build_number integer)
RETURNS void LANGUAGE plpgsql AS $$
DECLARE dropped read.projections%ROWTYPE;
BEGIN
    DELETE FROM read.projections p
     WHERE p.name = projection AND p.build = build_number AND p.stage <> 'live'
    RETURNING * INTO STRICT dropped;
    EXECUTE format('DROP SCHEMA %I CASCADE',
                   read.build_schema(projection, dropped.version, dropped.build));
END $$;

-- A number per tenant and table that differs when a row does: two builds of one version compared.
CREATE FUNCTION read.content_sums(build_schema text)
RETURNS TABLE (tenant text, currency text, measure text, value numeric) LANGUAGE plpgsql AS $$
DECLARE summed text;
BEGIN
    FOR summed IN SELECT tablename FROM pg_tables WHERE schemaname = build_schema LOOP
        RETURN QUERY EXECUTE format(
            $q$SELECT t.tenant, '', 'content of %s', sum(hashtextextended(t::text, 0)::numeric)
                 FROM %I.%I t GROUP BY t.tenant$q$, summed, build_schema, summed);
    END LOOP;
END $$;
