"""Complaints of one number are found by it"""

from alembic import op

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_index(
        "ix_reported_numbers_digits_published_at", "reported_numbers", ["digits", "published_at"]
    )


def downgrade() -> None:
    op.drop_index("ix_reported_numbers_digits_published_at", "reported_numbers")
