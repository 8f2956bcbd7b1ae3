"""Corrections know what was said before, and can be taken back"""

import sqlalchemy as sa
from alembic import op

from listener.storage.tables import UtcDateTime

revision = "0012"
down_revision = "0011"
branch_labels = None
depends_on = None

ADDED = ("undone_by", "undone_at", "asked", "before")


def upgrade() -> None:
    # Not in batch: what is added may be null, and nothing must be copied.
    op.add_column("corrections", sa.Column("before", sa.JSON(), nullable=True))
    op.add_column("corrections", sa.Column("asked", sa.Boolean(), nullable=True))
    op.add_column("corrections", sa.Column("undone_at", UtcDateTime(), nullable=True))
    op.add_column("corrections", sa.Column("undone_by", sa.String(200), nullable=True))
    op.create_index(op.f("ix_corrections_at"), "corrections", ["at"])


def downgrade() -> None:
    op.drop_index(op.f("ix_corrections_at"), "corrections")
    with op.batch_alter_table("corrections", schema=None) as batch_op:
        for name in ADDED:
            batch_op.drop_column(name)
