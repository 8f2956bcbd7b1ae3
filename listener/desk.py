"""What people may see and do. Every function takes the acting user and checks their rights here,
so that a page which forgets to hide a button gives nothing away.

Everyone sees the cases, alerts and trends of their brands (none named: of all). Cases are changed
by community managers and administrators only; they alone learn who an author is in the CRM, too: the
match, its candidates and reasons, the record.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from sqlalchemy.orm import Session

from listener import dossiers, inquiry, ledger, phones, replies
from listener.accounts import utc_now
from listener.crm import Capability, systems
from listener.crm.local import LocalCrm
from listener.domain import (
    CaseStatus,
    Cause,
    ContactEvent,
    Customer,
    Diagnosis,
    Resolution,
    Role,
    SuppressionStatus,
)
from listener.dossiers import Dossier, Line, Listed, Standing
from listener.errors import AccountError, CRMError, NotAllowed, StorageError
from listener.ledger import Counts
from listener.private_links import Asked, PrivateLinks
from listener.replies import Situation
from listener.settings import Brand, Settings
from listener.storage import (
    Database,
    alerts,
    cases,
    health,
    mentions,
    numbers,
    people,
    readings,
    review,
    suppressions,
    trends,
)
from listener.storage import ledger as ledger_log
from listener.storage.alerts import StoredAlert, StoredNotification
from listener.storage.cases import CaseDetail, CaseFilter, CaseSummary, TimelineEntry
from listener.storage.health import LoopHealth, SubscriptionHealth
from listener.storage.mentions import StoredReject
from listener.storage.numbers import Post
from listener.storage.people import User
from listener.storage.readings import StoredReading
from listener.storage.review import Doubt
from listener.storage.suppressions import Kept, Suppression, Write
from listener.storage.trends import Tally
from listener.vault import open_vault

_WORKERS = frozenset({Role.COMMUNITY_MANAGER.value, Role.ADMINISTRATOR.value})


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
    """A case and the reading of the mention that its line shows."""

    case: CaseSummary
    reading: StoredReading | None


@dataclass(frozen=True, slots=True)
class CaseView:
    """`record` is the decided customer's; `trouble` says why there is none although one is known."""

    detail: CaseDetail
    record: Record | None
    trouble: str = ""


@dataclass(frozen=True, slots=True)
class AlertView:
    alert: StoredAlert
    deliveries: tuple[StoredNotification, ...]


@dataclass(frozen=True, slots=True)
class Sources:
    subscriptions: tuple[SubscriptionHealth, ...]
    loops: tuple[LoopHealth, ...]
    rejects: tuple[StoredReject, ...]
    counts: Mapping[str, Any]
    systems: Mapping[str, str]  # CRMs and diallers: `ok`, or why one is left alone


@dataclass(frozen=True, slots=True)
class Trends:
    """`gaps` are the days in which nothing can have been collected."""

    tallies: tuple[Tally, ...]
    gaps: frozenset[date]
    failing: tuple[SubscriptionHealth, ...]


def may_work(user: User) -> bool:
    return user.role in _WORKERS


def is_administrator(user: User) -> bool:
    return user.role == Role.ADMINISTRATOR


def may_see(user: User, brand: str | None) -> bool:
    """What belongs to no brand (the health of a source) is everybody's."""
    return brand is None or not user.brands or brand in user.brands


