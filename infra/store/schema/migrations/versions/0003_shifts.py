"""What the samples showed around each burn."""

from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None

SCHEMA = """
ALTER TABLE burn_alert
    ADD COLUMN shifts    jsonb NOT NULL DEFAULT '[]',   -- Shift of models/slo/causes/shifts.py
    ADD COLUMN looked_at timestamptz;                   -- when the samples were looked at last; never: null
CREATE INDEX burn_alert_to_look_at ON burn_alert (looked_at NULLS FIRST) WHERE ended_at IS NULL;
"""


def upgrade() -> None:
    op.get_bind().exec_driver_sql(SCHEMA)


def downgrade() -> None:
    op.get_bind().exec_driver_sql("ALTER TABLE burn_alert DROP COLUMN shifts, DROP COLUMN looked_at")
