"""Forecasts of error budgets, and which of them are tickets."""

from alembic import op

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None

SCHEMA = """
CREATE TABLE slo_forecast (                             -- SLOs that burn, as forecast last
    slo_name    text PRIMARY KEY,                       -- by name, to outlive a change of the SLO
    service     text NOT NULL,
    computed_at timestamptz NOT NULL,
    burn_rate   double precision,                       -- null: too little is known at present
    burn_rate_lower double precision,
    burn_rate_upper double precision,
    gone_at     timestamptz,                            -- null: not before the horizon
    soonest_at  timestamptz,
    latest_at   timestamptz,
    horizon_at  timestamptz,
    firing_since timestamptz,                           -- since when it is a ticket
    annotations jsonb NOT NULL DEFAULT '{}'             -- as sent when it became one
);
"""


def upgrade() -> None:
    op.get_bind().exec_driver_sql(SCHEMA)


def downgrade() -> None:
    op.get_bind().exec_driver_sql("DROP TABLE slo_forecast")
