"""Asterisk's call detail records (Issabel, FreePBX, Elastix), and Issabel's do-not-call list.

API: the table `cdr` of asteriskcdrdb,
     https://docs.asterisk.org/Configuration/Reporting/Call-Detail-Records-CDR/CDR-Specification/
     and `dont_call` of call_center, https://github.com/IssabelFoundation/callcenter
Sign-in: the address in the environment variable that `url_env` names; a second user, who may write,
in that of `dont_call_url_env`.
Limits: those of calllog.py. `cdr` has no index on `src` until somebody adds one.
Cannot see: campaign (but what `accountcode` says), list, how the agent coded the call, notes; calls
that Issabel's dialler placed by a trunk of its own, whose records do not hold the number (calllog
reads them, docs/crm.md); whether a queue's "answered" was a person. A call that is scheduled for one
agent is not compared with `dont_call`: people close it in Issabel.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Annotated, Any
from zoneinfo import ZoneInfo

import sqlalchemy as sa
from pydantic import Field

from listener import phones
from listener.crm.contacts import in_order, in_utc, with_code, zone_of
from listener.crm.databases import Source, fetched
from listener.crm.seam import Cannot, Capability, Connection, Order, Receipt
from listener.crm.spellings import plan_of
from listener.domain import Channel, ContactEvent, Direction, Disposition
from listener.errors import CRMError, said_by, sentence
from listener.sections import Country, Section, ZoneName

NAME = "asterisk"
# Answered says that somebody spoke, and not what became of it.
DISPOSITIONS: Mapping[str, Disposition] = {
    "ANSWERED": Disposition.NONE,
    "NO ANSWER": Disposition.NO_ANSWER,
    "BUSY": Disposition.BUSY,
    "FAILED": Disposition.NO_ANSWER,
    "CONGESTION": Disposition.NO_ANSWER,
}
_ANSWERED = "ANSWERED"
_EXTENSION = re.compile(r"[0-9]{2,6}")
_LONGEST_S = 7 * 86400
# varchar(15) of the table: a longer number cannot be on a campaign's list either.
_LONGEST_CALLER_ID = 15
_ACTIVE = "A"
_DONT_CALL = sa.table(
    "dont_call",
    sa.column("id", sa.Integer),
    sa.column("caller_id", sa.String),
    sa.column("date_income", sa.DateTime),
    sa.column("status", sa.String),
)


class Options(Section):
    url_env: str = Field(min_length=1)
    table: str = Field("cdr", pattern=r"^\w+(\.\w+)?$")
    # In which it dials national numbers; empty: the first country of our first brand.
    countries: tuple[Country, ...] = ()
    time_zone: ZoneName | None = None  # of the server; absent: the service's
    # Dialled before a number to get a line, as the 9 in 9600123456.
    prefixes: tuple[Annotated[str, Field(pattern=r"^[0-9*#]{1,6}$")], ...] = ()
    # A dialler that calls first and looks for an agent then leaves the customer as the caller of its
    # record. The context, or the trunk of such records.
    outbound_contexts: tuple[str, ...] = ()
    outbound_trunks: tuple[str, ...] = ()
    dispositions: Mapping[str, Disposition] = Field(default_factory=dict)  # added to Asterisk's own
    # Issabel's call_center; empty: no phone is suppressed here.
    dont_call_url_env: str = ""


def open(options: Options, connection: Connection) -> Asterisk:
    return Asterisk(options, connection)


class Asterisk(Cannot):
    """Asked by phones; it knows no customers."""

    def __init__(self, options: Options, connection: Connection) -> None:
        self.name = connection.config.name
        self.can = frozenset({Capability.CALLS})
        if options.dont_call_url_env:
            self.can |= {Capability.SUPPRESS}
        self._options = options
        self._now = connection.now
        self._records = Source.of(connection, options.url_env)
        self._do_not_call = Source.of(connection, options.dont_call_url_env)
        self._plan = plan_of(options.countries, connection.settings)
        self._zone = zone_of(options.time_zone, connection.settings)
        given = {code.upper(): ours for code, ours in options.dispositions.items()}
        self._reading = Reading(
            self.name,
            self._zone,
            self._plan.countries[0],
            {**DISPOSITIONS, **given},
            options.outbound_contexts,
            options.outbound_trunks,
        )

    def calls(self, numbers: Sequence[str]) -> list[ContactEvent]:
        """All contacts with the phones (E.164), oldest first, each once."""
        callers = self._plan.forms_of(numbers)
        if not callers:
            return []
        dialled = {
            p + form: n for form, n in callers.items() for p in ("", *self._options.prefixes)
        }
        schema, _, name = self._options.table.rpartition(".")
        # The columns differ from version to version, so that all are asked for.
        whole = sa.select(sa.text("*")).select_from(sa.table(name, schema=schema or None))
        rows: list[dict[str, Any]] = []
        with self._records.connected() as connection:
            # Apart, so that each half can use its index.
            for column, forms in (("dst", dialled), ("src", callers)):
                asked = whole.where(sa.column(column, sa.String).in_(list(forms)))
                rows += fetched(connection, asked, {}, self.name)
        try:
            return events_of(rows, dialled, callers, self._reading)
        except ValueError as error:
            raise CRMError(
                "a record of {table} cannot be read: {why}. See that it is Asterisk's table of call "
                "detail records",
                crm=self.name,
                table=self._options.table,
                why=said_by(error),
            ) from None

    def suppress(self, order: Order) -> Receipt:
        """Issabel compares when it is about to dial, with the number as its campaign has it. The
        order's end is left to people: the list knows none."""
        forms = [
            p + form
            for form in self._plan.forms(order.number)
            for p in ("", *self._options.prefixes)
            if form.isdigit() and len(p + form) <= _LONGEST_CALLER_ID
        ]
        if not forms:
            raise CRMError(
                "{number} is no phone that it dials",
                crm=self.name,
                number=phones.mask(order.number),
            )
        now = self._now().replace(microsecond=0)
        with self._do_not_call.connected(writing=True) as connection:
            there = _listed(connection, forms)
            for form in forms:
                if form not in {row["caller_id"] for row in there if row["status"] == _ACTIVE}:
                    _enter(connection, form, now.astimezone(self._zone).replace(tzinfo=None))
            now_there = _listed(connection, forms, as_committed=True)
            listed = [row for row in now_there if row["status"] == _ACTIVE]
        already = set(forms) <= {r["caller_id"] for r in there if r["status"] == _ACTIVE}
        ids = ", ".join(str(row["id"]) for row in listed)
        return Receipt(f"dont_call {ids}", self._since(listed) if already else now, already)

    def _since(self, listed: Iterable[Mapping[str, Any]]) -> datetime:
        """From when on all forms stood there."""
        times = [in_utc(r["date_income"], self._zone) for r in listed if r["date_income"]]
        return max(times, default=self._now())


