"""The inbox, a case, and what people do to it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from sqlalchemy.orm import Session

from listener import facts
from listener.desk.casework import works_here
from listener.desk.office import Office
from listener.desk.rights import may_see, may_work, named, nameless, unmatched, visible, worker
from listener.domain import CaseStatus, ContactEvent, Customer, Resolution
from listener.errors import CaseError, CRMError, NotAllowed, Said
from listener.storage import case_actions, case_customers, case_search, case_tags, people, readings
from listener.storage.case_detail import CaseDetail, CaseMentionView
from listener.storage.case_search import CaseFilter, Sort
from listener.storage.case_summary import CaseSummary
from listener.storage.people import User
from listener.storage.readings import StoredReading


@dataclass(frozen=True, slots=True)
class Record:
    """A customer as their CRM shows them: the person, the link to the record, every contact
    (oldest first), and what diallers that did not answer said."""

    crm: str
    customer: Customer
    link: str | None
    events: tuple[ContactEvent, ...]
    silent: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class InboxLine:
    """A case, the reading of the mention that its line shows, and the case's tags."""

    case: CaseSummary
    reading: StoredReading | None
    tags: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class CaseView:
    """`record` is the decided customer's; `trouble` says why there is none although one is known."""

    detail: CaseDetail
    record: Record | None
    trouble: str = ""


def _lines(session: Session, user: User, found: Sequence[CaseSummary]) -> list[InboxLine]:
    read = readings.load(session, [c.mention_id for c in found])
    tags = case_tags.of(session, [c.id for c in found])
    shown = found if may_work(user) else [unmatched(c) for c in found]
    return [InboxLine(c, read.get(c.mention_id), tags.get(c.id, ())) for c in shown]


