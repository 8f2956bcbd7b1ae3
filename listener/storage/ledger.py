"""The contact log of `local` counted for the campaign ledger, and read once through, person by
person, for the simulation of another contact policy.

What an event was for stands in no column: its campaign or its note tells (listener/contact_words).
Most campaigns settle it by their name, so that only the notes of the others leave the database.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, fields
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from functools import lru_cache
from itertools import groupby
from operator import itemgetter
from typing import Any, NamedTuple, TypeVar

import sqlalchemy as sa
from sqlalchemy.orm import Session, aliased

from listener import contact_words
from listener.contact_log import REFUSED
from listener.contact_words import Purpose
from listener.domain import (
    Channel,
    ContactEvent,
    Direction,
    Disposition,
    IdentifierKind,
    Resolution,
)
from listener.storage.tables import (
    CaseMention,
    CaseRow,
    CrmEvent,
    CrmIdentifier,
    CrmPerson,
    MentionRow,
    ReadingRow,
    SuppressedPhone,
    SuppressionRow,
)

WINDOW = timedelta(days=30)
"""How long before a complaint a contact may lie to be held against it, both ends included."""

NOT_OURS = (Resolution.MISREAD, Resolution.NOT_OURS, Resolution.IMPOSTOR)
"""A case that ended like this was no complaint of our contacts."""

_OURS = Direction.OUT.value
_BATCH = 400  # values in one question to the database
_ROWS = 5_000  # rows that a stream holds at once
_T = TypeVar("_T")


class By(StrEnum):
    CAMPAIGN = "campaign"
    CENTRE = "centre"
    LIST = "list"
    AGENT = "agent"
    NUMBER = "number"


_COLUMNS: Mapping[By, Any] = {
    By.CAMPAIGN: CrmEvent.campaign,
    By.CENTRE: CrmEvent.centre,
    By.LIST: CrmEvent.list_name,
    By.AGENT: CrmEvent.agent,
    By.NUMBER: CrmEvent.caller_number,
}


@dataclass(frozen=True, slots=True)
class Sums:
    """Contacts of ours to people. `dials` are the calls among them, `answers` those with a
    duration; sales and refusals are as they were coded, on any channel."""

    contacts: int = 0
    dials: int = 0
    answers: int = 0
    sales: int = 0
    refusals: int = 0

    def __add__(self, other: Sums) -> Sums:
        return Sums(*(getattr(self, f.name) + getattr(other, f.name) for f in fields(Sums)))

    def __sub__(self, other: Sums) -> Sums:
        return Sums(*(getattr(self, f.name) - getattr(other, f.name) for f in fields(Sums)))


@dataclass(frozen=True, slots=True)
class Complaint:
    """A case of harassment. `at` is when its author first wrote; `known` says whether the author's
    customer is. `customer` is their id in `local`, `phones` keyed indexes: those of their record
    there, and those of which a suppression was approved."""

    id: int
    at: datetime
    known: bool
    customer: str | None
    phones: frozenset[str]
    churn_threat: bool


@dataclass(frozen=True, slots=True)
class Touch:
    """A contact of ours with somebody who complained. `of` has its campaign, centre, list, agent
    and number."""

    at: datetime
    customer: str | None
    phone: str
    of: Mapping[By, str]


@dataclass(frozen=True, slots=True)
class Found:
    """What the log and the cases of a span of days hold. `sums` are by campaign, centre, list,
    agent or number as written; service contacts are in none of them. `first` and `last` are the
    earliest and the latest contact."""

    by: By
    sums: Mapping[str, Sums]
    service_contacts: int
    first: datetime | None
    last: datetime | None
    complaints: tuple[Complaint, ...]
    touches: tuple[Touch, ...]


def read(
    session: Session,
    by: By,
    *,
    start: datetime | None,
    end: datetime | None,
    local: Collection[str] = ("local",),
    invented: bool = False,
) -> Found:
    """Everything that the ledger of [start, end) is made of; None leaves that side open. `local`
    are the names under which cases know our own tables of customers; what is invented is counted
    only when asked for."""
    span = _Span(start, end, invented)
    sums, first, last = _all(session, by, span)
    service = _service(session, by, span)
    told = complaints(session, start=start, end=end, local=local, invented=invented)
    return Found(
        by=by,
        sums={key: of - service.get(key, Sums()) for key, of in sums.items()},
        service_contacts=sum(s.contacts for s in service.values()),
        first=first,
        last=last,
        complaints=tuple(told),
        touches=tuple(touches(session, told, invented=invented)),
    )


@dataclass(frozen=True, slots=True)
class _Span:
    start: datetime | None
    end: datetime | None
    invented: bool

    def ours(self) -> list[sa.ColumnElement[bool]]:
        """The conditions on our own contacts of these days."""
        found: list[sa.ColumnElement[bool]] = [CrmEvent.direction == _OURS]
        if self.start is not None:
            found.append(CrmEvent.at >= self.start)
        if self.end is not None:
            found.append(CrmEvent.at < self.end)
        if not self.invented:
            found.append(CrmEvent.invented.is_(False))
        return found


def _counted() -> tuple[Any, ...]:
    """The columns of Sums."""
    rows, call = sa.func.count(), CrmEvent.channel == Channel.CALL.value
    return (
        rows,
        rows.filter(call),
        rows.filter(call, CrmEvent.duration_s > 0),
        rows.filter(CrmEvent.disposition == Disposition.SALE.value),
        rows.filter(CrmEvent.disposition.in_([d.value for d in REFUSED])),
    )


def _all(
    session: Session, by: By, span: _Span
) -> tuple[dict[str, Sums], datetime | None, datetime | None]:
    column = _COLUMNS[by]
    rows = session.execute(
        sa.select(column, sa.func.min(CrmEvent.at), sa.func.max(CrmEvent.at), *_counted())
        .where(*span.ours())
        .group_by(column)
    ).all()
    first = min((row[1] for row in rows), default=None)
    last = max((row[2] for row in rows), default=None)
    return {row[0]: Sums(*row[3:]) for row in rows}, first, last


def _service(session: Session, by: By, span: _Span) -> dict[str, Sums]:
    """What of it were service contacts."""
    column = _COLUMNS[by]
    told = _told_by_note(_campaigns(session))
    if told is None:
        return {}
    # Ordered by note: what a note says is then worked out once, however many groups have it.
    groups = session.execute(
        sa.select(CrmEvent.campaign, CrmEvent.note, column.label("key"), *_counted())
        .where(*span.ours(), told)
        .group_by(CrmEvent.campaign, CrmEvent.note, sa.literal_column("key"))
        .order_by(CrmEvent.campaign, CrmEvent.note)
        .execution_options(yield_per=_ROWS)
    )
    found: dict[str, Sums] = {}
    for campaign, note, key, *sums in groups:
        if purpose(campaign, note) is Purpose.SERVICE:
            found[key] = found.get(key, Sums()) + Sums(*sums)
    return found


# ---------------------------------------------------------------------------- what a contact was for

# Makes a service contact of every contact whose campaign neither sells nor collects.
_ANNOUNCES = "confirmación de cita"


def purpose(campaign: str, note: str) -> Purpose:
    if not note or _settled(campaign):
        return _silent(campaign)
    return _judged(campaign, note)


@lru_cache(maxsize=4096)
def _silent(campaign: str) -> Purpose:
    return _judged(campaign, "")


@lru_cache(maxsize=4096)
def _settled(campaign: str) -> bool:
    """Whether no note can change what the campaign's name says."""
    return _judged(campaign, _ANNOUNCES) is not Purpose.SERVICE


