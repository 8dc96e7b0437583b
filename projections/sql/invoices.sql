-- One row an invoice; number and dates from the day it is issued, or void.
CREATE TABLE invoices (
    tenant            text   NOT NULL,
    invoice_id        text   NOT NULL,
    account_id        text   NOT NULL,
    facility          text   NOT NULL,
    currency          text   NOT NULL,
    status            text   NOT NULL,
    number            text,
    issued_on         date,
    due_on            date,
    paid_on           date,
    settled_by        text,
    lines_digest      text,
    voided_on         date,
    void_reason       text,             -- sealed: JSON of contracts.private.Private
    line_count        bigint NOT NULL,
    net_minor         bigint NOT NULL,
    tax_minor         bigint NOT NULL,
    total_minor       bigint NOT NULL,
    outstanding_minor bigint NOT NULL,  -- zero for a draft: nothing is owed on it yet
    released_minor    bigint,           -- of a void one: what had been paid on it
    drafted_position  bigint NOT NULL,
    version           bigint NOT NULL,
    position          bigint NOT NULL,
    CONSTRAINT invoices_are_one_an_id PRIMARY KEY (tenant, invoice_id),
    CONSTRAINT invoices_that_are_paid_owe_nothing
        CHECK (status NOT IN ('paid', 'void') OR outstanding_minor = 0)
) WITH (fillfactor = 80);               -- drafted, issued, paid: three writes within minutes

-- GET /v1/invoices, latest first: of a tenant, of an account, of a status, of a period.
CREATE INDEX invoices_by_draft ON invoices (tenant, drafted_position);
CREATE INDEX invoices_by_account ON invoices (tenant, account_id, drafted_position);
CREATE INDEX invoices_unsettled ON invoices (tenant, status, drafted_position)
    WHERE status <> 'paid';             -- the few that are asked for by status
CREATE INDEX invoices_by_issue ON invoices (tenant, issued_on);

-- The charges of an invoice. `part` is the version of the event that brought them, so that a long
-- invoice keeps the order of its parts.
CREATE TABLE invoice_lines (
    tenant     text   NOT NULL,
    invoice_id text   NOT NULL,
    part       bigint NOT NULL,
    line       bigint NOT NULL,
    charge_id  text   NOT NULL,
    code       text   NOT NULL,
    quantity   bigint NOT NULL,
    service_on date   NOT NULL,
    net_minor  bigint NOT NULL,
    tax_minor  bigint NOT NULL,
    CONSTRAINT invoice_lines_are_one_a_place PRIMARY KEY (tenant, invoice_id, part, line)
);

-- What settled an invoice: a part of a payment, or credit, which has no method. `line` is the
-- allocation's place in it; `released` says that the invoice was voided.
CREATE TABLE invoice_payments (
    tenant       text   NOT NULL,
    invoice_id   text   NOT NULL,
    position     bigint NOT NULL,
    line         bigint NOT NULL,
    payment_id   text   NOT NULL,
    method       text,
    amount_minor bigint NOT NULL,
    effective_on date   NOT NULL,
    booked_on    date   NOT NULL,
    released     boolean NOT NULL DEFAULT false,
    CONSTRAINT invoice_payments_are_applied_once PRIMARY KEY (tenant, invoice_id, position, line)
);

-- What corrected an invoice.
CREATE TABLE invoice_adjustments (
    tenant        text   NOT NULL,
    invoice_id    text   NOT NULL,
    position      bigint NOT NULL,
    adjustment_id text   NOT NULL,
    reason        text   NOT NULL,
    direction     text   NOT NULL,
    amount_minor  bigint NOT NULL,
    effective_on  date   NOT NULL,
    booked_on     date   NOT NULL,
    CONSTRAINT invoice_adjustments_are_applied_once PRIMARY KEY (tenant, invoice_id, position)
);

-- What was done to have it paid: reminders by their channel, and at the end, without one, that it
-- went to collections.
CREATE TABLE invoice_reminders (
    tenant            text        NOT NULL,
    invoice_id        text        NOT NULL,
    position          bigint      NOT NULL,
    day               bigint      NOT NULL,  -- after the due date
    channel           text,
    delivery_id       text,
    outstanding_minor bigint      NOT NULL,  -- at that time
    recorded_at       timestamptz NOT NULL,
    CONSTRAINT invoice_reminders_are_sent_once PRIMARY KEY (tenant, invoice_id, position)
);