class CaseDesk:
    """Cases of the brands that the user sees."""

    def __init__(self, office: Office) -> None:
        self.office = office

    def inbox(
        self,
        user: User,
        wanted: CaseFilter,
        *,
        sort: Sort = Sort.URGENCY,
        limit: int = 20,
        offset: int = 0,
    ) -> tuple[list[InboxLine], int]:
        """(the page of cases, how many there are in all, of which case_search.MOST + 1 are counted). Who
        does not work on cases learns nothing by asking for matched authors: that is left out."""
        brands = visible(user, wanted.brands)
        if brands is None:
            return [], 0
        matched = wanted.matched if may_work(user) else None
        asked = replace(wanted, brands=brands, matched=matched)
        with self.office.db.read() as session:
            found, total = case_search.search(session, asked, sort=sort, limit=limit, offset=offset)
            return _lines(session, user, found), total

    def lines(self, user: User, case_ids: Sequence[int]) -> list[InboxLine]:
        """These cases as they are now, in this order, whether or not they would still be listed;
        those of brands that the user does not see are left out."""
        with self.office.db.read() as session:
            return _lines(session, user, case_search.by_ids(session, case_ids, user.brands))

    def filters(self, user: User) -> Mapping[str, tuple[str, ...]]:
        """The queues, languages, sources and matters that occur, for the inbox's filters."""
        with self.office.db.read() as session:
            return case_search.occurring(session, user.brands)

    def view(self, user: User, case_id: int) -> CaseView:
        """Raises NotAllowed for a brand that the user does not see, StorageError where there is no
        such case. Who the author is in the CRM is there for those who work on cases only."""
        with self.office.db.read() as session:
            detail = self.office.seen(session, user, case_id)
        crm, ref = detail.crm, detail.summary.customer_ref
        if not may_work(user):
            return CaseView(nameless(detail), None)
        if not (crm and ref):
            return CaseView(detail, None)
        try:
            return CaseView(detail, self._record(crm, ref))
        except CRMError as error:
            return CaseView(detail, None, Said.of(error))

    def assignable(self, user: User, brand: str) -> list[User]:
        """Who could be given a case of this brand."""
        worker(user)
        with self.office.db.read() as session:
            return [
                u
                for u in people.everyone(session)
                if not u.disabled and may_work(u) and may_see(u, brand)
            ]

    def assign(self, user: User, case_id: int, owner: str | None, *, version: int) -> None:
        """Take (owner is the user), give to somebody, or give back (None)."""
        worker(user)
        with self.office.db.write() as session:
            detail = self.office.seen(session, user, case_id)
            if owner is not None:
                works_here(session, owner, detail.summary.brand)
            case_actions.assign(
                session, case_id, owner, by=user.username, version=version, now=self.office.now()
            )

    def set_status(
        self,
        user: User,
        case_id: int,
        status: CaseStatus,
        resolution: Resolution | None = None,
        *,
        reason: str = "",
        version: int,
    ) -> None:
        """Closing says how the case ended, and may say more in words (`other` must)."""
        worker(user)
        with self.office.db.write() as session:
            self.office.seen(session, user, case_id)
            case_actions.set_status(
                session,
                case_id,
                status,
                resolution=resolution,
                reason=reason,
                by=user.username,
                version=version,
                now=self.office.now(),
            )

    def note(self, user: User, case_id: int, text: str) -> None:
        worker(user)
        with self.office.db.write() as session:
            self.office.seen(session, user, case_id)
            case_actions.note(session, case_id, text, by=user.username, now=self.office.now())

    def correct(
        self,
        user: User,
        case_id: int,
        mention_id: int,
        question: str,
        value: Any,
        *,
        version: int,
    ) -> None:
        """A person's word on a label; it wins over every reading, for ever."""
        worker(user)
        with self.office.db.write() as session:
            detail = self.office.seen(session, user, case_id)
            if mention_id not in {m.id for m in detail.mentions}:
                raise NotAllowed(f"mention {mention_id} is not on case {case_id}")
            case_actions.correct(
                session,
                case_id,
                mention_id,
                question,
                value,
                by=user.username,
                version=version,
                now=self.office.now(),
            )

    def correct_fact(
        self, user: User, case_id: int, mention_id: int, fact: str, answer: Any, *, version: int
    ) -> None:
        """A person's word on what a mention claims (listener/facts.py); for `numbers` a list of them as
        they are written. Raises StorageError for an impossible answer."""
        worker(user)
        with self.office.db.write() as session:
            detail = self.office.seen(session, user, case_id)
            mention = next((m for m in detail.mentions if m.id == mention_id), None)
            if mention is None:
                raise NotAllowed(f"mention {mention_id} is not on case {case_id}")
            case_actions.correct_fact(
                session,
                case_id,
                mention_id,
                fact,
                self._numbers(detail, mention, answer) if fact == "numbers" else answer,
                by=user.username,
                version=version,
                now=self.office.now(),
            )

    def _numbers(self, detail: CaseDetail, mention: CaseMentionView, written: Any) -> Any:
        brand = self.office.settings.brand(detail.summary.brand)
        before = mention.reading.facts if mention.reading else {}
        try:
            countries = brand.countries if brand else ()
            return facts.numbers(written, mention.text, before, countries)
        except facts.NoAnswer as error:
            raise CaseError(str(error), key="case.number") from error

    def confirm_customer(
        self, user: User, case_id: int, crm: str | None, ref: str | None, *, version: int
    ) -> None:
        """A person says who wrote; only one of the candidates, or nobody (None)."""
        worker(user)
        with self.office.db.write() as session:
            detail = self.office.seen(session, user, case_id)
            if ref is not None and (crm, ref) not in named(detail):
                raise NotAllowed(f"{ref} is not among the candidates of case {case_id}")
            case_customers.confirm_customer(
                session, case_id, crm, ref, by=user.username, version=version, now=self.office.now()
            )

    def customer(self, user: User, crm: str, ref: str, case_id: int | None = None) -> Record:
        """A customer's record. Those who see some brands only, open it from a case of theirs that
        names the customer."""
        worker(user)
        if user.brands:
            with self.office.db.read() as session:
                detail = self.office.seen(session, user, case_id) if case_id is not None else None
            if detail is None or (crm, ref) not in named(detail):
                raise NotAllowed("this customer is on no case that you may see")
        return self._record(crm, ref)

    def _record(self, crm: str, ref: str) -> Record:
        customer = self.office.systems.customer(crm, ref)
        if customer is None:
            raise CRMError(
                "there is no customer {ref!r} (removed, or under another id now)", crm=crm, ref=ref
            )
        events, silent = self.office.systems.contacts(crm, customer)
        return Record(
            crm, customer, self.office.systems.link(crm, ref), tuple(events), tuple(silent)
        )
