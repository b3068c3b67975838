"""A window reads the same days however many there are."""

from alembic import op

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.get_bind().exec_driver_sql("CREATE INDEX slo_day_day ON slo_day (day)")


def downgrade() -> None:
    op.get_bind().exec_driver_sql("DROP INDEX slo_day_day")
