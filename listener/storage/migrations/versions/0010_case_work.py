"""What people do with cases: answered, snoozed, merged, tagged; who looks at one"""

import sqlalchemy as sa
from alembic import op

from listener.storage.tables import UtcDateTime

revision = "0010"
down_revision = "0009"
branch_labels = None
depends_on = None

# Answers that stand in the thread already, and cases that people closed as answered.
SEEN = """
    UPDATE cases SET awaits_answer = :no, answered_by = 'listener', answered_at = (
        SELECT MIN(e.at) FROM case_events e
        WHERE e.case_id = cases.id AND e.kind = 'answered_by_brand')
    WHERE id IN (SELECT case_id FROM case_events WHERE kind = 'answered_by_brand')
"""
CLOSED = """
    UPDATE cases SET answered_at = closed_at, answered_by = (
        SELECT MAX(e.actor) FROM case_events e
        WHERE e.case_id = cases.id AND e.kind = 'status' AND e.at = cases.closed_at)
    WHERE answered_at IS NULL AND status = 'closed' AND resolution = 'answered'
"""
DONE = "UPDATE cases SET awaits_answer = :no WHERE status = 'closed'"


def upgrade() -> None:
    big = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
    sqlite = op.get_bind().dialect.name == "sqlite"
    # Plain ALTERs: SQLite cannot put another table in the place of one that others refer to.
    op.add_column("cases", sa.Column("answered_at", UtcDateTime(), nullable=True))
    op.add_column("cases", sa.Column("answered_by", sa.String(200), nullable=True))
    op.add_column("cases", sa.Column("snoozed_until", UtcDateTime(), nullable=True))
    _add_flag("cases", "awaits_answer", sa.true())
    _add_flag("case_mentions", "by_person", sa.false())
    if sqlite:
        op.execute(
            "ALTER TABLE cases ADD COLUMN merged_into INTEGER "
            "CONSTRAINT fk_cases_merged_into_cases REFERENCES cases (id)"
        )
    else:
        op.add_column("cases", sa.Column("merged_into", big, nullable=True))
        op.create_foreign_key(
            op.f("fk_cases_merged_into_cases"), "cases", "cases", ["merged_into"], ["id"]
        )
    op.create_index(op.f("ix_cases_merged_into"), "cases", ["merged_into"], unique=False)
    op.create_table(
        "case_tags",
        sa.Column("case_id", big, nullable=False),
        sa.Column("tag", sa.String(40), nullable=False),
        sa.ForeignKeyConstraint(["case_id"], ["cases.id"], name=op.f("fk_case_tags_case_id_cases")),
        sa.PrimaryKeyConstraint("case_id", "tag", name=op.f("pk_case_tags")),
    )
    op.create_index(op.f("ix_case_tags_tag"), "case_tags", ["tag"], unique=False)
    op.create_table(
        "case_viewers",
        sa.Column("case_id", big, nullable=False),
        sa.Column("username", sa.String(200), nullable=False),
        sa.Column("seen_at", UtcDateTime(), nullable=False),
        sa.ForeignKeyConstraint(
            ["case_id"], ["cases.id"], name=op.f("fk_case_viewers_case_id_cases")
        ),
        sa.ForeignKeyConstraint(
            ["username"], ["users.username"], name=op.f("fk_case_viewers_username_users")
        ),
        sa.PrimaryKeyConstraint("case_id", "username", name=op.f("pk_case_viewers")),
    )
    op.create_index(op.f("ix_case_viewers_seen_at"), "case_viewers", ["seen_at"], unique=False)
    op.get_bind().execute(sa.text(SEEN).bindparams(no=False))
    op.get_bind().execute(sa.text(CLOSED))
    op.get_bind().execute(sa.text(DONE).bindparams(no=False))


def _add_flag(table: str, name: str, value: sa.ColumnElement[bool]) -> None:
    op.add_column(table, sa.Column(name, sa.Boolean(), nullable=False, server_default=value))
    if op.get_bind().dialect.name != "sqlite":
        op.alter_column(table, name, server_default=None)


def downgrade() -> None:
    op.drop_table("case_viewers")
    op.drop_table("case_tags")
    op.drop_column("case_mentions", "by_person")
    op.drop_index(op.f("ix_cases_merged_into"), "cases")
    # On SQLite the column goes with its reference, if nothing else names it.
    for name in ("merged_into", "snoozed_until", "awaits_answer", "answered_by", "answered_at"):
        op.drop_column("cases", name)
