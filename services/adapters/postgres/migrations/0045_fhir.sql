-- The embedded FHIR store: every version of every resource. What is of a person is sealed under
-- that person's key, and goes with it: forgetting needs nobody to remember this table.
CREATE TABLE fhir_resources (
    tenant          text        NOT NULL,
    type            text        NOT NULL,
    id              text        NOT NULL COLLATE "C",
    version         bigint      NOT NULL,   -- the current one; counts from 1
    organization_id text        NOT NULL,   -- the scope that it was made in; '' is the tenant's own
    subject_id      text,                   -- whose it is
    status          text,
    tokens          bytea[]     NOT NULL,   -- its rows of fhir_identifiers
    log_position    bigint,                 -- of the newest event that it shows, if it shows events
    CONSTRAINT fhir_resources_are_one_an_id PRIMARY KEY (tenant, type, id),
    CONSTRAINT fhir_resources_go_with_their_subject
        FOREIGN KEY (tenant, subject_id) REFERENCES subject_keys ON DELETE CASCADE,
    CONSTRAINT fhir_resources_count_versions_from_one CHECK (version >= 1)
);
-- What there is of a person; also what the key between the tables looks for. No tenant stands in
-- front, here and below: a plan from when the tables were empty would look ids up here.
CREATE INDEX fhir_resources_by_subject ON fhir_resources (subject_id, type);
-- What stands so, of few statuses: workflows that run, invoices that are owed.
CREATE INDEX fhir_resources_by_status ON fhir_resources (status, type, tenant, id);

CREATE TABLE fhir_versions (
    tenant     text        NOT NULL,
    type       text        NOT NULL,
    id         text        NOT NULL COLLATE "C",
    version    bigint      NOT NULL,
    subject_id text,                        -- whose it was then: another person's may follow
    updated_at timestamptz NOT NULL,
    body       text        NOT NULL,        -- JSON; sealed where it is of a subject
    CONSTRAINT fhir_versions_are_kept_once PRIMARY KEY (tenant, type, id, version),
    CONSTRAINT fhir_versions_are_of_a_resource
        FOREIGN KEY (tenant, type, id) REFERENCES fhir_resources ON DELETE CASCADE,
    CONSTRAINT fhir_versions_go_with_their_subject
        FOREIGN KEY (tenant, subject_id) REFERENCES subject_keys ON DELETE CASCADE
);
CREATE INDEX fhir_versions_by_subject ON fhir_versions (subject_id);

-- The identifiers of current versions, each as a hash under a key of the tenant: they are looked
-- up, and nobody reads a person's number here. A table of its own, since row-level security keeps
-- an array's operators from any index.
CREATE TABLE fhir_identifiers (
    tenant text  NOT NULL,
    type   text  NOT NULL,
    token  bytea NOT NULL,
    id     text  NOT NULL COLLATE "C",
    CONSTRAINT fhir_identifiers_are_kept_once PRIMARY KEY (tenant, type, token, id),
    CONSTRAINT fhir_identifiers_are_of_a_resource
        FOREIGN KEY (tenant, type, id) REFERENCES fhir_resources ON DELETE CASCADE
);
CREATE INDEX fhir_identifiers_by_resource ON fhir_identifiers (id);

ALTER TABLE fhir_resources ENABLE ROW LEVEL SECURITY;
ALTER TABLE fhir_versions ENABLE ROW LEVEL SECURITY;
ALTER TABLE fhir_identifiers ENABLE ROW LEVEL SECURITY;
CREATE POLICY fhir_resources_of_the_current_tenants ON fhir_resources
    USING (tenant = ANY ((SELECT current_tenants())::text[]))
    WITH CHECK (tenant = ANY ((SELECT current_tenants())::text[]));
CREATE POLICY fhir_versions_of_the_current_tenants ON fhir_versions
    USING (tenant = ANY ((SELECT current_tenants())::text[]))
    WITH CHECK (tenant = ANY ((SELECT current_tenants())::text[]));
CREATE POLICY fhir_identifiers_of_the_current_tenants ON fhir_identifiers
    USING (tenant = ANY ((SELECT current_tenants())::text[]))
    WITH CHECK (tenant = ANY ((SELECT current_tenants())::text[]));
GRANT SELECT, INSERT, UPDATE ON fhir_resources TO daybook_writer;
GRANT SELECT, INSERT ON fhir_versions TO daybook_writer;
GRANT SELECT, INSERT, DELETE ON fhir_identifiers TO daybook_writer;
GRANT SELECT ON fhir_resources, fhir_versions, fhir_identifiers TO daybook_reader;
GRANT SELECT ON fhir_resources, fhir_versions, fhir_identifiers TO daybook_auditor;
