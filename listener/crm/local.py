"""The CRM that is always there: people, contact events and numbers imported from CSV.

Source of the records: `listener crm import` (docs/crm.md). No sign-in, no limits; it knows what the
last import said, and nothing of what has happened since. Its suppressions and tickets stand in our
own tables, for a company that has no CRM, and are watched like any other's.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from datetime import UTC, datetime
from urllib.parse import quote

import sqlalchemy as sa
from sqlalchemy.orm import Session

from listener.crm.seam import Cannot, Capability, Connection, Order, Receipt, Ticket
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
)
from listener.sections import Section
from listener.storage import Database, registered_numbers
from listener.storage.database import insert_new
from listener.storage.tables import (
    CrmEvent,
    CrmIdentifier,
    CrmPerson,
    CrmSuppression,
    CrmTicket,
)
from listener.vault import Vault, open_vault

NAME = "local"


class Options(Section):
    """It has no server, and nothing to say of it."""


def open(_options: Options, connection: Connection) -> LocalCrm:
    return LocalCrm(
        connection.db,
        open_vault(connection.settings.var),
        public_url=connection.settings.listener.service.public_url,
        name=connection.config.name,
        now=connection.now,
    )


def seal_phone(vault: Vault, e164: str, written: str) -> tuple[str, str]:
    """(`value`, `as_written`) of a phone among the identifiers."""
    return vault.index(e164), vault.seal(f"{e164}\t{written}")


def open_phone(vault: Vault, sealed: str) -> tuple[str, str]:
    """(E.164, the form as written) of a phone among the identifiers."""
    e164, _, written = vault.open(sealed).partition("\t")
    return e164, written


def _utc_now() -> datetime:
    return datetime.now(UTC)


class LocalCrm(Cannot):
    """Reads what is committed, and writes in commits of its own."""

    can = frozenset(Capability) - {Capability.CALLS}  # `history` has them

    def __init__(
        self,
        db: Database,
        vault: Vault,
        *,
        public_url: str = "",
        name: str = NAME,
        now: Callable[[], datetime] = _utc_now,
    ) -> None:
        self.name = name
        self._db = db
        self._vault = vault
        self._public_url = public_url.rstrip("/")
        self._now = now

    def find(self, identifiers: Sequence[Identifier]) -> list[Candidate]:
        with self._db.read() as session:
            refs: list[tuple[Identifier, str]] = []
            for identifier in identifiers:
                refs += [(identifier, ref) for ref in self._refs(session, identifier)]
            people = self._customers(session, {ref for _, ref in refs})
        return [Candidate(people[ref], identifier) for identifier, ref in refs if ref in people]

    def get(self, ref: str) -> Customer | None:
        with self._db.read() as session:
            return self._customers(session, [ref]).get(ref)

    def history(self, ref: str) -> list[ContactEvent]:
        with self._db.read() as session:
            phones = session.scalars(
                sa.select(CrmIdentifier.value).where(
                    CrmIdentifier.customer_id == ref,
                    CrmIdentifier.kind == IdentifierKind.PHONE.value,
                )
            ).all()
            # Each half has its index; asking for "no customer" here would scan the whole log.
            rows = session.scalars(
                sa.select(CrmEvent)
                .where(sa.or_(CrmEvent.customer_id == ref, CrmEvent.customer_number.in_(phones)))
                .order_by(CrmEvent.at, CrmEvent.event_id)
            )
            return [event_of(row, self._vault) for row in rows if row.customer_id in (ref, None)]

    def suppress(self, order: Order) -> Receipt:
        index = self._vault.index(order.number)
        row = {
            "number": index,
            "number_sealed": self._vault.seal(order.number),
            "customer_id": order.ref,
            "reason": order.reason,
            "key": order.key,
            "at": self._now(),
            "until": order.until,
        }
        with self._db.write() as session:
            new = insert_new(session, CrmSuppression, [row], returning=CrmSuppression.number)
            stored = session.get_one(CrmSuppression, index)
            return Receipt(f"local:{index[:12]}", stored.at, already=not new)

    def record(self, ticket: Ticket) -> Receipt:
        row = {
            "key": ticket.key,
            "customer_id": ticket.ref,
            "title": ticket.title,
            "text": ticket.text,
            "link": ticket.link,
            "at": self._now(),
        }
        with self._db.write() as session:
            new = insert_new(session, CrmTicket, [row], returning=CrmTicket.key)
            stored = session.get_one(CrmTicket, ticket.key)
            return Receipt(f"local:{ticket.key}", stored.at, already=not new)

    def link(self, ref: str) -> str | None:
        """The dashboard's own page of the customer."""
        return f"{self._public_url}/customer?ref={quote(ref, safe='')}" if ref else None

    # ------------------------------------------------------------------ beyond the seam

    def of_number(self, number: str) -> list[ContactEvent]:
        """All contacts with one phone (E.164), whoever has it, oldest first."""
        with self._db.read() as session:
            rows = session.scalars(
                sa.select(CrmEvent)
                .where(CrmEvent.customer_number == self._vault.index(number))
                .order_by(CrmEvent.at, CrmEvent.event_id)
            )
            return [event_of(row, self._vault) for row in rows]

    def uses(self, caller: str) -> bool:
        """Whether anybody was ever contacted from that number (E.164, or a short code)."""
        found = sa.exists().where(
            CrmEvent.caller_number == caller, CrmEvent.direction == Direction.OUT.value
        )
        with self._db.read() as session:
            return bool(session.scalar(sa.select(found)))

    def numbers(self, brand: str | None = None) -> list[CallerNumber]:
        """The registry of numbers that call in a brand's name, as imported."""
        with self._db.read() as session:
            return registered_numbers.imported(session, None if brand is None else [brand])

    def suppressed_at(self, numbers: Iterable[str]) -> datetime | None:
        """Since when one of the phones (E.164) is suppressed here; None where none is."""
        indexes = [self._vault.index(n) for n in numbers]
        query = sa.select(sa.func.min(CrmSuppression.at)).where(CrmSuppression.number.in_(indexes))
        with self._db.read() as session:
            return session.scalar(query)

    # ------------------------------------------------------------------ rows

    def _refs(self, session: Session, identifier: Identifier) -> list[str]:
        value = identifier.value
        if identifier.kind is IdentifierKind.CUSTOMER_ID:
            # People write the letters of an id as they please.
            spellings = {value, value.upper(), value.lower()}
            query = sa.select(CrmPerson.customer_id).where(CrmPerson.customer_id.in_(spellings))
            return list(session.scalars(query.order_by(CrmPerson.customer_id)))
        if identifier.kind is IdentifierKind.PHONE:
            value = self._vault.index(value)
        query = sa.select(CrmIdentifier.customer_id).where(
            CrmIdentifier.kind == identifier.kind.value, CrmIdentifier.value == value
        )
        return list(session.scalars(query.order_by(CrmIdentifier.customer_id)))

    def _customers(self, session: Session, refs: Iterable[str]) -> dict[str, Customer]:
        wanted = sorted(set(refs))
        rows: list[CrmPerson] = []
        given: dict[tuple[str, str], list[str]] = {}
        for start in range(0, len(wanted), 500):
            part = wanted[start : start + 500]
            rows += session.scalars(sa.select(CrmPerson).where(CrmPerson.customer_id.in_(part)))
            for row in session.scalars(
                sa.select(CrmIdentifier).where(CrmIdentifier.customer_id.in_(part))
            ):
                value = row.value
                if row.kind == IdentifierKind.PHONE:
                    value = open_phone(self._vault, row.as_written)[0]
                given.setdefault((row.customer_id, row.kind), []).append(value)
        return {row.customer_id: self._customer(row, given) for row in rows}

    def _customer(self, row: CrmPerson, given: dict[tuple[str, str], list[str]]) -> Customer:
        def of(kind: IdentifierKind) -> tuple[str, ...]:
            return tuple(sorted(given.get((row.customer_id, kind.value), ())))

        return Customer(
            crm=self.name,
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


def event_of(row: CrmEvent, vault: Vault) -> ContactEvent:
    return ContactEvent(
        event_id=row.event_id,
        at=row.at,
        direction=Direction(row.direction),
        channel=Channel(row.channel),
        customer_ref=row.customer_id,
        customer_number=vault.open(row.customer_number_sealed),
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
