"""The CRM that is always there: people, contact events and numbers imported from CSV.

Source of the records: `listener crm import` (docs/crm.md). No sign-in, no limits; it knows what the
last import said, and nothing of what has happened since.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import UTC, date, datetime, time, timedelta
from urllib.parse import quote

import sqlalchemy as sa
from sqlalchemy.orm import Session

from listener.crm.seam import Capability
from listener.domain import (
    CallerNumber,
    Candidate,
    Channel,
    ContactEvent,
    Customer,
    Direction,
    Disposition,
    Identifier,
    IdentifierKind,
    NumberKind,
)
from listener.settings import Settings
from listener.storage.tables import CrmEvent, CrmIdentifier, CrmNumber, CrmPerson

NAME = "local"


class LocalCrm:
    """Reads in the transaction of the session it was given."""

    name = NAME
    can = frozenset({Capability.FIND, Capability.HISTORY, Capability.LINK})

    def __init__(self, session: Session, public_url: str) -> None:
        self._session = session
        self._public_url = public_url.rstrip("/")

    @classmethod
    def open(cls, session: Session, settings: Settings) -> LocalCrm:
        return cls(session, settings.listener.service.public_url)

    def find(self, identifiers: Sequence[Identifier]) -> list[Candidate]:
        refs: list[tuple[Identifier, str]] = []
        for identifier in identifiers:
            refs += [(identifier, ref) for ref in self._refs(identifier)]
        people = self._customers({ref for _, ref in refs})
        return [Candidate(people[ref], identifier) for identifier, ref in refs if ref in people]

    def get(self, ref: str) -> Customer | None:
        return self._customers([ref]).get(ref)

    def history(self, ref: str) -> list[ContactEvent]:
        phones = self._session.scalars(
            sa.select(CrmIdentifier.value).where(
                CrmIdentifier.customer_id == ref, CrmIdentifier.kind == IdentifierKind.PHONE.value
            )
        ).all()
        # Each half has its index; asking for "no customer" here would scan the whole log.
        rows = self._session.scalars(
            sa.select(CrmEvent)
            .where(sa.or_(CrmEvent.customer_id == ref, CrmEvent.customer_number.in_(phones)))
            .order_by(CrmEvent.at, CrmEvent.event_id)
        )
        return [_event(row) for row in rows if row.customer_id in (ref, None)]

    def of_number(self, number: str) -> list[ContactEvent]:
        """All contacts with one phone (E.164), whoever has it, oldest first."""
        rows = self._session.scalars(
            sa.select(CrmEvent)
            .where(CrmEvent.customer_number == number)
            .order_by(CrmEvent.at, CrmEvent.event_id)
        )
        return [_event(row) for row in rows]

    def uses(self, caller: str) -> bool:
        """Whether anybody was ever contacted from that number (E.164, or a short code)."""
        found = sa.exists().where(
            CrmEvent.caller_number == caller, CrmEvent.direction == Direction.OUT.value
        )
        return bool(self._session.scalar(sa.select(found)))

    def link(self, ref: str) -> str | None:
        """The dashboard's own page of the customer."""
        return f"{self._public_url}/customer?ref={quote(ref, safe='')}" if ref else None

    def numbers(self, brand: str | None = None) -> list[CallerNumber]:
        """The registry of numbers that call in a brand's name, as imported."""
        query = sa.select(CrmNumber).order_by(
            CrmNumber.brand, CrmNumber.number, CrmNumber.valid_from_day
        )
        if brand is not None:
            query = query.where(CrmNumber.brand == brand)
        return [_number(row) for row in self._session.scalars(query)]

    def _refs(self, identifier: Identifier) -> list[str]:
        value = identifier.value
        if identifier.kind is IdentifierKind.CUSTOMER_ID:
            # People write the letters of an id as they please.
            spellings = {value, value.upper(), value.lower()}
            query = sa.select(CrmPerson.customer_id).where(CrmPerson.customer_id.in_(spellings))
            return list(self._session.scalars(query.order_by(CrmPerson.customer_id)))
        query = sa.select(CrmIdentifier.customer_id).where(
            CrmIdentifier.kind == identifier.kind.value, CrmIdentifier.value == value
        )
        return list(self._session.scalars(query.order_by(CrmIdentifier.customer_id)))

    def _customers(self, refs: Iterable[str]) -> dict[str, Customer]:
        wanted = sorted(set(refs))
        rows: list[CrmPerson] = []
        given: dict[tuple[str, str], list[str]] = {}
        for start in range(0, len(wanted), 500):
            part = wanted[start : start + 500]
            rows += self._session.scalars(
                sa.select(CrmPerson).where(CrmPerson.customer_id.in_(part))
            )
            for row in self._session.scalars(
                sa.select(CrmIdentifier)
                .where(CrmIdentifier.customer_id.in_(part))
                .order_by(CrmIdentifier.value)
            ):
                given.setdefault((row.customer_id, row.kind), []).append(row.value)
        return {row.customer_id: _customer(row, given) for row in rows}


def _customer(row: CrmPerson, given: dict[tuple[str, str], list[str]]) -> Customer:
    def of(kind: IdentifierKind) -> tuple[str, ...]:
        return tuple(given.get((row.customer_id, kind.value), ()))

    return Customer(
        crm=NAME,
        ref=row.customer_id,
        name=row.name,
        phones=of(IdentifierKind.PHONE),
        emails=of(IdentifierKind.EMAIL),
        handles=of(IdentifierKind.HANDLE),
        country=row.country,
        time_zone=row.time_zone,
        consent=row.consent,
        consent_at=row.consent_at,
        preferred_channel=row.preferred_channel,
        status=row.status,
        region=str(row.extra.get("region", "")).rpartition("-")[2].upper(),
        invented=row.invented,
    )


def _event(row: CrmEvent) -> ContactEvent:
    return ContactEvent(
        event_id=row.event_id,
        at=row.at,
        direction=Direction(row.direction),
        channel=Channel(row.channel),
        customer_ref=row.customer_id,
        customer_number=row.customer_number,
        caller_number=row.caller_number,
        campaign=row.campaign,
        list_name=row.list_name,
        list_loaded_at=row.list_loaded_at,
        centre=row.centre,
        agent=row.agent,
        disposition=Disposition(row.disposition),
        duration_s=row.duration_s,
        note=row.note,
    )


def _number(row: CrmNumber) -> CallerNumber:
    return CallerNumber(
        number=row.number,
        brand=row.brand,
        kind=NumberKind(row.kind),
        owner=row.owner,
        valid_from=_midnight(row.valid_from_day, 0),
        valid_to=_midnight(row.valid_to_day, 1),
    )


def _midnight(day: str, later: int) -> datetime | None:
    """The registry knows days only: from the first midnight (UTC) on, to the one after the last."""
    if not day:
        return None
    return datetime.combine(date.fromisoformat(day) + timedelta(days=later), time(), UTC)
