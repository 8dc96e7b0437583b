-- Write-side state: what decisions are made on. All of it follows from the events, is kept up in
-- the transaction that appends them, and is rebuilt and compared by `daybook audit verify`.

CREATE TABLE stream_heads (
    tenant     text   NOT NULL,
    stream_id  text   NOT NULL,
    version    bigint NOT NULL,
    account_id text,              -- the account whose lock guards the stream; never changes
    state      bytea  NOT NULL,   -- the folded state, tagged JSON
    CONSTRAINT stream_heads_are_one_a_stream PRIMARY KEY (tenant, stream_id)
);

CREATE TABLE account_heads (
    tenant           text   NOT NULL,
    account_id       text   NOT NULL,
    version          bigint NOT NULL,   -- counts the events of the account
    facility         text   NOT NULL,
    currency         text   NOT NULL,
    status           text   NOT NULL,
    receivable_minor bigint NOT NULL,
    credit_minor     bigint NOT NULL,   -- what we owe the customer, as a positive number
    CONSTRAINT account_heads_are_one_an_account PRIMARY KEY (tenant, account_id)
) WITH (fillfactor = 70);               -- updated in place (HOT), again and again

-- What of an account is still open: charges not yet billed and invoices not yet settled.
CREATE TABLE open_items (
    tenant            text   NOT NULL,
    account_id        text   NOT NULL,
    kind              text   NOT NULL,
    item_id           text   NOT NULL,
    outstanding_minor bigint NOT NULL,
    due_on            date,             -- invoices
    number            text,             -- invoices
    CONSTRAINT open_items_are_open_once PRIMARY KEY (tenant, account_id, kind, item_id),
    CONSTRAINT open_items_are_of_a_known_kind CHECK (kind IN ('charge', 'invoice'))
);

-- Identities that may be taken once: an account per patient and currency, an invoice number.
CREATE TABLE claims (
    tenant    text NOT NULL,
    kind      text NOT NULL,
    key       text NOT NULL,
    stream_id text NOT NULL,
    CONSTRAINT claims_are_taken_once PRIMARY KEY (tenant, kind, key),
    CONSTRAINT claims_are_held_by_a_stream FOREIGN KEY (tenant, stream_id) REFERENCES stream_heads
);

-- Gapless numbers: locked before they are drawn, given back by a rollback.
CREATE TABLE counters (
    tenant text   NOT NULL,
    name   text   NOT NULL,
    value  bigint NOT NULL,
    CONSTRAINT counters_are_one_a_name PRIMARY KEY (tenant, name)
);

-- Prices as published. The windows of one facility, code and currency never overlap.
CREATE TABLE prices (
    tenant        text      NOT NULL,
    facility      text      NOT NULL,
    code          text      NOT NULL,
    currency      text      NOT NULL,
    effective     daterange NOT NULL,
    amount_minor  bigint    NOT NULL,
    price_list_id text      NOT NULL,
    CONSTRAINT prices_do_not_overlap EXCLUDE USING gist
        (tenant WITH =, facility WITH =, code WITH =, currency WITH =, effective WITH &&),
    CONSTRAINT prices_are_of_a_list FOREIGN KEY (tenant, price_list_id) REFERENCES stream_heads
);

-- A transaction is what one event booked; its id is the event's id.
CREATE TABLE ledger_entries (
    tenant         text        NOT NULL,
    transaction_id text        NOT NULL,
    line           smallint    NOT NULL,
    gl_account     text        NOT NULL,
    account_id     text        NOT NULL,
    facility       text        NOT NULL,
    amount_minor   bigint      NOT NULL,
    currency       text        NOT NULL,
    effective_on   date        NOT NULL,
    booked_on      date        NOT NULL,
    recorded_at    timestamptz NOT NULL,
    CONSTRAINT ledger_entries_are_one_a_line PRIMARY KEY (tenant, transaction_id, line)
);

-- What each consumer has taken from whom, for ever: the identity of a message and its digest.
CREATE TABLE billing_inbox (
    tenant       text        NOT NULL,
    consumer     text        NOT NULL,
    source       text        NOT NULL,
    id           text        NOT NULL,
    payload_hash bytea       NOT NULL,
    stream_id    text        NOT NULL,   -- what it made: the result that a repeat is answered with
    version      bigint      NOT NULL,
    token        text,                   -- its last event, where that is on another stream
    recorded_at  timestamptz NOT NULL,
    CONSTRAINT billing_inbox_takes_a_message_once PRIMARY KEY (tenant, consumer, source, id)
);

