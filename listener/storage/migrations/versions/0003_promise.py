"""Phones sealed; suppressions, the outbox to CRMs, broken promises, private links"""

import sqlalchemy as sa
from alembic import op

from listener import settings
from listener.storage.tables import UtcDateTime, Words
from listener.vault import Vault, open_vault

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None

_BATCH = 5000


def upgrade() -> None:
    with op.batch_alter_table("crm_events", schema=None) as batch_op:
        batch_op.add_column(
            sa.Column("customer_number_sealed", Words(), nullable=False, server_default="")
        )
    with op.batch_alter_table("crm_events", schema=None) as batch_op:
        batch_op.alter_column("customer_number_sealed", server_default=None)
    _seal_stored()
    big = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
    op.create_table(
        "crm_suppressions",
        sa.Column("number", sa.String(40), nullable=False),
        sa.Column("number_sealed", Words(), nullable=False),
        sa.Column("customer_id", sa.String(200), nullable=True),
        sa.Column("reason", Words(), nullable=False),
        sa.Column("key", sa.String(200), nullable=False),
        sa.Column("at", UtcDateTime(), nullable=False),
        sa.Column("until", UtcDateTime(), nullable=True),
        sa.PrimaryKeyConstraint("number", name=op.f("pk_crm_suppressions")),
    )
    _index("crm_suppressions", "customer_id")
    op.create_table(
        "crm_tickets",
        sa.Column("key", sa.String(200), nullable=False),
        sa.Column("customer_id", sa.String(200), nullable=True),
        sa.Column("title", Words(), nullable=False),
        sa.Column("text", Words(), nullable=False),
        sa.Column("link", Words(), nullable=False),
        sa.Column("at", UtcDateTime(), nullable=False),
        sa.PrimaryKeyConstraint("key", name=op.f("pk_crm_tickets")),
    )
    _index("crm_tickets", "customer_id")
    op.create_table(
        "suppressions",
        sa.Column("id", big, nullable=False),
        sa.Column("case_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=True),
        sa.Column("brand", sa.String(60), nullable=False),
        sa.Column("author_id", big, nullable=True),
        sa.Column("crm", sa.String(60), nullable=True),
        sa.Column("customer_ref", sa.String(200), nullable=True),
        sa.Column("status", sa.String(12), nullable=False),
        sa.Column("reason", Words(), nullable=False),
        sa.Column("approved_by", sa.String(200), nullable=False),
        sa.Column("approved_at", UtcDateTime(), nullable=False),
        sa.Column("complained_at", UtcDateTime(), nullable=False),
        sa.Column("effective_at", UtcDateTime(), nullable=True),
        sa.Column("watched_at", UtcDateTime(), nullable=True),
        sa.Column("watch_error", Words(), nullable=True),
        sa.Column("invented", sa.Boolean(), nullable=False),
        sa.ForeignKeyConstraint(["case_id"], ["cases.id"], name=op.f("fk_suppressions_case_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_suppressions")),
    )
    for column in ("case_id", "brand", "author_id", "effective_at", "watched_at"):
        _index("suppressions", column)
    _index("suppressions", "crm", "customer_ref")
    op.create_table(
        "suppressed_phones",
        sa.Column("suppression_id", big, nullable=False),
        sa.Column("number", sa.String(40), nullable=False),
        sa.Column("sealed", Words(), nullable=False),
        sa.ForeignKeyConstraint(
            ["suppression_id"],
            ["suppressions.id"],
            name=op.f("fk_suppressed_phones_suppression_id"),
        ),
        sa.PrimaryKeyConstraint("suppression_id", "number", name=op.f("pk_suppressed_phones")),
    )
    _index("suppressed_phones", "number")
    op.create_table(
        "crm_writes",
        sa.Column("id", big, nullable=False),
        sa.Column("key", sa.String(200), nullable=False),
        sa.Column("kind", sa.String(10), nullable=False),
        sa.Column("system", sa.String(60), nullable=False),
        sa.Column("suppression_id", big, nullable=True),
        sa.Column("case_id", big, nullable=True),
        sa.Column("customer_ref", sa.String(200), nullable=True),
        sa.Column("sealed", Words(), nullable=False),
        sa.Column("data", sa.JSON(), nullable=False),
        sa.Column("status", sa.String(10), nullable=False),
        sa.Column("attempts", sa.Integer(), nullable=False),
        sa.Column("next_attempt_at", UtcDateTime(), nullable=False),
        sa.Column("claimed_by", sa.String(80), nullable=True),
        sa.Column("claimed_at", UtcDateTime(), nullable=True),
        sa.Column("done_at", UtcDateTime(), nullable=True),
        sa.Column("reference", Words(), nullable=True),
        sa.Column("already", sa.Boolean(), nullable=False),
        sa.Column("last_error", Words(), nullable=True),
        sa.ForeignKeyConstraint(["case_id"], ["cases.id"], name=op.f("fk_crm_writes_case_id")),
        sa.ForeignKeyConstraint(
            ["suppression_id"], ["suppressions.id"], name=op.f("fk_crm_writes_suppression_id")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_crm_writes")),
        sa.UniqueConstraint("key", name=op.f("uq_crm_writes_key")),
    )
    for column in ("suppression_id", "case_id"):
        _index("crm_writes", column)
    _index("crm_writes", "status", "next_attempt_at")
    op.create_table(
        "broken_promises",
        sa.Column("suppression_id", big, nullable=False),
        sa.Column("what", sa.String(300), nullable=False),
        sa.Column("at", UtcDateTime(), nullable=False),
        sa.Column("found_at", UtcDateTime(), nullable=False),
        sa.ForeignKeyConstraint(
            ["suppression_id"], ["suppressions.id"], name=op.f("fk_broken_promises_suppression_id")
        ),
        sa.PrimaryKeyConstraint("suppression_id", "what", name=op.f("pk_broken_promises")),
    )
    _index("broken_promises", "found_at")
    op.create_table(
        "private_links",
        sa.Column("digest", sa.String(64), nullable=False),
        sa.Column("case_id", big, nullable=False),
        sa.Column("made_by", sa.String(200), nullable=False),
        sa.Column("made_at", UtcDateTime(), nullable=False),
        sa.Column("expires_at", UtcDateTime(), nullable=False),
        sa.Column("used_at", UtcDateTime(), nullable=True),
        sa.Column("sealed", Words(), nullable=False),
        sa.ForeignKeyConstraint(["case_id"], ["cases.id"], name=op.f("fk_private_links_case_id")),
        sa.PrimaryKeyConstraint("digest", name=op.f("pk_private_links")),
    )
    for column in ("case_id", "expires_at"):
        _index("private_links", column)


def _index(table: str, *columns: str) -> None:
    op.create_index(op.f(f"ix_{table}_{'_'.join(columns)}"), table, list(columns), unique=False)


def _seal_stored() -> None:
    """Phones that were stored as they are."""
    connection = op.get_bind()
    identifiers = sa.table(
        "crm_identifiers",
        *(sa.column(c, sa.String()) for c in ("customer_id", "kind", "value", "as_written")),
    )
    events = sa.table(
        "crm_events",
        *(
            sa.column(c, sa.String())
            for c in ("event_id", "customer_number", "customer_number_sealed")
        ),
    )
    phones = connection.execute(sa.select(identifiers).where(identifiers.c.kind == "phone")).all()
    calls = connection.execute(
        sa.select(events.c.event_id, events.c.customer_number).where(events.c.customer_number != "")
    ).all()
    if not phones and not calls:
        return
    vault: Vault = open_vault(settings.var_folder())
    for row in phones:
        connection.execute(
            sa.update(identifiers)
            .where(
                identifiers.c.customer_id == row.customer_id,
                identifiers.c.kind == "phone",
                identifiers.c.value == row.value,
            )
            .values(
                value=vault.index(row.value),
                as_written=vault.seal(f"{row.value}\t{row.as_written}"),
            )
        )
    statement = (
        sa.update(events)
        .where(events.c.event_id == sa.bindparam("of"))
        .values(
            customer_number=sa.bindparam("index"), customer_number_sealed=sa.bindparam("sealed")
        )
    )
    for start in range(0, len(calls), _BATCH):
        connection.execute(
            statement,
            [
                {
                    "of": row.event_id,
                    "index": vault.index(row.customer_number),
                    "sealed": vault.seal(row.customer_number),
                }
                for row in calls[start : start + _BATCH]
            ],
        )


def downgrade() -> None:
    for table in (
        *("private_links", "broken_promises", "crm_writes", "suppressed_phones", "suppressions"),
        *("crm_tickets", "crm_suppressions"),
    ):
        op.drop_table(table)
    with op.batch_alter_table("crm_events", schema=None) as batch_op:
        batch_op.drop_column("customer_number_sealed")
