"""Somebody else's database, asked with bounds: in time, in rows, and without writing where that is
not the purpose. What it says when it refuses becomes a CRMError without phones and passwords."""

from __future__ import annotations

import re
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import sqlalchemy as sa

from listener import phones
from listener.crm.seam import Connection
from listener.errors import CRMError, sentence
from listener.settings import secret

_MOST_ROWS = 50_000
# SQLAlchemy's own choice would be a driver that has to be compiled.
_DRIVERS = {
    "mysql": "mysql+pymysql",
    "mariadb": "mariadb+pymysql",
    "postgres": "postgresql+psycopg",
    "postgresql": "postgresql+psycopg",
}
# A refusal for good, by PostgreSQL's classes and MySQL's numbers: who, which database, which table,
# which column, how it is written, and writing where reading is allowed.
_FINAL_STATES = ("25006", "28", "3D", "42")
_FINAL_CODES = {1044, 1045, 1046, 1049, 1054, 1064, 1142, 1143, 1146, 1227, 1290, 1698, 1792}
_FINAL_WORDS = re.compile(
    r"authentication failed|does not exist|no such (?:table|column)|syntax error|readonly database"
    r"|read-only|not a database|unable to open",
    re.IGNORECASE,
)
_MAY_PASS = (
    sa.exc.OperationalError,
    sa.exc.InterfaceError,
    sa.exc.InternalError,
    sa.exc.TimeoutError,
)
# Stricter than `answers.without_people`: what a database says holds no ids that people need.
_LONG_DIGITS = re.compile(r"\+?\d(?:[ -]?\d){6,}")


@dataclass(frozen=True, slots=True)
class Source:
    """Somebody else's database. Its address is read when it is asked, and kept nowhere; a question
    has a connection of its own, since hours may pass until the next."""

    crm: str
    url_env: str
    seconds: float

    @classmethod
    def of(cls, connection: Connection, url_env: str) -> Source:
        config = connection.config
        return cls(config.name, url_env, max(1.0, config.timeout.total_seconds()))

    @contextmanager
    def connected(self, *, writing: bool = False) -> Iterator[sa.Connection]:
        """A transaction that may only read, rolled back at its end; `writing`, one that commits.
        Raises CRMError for whatever the database says."""
        url = self._url()
        engine = self._engine(url)
        try:
            with engine.connect() as connection:
                _bounded(connection, self.seconds, writing)
                yield connection
                if writing:
                    connection.commit()
        except (sa.exc.SQLAlchemyError, OSError, RuntimeError, UnicodeError) as error:
            # Not chained: the statement's parameters are phones, and the address has a password.
            raise self._told(error, str(url.password or "")) from None
        finally:
            engine.dispose()

    def _url(self) -> sa.URL:
        try:
            url = sa.make_url(secret(self.url_env, sentence("the CRM {crm}", crm=self.crm)))
        except sa.exc.ArgumentError:
            raise CRMError(
                "the address in {variable} cannot be read. Write it as "
                "mysql://user:password@host/database",
                crm=self.crm,
                variable=self.url_env,
            ) from None
        database = url.database or ""
        if url.get_backend_name() == "sqlite" and not Path(database).is_file():
            # SQLite would make an empty one.
            raise CRMError(
                "there is no file {file!r}; see {variable}",
                crm=self.crm,
                file=database,
                variable=self.url_env,
            )
        return url.set(drivername=_DRIVERS.get(url.drivername, url.drivername))

    def _engine(self, url: sa.URL) -> sa.Engine:
        try:
            return sa.create_engine(
                url,
                poolclass=sa.pool.NullPool,
                hide_parameters=True,
                connect_args=_time_limits(url, self.seconds),
            )
        except (sa.exc.SQLAlchemyError, ImportError) as error:
            reason = (
                str(error).splitlines()[0]
                if isinstance(error, ImportError)
                else sentence("no such kind")
            )
            raise CRMError(
                "there is no driver for {driver!r} here ({why}). Install it, or write another kind "
                "of address in {variable}",
                crm=self.crm,
                driver=url.drivername,
                why=reason,
                variable=self.url_env,
            ) from None

    def _told(self, error: Exception, password: str) -> CRMError:
        cause = getattr(error, "orig", None) or error
        lines = str(cause).strip().splitlines() or [type(cause).__name__]
        said = lines[0].replace(password, "***") if password else lines[0]
        said = _LONG_DIGITS.sub(lambda found: phones.mask(found[0]), said)[:300]
        passing = not isinstance(error, UnicodeError) and may_pass(error)
        advice = (
            sentence(
                "See that the server runs and is quick enough for `timeout`; it is asked again later"
            )
            if passing
            else sentence(
                "See {variable}, the user's rights, and what crms.toml says of it",
                variable=self.url_env,
            )
        )
        return CRMError(
            "its database says: {said}. {advice}",
            crm=self.crm,
            retry=passing,
            said=said,
            advice=advice,
        )