class Desk:
    """The service layer of the dashboard. `now` is passed in by tests."""

    def __init__(
        self, db: Database, settings: Settings, now: Callable[[], datetime] = utc_now
    ) -> None:
        self.db = db
        self.settings = settings
        self.now = now
        self.systems = systems(settings, db, now)
        self.links = PrivateLinks(db, settings)

    # ------------------------------------------------------------------ cases

    def inbox(
        self, user: User, wanted: CaseFilter, *, limit: int = 20, offset: int = 0
    ) -> tuple[list[InboxLine], int]:
        """(the page of cases by urgency, how many there are in all)."""
        brands = _visible(user, wanted.brands)
        if brands is None:
            return [], 0
        asked = replace(wanted, brands=brands)
        with self.db.read() as session:
            found, total = cases.search(session, asked, limit=limit, offset=offset)
            read = readings.load(session, [c.mention_id for c in found])
        if not may_work(user):
            found = [_unmatched(c) for c in found]
        return [InboxLine(c, read.get(c.mention_id)) for c in found], total

    def filters(self, user: User) -> Mapping[str, tuple[str, ...]]:
        """The queues, languages, sources and matters that occur, for the inbox's filters."""
        with self.db.read() as session:
            return cases.occurring(session, user.brands)

    def case(self, user: User, case_id: int) -> CaseView:
        """Raises NotAllowed for a brand that the user does not see, StorageError where there is no
        such case. Who the author is in the CRM is there for those who work on cases only."""
        with self.db.read() as session:
            detail = self._seen(session, user, case_id)
        crm, ref = detail.crm, detail.summary.customer_ref
        if not may_work(user):
            return CaseView(_nameless(detail), None)
        if not (crm and ref):
            return CaseView(detail, None)
        try:
            return CaseView(detail, self._record(crm, ref))
        except CRMError as error:
            return CaseView(detail, None, str(error))

    def assignable(self, user: User, brand: str) -> list[User]:
        """Who could be given a case of this brand."""
        _worker(user)
        with self.db.read() as session:
            return [
                u
                for u in people.everyone(session)
                if not u.disabled and may_work(u) and may_see(u, brand)
            ]

    def assign(self, user: User, case_id: int, owner: str | None, *, version: int) -> None:
        """Take (owner is the user), give to somebody, or give back (None)."""
        _worker(user)
        with self.db.write() as session:
            detail = self._seen(session, user, case_id)
            if owner is not None:
                person = people.get(session, owner)
                if person is None or person.disabled:
                    raise AccountError(f"there is no active user {owner!r} to give the case to")
                if not may_work(person) or not may_see(person, detail.summary.brand):
                    raise NotAllowed(f"{owner} does not work on cases of {detail.summary.brand}")
            cases.assign(session, case_id, owner, by=user.username, version=version, now=self.now())

    def set_status(
        self,
        user: User,
        case_id: int,
        status: CaseStatus,
        resolution: Resolution | None = None,
        *,
        version: int,
    ) -> None:
        _worker(user)
        with self.db.write() as session:
            self._seen(session, user, case_id)
            cases.set_status(
                session,
                case_id,
                status,
                resolution=resolution,
                by=user.username,
                version=version,
                now=self.now(),
            )

    def note(self, user: User, case_id: int, text: str) -> None:
        _worker(user)
        with self.db.write() as session:
            self._seen(session, user, case_id)
            cases.note(session, case_id, text, by=user.username, now=self.now())

    def correct(self, user: User, case_id: int, mention_id: int, question: str, value: Any) -> None:
        _worker(user)
        with self.db.write() as session:
            detail = self._seen(session, user, case_id)
            if mention_id not in {m.id for m in detail.mentions}:
                raise NotAllowed(f"mention {mention_id} is not on case {case_id}")
            cases.correct(
                session, case_id, mention_id, question, value, by=user.username, now=self.now()
            )

    def confirm_customer(
        self, user: User, case_id: int, crm: str | None, ref: str | None, *, version: int
    ) -> None:
        """A person says who wrote; only one of the candidates, or nobody (None)."""
        _worker(user)
        with self.db.write() as session:
            detail = self._seen(session, user, case_id)
            if ref is not None and (crm, ref) not in _named(detail):
                raise NotAllowed(f"{ref} is not among the candidates of case {case_id}")
            cases.confirm_customer(
                session, case_id, crm, ref, by=user.username, version=version, now=self.now()
            )

    def make_private_link(self, user: User, case_id: int, *, version: int) -> str:
        """The token of a link by which the author may leave their phone, once. It is stored
        nowhere. Raises AccountError where there is nothing to ask for."""
        _worker(user)
        with self.db.write() as session:
            detail = self._seen(session, user, case_id)
            cases.hold(session, case_id, version)
            return self.links.make(session, detail, by=user.username, now=self.now())

    def private_link(self, user: User, case_id: int) -> Asked | None:
        """The newest private link of a case, with the phones that the author left."""
        _worker(user)
        with self.db.read() as session:
            self._seen(session, user, case_id)
        return self.links.asked(case_id, self.now())

    # ------------------------------------------------------------------ why, and the promise

    def diagnosis(self, user: User, case_id: int) -> Diagnosis:
        """Why we contacted the author again. Raises CRMError when the CRM does not answer."""
        _worker(user)
        with self.db.read() as session:
            detail = self._seen(session, user, case_id)
        asked = inquiry.of_case(self.systems, detail)
        local = LocalCrm(self.db, open_vault(self.settings.var))
        return inquiry.judged(asked, self.settings, local, self.now())

    def draft(self, user: User, case_id: int) -> tuple[Situation, str | None]:
        """(what a reply would be about, its draft in the author's language)."""
        _worker(user)
        with self.db.read() as session:
            detail = self._seen(session, user, case_id)
            order = suppressions.of_case(session, case_id)
        try:
            asked = inquiry.of_case(self.systems, detail)
        except CRMError:
            causes: tuple[Cause, ...] = ()
        else:
            local = LocalCrm(self.db, open_vault(self.settings.var))
            causes = inquiry.judged(asked, self.settings, local, self.now()).causes
        case = detail.summary
        state = SuppressionStatus(order.status) if order else None
        about = replies.situation(case.matter, causes, state)
        brand = self.settings.brand(case.brand)
        newest = detail.mentions[-1]
        return about, replies.draft(
            self.settings.replies,
            about,
            case.lang,
            brand=brand.name if brand else case.brand,
            author=newest.author_name or (newest.author or "").split("@")[0],
        )

    def suppress(
        self, user: User, case_id: int, *, version: int, phone: str = "", reason: str = ""
    ) -> None:
        """Approve that the author of a case is contacted no more for sales: by every phone of their
        record, every one that they left at a private link, and by `phone`. Raises AccountError for
        what is no phone."""
        _worker(user)
        with self.db.read() as session:
            detail = self._seen(session, user, case_id)
        crm, ref = detail.crm, detail.summary.customer_ref
        customer = self.systems.customer(crm, ref) if crm and ref else None
        numbers = [*(customer.phones if customer else ()), *self.links.numbers(case_id)]
        if phone.strip():
            numbers.append(self._phone(phone, detail.summary.brand))
        if not numbers:
            raise AccountError(
                "there is no phone to suppress: match the customer first, or write one"
            )
        systems = self.suppressing()
        if not systems:
            raise CRMError("none that is configured can suppress a phone", crm="crms.toml")
        vault = open_vault(self.settings.var)
        with self.db.write() as session:
            cases.hold(session, case_id, version)
            suppressions.approve(
                session,
                suppressions.Wanted(
                    case_id=case_id,
                    brand=detail.summary.brand,
                    author_id=detail.author_id,
                    crm=crm,
                    customer_ref=ref,
                    phones=tuple(
                        suppressions.Phone(vault.index(n), vault.seal(n))
                        for n in dict.fromkeys(numbers)
                    ),
                    systems=tuple((s, ref if s == crm else None) for s in systems),
                    reason=reason.strip() or f"case {case_id}",
                    approved_by=user.username,
                    complained_at=min(m.published_at for m in detail.mentions),
                    invented=detail.summary.invented,
                ),
                self.now(),
            )
            cases.changed(
                session,
                case_id,
                self.now(),
                user.username,
                "suppression_approved",
                {"phones": len(set(numbers)), "systems": systems, "reason": reason.strip()},
            )

    def suppressing(self) -> list[str]:
        """The systems that a suppression is written to."""
        return self.systems.that_can(Capability.SUPPRESS)

    def _phone(self, written: str, brand: str) -> str:
        own = self.settings.brand(brand)
        countries = own.countries if own else ()
        found = [n for c in (*countries, "") if (n := phones.normalise(written, c))]
        if not found:
            raise AccountError("this is no phone number; write it as +34600123456")
        return found[0]

    def record(self, user: User, case_id: int) -> None:
        """Note the case on the customer's record in their CRM."""
        _worker(user)
        with self.db.read() as session:
            detail = self._seen(session, user, case_id)
        crm, ref = detail.crm, detail.summary.customer_ref
        if not (crm and ref) or Capability.RECORD not in self.systems.get(crm).can:
            raise CRMError("a case is noted once its customer is known there", crm=crm or "none")
        first = detail.mentions[0]
        data = {
            "title": f"Listener {case_id}: {detail.summary.matter}",
            "text": f"{first.author or ''} {first.published_at:%Y-%m-%d %H:%M} UTC {first.url}\n\n"
            f"{first.text[:4000]}",
            "link": f"{self.settings.listener.service.public_url.rstrip('/')}/case?id={case_id}",
        }
        with self.db.write() as session:
            if suppressions.wish_record(session, case_id, crm, ref, data, self.now()):
                cases.changed(
                    session, case_id, self.now(), user.username, "record_approved", {"system": crm}
                )

    def promise(self, user: User, case_id: int) -> tuple[Suppression | None, list[Write]]:
        """(the case's suppression with its receipts, what was noted in CRMs); for those who work
        on cases."""
        _worker(user)
        with self.db.read() as session:
            self._seen(session, user, case_id)
            return (
                suppressions.of_case(session, case_id),
                suppressions.records_of_case(session, case_id),
            )

    def write_again(self, user: User, case_id: int, write_id: int) -> None:
        """Let a write that was given up be tried again."""
        _worker(user)
        with self.db.write() as session:
            self._seen(session, user, case_id)
            known = suppressions.of_case(session, case_id)
            ids = {w.id for w in known.writes} if known else set()
            ids |= {w.id for w in suppressions.records_of_case(session, case_id)}
            if write_id not in ids:
                raise NotAllowed(f"write {write_id} is not of case {case_id}")
            if not suppressions.try_again(session, write_id, self.now()):
                raise StorageError("this is not given up any more: reload")

    def kept(self, user: User) -> Kept:
        """How the promise is kept, for the brands that the user sees."""
        with self.db.read() as session:
            return suppressions.kept(session, user.brands)

    # ------------------------------------------------------------------ what is in doubt

    def review(self, user: User, *, limit: int = 20, offset: int = 0) -> tuple[list[Doubt], int]:
        """(a page of what the reader is not sure of, the newest first; how many there are)."""
        with self.db.read() as session:
            return review.waiting(session, self._own_brands(user), limit=limit, offset=offset)

    def decide(self, user: User, mention_id: int, *, complaint: bool, harassment: bool) -> None:
        """A person's word on a mention in doubt; a complaint gets its case at the next turn."""
        _worker(user)
        with self.db.write() as session:
            review.decide(
                session,
                mention_id,
                self._own_brands(user),
                complaint=complaint,
                harassment=harassment,
                by=user.username,
                now=self.now(),
            )

    # ------------------------------------------------------------------ numbers that call

    def numbers(
        self, user: User, *, days: int = 30, invented: bool = True
    ) -> tuple[list[Line], list[Listed]]:
        """(the numbers that people complained of in the last days, most complaints first; the
        registry) of our brands that the user sees."""
        brands, now = self._ours(user), self.now()
        keys = tuple(b.key for b in brands)
        asked = numbers.Asked(keys, now - timedelta(days=days), now, invented)
        with self.db.read() as session:
            registry = self._registry(session)
            found = numbers.reported(session, asked)
            used = numbers.used(session, {r.number for r in found}, invented=invented)
        lines = dossiers.lines(
            found,
            [line.entry for line in registry],
            brands=keys,
            countries={b.key: b.countries[0] for b in brands if b.countries},
            used=used,
        )
        return lines, [line for line in registry if line.entry.brand in keys]

    def dossier(
        self,
        user: User,
        number: str,
        *,
        first: date,
        last: date,
        zone: ZoneInfo,
        invented: bool = True,
    ) -> Dossier:
        """All that is known of one number from the first to the last day, both included, in the
        user's zone. Raises NotAllowed for a number that neither a complaint nor the registry of a
        brand of theirs names. Who the authors are is counted for those who work on cases only."""
        brands, now = self._ours(user), self.now()
        asked = numbers.Asked(tuple(b.key for b in brands), *_span(first, last, zone), invented)
        local = [c.name for c in self.settings.crms if c.type == "local"]
        with self.db.read() as session:
            registry = self._registry(session)
            same = self._number(session, number, brands, registry)
            rows = numbers.gather(session, same, asked, local=local, people=may_work(user))
            watched, answered = health.subscriptions(session), health.answered_days(session)
        return dossiers.dossier(
            same[0],
            rows,
            registry,
            brands=brands,
            local=local,
            zone=zone,
            now=now,
            gaps=gaps(watched, answered, first, last, zone, now),
        )

    def number_posts(
        self,
        user: User,
        number: str,
        *,
        first: date,
        last: date,
        zone: ZoneInfo,
        invented: bool = True,
        limit: int = 20,
        offset: int = 0,
    ) -> list[tuple[Post, Standing]]:
        """The complaints of a dossier, the newest first, each with the number's kind on its day."""
        brands = self._ours(user)
        asked = numbers.Asked(tuple(b.key for b in brands), *_span(first, last, zone), invented)
        with self.db.read() as session:
            registry = self._registry(session)
            same = self._number(session, number, brands, registry)
            found = numbers.posts(session, same, asked, limit=limit, offset=offset)
        entries = [line.entry for line in registry]
        return [
            (p, dossiers.standing(same[-1], p.published_at, entries, brands=asked.brands))
            for p in found
        ]

    def _registry(self, session: Session) -> list[Listed]:
        """Of all our brands; what is shown of it is the user's brands' only."""
        own = {b.key for b in self.settings.brands if b.kind == "own"}
        return [
            *(Listed(entry, False) for entry in dossiers.configured(self.settings.brands)),
            *(
                Listed(entry, True, invented)
                for invented in (False, True)
                for entry in numbers.imported(session, invented=invented)
                if entry.brand in own
            ),
        ]

    def _number(
        self, session: Session, written: str, brands: Sequence[Brand], registry: Sequence[Listed]
    ) -> tuple[str, ...]:
        """A number as it is stored, then in its plain form where that is another."""
        keys = [b.key for b in brands]
        countries = [c for b in brands for c in b.countries]
        for form in dossiers.forms(written, countries):
            listed = any(li.entry.number == form and li.entry.brand in keys for li in registry)
            if listed or numbers.ever_reported(session, [form], keys):
                plain = phones.normalise_caller(form, countries[0] if countries else "")
                return tuple(dict.fromkeys((form, plain)))
        raise NotAllowed("no complaint that you may see and no registry of your brands names it")

    def _ours(self, user: User) -> list[Brand]:
        return [b for b in self.settings.brands if b.kind == "own" and may_see(user, b.key)]

    def _own_brands(self, user: User) -> list[str]:
        return [b.key for b in self._ours(user)]

    # ------------------------------------------------------------------ customers

    def customer(self, user: User, crm: str, ref: str, case_id: int | None = None) -> Record:
        """A customer's record. Those who see some brands only, open it from a case of theirs that
        names the customer."""
        _worker(user)
        if user.brands:
            with self.db.read() as session:
                detail = self._seen(session, user, case_id) if case_id is not None else None
            if detail is None or (crm, ref) not in _named(detail):
                raise NotAllowed("this customer is on no case that you may see")
        return self._record(crm, ref)

    def _record(self, crm: str, ref: str) -> Record:
        customer = self.systems.customer(crm, ref)
        if customer is None:
            raise CRMError(
                f"there is no customer {ref!r} (removed, or under another id now)", crm=crm
            )
        events, silent = self.systems.contacts(crm, customer)
        return Record(crm, customer, self.systems.link(crm, ref), tuple(events), tuple(silent))

    # ------------------------------------------------------------------ trends, sources, alerts

    def trends(
        self,
        user: User,
        *,
        first: date,
        last: date,
        zone: ZoneInfo,
        brands: Sequence[str] = (),
        invented: bool = True,
    ) -> Trends:
        """What was published from the first to the last day, both included, in the user's zone."""
        start, end = _span(first, last, zone)
        visible = _visible(user, tuple(brands))
        with self.db.read() as session:
            watched = health.subscriptions(session)
            answered = health.answered_days(session)
            found = (
                []
                if visible is None
                else trends.tallies(
                    session, start=start, end=end, zone=zone, brands=visible, invented=invented
                )
            )
        return Trends(
            tuple(found),
            gaps(watched, answered, first, last, zone, self.now()),
            tuple(w for w in watched if w.failing_since is not None),
        )

    def ledger(
        self,
        user: User,
        by: ledger_log.By,
        *,
        start: datetime | None = None,
        end: datetime | None = None,
        invented: bool = False,
    ) -> Counts:
        """What the contact log and the cases of [start, end) hold, for whoever sees every brand of
        ours: the log does not tell them apart. No customer is named to anybody."""
        if user.brands and not {b.key for b in self.settings.brands if b.kind == "own"} <= set(
            user.brands
        ):
            raise NotAllowed("the contact log is of brands that you do not see")
        local = [c.name for c in self.settings.crms if c.type == "local"]
        with self.db.read() as session:
            found = ledger_log.read(
                session, by, start=start, end=end, local=local, invented=invented
            )
        return ledger.count(found)

    def sources(self, user: User) -> Sources:
        """Health is everybody's; refused items may hold other brands' texts, so that only those
        who see every brand see them."""
        with self.db.read() as session:
            return Sources(
                tuple(health.subscriptions(session)),
                tuple(health.loops(session)),
                () if user.brands else tuple(mentions.rejects(session, limit=50)),
                trends.counts(session, "notification"),
                self.systems.state(),
            )

    def counts(self) -> Mapping[str, Any]:
        with self.db.read() as session:
            return trends.counts(session)

    def alerts(self, user: User, *, limit: int = 200) -> list[AlertView]:
        with self.db.read() as session:
            found = alerts.recent(session, brands=user.brands or None, limit=limit)
            sent = alerts.notifications_of(session, [a.id for a in found])
        by_alert: dict[int, list[StoredNotification]] = {}
        for delivery in sent:
            by_alert.setdefault(delivery.alert_id, []).append(delivery)
        return [AlertView(a, tuple(by_alert.get(a.id, ()))) for a in found]

    def send_again(self, user: User, notification_id: int) -> None:
        """Transmit a failed or doubtful notification once more."""
        _worker(user)
        with self.db.write() as session:
            delivery = alerts.notification(session, notification_id)
            alert = alerts.get(session, delivery.alert_id) if delivery else None
            if alert is None or not may_see(user, alert.brand):
                raise NotAllowed("you may not see this alert")
            if not alerts.send_again(session, notification_id, self.now()):
                raise StorageError("this message is not failed or in doubt any more: reload")

    # ------------------------------------------------------------------ invented data

    def load_sample(self, user: User) -> Mapping[str, Any]:
        _administrator(user)
        from listener import sample

        return sample.load(self.db, self.settings, self.now())

    def remove_sample(self, user: User) -> Mapping[str, Any]:
        _administrator(user)
        from listener import sample

        return sample.remove(self.db)

    # ------------------------------------------------------------------ rights

    def _seen(self, session: Session, user: User, case_id: int) -> CaseDetail:
        detail = cases.get(session, case_id)
        if detail is None:
            raise StorageError(f"case {case_id} does not exist")
        if not may_see(user, detail.summary.brand):
            raise NotAllowed("this case belongs to a brand that you do not see")
        return detail