@lru_cache(maxsize=16384)
def _judged(campaign: str, note: str) -> Purpose:
    return contact_words.purpose(
        ContactEvent("", _ANY_TIME, Direction.OUT, Channel.CALL, campaign=campaign, note=note)
    )


_ANY_TIME = datetime(2000, 1, 1, tzinfo=UTC)


def _campaigns(session: Session) -> list[str]:
    """The names that settle nothing: a note may make a service contact, or sell all the same."""
    return [c for c in session.scalars(sa.select(CrmEvent.campaign).distinct()) if not _settled(c)]


def _told_by_note(campaigns: Sequence[str]) -> sa.ColumnElement[bool] | None:
    """The events that may be service contacts; None where none can be."""
    serving = [c for c in campaigns if _silent(c) is Purpose.SERVICE]
    if not campaigns:
        return None
    noted = sa.and_(CrmEvent.campaign.in_(campaigns), CrmEvent.note != "")
    return sa.or_(noted, CrmEvent.campaign.in_(serving)) if serving else noted


# ---------------------------------------------------------------------------- complaints


def complaints(
    session: Session,
    *,
    start: datetime | None,
    end: datetime | None,
    local: Collection[str] = ("local",),
    invented: bool = False,
) -> list[Complaint]:
    """The cases of harassment whose author first wrote in [start, end), oldest first."""
    rows = session.execute(_cases(start, end, invented)).all()
    mine = {row.customer_ref for row in rows if row.customer_ref and row.crm in local}
    recorded = _phones_of_customers(session, sorted(mine))
    approved = _phones_of_cases(session, [row.id for row in rows])

    def one(row: Any) -> Complaint:
        customer = row.customer_ref if row.customer_ref in mine and row.crm in local else None
        phones = recorded.get(customer or "", set()) | approved.get(row.id, set())
        known = row.customer_ref is not None
        return Complaint(row.id, row.at, known, customer, frozenset(phones), bool(row.threat))

    return [one(row) for row in rows]


