-- The API says what is missing before it serves: which migrations are applied is no secret.
GRANT SELECT ON schema_migrations TO daybook_reader;
