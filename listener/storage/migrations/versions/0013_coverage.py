"""What each day brought: answers, failures, posts; a source that a person wants asked"""

import sqlalchemy as sa
from alembic import op

from listener.storage.tables import UtcDateTime, Words

revision = "0013"
down_revision = "0012"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("subscriptions", sa.Column("wanted_at", UtcDateTime(), nullable=True))
    # Until now a day was kept only when there was an answer.
    with op.batch_alter_table("collect_days", schema=None) as batch_op:
        batch_op.add_column(sa.Column("answers", sa.Integer(), nullable=False, server_default="1"))
        batch_op.add_column(sa.Column("failures", sa.Integer(), nullable=False, server_default="0"))
        batch_op.add_column(sa.Column("items", sa.Integer(), nullable=True))
        batch_op.add_column(sa.Column("last_error", Words(), nullable=True))
    with op.batch_alter_table("collect_days", schema=None) as batch_op:
        batch_op.alter_column("answers", server_default=None)
        batch_op.alter_column("failures", server_default=None)


def downgrade() -> None:
    op.execute("DELETE FROM collect_days WHERE answers = 0")
    with op.batch_alter_table("collect_days", schema=None) as batch_op:
        for name in ("last_error", "items", "failures", "answers"):
            batch_op.drop_column(name)
    with op.batch_alter_table("subscriptions", schema=None) as batch_op:
        batch_op.drop_column("wanted_at")