def _cases(
    start: datetime | None, end: datetime | None, invented: bool
) -> sa.Select[*tuple[Any, ...]]:
    at = sa.func.min(MentionRow.published_at)
    said = ReadingRow.facts["churn_threat"].as_boolean()
    query: sa.Select[*tuple[Any, ...]] = (
        sa.select(
            CaseRow.id,
            CaseRow.crm,
            CaseRow.customer_ref,
            at.label("at"),
            sa.func.max(sa.case((said, 1), else_=0)).label("threat"),
        )
        .join(CaseMention, CaseMention.case_id == CaseRow.id)
        .join(MentionRow, MentionRow.id == CaseMention.mention_id)
        .outerjoin(ReadingRow, ReadingRow.mention_id == MentionRow.id)
        .where(
            CaseRow.matter == "harassment",
            sa.or_(CaseRow.resolution.is_(None), CaseRow.resolution.not_in(NOT_OURS)),
            # A case has the posts of those who passed it on, too, and the brand's answers.
            sa.or_(CaseRow.author_id.is_(None), MentionRow.author_id == CaseRow.author_id),
        )
        .group_by(CaseRow.id, CaseRow.crm, CaseRow.customer_ref)
        .order_by(at, CaseRow.id)
    )
    if start is not None:
        query = query.having(at >= start)
    if end is not None:
        query = query.having(at < end)
    return query if invented else query.where(CaseRow.invented.is_(False))


def _phones_of_customers(session: Session, refs: Sequence[str]) -> dict[str, set[str]]:
    found: dict[str, set[str]] = {}
    for part in _batches(refs):
        query = sa.select(CrmIdentifier.customer_id, CrmIdentifier.value).where(
            CrmIdentifier.customer_id.in_(part), CrmIdentifier.kind == IdentifierKind.PHONE.value
        )
        for ref, phone in session.execute(query):
            found.setdefault(ref, set()).add(phone)
    return found


def _phones_of_cases(session: Session, ids: Sequence[int]) -> dict[int, set[str]]:
    found: dict[int, set[str]] = {}
    for part in _batches(ids):
        query = (
            sa.select(SuppressionRow.case_id, SuppressedPhone.number)
            .join(SuppressedPhone, SuppressedPhone.suppression_id == SuppressionRow.id)
            .where(SuppressionRow.case_id.in_(part))
        )
        for case_id, phone in session.execute(query):
            if case_id is not None:
                found.setdefault(case_id, set()).add(phone)
    return found


def touches(session: Session, told: Sequence[Complaint], *, invented: bool) -> Iterator[Touch]:
    """Contacts of ours, no service contacts, with those who complained in the time that counts."""
    for part in _batches(told):  # oldest first, so that each asks for a short time only
        seen: dict[str, Any] = {}
        span = _Span(part[0].at - WINDOW, part[-1].at + timedelta(microseconds=1), invented)
        refs = {c.customer for c in part if c.customer}
        phones = {phone for c in part for phone in c.phones}
        for column, values in (
            (CrmEvent.customer_id, refs),
            (CrmEvent.customer_number, phones),
        ):  # each by its index
            for some in _batches(sorted(values)):
                rows = session.execute(
                    sa.select(
                        CrmEvent.event_id,
                        CrmEvent.at,
                        CrmEvent.customer_id,
                        CrmEvent.customer_number,
                        CrmEvent.note,
                        *_COLUMNS.values(),
                    ).where(*span.ours(), column.in_(some))
                )
                seen |= {row.event_id: row for row in rows}
        for row in seen.values():
            of = dict(zip(_COLUMNS, row[5:], strict=True))
            if purpose(of[By.CAMPAIGN], row.note) is not Purpose.SERVICE:
                yield Touch(row.at, row.customer_id, row.customer_number, of)