-- Answers by Idempotency-Key, a reference that is rendered again. Kept at least 45 days.
CREATE TABLE billing_idempotency (
    tenant       text        NOT NULL,
    method       text        NOT NULL,
    path         text        NOT NULL,
    key          text        NOT NULL,
    request_hash bytea       NOT NULL,
    stream_id    text,
    version      bigint,
    token        text,
    refusal      bytea,                  -- JSON {code, detail} of a domain refusal
    recorded_at  timestamptz NOT NULL,
    CONSTRAINT billing_idempotency_answers_a_key_once PRIMARY KEY (tenant, method, path, key),
    CONSTRAINT billing_idempotency_has_a_result_or_a_refusal
        CHECK ((stream_id IS NULL) = (refusal IS NOT NULL))
);
CREATE INDEX billing_idempotency_by_age ON billing_idempotency (recorded_at);  -- for expiry

-- A message that could not be taken, whole and sealed; it holds no claim on its identity.
CREATE TABLE billing_intake_rejected (
    tenant       text        NOT NULL,
    rejection_id text        NOT NULL,
    subject      text        NOT NULL,
    source       text,
    message_id   text,
    message_type text,
    code         text        NOT NULL,
    detail       text        NOT NULL,
    subject_id   text        NOT NULL,   -- whose key seals the content
    content      text        NOT NULL,   -- sealed: headers and payload
    received_at  timestamptz NOT NULL,
    status       text        NOT NULL DEFAULT 'open',
    CONSTRAINT billing_intake_rejected_is_kept_once PRIMARY KEY (tenant, rejection_id),
    CONSTRAINT billing_intake_rejected_is_announced
        FOREIGN KEY (tenant, rejection_id) REFERENCES stream_heads,
    CONSTRAINT billing_intake_rejected_has_a_known_status
        CHECK (status IN ('open', 'retried', 'discarded'))
);

-- The key of each person; deleting a row is forgetting that person.
CREATE TABLE subject_keys (
    tenant     text        NOT NULL,
    subject_id text        NOT NULL,
    key        bytea       NOT NULL,
    created_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    CONSTRAINT subject_keys_are_one_a_subject PRIMARY KEY (tenant, subject_id)
);

-- An IANA name in full, spelled exactly so: what Postgres takes besides, our calendar does not.
CREATE FUNCTION is_time_zone(named text) RETURNS boolean LANGUAGE sql STABLE AS $$
    SELECT EXISTS (SELECT FROM pg_timezone_names WHERE name = named)
$$;

-- Settings: how a tenant and its facilities work. Absent rows mean the defaults.
CREATE TABLE tenant_settings (
    tenant         text PRIMARY KEY,
    time_zone      text NOT NULL DEFAULT 'UTC',
    settings       jsonb NOT NULL DEFAULT '{}',
    sealed_through date,            -- the last day of the last sealed period
    CONSTRAINT tenant_settings_have_a_time_zone CHECK (is_time_zone(time_zone))
);
CREATE TABLE facility_settings (
    tenant    text NOT NULL,
    facility  text NOT NULL,
    time_zone text NOT NULL,
    CONSTRAINT facility_settings_are_one_a_facility PRIMARY KEY (tenant, facility),
    CONSTRAINT facility_settings_have_a_time_zone CHECK (is_time_zone(time_zone))
);
CREATE TABLE tax_rules (
    tenant    text      NOT NULL,
    rule      text      NOT NULL,
    facility  text      NOT NULL,        -- '*' for any without a rule of its own
    code      text      NOT NULL,        -- '*' for any without a rule of its own
    effective daterange NOT NULL,
    rate_ppm  integer   NOT NULL,
    CONSTRAINT tax_rules_are_one_a_name PRIMARY KEY (tenant, rule),
    CONSTRAINT tax_rates_are_fractions CHECK (rate_ppm BETWEEN 0 AND 1000000),
    CONSTRAINT tax_rules_do_not_overlap EXCLUDE USING gist
        (tenant WITH =, facility WITH =, code WITH =, effective WITH &&)
);

-- What a saga waits for: the workflow that is to be woken when a stream gets there.
CREATE TABLE saga_waits (
    tenant      text NOT NULL,
    awaits      text NOT NULL,           -- the business key that is waited for
    workflow_id text NOT NULL,
    CONSTRAINT saga_waits_are_one_a_workflow PRIMARY KEY (tenant, awaits, workflow_id)
);