# ---------------------------------------------------------------------------- do not call


def _listed(
    connection: sa.Connection, forms: Sequence[str], *, as_committed: bool = False
) -> list[dict[str, Any]]:
    """`as_committed` shows what others entered since the transaction began as well: InnoDB does so
    only to a read that locks."""
    asked = sa.select(_DONT_CALL).where(_DONT_CALL.c.caller_id.in_(forms)).order_by(_DONT_CALL.c.id)
    if as_committed:
        asked = asked.with_for_update(read=True)
    return [dict(row) for row in connection.execute(asked).mappings()]


def _enter(connection: sa.Connection, form: str, local: datetime) -> None:
    """Activates what somebody switched off, or adds it, in statements that may meet another's."""
    mine = _DONT_CALL.c.caller_id == form
    connection.execute(
        sa.update(_DONT_CALL)
        .where(mine, sa.func.coalesce(_DONT_CALL.c.status, "") != _ACTIVE)
        .values(status=_ACTIVE, date_income=local)
    )
    row = (
        sa.literal(form, sa.String).label("caller_id"),
        sa.literal(local, sa.DateTime).label("date_income"),
        sa.literal(_ACTIVE, sa.String).label("status"),
    )
    missing = ~sa.exists(sa.select(_DONT_CALL.c.id).where(mine))
    connection.execute(
        sa.insert(_DONT_CALL).from_select(
            ["caller_id", "date_income", "status"], sa.select(*row).where(missing)
        )
    )


# ---------------------------------------------------------------------------- records


@dataclass(frozen=True, slots=True)
class Reading:
    """What the records are read with."""

    system: str
    zone: ZoneInfo
    country: str
    codes: Mapping[str, Disposition]
    contexts: tuple[str, ...] = ()
    trunks: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Leg:
    """One record. A call has several where it is passed on, or rings at several places."""

    call: str
    at: datetime
    direction: Direction
    number: str
    code: str
    seconds: int
    agent: str
    caller: str
    campaign: str


