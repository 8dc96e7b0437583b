-- Which commit of the config project a run of a workflow uses, from before its checkout is made
-- until the run has ended: what a sync may not remove.
CREATE TABLE workflow_checkouts (
    tenant          text        NOT NULL,
    workflow_run_id text        NOT NULL,
    commit_id       text        NOT NULL,
    since           timestamptz NOT NULL DEFAULT clock_timestamp(),
    CONSTRAINT workflow_checkouts_are_one_a_run PRIMARY KEY (tenant, workflow_run_id),
    CONSTRAINT workflow_checkouts_are_of_commits CHECK (commit_id ~ '^[0-9a-f]{40,64}$')
);
ALTER TABLE workflow_checkouts ENABLE ROW LEVEL SECURITY;
CREATE POLICY workflow_checkouts_of_the_current_tenants ON workflow_checkouts
    USING (tenant = ANY ((SELECT current_tenants())::text[]))
    WITH CHECK (tenant = ANY ((SELECT current_tenants())::text[]));
GRANT SELECT, INSERT, UPDATE, DELETE ON workflow_checkouts TO daybook_writer;
GRANT SELECT ON workflow_checkouts TO daybook_auditor;

-- The commits that any tenant's runs use. Of other tenants it tells these, and nothing else.
CREATE FUNCTION commits_in_use() RETURNS SETOF text LANGUAGE sql STABLE
SECURITY DEFINER SET search_path = daybook, pg_temp AS $$
    SELECT DISTINCT c.commit_id FROM workflow_checkouts c
$$;
REVOKE EXECUTE ON FUNCTION commits_in_use FROM PUBLIC;
GRANT EXECUTE ON FUNCTION commits_in_use TO daybook_writer;
