"""One row of people.csv, events.csv or numbers.csv becomes the values of a stored row. Pure.

A cell that is wrong raises ValueError, whose text says which column, what it holds and what it
should hold; a column that the file does not have is absent from the values, so that importing a
narrower file later leaves the rest as it was.
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, tzinfo
from enum import StrEnum
from functools import lru_cache
from pathlib import Path
from typing import Any
from zoneinfo import available_timezones

import phonenumbers

from listener import phones
from listener.domain import Channel, Direction, Disposition, NumberKind
from listener.errors import ImportError_
from listener.matching import handle

Row = Mapping[str, str]


class Consent(StrEnum):
    GRANTED = "granted"
    REFUSED = "refused"
    NONE = "none"


class Status(StrEnum):
    CUSTOMER = "customer"
    FORMER = "former"
    PROSPECT = "prospect"


class Kind(StrEnum):
    """Which of the three files."""

    PEOPLE = "people"
    EVENTS = "events"
    NUMBERS = "numbers"


COLUMNS: Mapping[Kind, tuple[str, ...]] = {
    Kind.PEOPLE: (
        *("customer_id", "name", "phone", "email", "handles", "country", "time_zone"),
        *("consent", "consent_at", "preferred_channel", "status"),
    ),
    Kind.EVENTS: (
        *("event_id", "at", "direction", "channel", "customer_id", "customer_number"),
        *("caller_number", "campaign", "list", "list_loaded_at", "centre", "agent"),
        *("disposition", "duration_s", "note"),
    ),
    Kind.NUMBERS: ("number", "brand", "kind", "owner", "valid_from", "valid_to"),
}
REQUIRED: Mapping[Kind, tuple[str, ...]] = {
    Kind.PEOPLE: ("customer_id",),
    Kind.EVENTS: ("event_id", "at", "direction", "channel"),
    Kind.NUMBERS: ("number", "brand", "kind"),
}
_LONGEST_DURATION_S = 7 * 86400
_CLOCK = re.compile(r"\d{4}-?\d{2}-?\d{2}[T ]\d{2}")


@dataclass(frozen=True, slots=True)
class Names:
    """A mapping file: what another system calls our columns and codes, all in lower case."""

    columns: Mapping[str, str] = field(default_factory=dict)
    codes: Mapping[str, Mapping[str, str]] = field(default_factory=dict)

    def code(self, column: str, written: str) -> str:
        return self.codes.get(column, {}).get(written.casefold(), written)


CODED = ("disposition", "direction", "channel", "consent", "status", "kind", "preferred_channel")


def load_names(path: Path, kind: Kind) -> Names:
    """Read a mapping file (form: docs/crm.md). Raises ImportError_."""
    try:
        data = tomllib.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise ImportError_(f"cannot read the mapping {path}: {error.strerror}.") from error
    except (UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise ImportError_(f"{path}: not valid TOML in UTF-8: {error}.") from error
    known = {k.value for k in Kind} | set(CODED)
    for name, table in data.items():
        if name not in known or not isinstance(table, dict):
            raise ImportError_(
                f"{path}: {name!r} is no table of a mapping. Known: {', '.join(sorted(known))}."
            )
    columns = {str(k).strip().lower(): str(v) for k, v in data.get(kind.value, {}).items()}
    for theirs, ours in columns.items():
        if ours not in COLUMNS[kind]:
            raise ImportError_(
                f"{path}: [{kind}] {theirs!r} = {ours!r}: there is no such column. Known: "
                f"{', '.join(COLUMNS[kind])}."
            )
    codes = {
        name: {str(k).casefold(): str(v) for k, v in data[name].items()}
        for name in CODED
        if name in data
    }
    return Names(columns, codes)


@dataclass(frozen=True, slots=True)
class Reading:
    """What the cells are read with. `country` reads national numbers of rows that name none;
    `zone` times without a zone. `country_of` knows the customer's country, `brands` maps keys and
    names (lower case) to (key, country)."""

    country: str
    zone: tzinfo
    names: Names = field(default_factory=Names)
    country_of: Callable[[str], str | None] = lambda _ref: None
    brands: Mapping[str, tuple[str, str]] = field(default_factory=dict)


# ---------------------------------------------------------------------------- the three forms


def person(row: Row, how: Reading) -> dict[str, Any]:
    country = _country(row.get("country", ""))
    values: dict[str, Any] = {"customer_id": _id(row, "customer_id")}
    read: Mapping[str, Callable[[str], Any]] = {
        "name": str,
        "country": lambda _: country,
        "time_zone": _zone,
        "consent": lambda v: _choice(v, "consent", Consent, how, Consent.NONE),
        "consent_at": lambda v: _moment(v, "consent_at", how.zone, day_is_enough=True),
        "preferred_channel": lambda v: (
            _choice(v, "preferred_channel", Channel, how, None) if v else ""
        ),
        "status": lambda v: _choice(v, "status", Status, how, Status.CUSTOMER),
        "phone": lambda v: _phones(v, country or how.country),
        "email": lambda v: {_limit(e, "email", 320).lower(): e for e in _several(v)},
        "handles": lambda v: {_handle(h): h for h in _several(v)},
    }
    values.update({name: reader(row[name]) for name, reader in read.items() if name in row})
    return values


def event(row: Row, how: Reading) -> dict[str, Any]:
    ref = _limit(row.get("customer_id", ""), "customer_id", 200) or None
    number = row.get("customer_number", "")
    if ref is None and not number:
        raise ValueError("customer_id and customer_number are both empty: whose contact was it?")
    home = (ref and how.country_of(ref)) or how.country
    values: dict[str, Any] = {
        "event_id": _id(row, "event_id"),
        "at": _moment(row["at"], "at", how.zone),
        "direction": _choice(row["direction"], "direction", Direction, how, None),
        "channel": _choice(row["channel"], "channel", Channel, how, None),
        "customer_id": ref,
    }
    read: Mapping[str, tuple[str, Callable[[str], Any]]] = {
        "customer_number": ("customer_number", lambda v: _number(v, "customer_number", home)),
        "caller_number": ("caller_number", lambda v: _number(v, "caller_number", home)),
        "campaign": ("campaign", str),
        "list": ("list_name", str),
        "list_loaded_at": (
            "list_loaded_at",
            lambda v: _moment(v, "list_loaded_at", how.zone, day_is_enough=True),
        ),
        "centre": ("centre", str),
        "agent": ("agent", str),
        "disposition": (
            "disposition",
            lambda v: _choice(v, "disposition", Disposition, how, Disposition.NONE),
        ),
        "duration_s": ("duration_s", _seconds),
        "note": ("note", str),
    }
    values.update({to: reader(row[name]) for name, (to, reader) in read.items() if name in row})
    return values


def number(row: Row, how: Reading) -> dict[str, Any]:
    written = row["brand"].strip().lower()
    if not written:
        raise ValueError("brand is empty; write the brand's key from brands.toml")
    brand, country = how.brands.get(written, (written, how.country))
    plain = _number(row["number"], "number", country)
    if not any(c.isdigit() for c in plain):
        raise ValueError(f"number: {_shown(row['number'])} is no phone number")
    first, last = _day(row.get("valid_from", "")), _day(row.get("valid_to", ""))
    if first and last and last < first:
        raise ValueError(f"valid_to {last} is before valid_from {first}")
    return {
        "number": plain,
        "brand": _limit(brand, "brand", 60),
        "valid_from_day": first,
        "valid_to_day": last,
        "kind": _choice(row["kind"], "kind", NumberKind, how, None),
        "owner": row.get("owner", ""),
    }


# ---------------------------------------------------------------------------- cells


def _shown(value: str) -> str:
    return repr(value if len(value) <= 60 else value[:57] + "...")


def _limit(value: str, column: str, longest: int) -> str:
    if len(value) > longest:
        raise ValueError(f"{column} has {len(value)} characters; at most {longest} are kept")
    return value


def _id(row: Row, column: str) -> str:
    if not row[column]:
        raise ValueError(f"{column} is empty")
    return _limit(row[column], column, 200)


def _several(cell: str) -> list[str]:
    return [part.strip() for part in cell.split(";") if part.strip()]


@lru_cache
def _codes(kinds: type[StrEnum]) -> frozenset[str]:
    return frozenset(kind.value for kind in kinds)


def _choice(
    written: str, column: str, kinds: type[StrEnum], how: Reading, empty: StrEnum | None
) -> str:
    if not written and empty is not None:
        return empty.value
    code = re.sub(r"[\s-]+", "_", how.names.code(column, written).strip().lower())
    if code not in _codes(kinds):
        known = ", ".join(k.value for k in kinds if k is not NumberKind.UNKNOWN)
        raise ValueError(f"{column} {_shown(written)} is none of: {known}")
    return code


def _country(written: str) -> str:
    code = {"UK": "GB"}.get(written.upper(), written.upper())
    if code and code not in phonenumbers.SUPPORTED_REGIONS:
        raise ValueError(f"country {_shown(written)} is no two-letter code such as ES or MX")
    return code


@lru_cache(maxsize=1)
def _zones() -> set[str]:
    return available_timezones()  # reads the whole zone database from disk each time


def _zone(written: str) -> str:
    if written and written not in _zones():
        raise ValueError(f"time_zone {_shown(written)} is no IANA name such as Europe/Madrid")
    return written


def _phones(cell: str, country: str) -> dict[str, str]:
    """E.164 to the form as written; what is no number stays as it is."""
    return {phones.normalise(p, country) or _limit(p, "phone", 320): p for p in _several(cell)}


def _number(written: str, column: str, country: str) -> str:
    return _limit(phones.normalise_caller(written, country), column, 40)


def _handle(written: str) -> str:
    platform, _, name = written.partition(":")
    if not platform.strip() or not name.strip(" @"):
        raise ValueError(f"handles: {_shown(written)} is not platform:name, as in mastodon:ana")
    return _limit(handle(written), "handles", 320)


def _seconds(written: str) -> int:
    try:
        seconds = float(written or 0)
    except ValueError:
        seconds = -1
    if not 0 <= seconds <= _LONGEST_DURATION_S:
        raise ValueError(f"duration_s {_shown(written)} is no number of seconds from 0 to a week")
    return round(seconds)


def _moment(
    written: str, column: str, zone: tzinfo, *, day_is_enough: bool = False
) -> datetime | None:
    """UTC. A time that the clock change skips or repeats is read as before the change."""
    if not written and day_is_enough:
        return None
    form = "2026-03-05T14:30:00+01:00"
    if not day_is_enough and not _CLOCK.match(written):
        raise ValueError(
            f"{column} {_shown(written)} is no ISO 8601 time with date and hour, as in {form}"
        )
    try:
        moment = datetime.fromisoformat(written)
        moment = moment.replace(tzinfo=zone) if moment.tzinfo is None else moment
        moment = moment.astimezone(UTC)
    except (ValueError, OverflowError):
        raise ValueError(f"{column} {_shown(written)} is no ISO 8601 time, as in {form}") from None
    if not 1970 <= moment.year <= 2100:
        raise ValueError(f"{column} {_shown(written)} is outside 1970 to 2100")
    return moment


def _day(written: str) -> str:
    try:
        return date.fromisoformat(written).isoformat() if written else ""
    except ValueError:
        raise ValueError(f"{_shown(written)} is no day, as in 2026-03-05") from None