def events_of(
    rows: Iterable[Mapping[str, Any]],
    dialled: Mapping[str, str],
    callers: Mapping[str, str],
    reading: Reading,
) -> list[ContactEvent]:
    """`dialled` and `callers` map the forms in `dst` and `src` to the phones. Raises ValueError."""
    calls: dict[str, dict[Leg, None]] = {}
    for row in rows:
        leg = leg_of({k.lower(): v for k, v in row.items()}, dialled, callers, reading)
        if leg is not None:
            calls.setdefault(leg.call, {})[leg] = None
    return in_order(_event(list(legs), reading) for legs in calls.values())


def leg_of(
    row: Mapping[str, Any],
    dialled: Mapping[str, str],
    callers: Mapping[str, str],
    reading: Reading,
) -> Leg | None:
    """None where it is about another phone: databases compare more loosely than we do."""
    dst, src = _text(row, "dst"), _text(row, "src")
    number = dialled.get(dst) or callers.get(src)
    if number is None:
        return None
    outbound = dst in dialled or _is_diallers(row, reading)
    seconds = int(_text(row, "billsec") or 0)
    if seconds > _LONGEST_S:
        raise ValueError(sentence("billsec is longer than a week"))
    at = in_utc(_value(row, "calldate"), reading.zone)
    # The same for all records of one call, in systems that have it.
    call = _text(row, "linkedid", "") or _text(row, "uniqueid") or f"{at:%Y%m%dT%H%M%S}"
    return Leg(
        call=call,
        at=at,
        direction=Direction.OUT if outbound else Direction.IN,
        number=number,
        code=_text(row, "disposition").upper(),
        seconds=max(0, seconds),
        agent=_agent(row, outbound),
        caller=_caller(row, outbound, callers, reading.country),
        campaign=_text(row, "accountcode", ""),
    )


def _event(legs: Sequence[Leg], reading: Reading) -> ContactEvent:
    """Outbound when any leg is; answered when any was; each fact by the first leg that tells it."""
    legs = sorted(legs, key=lambda leg: (leg.at, leg.code, leg.agent))
    ours = [leg for leg in legs if leg.direction is Direction.OUT] or legs
    told = next((leg for leg in ours if leg.code == _ANSWERED), ours[-1])
    outcome = reading.codes.get(told.code)
    return ContactEvent(
        event_id=f"{reading.system}:{told.call}",
        at=legs[0].at,
        direction=ours[0].direction,
        channel=Channel.CALL,
        customer_number=ours[0].number,
        caller_number=next((leg.caller for leg in ours if leg.caller), ""),
        campaign=next((leg.campaign for leg in legs if leg.campaign), ""),
        agent=next((leg.agent for leg in ours if leg.agent), ""),
        disposition=outcome or Disposition.NONE,
        duration_s=max(leg.seconds for leg in ours) if told.code == _ANSWERED else 0,
        note=with_code("", told.code) if told.code and outcome is None else "",
    )


def _is_diallers(row: Mapping[str, Any], reading: Reading) -> bool:
    channel = _text(row, "channel", "")
    return _text(row, "dcontext", "") in reading.contexts or any(
        re.match(rf"(?:\w+/)?{re.escape(trunk)}(?:[-/@;]|$)", channel, re.IGNORECASE)
        for trunk in reading.trunks
    )


def _agent(row: Mapping[str, Any], outbound: bool) -> str:
    """The extension, or the number of an agent of a queue."""
    near = _peer(_text(row, "channel" if outbound else "dstchannel", ""))
    own = (_text(row, "cnum", ""), _text(row, "src"), near) if outbound else (near,)
    queue = [_text(row, name, "") for name in ("dstchannel", "channel")]
    found = next((c.partition("/")[2] for c in queue if c.startswith("Agent/")), "")
    return found or next((one for one in own if _EXTENSION.fullmatch(one)), "")


def _peer(channel: str) -> str:
    """SIP/201-0000002a is 201."""
    return re.sub(r"-[0-9a-f]+(?:;[12])?$", "", channel.partition("/")[2])


def _caller(
    row: Mapping[str, Any], outbound: bool, callers: Mapping[str, str], country: str
) -> str:
    """The number of ours that was shown, or called."""
    if not outbound:
        return phones.normalise_caller(_text(row, "did", ""), country)
    shown, src = _text(row, "outbound_cnum", ""), _text(row, "src")
    if not shown and not _EXTENSION.fullmatch(src) and src not in callers:
        shown = src
    return phones.normalise_caller(shown, country)


def _value(row: Mapping[str, Any], column: str) -> Any:
    if column not in row:
        raise ValueError(sentence("it has no column {column}", column=column))
    return row[column]


def _text(row: Mapping[str, Any], column: str, absent: str | None = None) -> str:
    value = _value(row, column) if absent is None else row.get(column, absent)
    return "" if value is None else str(value).strip()
