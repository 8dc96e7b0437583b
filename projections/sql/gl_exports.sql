-- One row an export of the general ledger.
CREATE TABLE gl_exports (
    tenant          text        NOT NULL,
    gl_export_id    text        NOT NULL,
    booked_from     date        NOT NULL,
    booked_to       date        NOT NULL,
    facility        text,
    currency        text,
    format          text        NOT NULL,
    layout          text,
    status          text        NOT NULL,
    requested_at    timestamptz NOT NULL,
    version         bigint      NOT NULL,
    position        bigint      NOT NULL,   -- of the request
    row_count       bigint,
    totals          jsonb       NOT NULL DEFAULT '[]',   -- [{currency, debit, credit}]
    size_bytes      bigint,
    sha256          text,
    manifest_sha256 text,
    ended_at        timestamptz,
    cut_at          bigint,
    code            text,
    detail          text,
    CONSTRAINT gl_exports_are_one_an_id PRIMARY KEY (tenant, gl_export_id),
    CONSTRAINT gl_exports_end_once CHECK ((status = 'requested') = (ended_at IS NULL))
);

-- GET /v1/gl-exports, latest first.
CREATE INDEX gl_exports_by_position ON gl_exports (tenant, position);
