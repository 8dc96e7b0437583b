-- The embedded payment gateway, which stands for an outside system: what it answered to which key.
-- It knows no tenants, as a gateway does not, and holds no money. Every process sees the same.

CREATE TABLE sandbox_gateway (
    key          text    NOT NULL,
    kind         text    NOT NULL,
    names        text    NOT NULL,      -- the payment, refund or account that it is for
    digest       bytea   NOT NULL,      -- of what was asked: other content under the key is refused
    reference    text    NOT NULL,
    of_reference text,                  -- of a refund: the charge
    token        text,                  -- of a charge or method: the test card
    amount_minor bigint,
    answer       text    NOT NULL,      -- tagged JSON
    is_removed   boolean NOT NULL DEFAULT false,
    times_asked  integer NOT NULL DEFAULT 1,
    CONSTRAINT sandbox_gateway_answers_a_key_once PRIMARY KEY (key),
    CONSTRAINT sandbox_gateway_names_each_once UNIQUE (reference),
    CONSTRAINT sandbox_gateway_has_a_known_kind CHECK (kind IN ('charge', 'refund', 'method'))
);
-- What was given back of a charge; what became of a payment.
CREATE INDEX sandbox_gateway_by_charge ON sandbox_gateway (of_reference);
CREATE INDEX sandbox_gateway_by_name ON sandbox_gateway (names);

GRANT SELECT, INSERT, UPDATE ON sandbox_gateway TO daybook_writer;
GRANT SELECT ON sandbox_gateway TO daybook_auditor;
