"""Mentions that were erased are not collected again"""

import sqlalchemy as sa
from alembic import op

from listener.storage.tables import UtcDateTime

revision = "0015"
down_revision = "0014"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "erased_items",
        sa.Column("digest", sa.String(64), nullable=False),
        sa.Column("at", UtcDateTime(), nullable=False),
        sa.PrimaryKeyConstraint("digest", name="pk_erased_items"),
    )


def downgrade() -> None:
    op.drop_table("erased_items")
