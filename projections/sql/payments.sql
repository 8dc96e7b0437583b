-- One row a payment: how it came in and how much of it found an invoice.
CREATE TABLE payments (
    tenant          text        NOT NULL,
    payment_id      text        NOT NULL,
    account_id      text        NOT NULL,
    facility        text        NOT NULL,
    currency        text        NOT NULL,
    method          text        NOT NULL,
    amount_minor    bigint      NOT NULL,
    allocated_minor bigint      NOT NULL,
    credited_minor  bigint      NOT NULL,
    payer           text,
    reference       text,
    remittance_id   text,
    effective_on    date        NOT NULL,
    booked_on       date        NOT NULL,
    recorded_at     timestamptz NOT NULL,
    version         bigint      NOT NULL,
    position        bigint      NOT NULL,
    CONSTRAINT payments_are_one_an_id PRIMARY KEY (tenant, payment_id),
    CONSTRAINT payments_are_used_whole CHECK (allocated_minor + credited_minor = amount_minor)
);

-- GET /v1/payments, latest first: of a tenant, of an account, of a remittance.
CREATE INDEX payments_by_position ON payments (tenant, position);
CREATE INDEX payments_by_account ON payments (tenant, account_id, position);
CREATE INDEX payments_by_remittance ON payments (tenant, remittance_id)
    WHERE remittance_id IS NOT NULL;

CREATE TABLE payment_allocations (
    tenant       text   NOT NULL,
    payment_id   text   NOT NULL,
    line         bigint NOT NULL,
    invoice_id   text   NOT NULL,
    amount_minor bigint NOT NULL,
    CONSTRAINT payment_allocations_are_one_a_place PRIMARY KEY (tenant, payment_id, line)
);
