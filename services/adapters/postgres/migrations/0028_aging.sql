-- Ageing as it was last computed: a report a facility and local date, replaced as a whole by one
-- transaction, so that nobody reads half of it. All of it follows from read.receivables: it may be
-- computed again at any time, and is dropped when nobody has for some weeks.

CREATE TABLE read.aging_reports (
    tenant       text        NOT NULL,
    report       bigint      GENERATED ALWAYS AS IDENTITY,  -- of one computation, never again
    facility     text        NOT NULL,
    as_of        date        NOT NULL,
    time_zone    text        NOT NULL,
    position     bigint      NOT NULL,   -- of the log, up to which it is known
    refreshed_at timestamptz NOT NULL,
    CONSTRAINT aging_reports_are_one_a_computation PRIMARY KEY (tenant, report),
    CONSTRAINT aging_reports_are_one_a_day UNIQUE (tenant, facility, as_of)
);

CREATE TABLE read.aging_totals (
    tenant       text        NOT NULL,
    report       bigint      NOT NULL,
    currency     text        NOT NULL,
    accounts     bigint      NOT NULL,
    current      numeric(38) NOT NULL,   -- minor units, as all behind it
    days_1_30    numeric(38) NOT NULL,
    days_31_60   numeric(38) NOT NULL,
    days_61_90   numeric(38) NOT NULL,
    days_over_90 numeric(38) NOT NULL,
    unbilled     numeric(38) NOT NULL,
    unallocated  numeric(38) NOT NULL,
    credit       numeric(38) NOT NULL,
    CONSTRAINT aging_totals_are_one_a_currency PRIMARY KEY (tenant, report, currency),
    CONSTRAINT aging_totals_are_of_a_report
        FOREIGN KEY (tenant, report) REFERENCES read.aging_reports ON DELETE CASCADE
);

-- Without a foreign key: checked row by row it took as long as computing the report. Whoever
-- removes a report removes its accounts in the same statement.
CREATE TABLE read.aging_accounts (
    tenant       text        NOT NULL,
    report       bigint      NOT NULL,
    account_id   text        NOT NULL,
    currency     text        NOT NULL,
    current      numeric(38) NOT NULL,
    days_1_30    numeric(38) NOT NULL,
    days_31_60   numeric(38) NOT NULL,
    days_61_90   numeric(38) NOT NULL,
    days_over_90 numeric(38) NOT NULL,
    unbilled     numeric(38) NOT NULL,
    unallocated  numeric(38) NOT NULL,
    credit       numeric(38) NOT NULL,
    CONSTRAINT aging_accounts_are_one_an_account PRIMARY KEY (tenant, report, account_id)
);

DO $$
DECLARE guarded text;
BEGIN
    FOREACH guarded IN ARRAY ARRAY['aging_reports', 'aging_totals', 'aging_accounts'] LOOP
        EXECUTE format('ALTER TABLE read.%I ENABLE ROW LEVEL SECURITY', guarded);
        EXECUTE format('CREATE POLICY %I ON read.%I'
                       ' USING (tenant = ANY ((SELECT daybook.current_tenants())::text[]))'
                       ' WITH CHECK (tenant = ANY ((SELECT daybook.current_tenants())::text[]))',
                       guarded || '_of_the_current_tenants', guarded);
    END LOOP;
END $$;

-- Who computes reports: reads the read models of one tenant and writes reports, nothing else. The
-- writer of the ledger reads no read model, and readers write nothing.
GRANT USAGE ON SCHEMA daybook, read TO daybook_reporter;
GRANT SELECT, INSERT, DELETE ON read.aging_reports, read.aging_totals, read.aging_accounts
    TO daybook_reporter;
GRANT SELECT ON tenant_settings, facility_settings, log_head TO daybook_reporter;
GRANT SELECT (name, build, version, stage, status, checkpoint, halted_position, updated_at)
    ON read.projections TO daybook_reporter;
GRANT SELECT ON read.aging_reports, read.aging_totals, read.aging_accounts
    TO daybook_reader, daybook_auditor;

-- The tenants that a nightly refresh goes through, a page at a time. Of other tenants it tells the
-- name, and nothing else.
CREATE FUNCTION tenants_after(tenant text, rows_max integer) RETURNS SETOF text LANGUAGE sql STABLE
SECURITY DEFINER SET search_path = daybook, pg_temp AS $$
    SELECT h.tenant FROM tenant_log_heads h WHERE h.tenant > tenants_after.tenant
     ORDER BY h.tenant LIMIT rows_max
$$;
REVOKE EXECUTE ON FUNCTION tenants_after FROM PUBLIC;
GRANT EXECUTE ON FUNCTION tenants_after TO daybook_reporter;

-- Builds that are made from now on are read by it, too; as before otherwise.
CREATE OR REPLACE FUNCTION read.guard_build(build_schema text) RETURNS void LANGUAGE plpgsql AS $$
DECLARE made text;
BEGIN
    EXECUTE format('GRANT USAGE ON SCHEMA %I TO daybook_reader, daybook_auditor, daybook_reporter',
                   build_schema);
    FOR made IN SELECT tablename FROM pg_tables WHERE schemaname = build_schema LOOP
        EXECUTE format('ALTER TABLE %I.%I ENABLE ROW LEVEL SECURITY', build_schema, made);
        EXECUTE format('CREATE POLICY of_the_current_tenants ON %I.%I'
                       ' USING (tenant = ANY ((SELECT daybook.current_tenants())::text[]))',
                       build_schema, made);
        EXECUTE format('GRANT SELECT ON %I.%I'
                       ' TO daybook_reader, daybook_auditor, daybook_reporter',
                       build_schema, made);
    END LOOP;
END $$;

CREATE OR REPLACE FUNCTION read.show_table(build_schema text, shown text) RETURNS void
LANGUAGE plpgsql AS $$
BEGIN
    BEGIN
        EXECUTE format('CREATE OR REPLACE VIEW read.%I WITH (security_invoker = true)'
                       ' AS SELECT * FROM %I.%I', shown, build_schema, shown);
    EXCEPTION WHEN invalid_table_definition THEN
        EXECUTE format('DROP VIEW read.%I', shown);
        EXECUTE format('CREATE VIEW read.%I WITH (security_invoker = true)'
                       ' AS SELECT * FROM %I.%I', shown, build_schema, shown);
    END;
    EXECUTE format('GRANT SELECT ON read.%I TO daybook_reader, daybook_auditor, daybook_reporter',
                   shown);
END $$;
