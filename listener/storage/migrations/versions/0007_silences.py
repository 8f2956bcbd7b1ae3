"""Silences, and the alerts that they muted"""

import sqlalchemy as sa
from alembic import op

from listener.storage.tables import UtcDateTime, Words

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None


def upgrade() -> None:
    big = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
    op.create_table(
        "silences",
        sa.Column("id", big, nullable=False),
        sa.Column("kind", sa.String(30), nullable=True),
        sa.Column("brand", sa.String(60), nullable=True),
        sa.Column("number", sa.String(40), nullable=True),
        sa.Column("source", sa.String(200), nullable=True),
        sa.Column("case_id", big, nullable=True),
        sa.Column("until", UtcDateTime(), nullable=False),
        sa.Column("reason", Words(), nullable=False),
        sa.Column("by_user", sa.String(200), nullable=False),
        sa.Column("at", UtcDateTime(), nullable=False),
        sa.Column("ended_at", UtcDateTime(), nullable=True),
        sa.Column("ended_by", sa.String(200), nullable=True),
        sa.ForeignKeyConstraint(["case_id"], ["cases.id"], name=op.f("fk_silences_case_id_cases")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_silences")),
    )
    op.create_index(op.f("ix_silences_case_id"), "silences", ["case_id"])
    op.create_index(op.f("ix_silences_until"), "silences", ["until"])
    with op.batch_alter_table("alerts", schema=None) as batch_op:
        batch_op.add_column(sa.Column("silence_id", big, nullable=True))
        batch_op.create_foreign_key(
            op.f("fk_alerts_silence_id_silences"), "silences", ["silence_id"], ["id"]
        )
    op.create_index(op.f("ix_alerts_silence_id"), "alerts", ["silence_id"])


def downgrade() -> None:
    op.drop_index(op.f("ix_alerts_silence_id"), "alerts")
    with op.batch_alter_table("alerts", schema=None) as batch_op:
        batch_op.drop_constraint(op.f("fk_alerts_silence_id_silences"), type_="foreignkey")
        batch_op.drop_column("silence_id")
    op.drop_table("silences")