def state_of(source: SubscriptionHealth, settings: Settings, now: datetime) -> str:
    """`ok`, `failing`, `silent`, `waiting` (not asked yet, or asked to wait) or `off`."""
    config = next((s for s in settings.sources if s.name == source.source_name), None)
    if config is None or not config.enabled:
        return "off"
    if source.failures:
        return "failing"
    if source.last_attempt_at is None or (source.not_before and source.not_before > now):
        return "waiting"
    since = source.last_item_at or source.watched_since
    quiet = config.silent_after > timedelta(0) and now - since > config.silent_after
    return "silent" if quiet else "ok"


def gaps(
    watched: Sequence[SubscriptionHealth],
    answered: Collection[date],
    first: date,
    last: date,
    zone: ZoneInfo,
    now: datetime,
) -> frozenset[date]:
    """Days of `zone`, up to today, in which no source answered. `answered` are days of UTC: each
    stands for the day of the zone of which it holds the noon, and the last answers are known to the
    second. With no source watched, nothing is known of gaps: what there is came from files."""
    if not watched:
        return frozenset()
    newest = {
        w.last_success_at.astimezone(zone).date() for w in watched if w.last_success_at is not None
    }

    def silent(day: date) -> bool:
        noon = datetime(day.year, day.month, day.day, 12, tzinfo=zone).astimezone(UTC)
        return noon.date() not in answered and day not in newest

    today = now.astimezone(zone).date()
    days = (first + timedelta(days=n) for n in range((min(last, today) - first).days + 1))
    return frozenset(d for d in days if silent(d))


