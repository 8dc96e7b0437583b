-- What became of each account of a run of statements: written as it happens, so that whoever goes
-- on with a run leaves out what is done, and progress can be seen. The run itself is in the log.
CREATE TABLE statement_run_totals (
    tenant   text   NOT NULL,
    run_id   text   NOT NULL,
    accounts bigint NOT NULL,
    CONSTRAINT statement_run_totals_are_one_a_run PRIMARY KEY (tenant, run_id)
);
CREATE TABLE statement_run_accounts (
    tenant     text        NOT NULL,
    run_id     text        NOT NULL,
    account_id text        NOT NULL,
    outcome    text        NOT NULL,
    channel    text,                  -- of one that was delivered
    reference  text,                  -- finds it at whoever delivers
    document   text,                  -- key of the PDF in the object store
    sha256     text,                  -- of the PDF, in hex
    code       text,                  -- of one that failed: why
    detail     text,
    ended_at   timestamptz NOT NULL DEFAULT clock_timestamp(),
    CONSTRAINT statement_run_accounts_end_once PRIMARY KEY (tenant, run_id, account_id),
    CONSTRAINT statement_run_accounts_have_a_known_outcome
        CHECK (outcome IN ('delivered', 'made', 'skipped', 'failed')),
    CONSTRAINT statement_run_accounts_fail_for_a_reason
        CHECK ((outcome = 'failed') = (code IS NOT NULL))
);
-- What failed, by account.
CREATE INDEX statement_run_accounts_failed ON statement_run_accounts (tenant, run_id, account_id)
    WHERE outcome = 'failed';

-- When customers are reminded of overdue invoices, and when these go to collections: days after the
-- due date. Without a row, 7, 21, 45 and 60.
CREATE TABLE collection_schedules (
    tenant        text      PRIMARY KEY,
    reminder_days integer[] NOT NULL,
    handover_day  integer,               -- null: never
    CONSTRAINT collection_schedules_are_of_days CHECK (
        cardinality(reminder_days) <= 12 AND 1 <= ALL (reminder_days) AND handover_day >= 1
    )
);
DO $$
DECLARE guarded text;
BEGIN
    FOREACH guarded IN ARRAY
        ARRAY['statement_run_totals', 'statement_run_accounts', 'collection_schedules'] LOOP
        EXECUTE format('ALTER TABLE %I ENABLE ROW LEVEL SECURITY', guarded);
        EXECUTE format('CREATE POLICY %I ON %I'
                       ' USING (tenant = ANY ((SELECT current_tenants())::text[]))'
                       ' WITH CHECK (tenant = ANY ((SELECT current_tenants())::text[]))',
                       guarded || '_of_the_current_tenants', guarded);
        EXECUTE format('GRANT SELECT, INSERT, UPDATE ON %I TO daybook_writer', guarded);
        EXECUTE format('GRANT SELECT ON %I TO daybook_reader, daybook_auditor', guarded);
    END LOOP;
END $$;
-- A sweep of collections asks for what is outstanding of a due date.
CREATE INDEX open_items_by_due_date ON open_items (tenant, due_on, item_id)
    WHERE kind = 'invoice';
