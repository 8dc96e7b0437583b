-- A log without commands, outbox, leaves and guards, which is in order as soon as it is written.
-- The eventsourcing library's own test cases of a recorder run over it.
CREATE TABLE events (
    tenant      text        NOT NULL,
    stream_id   text        NOT NULL,
    version     bigint      NOT NULL,
    type        text        NOT NULL,
    recorded_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    metadata    bytea       NOT NULL DEFAULT '{}',
    body        bytea       NOT NULL,  -- the state of a StoredEvent, whatever it is
    CONSTRAINT events_have_one_version PRIMARY KEY (tenant, stream_id, version)
);

CREATE TABLE event_log (
    position        bigint NOT NULL,
    tenant          text   NOT NULL,
    tenant_position bigint NOT NULL,   -- ordered, but not dense
    stream_id       text   NOT NULL,
    version         bigint NOT NULL,
    CONSTRAINT event_log_is_dense PRIMARY KEY (position),
    CONSTRAINT event_log_has_an_event_once UNIQUE (tenant, stream_id, version),
    CONSTRAINT event_log_is_dense_per_tenant UNIQUE (tenant, tenant_position)
);

-- Its row lock makes the order of positions the order of commits, one writer after the other.
CREATE TABLE log_head (
    one      boolean PRIMARY KEY DEFAULT true CHECK (one),
    position bigint  NOT NULL DEFAULT 0
);
INSERT INTO log_head DEFAULT VALUES;
