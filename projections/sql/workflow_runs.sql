-- One row a run of a configured workflow.
CREATE TABLE workflow_runs (
    tenant                 text        NOT NULL,
    workflow_run_id        text        NOT NULL,
    workflow               text        NOT NULL,
    branch                 text,                 -- null: production's
    tenant_organization_id text,
    input                  jsonb       NOT NULL, -- sealed
    status                 text        NOT NULL,
    requested_at           timestamptz NOT NULL,
    version                bigint      NOT NULL,
    position               bigint      NOT NULL, -- of the request
    commit_id              text,
    plan_digest            text,
    activity_count         bigint,
    started_at             timestamptz,
    cancel_requested_at    timestamptz,
    ended_at               timestamptz,
    code                   text,
    detail                 jsonb,                -- sealed
    CONSTRAINT workflow_runs_are_one_an_id PRIMARY KEY (tenant, workflow_run_id),
    CONSTRAINT workflow_runs_have_a_known_status
        CHECK (status IN ('requested', 'running', 'completed', 'failed', 'cancelled')),
    CONSTRAINT workflow_runs_end_once
        CHECK ((status IN ('completed', 'failed', 'cancelled')) = (ended_at IS NOT NULL))
);

-- GET /v1/workflow-runs, latest first.
CREATE INDEX workflow_runs_by_position ON workflow_runs (tenant, position);

-- What became of each activity, in the order in which it did.
CREATE TABLE workflow_run_steps (
    tenant          text        NOT NULL,
    workflow_run_id text        NOT NULL,
    position        bigint      NOT NULL,
    place           bigint      NOT NULL, -- among those of one event
    activity        text        NOT NULL,
    status          text        NOT NULL,
    attempts        bigint,
    output          jsonb,                -- sealed
    output_bytes    bigint,
    output_sha256   text,
    condition       text,                 -- of one that was skipped
    ended_at        timestamptz NOT NULL,
    CONSTRAINT workflow_run_steps_are_one_a_place
        PRIMARY KEY (tenant, workflow_run_id, position, place),
    CONSTRAINT workflow_run_steps_have_a_known_status
        CHECK (status IN ('completed', 'skipped', 'failed', 'cancelled'))
);
