"""First schema."""

from pathlib import Path

from alembic import op

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None

SCHEMA = Path(__file__).with_suffix(".sql")


def upgrade() -> None:
    op.get_bind().exec_driver_sql(SCHEMA.read_text())


def downgrade() -> None:
    raise RuntimeError("the first schema has nothing below it; drop the database instead")
