-- A customer's bills are listed by their claims, in the order of their names: byte by byte,
-- whatever the database sorts by, so that the one index there is serves claiming and listing.
ALTER TABLE claims ALTER COLUMN key SET DATA TYPE text COLLATE "C";

-- What a currency is worth in another: of one surface of bills, or of any ('*'). What is not here
-- has the default of its surface.
CREATE TABLE exchange_rates (
    tenant        text      NOT NULL,
    surface       text      NOT NULL,
    currency      text      NOT NULL,
    into_currency text      NOT NULL,
    effective     daterange NOT NULL,
    rate          numeric   NOT NULL,
    CONSTRAINT exchange_rates_are_of_a_surface
        CHECK (surface IN ('*', 'monthly', 'periods', 'dated')),
    CONSTRAINT exchange_rates_are_of_currencies
        CHECK (currency ~ '^[A-Z]{3}$' AND into_currency ~ '^[A-Z]{3}$'),
    CONSTRAINT exchange_rates_change_the_currency CHECK (currency <> into_currency),
    CONSTRAINT exchange_rates_are_positive CHECK (rate > 0 AND rate < 'Infinity'),
    CONSTRAINT exchange_rates_do_not_overlap EXCLUDE USING gist
        (tenant WITH =, surface WITH =, currency WITH =, into_currency WITH =, effective WITH &&)
);
ALTER TABLE exchange_rates ENABLE ROW LEVEL SECURITY;
CREATE POLICY exchange_rates_of_the_current_tenants ON exchange_rates
    USING (tenant = ANY ((SELECT current_tenants())::text[]))
    WITH CHECK (tenant = ANY ((SELECT current_tenants())::text[]));
GRANT SELECT, INSERT, UPDATE, DELETE ON exchange_rates TO daybook_writer;
GRANT SELECT ON exchange_rates TO daybook_reader;
GRANT SELECT ON exchange_rates TO daybook_auditor;
