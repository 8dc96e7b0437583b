-- One row a bill; its line items are the events of its stream.
CREATE TABLE bills (
    tenant           text        NOT NULL,
    bill_id          text        NOT NULL,
    account_id       text        NOT NULL,
    surface          text        NOT NULL,
    customer_id      text        NOT NULL,
    facility         text        NOT NULL,
    currency         text        NOT NULL,
    status           text        NOT NULL,
    month            text,
    period_id        text,
    created_at       timestamptz NOT NULL,
    starts_at        timestamptz NOT NULL,
    ends_at          timestamptz,
    updated_at       timestamptz NOT NULL,
    closed_at        timestamptz,
    closed_by        text,
    item_count       bigint      NOT NULL,
    total_minor      bigint      NOT NULL,
    invoice_id       text,
    payment_id       text,
    code             text,             -- of one that needs attention, or did
    detail           text,
    created_position bigint      NOT NULL,
    version          bigint      NOT NULL,
    position         bigint      NOT NULL,
    CONSTRAINT bills_are_one_an_id PRIMARY KEY (tenant, bill_id),
    CONSTRAINT bills_that_are_closed_say_when CHECK ((status = 'closed') = (closed_at IS NOT NULL))
) WITH (fillfactor = 80);              -- every batch of items changes it in place

-- `daybook bill list`, the latest first: of a tenant, of a customer, of those that are not closed.
-- A customer's id may be longer than an index takes.
CREATE INDEX bills_by_creation ON bills (tenant, created_position);
CREATE INDEX bills_by_customer ON bills (tenant, md5(customer_id), created_position);
-- What an invoice is for.
CREATE UNIQUE INDEX bills_have_an_invoice_each ON bills (tenant, invoice_id)
    WHERE invoice_id IS NOT NULL;
CREATE INDEX bills_that_are_open ON bills (tenant, status, created_position)
    WHERE status <> 'closed';
