"""Any call log that SQL reaches: the configured SELECT gives a phone's calls.

API: the database's own, through SQLAlchemy: https://docs.sqlalchemy.org/en/21/core/engines.html
Sign-in: the address in the environment variable that `url_env` names, with user and password.
Limits: `timeout` for connecting and for the statement; 50,000 rows an answer. The statement runs in
a transaction that may only read, where the database knows one; a user that may only SELECT is the
better lock.
Cannot see: what the SELECT does not give; who the customer is (it is asked by phones).
"""

from __future__ import annotations

import re
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta, tzinfo
from datetime import time as clock
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import phonenumbers
import sqlalchemy as sa
from phonenumbers import PhoneNumberFormat
from pydantic import Field, field_validator

from listener import phones
from listener.crm import csv_rows
from listener.crm.csv_rows import COLUMNS, Kind, Names, Reading
from listener.crm.seam import Cannot, Capability, Connection
from listener.domain import Channel, ContactEvent, Direction, Disposition
from listener.errors import CRMError
from listener.sections import Country, Section, ZoneName
from listener.settings import Settings, secret

NAME = "calllog"
# A customer's id in a dialler is not the id that the CRM knows.
_KNOWN = frozenset(COLUMNS[Kind.EVENTS]) - {"customer_id"}
_REQUIRED = ("event_id", "at", "direction", "customer_number")
_MOST_ROWS = 50_000
_NUMBERS = re.compile(r"\(\s*:numbers\s*\)")


class Options(Section):
    """`select` has the named parameter `:numbers`, as in `WHERE phone IN :numbers`, and names its
    columns as events.csv does (docs/crm.md)."""

    url_env: str = Field(min_length=1)
    select: str
    # In which the log writes national numbers, the likeliest first; empty: the brand's own.
    countries: tuple[Country, ...] = ()
    time_zone: ZoneName | None = None  # of times without a zone; absent: the service's
    dispositions: Mapping[str, Disposition] = Field(default_factory=dict)
    directions: Mapping[str, Direction] = Field(default_factory=dict)
    channels: Mapping[str, Channel] = Field(default_factory=dict)

    @field_validator("select")
    @classmethod
    def _reads_only(cls, value: str) -> str:
        statement = _NUMBERS.sub(":numbers", value.strip().rstrip(";").rstrip())
        if not re.match(r"(?:SELECT|WITH)\b", statement, re.IGNORECASE):
            raise ValueError("the statement begins with SELECT (or WITH); nothing else is asked")
        if ";" in statement:
            raise ValueError("one statement only, without a semicolon in it")
        names = set(sa.text(statement).compile().params)
        if "numbers" not in names:
            raise ValueError("the phones are missing: write for example WHERE phone IN :numbers")
        if others := sorted(names - {"numbers"}):
            raise ValueError(
                f":{others[0]} is no parameter; the one there is is :numbers. A colon that is "
                "meant as such is written \\:"
            )
        return statement


def open(options: Options, connection: Connection) -> CallLog:
    return CallLog(options, connection)


class CallLog(Cannot):
    """Asked by phones; it knows no customers and changes nothing."""

    can = frozenset({Capability.CALLS})

    def __init__(self, options: Options, connection: Connection) -> None:
        self.name = connection.config.name
        self._options = options
        self._source = Source.of(connection, options.url_env)
        self._plan = plan_of(options.countries, connection.settings)
        self._zone = zone_of(options.time_zone, connection.settings)
        self._statement = sa.text(options.select).bindparams(
            sa.bindparam("numbers", expanding=True)
        )

    def calls(self, numbers: Sequence[str]) -> list[ContactEvent]:
        """All contacts with the phones (E.164), oldest first, each once."""
        forms = self._plan.forms_of(numbers, spaced=True)
        if not forms:
            return []
        with self._source.connected() as connection:
            rows = fetched(connection, self._statement, {"numbers": list(forms)}, self.name)
        try:
            return self._events(rows, set(forms.values()))
        except ValueError as error:
            raise CRMError(
                f"a row of its log cannot be read: {error}. Correct the SELECT or the tables of "
                "codes in crms.toml",
                crm=self.name,
            ) from None

    def _events(self, rows: Iterable[Mapping[str, Any]], wanted: set[str]) -> list[ContactEvent]:
        codes: Mapping[str, Mapping[str, str]] = {
            "direction": {**_DIRECTIONS, **_folded(self._options.directions)},
            "channel": _folded(self._options.channels),
            "disposition": {
                **{d.value: d.value for d in Disposition},
                **_folded(self._options.dispositions),
            },
        }
        reading = Reading(self._plan.countries[0], self._zone, Names(codes=codes))
        found: dict[str, ContactEvent] = {}
        for row in rows:
            cells = cells_of(row)
            number = self._plan.read(cells["customer_number"])
            if number in wanted:
                event = event_of({**cells, "customer_number": number}, reading, self.name)
                found.setdefault(event.event_id, event)
        return in_order(found.values())


