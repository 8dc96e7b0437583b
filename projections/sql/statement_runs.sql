-- One row a run of statements.
CREATE TABLE statement_runs (
    tenant     text        NOT NULL,
    run_id     text        NOT NULL,
    facility   text,
    first_on   date        NOT NULL,
    as_of      date        NOT NULL,
    channels   jsonb       NOT NULL,
    status     text        NOT NULL,
    started_at timestamptz NOT NULL,
    version    bigint      NOT NULL,
    position   bigint      NOT NULL,   -- of the start
    total      bigint,
    delivered  bigint,
    made       bigint,
    skipped    bigint,
    failed     bigint,
    digest     text,
    ended_at   timestamptz,
    code       text,
    detail     text,
    CONSTRAINT statement_runs_are_one_an_id PRIMARY KEY (tenant, run_id),
    CONSTRAINT statement_runs_end_once CHECK ((status = 'running') = (ended_at IS NULL))
);

-- GET /v1/statement-runs, latest first.
CREATE INDEX statement_runs_by_position ON statement_runs (tenant, position);
