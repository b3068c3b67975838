"""An offset is stored with the ids of the cluster and the topic that it belongs to."""

from alembic import op

revision = "0012"
down_revision = "0011"
branch_labels = None
depends_on = None

SCHEMA = """
ALTER TABLE progress
    ADD COLUMN cluster_id text NOT NULL DEFAULT '',     -- of Kafka; empty: from a version before, and adopted
    ADD COLUMN topic_id   text NOT NULL DEFAULT '';     -- as Kafka's tools write it; a topic made anew has another
"""


def upgrade() -> None:
    op.get_bind().exec_driver_sql(SCHEMA)


def downgrade() -> None:
    op.get_bind().exec_driver_sql("ALTER TABLE progress DROP COLUMN cluster_id, DROP COLUMN topic_id")