# ---------------------------------------------------------------------------- rows

_DIRECTIONS = {
    "outbound": "out",
    "outgoing": "out",
    "saliente": "out",
    "inbound": "in",
    "incoming": "in",
    "entrante": "in",
}


def cells_of(row: Mapping[str, Any]) -> dict[str, str]:
    """A row's values as events.csv would hold them. Raises ValueError where the columns are not
    those."""
    cells = {name.lower(): _cell(value) for name, value in row.items()}
    if unknown := sorted(set(cells) - _KNOWN):
        raise ValueError(
            f"the SELECT gives a column {unknown[0]!r}; known are {', '.join(sorted(_KNOWN))}"
        )
    if missing := [name for name in _REQUIRED if name not in cells]:
        raise ValueError(f"the SELECT gives no column {missing[0]}")
    return {"channel": Channel.CALL.value, **cells}


def _cell(value: Any) -> str:
    if value is None:
        return ""
    if isinstance(value, bytes):
        return value.decode("utf-8", "replace").strip()
    if isinstance(value, datetime | date):
        return value.isoformat()
    if isinstance(value, clock):  # a duration, in databases that have no other type for it
        value = timedelta(hours=value.hour, minutes=value.minute, seconds=value.second)
    if isinstance(value, timedelta):
        return str(value.total_seconds())
    return str(value).strip()


def event_of(cells: Mapping[str, str], reading: Reading, system: str) -> ContactEvent:
    """The event that the cells tell. An unknown disposition is `none`, with its code in the note.
    Raises ValueError, with the column."""
    code = cells.get("disposition", "")
    known = reading.names.codes.get("disposition", {})
    outcome, note = known.get(code.casefold()), cells.get("note", "")
    if code and outcome is None:
        note = with_code(note, code)
    values = csv_rows.event({**cells, "disposition": outcome or "", "note": note}, reading)
    return ContactEvent(
        event_id=f"{system}:{values['event_id']}",
        at=values["at"],
        direction=Direction(values["direction"]),
        channel=Channel(values["channel"]),
        customer_number=values["customer_number"],
        disposition=Disposition(values["disposition"]),
        **{name: values[name] for name in _PLAIN if name in values},
    )


_PLAIN = (
    *("caller_number", "campaign", "list_name", "list_loaded_at", "centre", "agent"),
    *("duration_s", "note"),
)


def with_code(note: str, code: str) -> str:
    """A system's own code that stands for none of ours is kept in the note."""
    return f"{note} (code {code})".strip()


def in_order(events: Iterable[ContactEvent]) -> list[ContactEvent]:
    return sorted(events, key=lambda e: (e.at, e.event_id))


def in_utc(value: datetime | str, zone: tzinfo) -> datetime:
    """A time of the log; without a zone it is that of `zone`. Raises ValueError."""
    try:
        moment = value if isinstance(value, datetime) else datetime.fromisoformat(value)
        return (moment if moment.tzinfo else moment.replace(tzinfo=zone)).astimezone(UTC)
    except (OverflowError, TypeError):
        raise ValueError(f"{value!r} is no time") from None


def _folded(codes: Mapping[str, Any]) -> dict[str, str]:
    return {code.casefold(): str(ours.value) for code, ours in codes.items()}


# ---------------------------------------------------------------------------- numbers


