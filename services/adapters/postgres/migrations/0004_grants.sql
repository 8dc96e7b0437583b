-- The service roles own no table and may do only what their process does.

GRANT USAGE ON SCHEMA daybook TO
    daybook_writer, daybook_reader, daybook_sequencer, daybook_projector, daybook_auditor;

-- The one write path.
GRANT SELECT, INSERT ON events, ledger_entries, claims, prices, billing_inbox, billing_idempotency,
    billing_outbox TO daybook_writer;
GRANT SELECT, INSERT, UPDATE ON stream_heads, account_heads, counters, billing_intake_rejected
    TO daybook_writer;
GRANT SELECT, INSERT, UPDATE, DELETE ON open_items, saga_waits, tenant_settings, facility_settings,
    tax_rules TO daybook_writer;
GRANT SELECT, INSERT, DELETE ON subject_keys TO daybook_writer;
GRANT SELECT ON event_log, log_head TO daybook_writer;
GRANT EXECUTE ON FUNCTION expire_answers TO daybook_writer;

-- Queries of one tenant. Never the keys of persons' data beyond opening it at the edge.
GRANT SELECT ON events, event_log, stream_heads, account_heads, open_items, prices, ledger_entries,
    billing_intake_rejected, subject_keys, tenant_settings, facility_settings, log_head, leases,
    relay_progress TO daybook_reader;

GRANT SELECT ON events TO daybook_sequencer;
GRANT SELECT, DELETE ON billing_outbox TO daybook_sequencer;
GRANT SELECT, INSERT ON event_log, merkle_tiles TO daybook_sequencer;
GRANT SELECT, UPDATE ON log_head TO daybook_sequencer;
GRANT SELECT, INSERT, UPDATE ON tenant_log_heads, leases, relay_progress TO daybook_sequencer;

GRANT SELECT ON events, event_log, log_head TO daybook_projector;
GRANT SELECT, INSERT, UPDATE ON leases TO daybook_projector;
GRANT SELECT, INSERT ON billing_inbox TO daybook_projector;

-- Everything but the keys: what is proved of personal data is proved of its ciphertext.
GRANT SELECT ON ALL TABLES IN SCHEMA daybook TO daybook_auditor;
REVOKE SELECT ON subject_keys FROM daybook_auditor;
