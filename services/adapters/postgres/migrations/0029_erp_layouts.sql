-- How a tenant's ERP system wants ledger entries: the last one set counts. None is removed, since
-- exports name the one that they were written by.
CREATE TABLE erp_layouts (
    tenant    text        NOT NULL,
    layout_id text        NOT NULL,   -- SHA-256 of the content, in hex
    content   text        NOT NULL,   -- JSON
    set_at    timestamptz NOT NULL DEFAULT clock_timestamp(),
    CONSTRAINT erp_layouts_are_kept_once PRIMARY KEY (tenant, layout_id)
);
ALTER TABLE erp_layouts ENABLE ROW LEVEL SECURITY;
CREATE POLICY erp_layouts_of_the_current_tenants ON erp_layouts
    USING (tenant = ANY ((SELECT current_tenants())::text[]))
    WITH CHECK (tenant = ANY ((SELECT current_tenants())::text[]));
GRANT SELECT, INSERT, UPDATE ON erp_layouts TO daybook_writer;
GRANT SELECT ON erp_layouts TO daybook_reader, daybook_auditor;
