"""Alembic's entry: `Database.upgrade` hands over its connection."""

from alembic import context

from listener.storage import tables_api  # noqa: F401 - its tables are of the same schema
from listener.storage.tables import Base

context.configure(
    connection=context.config.attributes["connection"],
    target_metadata=Base.metadata,
    render_as_batch=True,  # SQLite changes tables by copying them
    compare_type=True,
)
with context.begin_transaction():
    context.run_migrations()
