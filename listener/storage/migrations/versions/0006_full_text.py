"""Full text of mentions, kept in step by triggers"""

from alembic import op

from listener.storage import full_text

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None


def upgrade() -> None:
    for statement in full_text.made(op.get_bind().dialect.name):
        op.execute(statement)


def downgrade() -> None:
    for statement in full_text.dropped(op.get_bind().dialect.name):
        op.execute(statement)
