"""The database: connections, transactions, schema."""

from __future__ import annotations

import sqlite3
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import sqlalchemy as sa
import stamina
from alembic import command
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.engine import make_url
from sqlalchemy.exc import DatabaseError, DBAPIError, OperationalError, ProgrammingError
from sqlalchemy.orm import Session, sessionmaker

from listener.errors import DatabaseDown, Sentence, StorageError, in_a_row, sentence

_MIGRATIONS = Path(__file__).parent / "migrations"
_SCHEMA_STATES = {"42P01", "42703"}  # undefined table, undefined column
_OLD_SCHEMA = sentence("The schema is missing or old: run `listener doctor --migrate`.")
# What can be done about what SQLite says.
_REMEDIES = {
    "attempt to write a readonly database": sentence("Make the file and its folder writable."),
    "unable to open database file": sentence("See that its folder exists and is writable."),
    "database or disk is full": sentence("Free some space; nothing of this step was stored."),
    "disk I/O error": sentence("See that the disk is writable and healthy."),
    "file is not a database": sentence("Name another file in LISTENER_DATABASE_URL."),
    "database disk image is malformed": sentence("Restore it from its copy."),
    "database is locked": sentence("Another program holds it; stop it or try again."),
}


class Database:
    """One engine. `write()` commits at its end or rolls everything back; `read()` sees one
    moment. On SQLite a writer takes the lock at its beginning (BEGIN IMMEDIATE), so that two
    writers wait for each other instead of failing half-way."""

    def __init__(self, url: str) -> None:
        self.url = url
        try:
            parsed = make_url(url)
        except sa.exc.ArgumentError as error:
            # Not shown: what cannot be read may hold a password anywhere.
            raise StorageError(
                "LISTENER_DATABASE_URL cannot be read as an address. Write sqlite:///path or "
                "postgresql://user@host/name."
            ) from error
        self.is_sqlite = parsed.get_backend_name() == "sqlite"
        if self.is_sqlite and parsed.database not in (None, "", ":memory:"):
            folder = Path(str(parsed.database)).parent
            try:
                folder.mkdir(parents=True, exist_ok=True)
            except OSError as error:
                raise StorageError(
                    "cannot create the folder {folder} for the database: {why}. Make it writable, or "
                    "set LISTENER_VAR or LISTENER_DATABASE_URL to another place.",
                    folder=folder,
                    why=error.strerror,
                ) from error
        if parsed.drivername in ("postgresql", "postgres"):
            parsed = parsed.set(drivername="postgresql+psycopg")
        # What people wrote must not reach a log by way of an error's text.
        kwargs: dict[str, Any] = {"pool_pre_ping": not self.is_sqlite, "hide_parameters": True}
        if self.is_sqlite:
            kwargs["connect_args"] = {"timeout": 30, "check_same_thread": False}
            if parsed.database in (None, "", ":memory:"):
                kwargs["poolclass"] = sa.pool.StaticPool
        try:
            self.engine = sa.create_engine(parsed, **kwargs)
        except (sa.exc.ArgumentError, ModuleNotFoundError) as error:
            raise StorageError(
                "LISTENER_DATABASE_URL cannot be used: {why}. Write sqlite:///path or "
                "postgresql://user@host/name (the extra `postgresql` installs its driver).",
                why=str(error),
            ) from error
        if self.is_sqlite:
            _prepare_sqlite(self.engine)
        self._writer = sessionmaker(
            self.engine.execution_options(begin="IMMEDIATE"), expire_on_commit=False
        )
        self._reader = sessionmaker(self.engine, expire_on_commit=False)

    @contextmanager
    def write(self) -> Iterator[Session]:
        with self._translated(), self._writer() as session, session.begin():
            yield session

    @contextmanager
    def read(self) -> Iterator[Session]:
        with self._translated(), self._reader() as session:
            yield session

    @contextmanager
    def _translated(self) -> Iterator[None]:
        try:
            yield
        except OperationalError as error:
            raise self._explained(error) from error
        except ProgrammingError as error:  # what PostgreSQL calls a missing table or column
            if _SCHEMA_STATES.isdisjoint({getattr(error.orig, "sqlstate", None)}):
                raise
            raise self._explained(error) from error
        except DatabaseError as error:  # itself and no kind of it: SQLite found a damaged file
            if type(error) is not DatabaseError:
                raise
            raise self._explained(error) from error

    def _explained(self, error: DBAPIError) -> DatabaseDown:
        reason = str(error.orig).splitlines()[0] if error.orig else str(error)
        place = make_url(self.url).render_as_string(hide_password=True)
        remedy: str | Sentence = sentence("See that the server runs and the address is right.")
        if self.is_sqlite:
            remedy = _REMEDIES.get(reason, "")
            if "no such table" in reason or "no such column" in reason:
                remedy = _OLD_SCHEMA
        elif isinstance(error, ProgrammingError):
            remedy = _OLD_SCHEMA
        said = sentence("database {place}: {why}.", place=place, why=reason)
        return DatabaseDown(in_a_row(said, remedy))

    # ------------------------------------------------------------------ schema

    def upgrade(self) -> None:
        """Bring the schema to the newest revision; safe to call by several processes at once."""
        current, newest = self.revision()
        if current == newest:
            return
        # On SQLite the lock is taken before the first look at what there is.
        engine = self.engine.execution_options(begin="IMMEDIATE")
        with self._translated(), _UPGRADE_LOCK, engine.connect() as connection:
            if self.is_sqlite:
                # A table that is made anew is dropped first, which rows that point to it would
                # forbid (https://www.sqlite.org/lang_altertable.html#otheralter).
                _point_freely(connection, True)
            else:
                connection.execute(sa.text("SELECT pg_advisory_lock(4711004)"))
                connection.commit()
            try:
                command.upgrade(self._alembic(connection), "head")
                connection.commit()
            finally:
                if self.is_sqlite:
                    connection.rollback()
                    _point_freely(connection, False)
                else:
                    connection.execute(sa.text("SELECT pg_advisory_unlock(4711004)"))
                    connection.commit()

    def revision(self) -> tuple[str | None, str | None]:
        """(the database's, the newest); equal when the schema is up to date."""
        with self._translated(), self.engine.connect() as connection:
            current = MigrationContext.configure(connection).get_current_revision()
        return current, ScriptDirectory(str(_MIGRATIONS)).get_current_head()

    def has_table(self, name: str) -> bool:
        with self._translated(), self.engine.connect() as connection:
            return sa.inspect(connection).has_table(name)

    def _alembic(self, connection: sa.Connection) -> Config:
        config = Config()
        config.set_main_option("script_location", str(_MIGRATIONS))
        config.attributes["connection"] = connection
        return config

    def close(self) -> None:
        self.engine.dispose()


