-- Who documents come from: the letterhead of a facility ('*': of any without one of its own) in a
-- language ('*': in any), and how it wants to be paid. Without a row the facility's code is
-- printed.
CREATE TABLE letterheads (
    tenant               text   NOT NULL,
    facility             text   NOT NULL,
    language             text   NOT NULL,
    name                 text   NOT NULL,
    address              text[] NOT NULL DEFAULT '{}',  -- a line each
    phone                text,
    email                text,
    tax_id               text,
    payment_instructions text[] NOT NULL DEFAULT '{}',  -- a line each
    calendar             text   NOT NULL DEFAULT 'gregorian',
    CONSTRAINT letterheads_are_one_a_facility_and_language PRIMARY KEY (tenant, facility, language),
    CONSTRAINT letterheads_fit_the_head_of_a_page
        CHECK (cardinality(address) <= 6 AND cardinality(payment_instructions) <= 6
               AND char_length(name) <= 120 AND char_length(phone) <= 60
               AND char_length(email) <= 120 AND char_length(tax_id) <= 60),
    CONSTRAINT letterheads_are_in_a_printed_language
        CHECK (language IN ('*', 'en', 'ps', 'prs', 'ar')),
    CONSTRAINT letterheads_have_a_known_calendar CHECK (calendar IN ('gregorian', 'solar_hijri'))
);
ALTER TABLE letterheads ENABLE ROW LEVEL SECURITY;
CREATE POLICY letterheads_of_the_current_tenants ON letterheads
    USING (tenant = ANY ((SELECT current_tenants())::text[]))
    WITH CHECK (tenant = ANY ((SELECT current_tenants())::text[]));
GRANT SELECT, INSERT, UPDATE, DELETE ON letterheads TO daybook_writer;
GRANT SELECT ON letterheads TO daybook_reader, daybook_auditor;