@dataclass(frozen=True, slots=True)
class Plan:
    """How a log writes phones. `countries` are those whose national numbers it holds, the likeliest
    first, at least one; other countries' numbers are told by their country code only."""

    countries: tuple[str, ...]

    def read(self, written: str) -> str | None:
        """By the first country that has assigned the number, else as an international one without
        its plus, else by the first whose length fits."""
        tried = [phones.normalise(written, country) for country in self.countries]
        tried.append(phones.normalise("+" + re.sub(r"\D", "", written)))
        read = [number for number in tried if number]
        return next((n for n in read if phones.is_assigned(n)), read[0] if read else None)

    def forms(self, number: str, *, spaced: bool = False) -> tuple[str, ...]:
        """Every form in which the log may hold a phone, `spaced` as people write it too. A form
        that the log would mean another phone by is none of them."""
        e164 = self.read(number)
        if e164 is None:
            return ()
        parsed = phonenumbers.parse(e164)
        grouped = [
            phonenumbers.format_number(parsed, PhoneNumberFormat.NATIONAL),
            phonenumbers.format_number(parsed, PhoneNumberFormat.INTERNATIONAL),
        ]
        national = phonenumbers.national_significant_number(parsed)
        dialled = [national, re.sub(r"\D", "", grouped[0]), *_old_forms(parsed, national)]
        written = [*dialled, e164[1:], "00" + e164[1:], e164, *(grouped if spaced else ())]
        return tuple(dict.fromkeys(form for form in written if self.read(form) == e164))

    def forms_of(self, numbers: Iterable[str], *, spaced: bool = False) -> dict[str, str]:
        """Every form of several phones, and whose it is."""
        return {
            form: e164
            for number in numbers
            if (e164 := self.read(number))
            for form in self.forms(number, spaced=spaced)
        }


def _old_forms(parsed: phonenumbers.PhoneNumber, national: str) -> list[str]:
    """What old lists still hold in Mexico, Argentina and Brazil, and today's form is reached by."""
    if parsed.country_code == 52:
        return ["521" + national, *(start + national for start in ("044", "045", "01"))]
    if parsed.country_code == 54:
        size = phonenumbers.length_of_geographical_area_code(parsed) or 2
        mobile = f"{national[:size]}15{national[size:]}"
        return ["549" + national, "0" + national, mobile, "0" + mobile]
    if parsed.country_code == 55:
        ninth = re.fullmatch(r"(\d\d)9([6-9]\d{7})", national)
        known = [national, *([ninth[1] + ninth[2]] if ninth else [])]
        return [start + form for form in known for start in ("", "0", "55")]
    return []


def plan_of(countries: Sequence[str], settings: Settings) -> Plan:
    """Without a choice only the first country of our first brand: in that of another, a national
    number could be somebody else's."""
    if countries:
        return Plan(tuple(countries))
    brands = sorted(settings.brands, key=lambda b: b.kind != "own")
    return Plan(brands[0].countries[:1] if brands and brands[0].countries else ("ES",))


def zone_of(name: str | None, settings: Settings) -> ZoneInfo:
    return ZoneInfo(name) if name else settings.listener.service.zone


# ---------------------------------------------------------------------------- the database

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
            url = sa.make_url(secret(self.url_env, f"the CRM {self.crm}"))
        except sa.exc.ArgumentError:
            raise CRMError(
                f"the address in {self.url_env} cannot be read. Write it as "
                "mysql://user:password@host/database",
                crm=self.crm,
            ) from None
        database = url.database or ""
        if url.get_backend_name() == "sqlite" and not Path(database).is_file():
            # SQLite would make an empty one.
            raise CRMError(f"there is no file {database!r}; see {self.url_env}", crm=self.crm)
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
                str(error).splitlines()[0] if isinstance(error, ImportError) else "no such kind"
            )
            raise CRMError(
                f"there is no driver for {url.drivername!r} here ({reason}). Install it, or write "
                f"another kind of address in {self.url_env}",
                crm=self.crm,
            ) from None

    def _told(self, error: Exception, password: str) -> CRMError:
        cause = getattr(error, "orig", None) or error
        lines = str(cause).strip().splitlines() or [type(cause).__name__]
        said = lines[0].replace(password, "***") if password else lines[0]
        said = _LONG_DIGITS.sub(lambda found: phones.mask(found[0]), said)[:300]
        passing = not isinstance(error, UnicodeError) and may_pass(error)
        remedy = (
            "See that the server runs and is quick enough for `timeout`; it is asked again later"
            if passing
            else f"See {self.url_env}, the user's rights, and what crms.toml says of it"
        )
        return CRMError(f"its database says: {said}. {remedy}", crm=self.crm, retry=passing)


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
            f"more than {_MOST_ROWS:,} calls for one person: the SELECT does not keep to the "
            "phones that it is given",
            crm=crm,
        )
    return [dict(row) for row in rows]
