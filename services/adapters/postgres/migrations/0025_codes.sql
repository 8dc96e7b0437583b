-- Code systems that a tenant has loaded: what a charge's code is looked up in. Several versions of
-- one system may stand side by side; a code holds where any of them has it on that day.

CREATE TABLE billing_code_systems (
    tenant     text        NOT NULL,
    system     text        NOT NULL,
    version    text        NOT NULL,
    load       bigint      GENERATED ALWAYS AS IDENTITY,  -- another one each time it is replaced
    code_count integer     NOT NULL,
    loaded_at  timestamptz NOT NULL DEFAULT clock_timestamp(),
    CONSTRAINT billing_code_systems_are_one_a_version PRIMARY KEY (tenant, system, version)
);
CREATE TABLE billing_codes (
    tenant  text      NOT NULL,
    system  text      NOT NULL,
    code    text      NOT NULL,
    version text      NOT NULL,
    display text,
    active  daterange NOT NULL DEFAULT '(,)',
    CONSTRAINT billing_codes_are_one_a_version PRIMARY KEY (tenant, system, code, version),
    CONSTRAINT billing_codes_are_of_a_version FOREIGN KEY (tenant, system, version)
        REFERENCES billing_code_systems ON DELETE CASCADE
);
-- No index by version: one that is replaced is most of its system, which the key finds. With one,
-- and without statistics, Postgres looked for a code in it and read the whole system for each.

DO $$
DECLARE guarded text;
BEGIN
    FOREACH guarded IN ARRAY ARRAY['billing_code_systems', 'billing_codes'] LOOP
        EXECUTE format('ALTER TABLE %I ENABLE ROW LEVEL SECURITY', guarded);
        EXECUTE format('CREATE POLICY %I ON %I'
                       ' USING (tenant = ANY ((SELECT current_tenants())::text[]))'
                       ' WITH CHECK (tenant = ANY ((SELECT current_tenants())::text[]))',
                       guarded || '_of_the_current_tenants', guarded);
        EXECUTE format('GRANT SELECT, INSERT, DELETE ON %I TO daybook_writer', guarded);
        EXECUTE format('GRANT SELECT ON %I TO daybook_reader, daybook_auditor', guarded);
    END LOOP;
END $$;
