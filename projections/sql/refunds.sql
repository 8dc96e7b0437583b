-- One row a refund: what is to be given back of which payment, and who said so.
CREATE TABLE refunds (
    tenant                text   NOT NULL,
    refund_id             text   NOT NULL,
    payment_id            text   NOT NULL,
    account_id            text   NOT NULL,
    facility              text   NOT NULL,
    currency              text   NOT NULL,
    status                text   NOT NULL,
    method                text   NOT NULL,
    amount_minor          bigint NOT NULL,
    reason                text,             -- sealed: JSON of contracts.private.Private
    requested_by          text   NOT NULL,
    requested_on          date   NOT NULL,
    decided_by            text,             -- null, too, where it approved itself
    rejection_reason      text,             -- sealed as well
    issued_on             date,
    from_credit_minor     bigint,           -- these two add up to the amount once it is issued
    from_receivable_minor bigint,
    failure               text,
    listed_position       bigint NOT NULL,  -- of its first event: the order of the list
    version               bigint NOT NULL,
    position              bigint NOT NULL,
    CONSTRAINT refunds_are_one_an_id PRIMARY KEY (tenant, refund_id),
    CONSTRAINT refunds_are_borne_whole
        CHECK (from_credit_minor + from_receivable_minor = amount_minor)
) WITH (fillfactor = 80);                   -- asked for, approved, issued: three writes

-- GET /v1/refunds, latest first: of a tenant, of an account, of a payment.
CREATE INDEX refunds_by_position ON refunds (tenant, listed_position);
CREATE INDEX refunds_by_account ON refunds (tenant, account_id, listed_position);
CREATE INDEX refunds_by_payment ON refunds (tenant, payment_id, listed_position);
-- The few that wait for somebody.
CREATE INDEX refunds_undecided ON refunds (tenant, status, listed_position)
    WHERE status IN ('requested', 'approved');
