"""Series of anomaly episodes, dependencies between services, and every burn alert with its causes."""

from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None

SCHEMA = """
ALTER TABLE anomaly ADD COLUMN series jsonb NOT NULL DEFAULT '[]';  -- SeriesPart of models/state/results.py
CREATE TABLE dependency (                               -- a client calls a server
    client text NOT NULL,
    server text NOT NULL,
    source text NOT NULL CHECK (source IN ('file', 'traces')),
    since  timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (client, server, source)
);
CREATE TABLE burn_alert (                               -- every burn alert that ever fired
    fingerprint   text NOT NULL,
    started_at    timestamptz NOT NULL,
    service       text NOT NULL,
    slo_name      text NOT NULL,
    severity      text NOT NULL,
    burn_window   text NOT NULL,
    ended_at      timestamptz,
    burn_began_at timestamptz,                          -- change point of the bad events; unknown: null
    causes        jsonb NOT NULL DEFAULT '[]',          -- Cause of models/slo/causes/rank.py, as ranked last
    explained_at  timestamptz NOT NULL,
    PRIMARY KEY (fingerprint, started_at)
);
CREATE INDEX burn_alert_service ON burn_alert (service, started_at DESC);
CREATE INDEX burn_alert_open ON burn_alert (explained_at) WHERE ended_at IS NULL;
"""


def upgrade() -> None:
    op.get_bind().exec_driver_sql(SCHEMA)


def downgrade() -> None:
    op.get_bind().exec_driver_sql(
        "DROP TABLE burn_alert; DROP TABLE dependency; ALTER TABLE anomaly DROP COLUMN series"
    )