def _span(first: date, last: date, zone: ZoneInfo) -> tuple[datetime, datetime]:
    """From the beginning of the first day to that of the day after the last."""
    after = last + timedelta(days=1)
    return (
        datetime(first.year, first.month, first.day, tzinfo=zone),
        datetime(after.year, after.month, after.day, tzinfo=zone),
    )


def _visible(user: User, asked: tuple[str, ...]) -> tuple[str, ...] | None:
    """The brands to ask storage for; None when the user sees none of those asked for."""
    if not user.brands:
        return asked
    if not asked:
        return user.brands
    both = tuple(b for b in asked if b in user.brands)
    return both or None


def _nameless(detail: CaseDetail) -> CaseDetail:
    """The case without a word of who its author is in the CRM."""
    return replace(
        detail,
        summary=_unmatched(detail.summary),
        crm=None,
        match=None,
        timeline=tuple(_silent(e) for e in detail.timeline if e.kind not in _ABOUT_CUSTOMER),
    )


# Reasons of a priority that say what the CRM knows of the author.
_MATCHED = frozenset({"is_customer", "promise_broken", "phone_left"})
_ABOUT_CUSTOMER = frozenset(
    {
        *("customer", "suppression_approved", "suppressed", "in_effect", "not_written"),
        *("record_approved", "recorded", "promise_broken", "phone_left"),
    }
)


