"""Saved views of the inbox, what changed since, and invented posts counted without reading all"""

import sqlalchemy as sa
from alembic import op

from listener.storage.tables import BigId, UtcDateTime

revision = "0011"
down_revision = "0010"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "saved_views",
        sa.Column("id", BigId, nullable=False),
        sa.Column("owner", sa.String(200), nullable=False),
        sa.Column("brand", sa.String(60), nullable=True),
        sa.Column("name", sa.String(80), nullable=False),
        sa.Column("wanted", sa.JSON(), nullable=False),
        sa.Column("made_at", UtcDateTime(), nullable=False),
        sa.ForeignKeyConstraint(
            ["owner"], ["users.username"], name=op.f("fk_saved_views_owner_users")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_saved_views")),
        sa.UniqueConstraint("owner", "name", name=op.f("uq_saved_views_owner_name")),
    )
    op.create_index(op.f("ix_saved_views_brand"), "saved_views", ["brand"])
    op.create_table(
        "default_views",
        sa.Column("username", sa.String(200), nullable=False),
        sa.Column("view_id", BigId, nullable=False),
        sa.ForeignKeyConstraint(
            ["username"], ["users.username"], name=op.f("fk_default_views_username_users")
        ),
        sa.ForeignKeyConstraint(
            ["view_id"], ["saved_views.id"], name=op.f("fk_default_views_view_id_saved_views")
        ),
        sa.PrimaryKeyConstraint("username", name=op.f("pk_default_views")),
    )
    op.create_index(op.f("ix_default_views_view_id"), "default_views", ["view_id"])
    op.create_index("ix_cases_updated_at_opened_at", "cases", ["updated_at", "opened_at"])
    op.create_index(
        "ix_mentions_invented",
        "mentions",
        ["id"],
        sqlite_where=sa.text("invented IS 1"),
        postgresql_where=sa.text("invented IS true"),
    )


def downgrade() -> None:
    op.drop_index("ix_mentions_invented", "mentions")
    op.drop_index("ix_cases_updated_at_opened_at", "cases")
    op.drop_table("default_views")
    op.drop_table("saved_views")
