-- One row an account: who it belongs to, what is owed and how that came about.
CREATE TABLE account_balances (
    tenant           text        NOT NULL,
    account_id       text        NOT NULL,
    patient_id       text        NOT NULL,
    name             text,                   -- sealed: JSON of contracts.private.Private
    facility         text        NOT NULL,
    currency         text        NOT NULL,
    language         text        NOT NULL,
    status           text        NOT NULL,
    receivable_minor numeric(38) NOT NULL,
    credit_minor     numeric(38) NOT NULL,   -- what we owe the customer, as a positive number
    charged_minor    numeric(38) NOT NULL,   -- this and the next three only ever add up
    paid_minor       numeric(38) NOT NULL,
    adjusted_minor   numeric(38) NOT NULL,   -- credits less debits
    refunded_minor   numeric(38) NOT NULL,   -- of what was paid, given back
    open_charges     bigint      NOT NULL,
    version          bigint      NOT NULL,   -- counts the events of the account
    position         bigint      NOT NULL,
    CONSTRAINT account_balances_are_one_an_account PRIMARY KEY (tenant, account_id)
) WITH (fillfactor = 70);               -- updated in place (HOT), again and again

-- GET /v1/accounts?patient_id=
CREATE INDEX account_balances_by_patient ON account_balances (tenant, patient_id);

-- What an account's balance is made of, so that it can be aged: each issued invoice and what is on
-- none. Their sum, credit taken away, is receivable less credit. An invoice that is settled stays,
-- for the days on which it was not.
CREATE TABLE receivables (
    tenant            text        NOT NULL,
    account_id        text        NOT NULL,
    item              text        NOT NULL,   -- an invoice, 'unbilled', 'unallocated' or 'credit'
    due_on            date,                   -- of invoices alone
    outstanding_minor numeric(38) NOT NULL,
    first_booked_on   date        NOT NULL,
    last_booked_on    date        NOT NULL,
    CONSTRAINT receivables_are_one_an_item PRIMARY KEY (tenant, account_id, item)
) WITH (fillfactor = 70);

-- Ageing of a day behind the last booking, and of one before it.
CREATE INDEX receivables_outstanding ON receivables (tenant, account_id)
    WHERE outstanding_minor <> 0;
CREATE INDEX receivables_booked_later ON receivables (tenant, last_booked_on);

-- The same by posting date: what was outstanding at the end of any day is a sum.
CREATE TABLE receivable_days (
    tenant       text        NOT NULL,
    account_id   text        NOT NULL,
    item         text        NOT NULL,
    booked_on    date        NOT NULL,
    amount_minor numeric(38) NOT NULL,
    CONSTRAINT receivable_days_are_one_a_day PRIMARY KEY (tenant, account_id, item, booked_on)
) WITH (fillfactor = 70);
