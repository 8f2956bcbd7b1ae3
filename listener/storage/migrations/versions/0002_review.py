"""Readings that a person should look at; answers that follow from others"""

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None

# What was read before: in doubt and not corrected since.
BACKFILL = """
    UPDATE readings SET doubtful = :yes
    WHERE (CAST(uncertain AS VARCHAR(400)) LIKE '%"harassment"%'
           OR CAST(uncertain AS VARCHAR(400)) LIKE '%"complaint"%')
      AND NOT EXISTS (
        SELECT 1 FROM corrections c
        WHERE c.mention_id = readings.mention_id AND c.question IN ('harassment', 'complaint'))
"""


def _add_flag(table: str, name: str) -> None:
    with op.batch_alter_table(table, schema=None) as batch_op:
        batch_op.add_column(
            sa.Column(name, sa.Boolean(), nullable=False, server_default=sa.false())
        )
    with op.batch_alter_table(table, schema=None) as batch_op:
        batch_op.alter_column(name, server_default=None)


def upgrade() -> None:
    _add_flag("readings", "doubtful")
    _add_flag("corrections", "implied")
    op.create_index(op.f("ix_readings_doubtful"), "readings", ["doubtful"], unique=False)
    op.get_bind().execute(sa.text(BACKFILL).bindparams(yes=True))


def downgrade() -> None:
    op.drop_index(op.f("ix_readings_doubtful"), "readings")
    with op.batch_alter_table("readings", schema=None) as batch_op:
        batch_op.drop_column("doubtful")
    with op.batch_alter_table("corrections", schema=None) as batch_op:
        batch_op.drop_column("implied")
