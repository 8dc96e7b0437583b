-- The log: events as they were decided, the outbox of what is not yet in order, and the order.
-- An event is named by (tenant, stream_id, version); its public id is stream_id-version.
-- `events` carries no global position: numbers drawn at insert are not commit order.
-- Partitioning and archiving later: ARCHITECTURE.md, decision 6.

CREATE TABLE events (
    tenant      text        NOT NULL,
    stream_id   text        NOT NULL,
    version     bigint      NOT NULL,
    type        text        NOT NULL,
    partition_key text      NOT NULL,  -- the account, or the stream itself: kept in order
    recorded_at timestamptz NOT NULL,
    body        bytea       NOT NULL,
    metadata    bytea       NOT NULL,
    CONSTRAINT events_have_one_version PRIMARY KEY (tenant, stream_id, version),
    CONSTRAINT events_count_versions_from_one CHECK (version >= 1),
    CONSTRAINT events_fit_a_message CHECK (octet_length(body) <= 524288)
);

-- One row per command: its events in order. The sequencer takes whole rows, so that no reader
-- ever sees half a command. CACHE 1 keeps ids in step with commit order per stream.
CREATE TABLE billing_outbox (
    id           bigint GENERATED ALWAYS AS IDENTITY (CACHE 1) PRIMARY KEY,
    tenant       text        NOT NULL,
    event_ids    text[]      NOT NULL,
    committed_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    CONSTRAINT outbox_rows_have_events CHECK (cardinality(event_ids) >= 1)
) WITH (autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 2000);

-- The order: dense positions over everything, within each tenant and within each partition of a
-- tenant, which is what a reader of one partition's subjects checks for gaps.
CREATE TABLE event_log (
    position           bigint      NOT NULL,
    tenant             text        NOT NULL,
    tenant_position    bigint      NOT NULL,
    partition          smallint    NOT NULL,  -- hash of events.partition_key, log_head.partitions
    partition_position bigint      NOT NULL,
    stream_id          text        NOT NULL,
    version            bigint      NOT NULL,
    sequenced_at       timestamptz NOT NULL,
    committed_at       timestamptz NOT NULL,
    leaf               bytea       NOT NULL,
    CONSTRAINT event_log_is_dense PRIMARY KEY (position),
    CONSTRAINT event_log_positions_start_at_one CHECK (position >= 1 AND tenant_position >= 1),
    CONSTRAINT event_log_leaves_are_sha256 CHECK (octet_length(leaf) = 32),
    -- Resolves the token of a command (its last event) to a position, and gives every event one.
    CONSTRAINT event_log_has_an_event_once UNIQUE (tenant, stream_id, version),
    -- A tenant's own bundle is complete when these are dense.
    CONSTRAINT event_log_is_dense_per_tenant UNIQUE (tenant, tenant_position)
);

-- The head of the log, one row. Whoever sequences holds the lease `sequencer` and locks its row.
CREATE TABLE log_head (
    one          boolean     PRIMARY KEY DEFAULT true CHECK (one),
    log_id       text        NOT NULL,
    partitions   smallint    NOT NULL CHECK (partitions >= 1),  -- of a tenant; fixed for ever
    position     bigint      NOT NULL DEFAULT 0,
    sequenced_at timestamptz NOT NULL DEFAULT '-infinity'
);

CREATE TABLE tenant_log_heads (
    tenant              text     PRIMARY KEY,
    tenant_position     bigint   NOT NULL,
    partition_positions bigint[] NOT NULL  -- one a partition, the first is partition 0
);

-- Full tiles only (C2SP tlog-tiles: 256 hashes of 32 bytes) with the root of the tile, which is
-- an entry of the tile above it. The open tile at the right edge is event_log itself.
CREATE TABLE merkle_tiles (
    level  smallint NOT NULL,
    index  bigint   NOT NULL,
    hashes bytea    NOT NULL,
    root   bytea    NOT NULL,
    CONSTRAINT merkle_tiles_are_written_once PRIMARY KEY (level, index),
    CONSTRAINT merkle_tiles_are_full CHECK (octet_length(hashes) = 8192 AND octet_length(root) = 32)
);

-- Leadership: every write of a leader checks its fence, so a paused one cannot write late.
CREATE TABLE leases (
    name       text        PRIMARY KEY,
    owner      text        NOT NULL,
    fence      bigint      NOT NULL,
    expires_at timestamptz NOT NULL
);

-- How far the publisher is, for metrics and for operators; the stream itself is the truth.
CREATE TABLE relay_progress (
    stream       text        PRIMARY KEY,
    position     bigint      NOT NULL,
    published_at timestamptz NOT NULL
);
