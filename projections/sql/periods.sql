-- One row a billing period of a customer.
CREATE TABLE periods (
    tenant      text        NOT NULL,
    period_id   text        NOT NULL,
    customer_id text        NOT NULL,
    currency    text        NOT NULL,
    days        bigint      NOT NULL,
    started_at  timestamptz NOT NULL,
    ends_at     timestamptz NOT NULL,
    closed_at   timestamptz,
    closed_by   text,
    position    bigint      NOT NULL,  -- of its start
    CONSTRAINT periods_are_one_an_id PRIMARY KEY (tenant, period_id)
);

-- A customer's periods, the latest first; the id may be longer than an index takes.
CREATE INDEX periods_by_customer ON periods (tenant, md5(customer_id), position);