def may_pass(error: Exception) -> bool:
    """Whether the same question may be answered later."""
    if isinstance(error, OSError):
        return True
    if not isinstance(error, _MAY_PASS):
        return False
    cause: Any = getattr(error, "orig", None)
    state = str(getattr(cause, "sqlstate", None) or "")
    first = (getattr(cause, "args", None) or (None,))[0]
    return not (
        state.startswith(_FINAL_STATES)
        or first in _FINAL_CODES
        or _FINAL_WORDS.search(str(cause or error))
    )


def _time_limits(url: sa.URL, seconds: float) -> dict[str, Any]:
    """What each driver calls them."""
    whole = max(2, round(seconds))
    if url.drivername in ("postgresql+psycopg", "postgresql+psycopg2"):
        return {"connect_timeout": whole, "tcp_user_timeout": whole * 1000}
    if url.get_backend_name() in ("mysql", "mariadb") and url.get_driver_name() in (
        "pymysql",
        "mysqldb",
    ):
        return {"connect_timeout": whole, "read_timeout": whole, "write_timeout": whole}
    if url.get_backend_name() in ("sqlite", "mssql"):
        return {"timeout": whole}
    return {}


def _bounded(connection: sa.Connection, seconds: float, writing: bool) -> None:
    """Sets how long a statement may take, and that it may only read."""
    kind = connection.dialect.name
    if kind == "sqlite":
        raw: Any = connection.connection.driver_connection
        end = time.monotonic() + seconds
        raw.set_progress_handler(lambda: time.monotonic() > end, 10_000)
        raw.execute(f"PRAGMA query_only = {'OFF' if writing else 'ON'}")
    elif kind == "postgresql":
        if not writing:
            connection.exec_driver_sql("SET TRANSACTION READ ONLY")
        connection.exec_driver_sql(f"SET LOCAL statement_timeout = {round(seconds * 1000)}")
    elif kind in ("mysql", "mariadb"):
        wanted = [
            f"SET SESSION max_statement_time = {seconds:.3f}"
            if getattr(connection.dialect, "is_mariadb", False)
            else f"SET SESSION max_execution_time = {round(seconds * 1000)}",
            *(() if writing else ("SET SESSION TRANSACTION READ ONLY",)),
        ]
        for statement in wanted:
            # Servers from before 2013 know neither; the driver's own time limit holds for them.
            try:
                connection.exec_driver_sql(statement)
            except sa.exc.DBAPIError as error:
                if error.connection_invalidated:
                    raise
        connection.rollback()  # it holds from the next transaction on


def fetched(
    connection: sa.Connection, statement: sa.Executable, values: Mapping[str, Any], crm: str
) -> list[dict[str, Any]]:
    """All rows; CRMError rather than a part of them."""
    rows = connection.execute(statement, dict(values)).mappings().fetchmany(_MOST_ROWS + 1)
    if len(rows) > _MOST_ROWS:
        raise CRMError(
            "more than {most:,} calls for one person: the SELECT does not keep to the phones that it "
            "is given",
            crm=crm,
            most=_MOST_ROWS,
        )
    return [dict(row) for row in rows]
