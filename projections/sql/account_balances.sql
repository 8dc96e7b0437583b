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