_UPGRADE_LOCK = threading.Lock()


def _point_freely(connection: sa.Connection, freely: bool) -> None:
    """Whether foreign keys may point nowhere; SQLite listens between transactions only."""
    raw = connection.connection.driver_connection
    assert raw is not None
    raw.execute(f"PRAGMA foreign_keys={'OFF' if freely else 'ON'}")


def _prepare_sqlite(engine: sa.Engine) -> None:
    @sa.event.listens_for(engine, "connect")
    def connect(connection: Any, _record: Any) -> None:
        connection.isolation_level = None  # we say BEGIN ourselves
        for pragma in (
            "busy_timeout=30000",
            "synchronous=FULL",  # a power cut must not forget that a mail was sent
            "foreign_keys=ON",
            "cache_size=-65536",
        ):
            connection.execute(f"PRAGMA {pragma}")
        _write_ahead(connection)

    @sa.event.listens_for(engine, "begin")
    def begin(connection: sa.Connection) -> None:
        mode = connection.get_execution_options().get("begin", "DEFERRED")
        connection.exec_driver_sql(f"BEGIN {mode}")


def _write_ahead(connection: sqlite3.Connection) -> None:
    """Readers beside a writer. Two connections that switch a new file at once do not wait for each
    other, whatever the time-out (https://www.sqlite.org/wal.html), so we wait."""
    for attempt in stamina.retry_context(
        on=_is_locked, attempts=None, timeout=30, wait_initial=0.02, wait_max=0.5
    ):
        with attempt:
            connection.execute("PRAGMA journal_mode=WAL")


def _is_locked(error: Exception) -> bool:
    return isinstance(error, sqlite3.OperationalError) and "locked" in str(error)


def insert_new(
    session: Session, table: type[Any], rows: list[dict[str, Any]], *, returning: Any = None
) -> list[Any]:
    """INSERT ... ON CONFLICT DO NOTHING; gives `returning` of the rows that were new."""
    if not rows:
        return []
    statement = _insert(session, table).on_conflict_do_nothing()
    if returning is None:
        session.execute(statement, rows)
        return []
    return list(session.scalars(statement.returning(returning), rows))


def upsert(
    session: Session, table: type[Any], rows: list[dict[str, Any]], *, update: list[str]
) -> None:
    """INSERT ... ON CONFLICT (primary key) DO UPDATE of the named columns."""
    if not rows:
        return
    statement = _insert(session, table)
    keys = [c.name for c in sa.inspect(table).primary_key]
    statement = statement.on_conflict_do_update(
        index_elements=keys, set_={name: statement.excluded[name] for name in update}
    )
    session.execute(statement, rows)


def _insert(session: Session, table: type[Any]) -> Any:
    name = session.get_bind().dialect.name
    return (postgresql if name == "postgresql" else sqlite).insert(table)
