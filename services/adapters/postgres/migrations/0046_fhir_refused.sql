-- What a FHIR server will not keep of ours, until it takes it: nothing is left out in silence.
CREATE TABLE fhir_refused (
    tenant     text        NOT NULL,
    type       text        NOT NULL,
    stream_id  text        NOT NULL,   -- the ledger's id of what it shows
    position   bigint      NOT NULL,   -- of the newest event in what was refused; 0 if unknown
    cause      text,                   -- the invoice whose events were shown with it, if any were
    status     integer     NOT NULL,   -- of HTTP
    detail     text        NOT NULL,
    refused_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    CONSTRAINT fhir_refused_is_one_a_resource PRIMARY KEY (tenant, type, stream_id)
);
ALTER TABLE fhir_refused ENABLE ROW LEVEL SECURITY;
CREATE POLICY fhir_refused_of_the_current_tenants ON fhir_refused
    USING (tenant = ANY ((SELECT current_tenants())::text[]))
    WITH CHECK (tenant = ANY ((SELECT current_tenants())::text[]));
GRANT SELECT, INSERT, UPDATE, DELETE ON fhir_refused TO daybook_writer;
GRANT SELECT ON fhir_refused TO daybook_reader;
GRANT SELECT ON fhir_refused TO daybook_auditor;
