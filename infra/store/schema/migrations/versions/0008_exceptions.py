"""Times in which an SLO is paused, silenced or in maintenance."""

from alembic import op

revision = "0008"
down_revision = "0007"
branch_labels = None
depends_on = None

SCHEMA = """
CREATE TABLE slo_exception (
    id        bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    slo_name  text NOT NULL,
    kind      text NOT NULL CHECK (kind IN ('pause', 'silence', 'maintenance')),
    starts_at timestamptz NOT NULL,
    ends_at   timestamptz CHECK (ends_at >= starts_at), -- null: until somebody ends it; equal: it never took place
    reason    text NOT NULL,
    made_by   text NOT NULL
);
CREATE INDEX slo_exception_slo ON slo_exception (slo_name, starts_at);
"""


def upgrade() -> None:
    op.get_bind().exec_driver_sql(SCHEMA)


def downgrade() -> None:
    op.get_bind().exec_driver_sql("DROP TABLE slo_exception")
