"""A database in use comes to the newest schema with everything that is in it."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import command

from listener.storage import Database

ALERT = (
    "INSERT INTO alerts (id, key, kind, subject, reasons, raised_at, invented) "
    "VALUES (1, 'k', 'source_failing', '{}', '[]', '2026-01-01 00:00:00', FALSE)"
)
MESSAGE = (
    "INSERT INTO notifications (id, alert_id, notifier, recipient, language, time_zone, message_id, "
    "status, attempts, next_attempt_at) VALUES (1, 1, 'email', 'ana@listener.example', 'es', "
    "'Europe/Madrid', 'm', 'sent', 1, '2026-01-01 00:00:00')"
)


def test_a_table_that_others_point_to_is_made_anew(empty_url: str) -> None:
    """Alerts gained a column, and messages point to them."""
    db = Database(empty_url)
    engine = db.engine.execution_options(begin="IMMEDIATE")
    with engine.connect() as connection:
        command.upgrade(db._alembic(connection), "0006")
        connection.commit()
    with engine.begin() as connection:
        connection.execute(sa.text(ALERT))
        connection.execute(sa.text(MESSAGE))
    db.upgrade()
    current, newest = db.revision()
    assert current == newest
    with db.engine.connect() as connection:
        told = connection.execute(
            sa.text("SELECT a.key FROM notifications n JOIN alerts a ON a.id = n.alert_id")
        )
        assert told.scalars().all() == ["k"]
        if db.is_sqlite:
            assert connection.execute(sa.text("PRAGMA foreign_keys")).scalar() == 1
            assert connection.execute(sa.text("PRAGMA foreign_key_check")).all() == []
    db.close()
