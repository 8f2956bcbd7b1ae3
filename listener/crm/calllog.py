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
from collections.abc import Iterable, Mapping, Sequence
from datetime import date, datetime, timedelta
from datetime import time as clock
from typing import Any

import sqlalchemy as sa
from pydantic import Field, field_validator

from listener.crm import csv_rows
from listener.crm.contacts import in_order, with_code, zone_of
from listener.crm.csv_rows import COLUMNS, Kind, Names, Reading
from listener.crm.databases import Source, fetched
from listener.crm.seam import Cannot, Capability, Connection
from listener.crm.spellings import plan_of
from listener.domain import Channel, ContactEvent, Direction, Disposition
from listener.errors import CRMError, said_by, sentence
from listener.sections import Country, Section, ZoneName

NAME = "calllog"
# A customer's id in a dialler is not the id that the CRM knows.
_KNOWN = frozenset(COLUMNS[Kind.EVENTS]) - {"customer_id"}
_REQUIRED = ("event_id", "at", "direction", "customer_number")
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
                "a row of its log cannot be read: {why}. Correct the SELECT or the tables of codes in "
                "crms.toml",
                crm=self.name,
                why=said_by(error),
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
            sentence(
                "the SELECT gives a column {column!r}; known are {known}",
                column=unknown[0],
                known=", ".join(sorted(_KNOWN)),
            )
        )
    if missing := [name for name in _REQUIRED if name not in cells]:
        raise ValueError(sentence("the SELECT gives no column {column}", column=missing[0]))
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


def _folded(codes: Mapping[str, Any]) -> dict[str, str]:
    return {code.casefold(): str(ours.value) for code, ours in codes.items()}
