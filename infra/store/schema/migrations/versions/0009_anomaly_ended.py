"""What happened around a burn is found without reading every anomaly that its service ever had."""

from alembic import op

revision = "0009"
down_revision = "0008"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.get_bind().exec_driver_sql(
        "CREATE INDEX anomaly_service_ended ON anomaly (service, (coalesce(ended_at, 'infinity'::timestamptz)))"
    )


def downgrade() -> None:
    op.get_bind().exec_driver_sql("DROP INDEX anomaly_service_ended")
