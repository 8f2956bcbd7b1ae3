"""Where everything is kept: SQLite by default, PostgreSQL by LISTENER_DATABASE_URL.

    tables.py     the rows                      mentions.py   collected items, raw pages, rejects
    readings.py   what was read, corrections    cases.py      the unit of work and its timeline
    alerts.py     alerts and the outbox         health.py     subscriptions, loops
    people.py     accounts and sessions         trends.py     counts over time
    registered_numbers.py, number_complaints.py, number_log.py, number_rows.py
                  numbers that call: the registry, who complains, who uses them, all of one
    migrations/   the schema's history

Functions take a Session and do not commit: the caller's `with db.write()` is the one commit.
"""

from listener.storage.database import Database

__all__ = ["Database"]
