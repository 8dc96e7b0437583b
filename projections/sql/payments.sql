-- One row a payment: how it came in, how much of it found an invoice, how much was given back.
CREATE TABLE payments (
    tenant          text        NOT NULL,
    payment_id      text        NOT NULL,
    account_id      text        NOT NULL,
    facility        text        NOT NULL,
    currency        text        NOT NULL,
    status          text        NOT NULL,
    method          text        NOT NULL,
    amount_minor    bigint      NOT NULL,
    allocated_minor bigint      NOT NULL,
    credited_minor  bigint      NOT NULL,
    payer           text,
    reference       text,
    payment_ref     text,                   -- the gateway's, of a card payment
    payment_method_id text,                 -- the saved card that was charged
    failure         text,                   -- why a card payment failed
    remittance_id   text,
    effective_on    date,                   -- this and the next from the day it is posted
    booked_on       date,
    recorded_at     timestamptz NOT NULL,
    refunded_minor  bigint      NOT NULL,
    reserved_minor  bigint      NOT NULL,   -- refunded, or asked for
    listed_position bigint      NOT NULL,   -- of its first event: the order of the list
    version         bigint      NOT NULL,
    position        bigint      NOT NULL,
    CONSTRAINT payments_are_one_an_id PRIMARY KEY (tenant, payment_id),
    CONSTRAINT payments_are_used_whole
        CHECK (status <> 'posted' OR allocated_minor + credited_minor = amount_minor),
    CONSTRAINT payments_are_given_back_once
        CHECK (refunded_minor BETWEEN 0 AND reserved_minor AND reserved_minor <= amount_minor)
) WITH (fillfactor = 80);

-- GET /v1/payments, latest first: of a tenant, of an account, of a remittance.
CREATE INDEX payments_by_position ON payments (tenant, listed_position);
CREATE INDEX payments_by_account ON payments (tenant, account_id, listed_position);
-- The few that wait for their gateway, or that it declined.
CREATE INDEX payments_unposted ON payments (tenant, status, listed_position)
    WHERE status <> 'posted';
CREATE INDEX payments_by_booking ON payments (tenant, booked_on);
CREATE INDEX payments_by_remittance ON payments (tenant, remittance_id)
    WHERE remittance_id IS NOT NULL;

-- `released` says that the invoice was voided: the part is credit again.
CREATE TABLE payment_allocations (
    tenant       text    NOT NULL,
    payment_id   text    NOT NULL,
    line         bigint  NOT NULL,
    invoice_id   text    NOT NULL,
    amount_minor bigint  NOT NULL,
    released     boolean NOT NULL DEFAULT false,
    CONSTRAINT payment_allocations_are_one_a_place PRIMARY KEY (tenant, payment_id, line)
);
-- What a voided invoice releases.
CREATE INDEX payment_allocations_by_invoice ON payment_allocations (tenant, invoice_id);