def _unmatched(summary: CaseSummary) -> CaseSummary:
    reasons = tuple(r for r in summary.priority_reasons if r.key not in _MATCHED)
    return replace(summary, customer_ref=None, priority_reasons=reasons)


def _silent(entry: TimelineEntry) -> TimelineEntry:
    told = entry.data.get("reasons")
    if not isinstance(told, list):
        return entry
    return replace(
        entry, data={**entry.data, "reasons": [r for r in told if r.get("key") not in _MATCHED]}
    )


def _named(detail: CaseDetail) -> set[tuple[str | None, str]]:
    """The customers that a case speaks of: decided, confirmed, or only candidates."""
    found: set[tuple[str | None, str]] = set()
    if detail.summary.customer_ref:
        found.add((detail.crm, detail.summary.customer_ref))
    match = detail.match or {}
    if match.get("ref"):
        found.add((match.get("crm"), match["ref"]))
    found |= {(c["crm"], c["ref"]) for c in match.get("candidates", ())}
    return found


def _worker(user: User) -> None:
    if not may_work(user):
        raise NotAllowed(
            f"{user.username} may look but not change: that is for community managers and "
            "administrators"
        )


def _administrator(user: User) -> None:
    if not is_administrator(user):
        raise NotAllowed(f"{user.username} is no administrator")
