-- How far behind a read model is, for a reader of one tenant: the oldest event that it has not seen
-- may be another tenant's. Of that event it tells when it was committed, and nothing else.
CREATE FUNCTION committed_at(log_position bigint) RETURNS timestamptz LANGUAGE sql STABLE
SECURITY DEFINER SET search_path = daybook, pg_temp AS $$
    SELECT l.committed_at FROM event_log l WHERE l.position = log_position
$$;
REVOKE EXECUTE ON FUNCTION committed_at FROM PUBLIC;
GRANT EXECUTE ON FUNCTION committed_at TO daybook_reader, daybook_projector, daybook_auditor;
