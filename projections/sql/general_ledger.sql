-- Every posting in the order of the log. `balance_minor` is what the account owes (receivable less
-- credit) after the line: the log is one order, so it is the same however the line got here.
CREATE TABLE general_ledger_entries (
    position       bigint      NOT NULL,
    line           smallint    NOT NULL,
    tenant         text        NOT NULL,
    transaction_id text        NOT NULL,
    type           text        NOT NULL,
    gl_account     text        NOT NULL,
    account_id     text        NOT NULL,
    facility       text        NOT NULL,
    currency       text        NOT NULL,
    amount_minor   bigint      NOT NULL,   -- positive is debit
    balance_minor  numeric(38) NOT NULL,
    effective_on   date        NOT NULL,
    booked_on      date        NOT NULL,
    recorded_at    timestamptz NOT NULL,
    CONSTRAINT general_ledger_entries_are_one_a_line PRIMARY KEY (position, line)
);

-- An account's ledger page by page, and its latest balance.
CREATE INDEX general_ledger_entries_by_account
    ON general_ledger_entries (tenant, account_id, position, line)
    WHERE gl_account IN ('1100', '2100');

-- Turnover by facility and posting date: a trial balance and the revenue of any period are sums
-- over a few rows a day.
CREATE TABLE general_ledger_totals (
    tenant       text        NOT NULL,
    facility     text        NOT NULL,
    gl_account   text        NOT NULL,
    currency     text        NOT NULL,
    booked_on    date        NOT NULL,
    debit_minor  numeric(38) NOT NULL,   -- over all accounts: more than a bigint holds
    credit_minor numeric(38) NOT NULL,   -- as a positive number
    entries      bigint      NOT NULL,
    CONSTRAINT general_ledger_totals_are_one_a_day
        PRIMARY KEY (tenant, facility, gl_account, currency, booked_on)
) WITH (fillfactor = 50);
