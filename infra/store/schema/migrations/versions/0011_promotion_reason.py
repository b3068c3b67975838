"""Why a challenger was promoted or not, beside the sentence that says it."""

from alembic import op

revision = "0011"
down_revision = "0010"
branch_labels = None
depends_on = None


def upgrade() -> None:
    # a member of models.reasons.PromotionReason; null: nothing was judged, or it was before this column was there
    op.get_bind().exec_driver_sql("ALTER TABLE training ADD COLUMN promotion_reason text")


def downgrade() -> None:
    op.get_bind().exec_driver_sql("ALTER TABLE training DROP COLUMN promotion_reason")
