-- Streams of a tenant's events ask where its log ends; row-level security shows a reader its own.
GRANT SELECT ON tenant_log_heads TO daybook_reader;
