"""What trends count, kept ready by triggers"""

import sqlalchemy as sa
from alembic import op

from listener.storage import counted
from listener.storage.tables import BigId

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "counted_mentions",
        sa.Column("mention_id", BigId, nullable=False),
        sa.Column("brand", sa.String(60), nullable=False),
        sa.Column("hour", sa.Integer(), nullable=False),
        sa.Column("source", sa.String(40), nullable=False),
        sa.Column("lang", sa.String(10), nullable=False),
        sa.Column("sentiment", sa.String(10), nullable=False),
        sa.Column("complaint", sa.Boolean(), nullable=False),
        sa.Column("harassment", sa.Boolean(), nullable=False),
        sa.Column("category", sa.String(30), nullable=True),
        sa.Column("invented", sa.Boolean(), nullable=False),
        sa.PrimaryKeyConstraint("mention_id", "brand", name="pk_counted_mentions"),
    )
    dialect = op.get_bind().dialect.name
    op.execute(counted.fill(dialect))
    op.create_index(
        "ix_counted_mentions_hour_all",
        "counted_mentions",
        [
            *("hour", "brand", "source", "lang", "sentiment"),
            *("complaint", "harassment", "category", "invented"),
        ],
    )
    for statement in counted.triggers(dialect):
        op.execute(statement)


def downgrade() -> None:
    for statement in counted.dropped(op.get_bind().dialect.name):
        op.execute(statement)
    op.drop_table("counted_mentions")
