-- Postgres keeps the books straight without us: nothing of the log is changed or removed, every
-- transaction sums to zero, and a role sees its tenants only.

CREATE FUNCTION refuse_change() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION '% is append-only: % is refused', TG_TABLE_NAME, TG_OP
        USING ERRCODE = 'integrity_constraint_violation',
              HINT = 'Correct it with a new event.';
END $$;

CREATE TRIGGER events_are_immutable BEFORE UPDATE OR DELETE OR TRUNCATE ON events
    FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();
CREATE TRIGGER ledger_entries_are_immutable BEFORE UPDATE OR DELETE OR TRUNCATE ON ledger_entries
    FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();
CREATE TRIGGER event_log_is_immutable BEFORE UPDATE OR DELETE OR TRUNCATE ON event_log
    FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();
CREATE TRIGGER merkle_tiles_are_immutable BEFORE UPDATE OR DELETE OR TRUNCATE ON merkle_tiles
    FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();

CREATE FUNCTION refuse_unbalanced() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE unbalanced record;
BEGIN
    SELECT tenant, transaction_id, currency, sum(amount_minor) AS remainder INTO unbalanced
      FROM added GROUP BY tenant, transaction_id, currency
    HAVING sum(amount_minor) <> 0 LIMIT 1;
    IF FOUND THEN
        RAISE EXCEPTION 'transaction % of tenant % does not sum to zero: % % is left over',
            unbalanced.transaction_id, unbalanced.tenant, unbalanced.remainder, unbalanced.currency
            USING ERRCODE = 'check_violation', CONSTRAINT = 'ledger_entries_balance';
    END IF;
    RETURN NULL;
END $$;

CREATE TRIGGER ledger_entries_balance AFTER INSERT ON ledger_entries
    REFERENCING NEW TABLE AS added
    FOR EACH STATEMENT EXECUTE FUNCTION refuse_unbalanced();

-- Tenants of the running transaction: one for a reader, an array for the writer, whose batches
-- span tenants. In a sub-select it is evaluated once a statement, not once a row.
CREATE FUNCTION current_tenants() RETURNS text[] LANGUAGE sql STABLE PARALLEL SAFE AS $$
    SELECT string_to_array(current_setting('daybook.tenants', true), ',')
$$;

DO $$
DECLARE guarded text;
BEGIN
    FOREACH guarded IN ARRAY ARRAY[
        'events', 'billing_outbox', 'event_log', 'tenant_log_heads', 'stream_heads',
        'account_heads', 'open_items', 'claims', 'counters', 'prices', 'ledger_entries',
        'billing_inbox', 'billing_idempotency', 'billing_intake_rejected', 'subject_keys',
        'tenant_settings', 'facility_settings', 'tax_rules', 'saga_waits']
    LOOP
        EXECUTE format('ALTER TABLE %I ENABLE ROW LEVEL SECURITY', guarded);
        EXECUTE format('CREATE POLICY %I ON %I'
                       ' USING (tenant = ANY ((SELECT current_tenants())::text[]))'
                       ' WITH CHECK (tenant = ANY ((SELECT current_tenants())::text[]))',
                       guarded || '_of_the_current_tenants', guarded);
    END LOOP;
END $$;

-- Answers by Idempotency-Key live at least 45 days, and nothing else removes them. Of any tenant,
-- a batch at a time, so that no lock is held for long; returns how many it removed.
CREATE FUNCTION expire_answers(rows_max integer) RETURNS integer LANGUAGE sql SECURITY DEFINER
SET search_path = daybook, pg_temp AS $$
    WITH expired AS (
        SELECT a.tenant, a.method, a.path, a.key FROM billing_idempotency a
         WHERE a.recorded_at < now() - interval '45 days'
         LIMIT rows_max FOR UPDATE SKIP LOCKED
    ), removed AS (
        DELETE FROM billing_idempotency a USING expired e
         WHERE (a.tenant, a.method, a.path, a.key) = (e.tenant, e.method, e.path, e.key)
        RETURNING 1
    )
    SELECT count(*)::integer FROM removed
$$;
REVOKE EXECUTE ON FUNCTION expire_answers FROM PUBLIC;
