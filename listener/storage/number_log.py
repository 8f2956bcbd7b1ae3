"""What the contact log (the CRM `local`) holds of numbers that call: who uses them, and whom they
contacted. It is asked for given numbers and one stretch of time, which is what its index is for.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

import sqlalchemy as sa
from sqlalchemy.orm import Session

from listener.domain import Direction, IdentifierKind
from listener.storage.tables import CrmEvent, CrmIdentifier

_CHUNK = 500  # as many values as every database takes in one IN


@dataclass(frozen=True, slots=True)
class Use:
    """Contacts that the log holds from a number, of one campaign by one centre."""

    campaign: str
    centre: str
    contacts: int


def _from(
    numbers: Sequence[str], start: datetime, end: datetime, invented: bool
) -> tuple[sa.ColumnElement[bool], ...]:
    conditions = [
        CrmEvent.caller_number.in_(numbers),
        CrmEvent.at >= start,
        CrmEvent.at < end,
        CrmEvent.direction == Direction.OUT.value,
    ]
    if not invented:
        conditions.append(CrmEvent.invented.is_(False))
    return tuple(conditions)


def uses(
    session: Session,
    numbers: Sequence[str],
    start: datetime,
    end: datetime,
    *,
    invented: bool = True,
) -> list[Use]:
    """The campaigns and centres that contacted people from a number, most contacts first."""
    contacts = sa.func.count()
    rows = session.execute(
        sa.select(CrmEvent.campaign, CrmEvent.centre, contacts)
        .where(*_from(numbers, start, end, invented))
        .group_by(CrmEvent.campaign, CrmEvent.centre)
        .order_by(contacts.desc(), CrmEvent.campaign, CrmEvent.centre)
    )
    return [Use(*row) for row in rows]


def logged(
    session: Session,
    numbers: Sequence[str],
    start: datetime,
    end: datetime,
    *,
    invented: bool = True,
) -> int:
    """How many contacts from a number the log holds, in [start, end]."""
    end += timedelta(microseconds=1)
    query = sa.select(sa.func.count()).where(*_from(numbers, start, end, invented))
    return int(session.scalar(query) or 0)


def used(session: Session, numbers: Iterable[str], *, invented: bool = True) -> frozenset[str]:
    """Those from which anybody was ever contacted."""
    found: set[str] = set()
    given = list(numbers)
    for first in range(0, len(given), _CHUNK):
        part = [(number,) for number in given[first : first + _CHUNK]]
        asked = sa.values(sa.column("number", sa.String), name="asked").data(part).cte("asked")
        event = sa.exists().where(
            CrmEvent.caller_number == asked.c.number, CrmEvent.direction == Direction.OUT.value
        )
        if not invented:
            event = event.where(CrmEvent.invented.is_(False))
        found.update(session.scalars(sa.select(asked.c.number).where(event)))
    return frozenset(found)


def contacts_with(
    session: Session,
    numbers: Sequence[str],
    refs: Sequence[str],
    start: datetime,
    end: datetime,
    *,
    invented: bool = True,
) -> list[tuple[str, datetime]]:
    """(customer of the CRM `local`, when) of every contact with one of them from a number, in
    [start, end]; one that names no customer belongs to whoever has the phone."""
    found: list[tuple[str, datetime]] = []
    when = [CrmEvent.at >= start, CrmEvent.at <= end, CrmEvent.direction == Direction.OUT.value]
    if not invented:
        when.append(CrmEvent.invented.is_(False))
    for first in range(0, len(refs), _CHUNK):
        part = refs[first : first + _CHUNK]
        of_event = (CrmEvent.at, CrmEvent.caller_number, CrmEvent.customer_id)
        by_customer = sa.select(CrmEvent.customer_id, *of_event).where(
            CrmEvent.customer_id.in_(part), *when
        )
        by_phone = (
            sa.select(CrmIdentifier.customer_id, *of_event)
            .join(CrmEvent, CrmEvent.customer_number == CrmIdentifier.value)
            .where(
                CrmIdentifier.customer_id.in_(part),
                CrmIdentifier.kind == IdentifierKind.PHONE.value,
                *when,
            )
        )
        # The rest is told apart here: asked for the caller, or for "no customer", SQLite walks all
        # that either has in the log.
        found += [
            (str(ref), at)
            for ref, at, caller, _ in session.execute(by_customer)
            if caller in numbers
        ]
        found += [
            (str(ref), at)
            for ref, at, caller, named in session.execute(by_phone)
            if caller in numbers and named is None
        ]
    return found