def _batches(values: Sequence[_T]) -> Iterator[Sequence[_T]]:
    return (values[i : i + _BATCH] for i in range(0, len(values), _BATCH))


# ---------------------------------------------------------------------------- person by person


class Logged(NamedTuple):
    """One event of a person's log; `customer` and `phone` (its keyed index) as it names them."""

    at: datetime
    ours: bool  # to them; otherwise they came to us
    channel: str
    campaign: str
    disposition: str
    purpose: Purpose
    customer: str | None
    phone: str


class Person(NamedTuple):
    """Everything logged with one customer, or with a phone that no single customer has; oldest
    first. Zone and country are those of the record, empty where there is none or nobody asked."""

    time_zone: str
    country: str
    events: tuple[Logged, ...]


# What people do on their own that a contact policy looks at.
_TELLING = (*REFUSED, Disposition.SALE, Disposition.INTERESTED)


def people(
    session: Session, *, end: datetime | None, invented: bool = False, zones: bool = False
) -> Iterator[Person]:
    """Everybody with whom something was logged before `end`, from the beginning of the log on.

    The database sorts, on its own disk where it must, and a few thousand rows are held at a time:
    a sequential pass and a sort cost a sixth of what walking along the customers' index does.
    """
    rows = session.execute(
        _by_person(_campaigns(session), end, invented, zones),
        execution_options={"yield_per": _ROWS},
    )
    for (_owner, _phone, time_zone, country), told in groupby(rows, key=itemgetter(0, 1, 2, 3)):
        events = []
        # By position: names cost as much as all the rest, a million times over.
        for row in told:
            note, direction, at, channel, campaign, disposition, customer, phone = row[5:]
            events.append(
                Logged(
                    at,
                    direction == _OURS,
                    channel,
                    campaign,
                    disposition,
                    purpose(campaign, note),
                    customer,
                    phone,
                )
            )
        yield Person(time_zone or "", country or "", tuple(events))


def _by_person(
    undecided: Sequence[str], end: datetime | None, invented: bool, zones: bool
) -> sa.Select[*tuple[Any, ...]]:
    """`owner` is the customer of an event, or the only one who has its phone; `phone` tells those
    apart who are no customers."""
    has = aliased(CrmIdentifier)
    only = (
        sa.select(sa.func.min(has.customer_id))
        .where(has.kind == IdentifierKind.PHONE.value, has.value == CrmEvent.customer_number)
        .having(sa.func.count() == 1)
        .scalar_subquery()
    )
    owner = sa.case((CrmEvent.customer_id.is_(None), only), else_=CrmEvent.customer_id)
    note = sa.case((CrmEvent.campaign.in_(undecided), CrmEvent.note), else_="")
    conditions = [
        sa.or_(
            CrmEvent.direction == _OURS,
            CrmEvent.disposition.in_([d.value for d in _TELLING]),
        )
    ]
    if end is not None:
        conditions.append(CrmEvent.at < end)
    if not invented:
        conditions.append(CrmEvent.invented.is_(False))
    events = (
        sa.select(
            owner.label("owner"),
            CrmEvent.event_id,
            note.label("note"),
            CrmEvent.direction,
            CrmEvent.at,
            CrmEvent.channel,
            CrmEvent.campaign,
            CrmEvent.disposition,
            CrmEvent.customer_id,
            CrmEvent.customer_number,
        )
        .where(*conditions)
        .subquery()
    )
    nobody = events.c.owner.is_(None)
    phone = sa.case(
        (sa.and_(nobody, events.c.customer_number != ""), events.c.customer_number),
        (nobody, events.c.event_id),
        else_="",
    ).label("phone")
    known: tuple[Any, ...] = (sa.literal("").label("time_zone"), sa.literal("").label("country"))
    if zones:
        known = (CrmPerson.time_zone, CrmPerson.country)
    query = sa.select(events.c.owner, phone, *known, *list(events.c)[1:])
    if zones:
        query = query.outerjoin(CrmPerson, CrmPerson.customer_id == events.c.owner)
    return query.order_by(events.c.owner, phone, events.c.at, events.c.event_id)
