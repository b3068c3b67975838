"""What people say about alerts, the thresholds that follow, and proposals to change SLOs."""

from alembic import op

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None

SCHEMA = """
CREATE TABLE feedback (
    id          bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    verdict     text NOT NULL CHECK (verdict IN ('useful', 'noise', 'missed')),
    service     text NOT NULL,
    entity      text NOT NULL DEFAULT '',               -- empty: all of the service
    slo_name    text NOT NULL DEFAULT '',               -- of a burn alert, or that should have fired
    alertname   text NOT NULL DEFAULT '',               -- empty: no alert, it was missed
    fingerprint text NOT NULL DEFAULT '',
    starts_at   timestamptz NOT NULL,
    ends_at     timestamptz NOT NULL,
    peak        double precision,                       -- of the anomaly, in thresholds at factor 1; unknown: null
    note        text NOT NULL DEFAULT '',
    marked_at   timestamptz NOT NULL,
    marked_by   text NOT NULL,
    undone_at   timestamptz,
    undone_by   text
);
CREATE INDEX feedback_service ON feedback (service, starts_at) WHERE undone_at IS NULL;
CREATE UNIQUE INDEX feedback_once ON feedback (fingerprint, starts_at) WHERE undone_at IS NULL AND fingerprint <> '';
CREATE TABLE threshold (                                -- factor on a service's anomaly threshold, other than 1
    service    text PRIMARY KEY,
    factor     double precision NOT NULL CHECK (factor > 0),
    changed_at timestamptz NOT NULL
);
CREATE TABLE threshold_history (
    id          bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    service     text NOT NULL,
    changed_at  timestamptz NOT NULL,
    changed_by  text NOT NULL,
    before      double precision NOT NULL,
    after       double precision NOT NULL,
    feedback_id bigint NOT NULL REFERENCES feedback (id)
);
CREATE TABLE threshold_change (                         -- where in the stream a worker changed a threshold
    topic     text NOT NULL,
    partition integer NOT NULL,
    at_offset bigint NOT NULL,
    service   text NOT NULL,
    factor    double precision NOT NULL,
    PRIMARY KEY (topic, partition, at_offset, service)
);
CREATE TABLE slo_proposal (                             -- a change of an SLO that feedback asks for
    id         bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    slo_name   text NOT NULL,
    reason     text NOT NULL,
    before     jsonb NOT NULL,
    after      jsonb NOT NULL,
    made_at    timestamptz NOT NULL,
    state      text NOT NULL DEFAULT 'open' CHECK (state IN ('open', 'accepted', 'refused', 'withdrawn')),
    decided_at timestamptz,
    decided_by text
);
CREATE UNIQUE INDEX slo_proposal_open ON slo_proposal (slo_name) WHERE state = 'open';
"""


def upgrade() -> None:
    op.get_bind().exec_driver_sql(SCHEMA)


def downgrade() -> None:
    op.get_bind().exec_driver_sql("DROP TABLE slo_proposal, threshold_change, threshold_history, threshold, feedback")
