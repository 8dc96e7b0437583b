-- `daybook_oldest_transaction_seconds` needs to see other sessions. Where the migrating role may
-- not grant that, the metric covers the sessions that the relay's own role may see.
DO $$
BEGIN
    GRANT pg_read_all_stats TO daybook_sequencer;
EXCEPTION WHEN insufficient_privilege THEN
    RAISE NOTICE 'daybook_sequencer sees its own sessions only: pg_read_all_stats was not granted';
END $$;
