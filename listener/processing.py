"""One batch of collected mentions becomes readings, cases, routes and alerts, in one commit.

The reader works and the CRMs are asked before the transaction begins, because both take long;
everything that follows from their answers is decided and stored inside it. A mention that another
worker has processed in the meantime is left alone.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, fields, replace
from datetime import date, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import sqlalchemy as sa
from sqlalchemy.orm import Session

from classifiers.language import identify
from classifiers.reading import Reading
from listener import (
    alerting,
    matching,
    number_registry,
    phones,
    priority,
    promise,
    raising,
    reported_numbers,
    routing,
)
from listener.alerting import NumberReport
from listener.crm import Systems
from listener.dedupe import Fingerprinted
from listener.domain import (
    Alert,
    CallerNumber,
    CustomerMatch,
    Identifier,
    IdentifierKind,
    MatchBasis,
    NumberKind,
)
from listener.reader import Reads
from listener.routing import CaseFacts, Person
from listener.settings import Brand, Settings
from listener.sources import may_match
from listener.storage import (
    Database,
    case_opening,
    cases,
    duplicates,
    mentions,
    number_log,
    people,
    readings,
    registered_numbers,
)
from listener.storage.database import insert_new
from listener.storage.duplicates import Copy, Printed
from listener.storage.tables import (
    AlertRow,
    AuthorRow,
    Correction,
    MentionBrand,
    MentionRow,
    ReadingRow,
    ReportedNumber,
)
from listener.triage import Action, speaks_for, triage

_UNSURE = 0.4  # below this the text is nearly silent about its language
_OWN = (NumberKind.OWN, NumberKind.CARE_ONLY, NumberKind.AGENCY)
_FEW_WORDS = 4  # "ok" is certainly German, says a model that was asked for certainty


@dataclass(frozen=True, slots=True)
class Pending:
    """A mention that waits to be read."""

    id: int
    source: str
    text: str
    lang: str | None
    author_id: int | None
    author: str | None
    followers: int | None
    published_at: datetime
    external_id: str
    reply_to: str | None
    repost_of: str | None
    reach: int | None
    invented: bool
    brands: tuple[tuple[str, bool], ...]  # (brand, muted) for which it was not processed yet


@dataclass(slots=True)
class Counts:
    processed: int = 0
    duplicates: int = 0
    opened: int = 0
    attached: int = 0
    alerts: int = 0
    failed: int = 0

    def add(self, other: Counts) -> None:
        for item in fields(self):
            setattr(self, item.name, getattr(self, item.name) + getattr(other, item.name))

    def to_json(self) -> dict[str, Any]:
        return {item.name: getattr(self, item.name) for item in fields(self)}


def pending(session: Session, size: int, *, after: int = 0) -> list[Pending]:
    """The oldest mentions that wait, in the order in which they came, with ids above `after`."""
    rows = session.execute(
        sa.select(MentionRow, AuthorRow)
        .outerjoin(AuthorRow, AuthorRow.id == MentionRow.author_id)
        .where(MentionRow.state == "pending", MentionRow.id > after)
        .order_by(MentionRow.id)
        .limit(size)
    ).all()
    brands: dict[int, list[tuple[str, bool]]] = {}
    for link in session.scalars(
        sa.select(MentionBrand)
        .where(
            MentionBrand.mention_id.in_([m.id for m, _ in rows]), MentionBrand.followed.is_(False)
        )
        .order_by(MentionBrand.brand)
    ):
        brands.setdefault(link.mention_id, []).append((link.brand, link.muted))
    return [
        Pending(
            id=m.id,
            source=m.source,
            text=m.text,
            lang=m.lang_hint,
            author_id=m.author_id,
            author=a.handle if a else None,
            followers=a.followers if a else None,
            published_at=m.published_at,
            external_id=m.external_id,
            reply_to=m.reply_to,
            repost_of=m.repost_of,
            reach=m.reach,
            invented=m.invented,
            brands=tuple(brands.get(m.id, ())),
        )
        for m, a in rows
    ]


def step(
    db: Database,
    settings: Settings,
    reader: Reads,
    crms: Systems,
    batch: Sequence[Pending],
    now: Callable[[], datetime],
) -> Counts:
    """Read the batch, ask who wrote it, then decide and store all that follows in one commit."""
    read = _read(settings, reader, batch)
    known = _who(db, settings, crms, batch, read)
    prints = {m.id: Fingerprinted.of(m.text) for m in batch}
    with db.write() as session:
        at = now()
        mine = _take(session, [m.id for m in batch])
        work = _Work(session, settings, at, known)
        items = [m for m in batch if m.id in mine]
        _followed(session, items)
        readings.save(session, [(m.id, read[m.id]) for m in items], at)
        read |= _as_corrected(session, {m.id: read[m.id] for m in items})
        work.counts.processed = len(items)
        copies = duplicates.find_and_store(
            session,
            [Printed(m.id, m.author_id, prints[m.id]) for m in items],
            threshold=settings.listener.process.near_duplicate,
        )
        work.counts.duplicates = len(copies)
        for mention in items:
            work.follow(mention, read[mention.id], copies.get(mention.id))
        work.number_alerts()
        return work.counts


def put_aside(session: Session, mention_id: int, error: Exception, max_attempts: int) -> Counts:
    """A mention that cannot be processed is tried a few times, then kept with its reason."""
    row = session.get_one(MentionRow, mention_id)
    row.attempts += 1
    row.error = f"{type(error).__name__}: {error}"[:2000]
    if row.attempts >= max_attempts:
        row.state = "failed"
        return Counts(failed=1, processed=1)
    return Counts()


def wait_again(session: Session) -> int:
    """Make pending what was put aside, with all its attempts before it; gives how many."""
    moved = session.scalars(
        sa.update(MentionRow)
        .where(MentionRow.state == "failed")
        .values(state="pending", attempts=0, error=None)
        .returning(MentionRow.id)
    )
    return len(moved.all())


def _own_numbers(brand: Brand, day: date) -> set[str]:
    """The numbers from which the brand itself called on that day."""
    return _numbers(
        brand,
        {
            n.number
            for n in brand.numbers
            if n.kind in _OWN
            and (n.valid_from is None or n.valid_from <= day)
            and (n.valid_to is None or day <= n.valid_to)
        },
    )


def _registry(brand: Brand) -> set[str]:
    """All that is listed, impostors and former numbers too: none of them is an author's."""
    return _numbers(brand, {n.number for n in brand.numbers})


def _numbers(brand: Brand, written: set[str]) -> set[str]:
    """As readings give them: E.164 where there is one, else as dialled."""
    full = {phones.normalise(n, country) for n in written for country in brand.countries}
    return written | {n for n in full if n}


def _read(settings: Settings, reader: Reads, batch: Sequence[Pending]) -> dict[int, Reading]:
    """Readings by mention; numbers are read by the countries of the brand that is mentioned."""
    groups: dict[tuple[str, ...], list[Pending]] = {}
    for mention in batch:
        brand = next((b for key, _ in mention.brands if (b := settings.brand(key))), None)
        groups.setdefault(brand.countries if brand else ("ES",), []).append(mention)
    result: dict[int, Reading] = {}
    for countries, group in groups.items():
        answers = reader.read(
            [m.text for m in group],
            langs=[language(m.text, m.lang) for m in group],
            countries=countries,
        )
        result.update(zip((m.id for m in group), answers, strict=True))
    return result


# A complaint only by a person's later word: asked at the next turn.
_NOT_ASKED = CustomerMatch(False, None, 0.0, ("not_asked:",))


def _who(
    db: Database,
    settings: Settings,
    crms: Systems,
    batch: Sequence[Pending],
    read: Mapping[int, Reading],
) -> dict[tuple[int, str], CustomerMatch]:
    """Who wrote what may become a case, by mention and brand."""
    with db.read() as session:
        told = set(
            session.scalars(
                sa.select(Correction.mention_id)
                .where(Correction.mention_id.in_([m.id for m in batch]))
                .distinct()
            )
        )
    return {
        (mention.id, brand.key): match_author(
            crms, settings, mention.text, mention.source, mention.author, brand
        )
        for mention in batch
        if read[mention.id].complaint or mention.id in told
        for key, muted in mention.brands
        if not muted and (brand := settings.brand(key)) is not None
    }


def match_author(
    crms: Systems,
    settings: Settings,
    text: str,
    source: str,
    author: str | None,
    brand: Brand,
    left: Sequence[str] = (),
) -> CustomerMatch:
    """Who this is, by every system that is configured; one that cannot answer leaves the match
    open, with its reason on the case. `left` are phones that the author left at a private link:
    where the source's terms forbid to look for its authors, by these alone."""
    given = tuple(
        Identifier(IdentifierKind.PHONE, number, MatchBasis.PRIVATE_LINK) for number in left
    )
    if may_match(source, settings.listener.matching.forbidden):
        given += matching.identifiers(
            text,
            author=f"{source}:{author}" if author else None,
            countries=brand.countries,
            registry=_registry(brand),
        )
    elif not left:
        return CustomerMatch(False, None, 0.0, (f"source_forbids:{source}",))
    answer = crms.find(given)
    match = matching.decide(answer.candidates, given, settings.listener.matching.threshold)
    silent = tuple(f"crm_unavailable:{reason}" for reason in answer.silent)
    return replace(match, reasons=(*match.reasons, *silent)) if silent else match


def _as_corrected(session: Session, read: Mapping[int, Reading]) -> dict[int, Reading]:
    """What people said of mentions before, laid over what was read of them now."""
    corrected = session.scalars(
        sa.select(Correction.mention_id).where(Correction.mention_id.in_(read)).distinct()
    ).all()
    return {
        mention_id: replace(
            read[mention_id],
            sentiment=stored.sentiment,
            complaint=stored.complaint,
            category=stored.category,
            harassment=stored.harassment,
        )
        for mention_id, stored in readings.load(session, corrected).items()
    }


def language(text: str, hint: str | None) -> str | None:
    """What the reader is told. A source's word is a hint only: networks write down the language
    that somebody once chose for their menus. It helps where the text itself tells too little."""
    if not hint:
        return None
    guess = identify(text)
    unsure = guess.lang == "und" or guess.confidence < _UNSURE or len(text.split()) < _FEW_WORDS
    return hint if unsure else guess.lang


def _take(session: Session, ids: Sequence[int]) -> set[int]:
    """Mark the mentions as processed; those that another worker finished first are not ours."""
    return set(
        session.scalars(
            sa.update(MentionRow)
            .where(MentionRow.id.in_(ids), MentionRow.state == "pending")
            .values(state="processed", error=None)
            .returning(MentionRow.id)
        )
    )


def _followed(session: Session, items: Sequence[Pending]) -> None:
    """By name: a brand that a mention gained since the batch was read waits for its own turn."""
    for mention in items:
        session.execute(
            sa.update(MentionBrand)
            .where(
                MentionBrand.mention_id == mention.id,
                MentionBrand.brand.in_([key for key, _ in mention.brands]),
            )
            .values(followed=True)
        )
    session.execute(
        sa.update(MentionRow)
        .where(
            MentionRow.id.in_([m.id for m in items]),
            sa.exists().where(
                MentionBrand.mention_id == MentionRow.id, MentionBrand.followed.is_(False)
            ),
        )
        .values(state="pending")
    )


@dataclass
class _Work:
    """What follows from readings, inside one transaction."""

    session: Session
    settings: Settings
    now: datetime
    known: Mapping[tuple[int, str], CustomerMatch] = field(default_factory=dict)
    counts: Counts = field(default_factory=Counts)
    numbers: set[tuple[str, str]] = field(default_factory=set)
    _staff: list[Person] | None = None

    def follow(self, mention: Pending, reading: Reading, copy: Copy | None) -> None:
        for key, muted in mention.brands:
            brand = self.settings.brand(key)
            if brand is None:
                continue
            copied = copy is not None and mentions.speaks_of(self.session, copy.of, key)
            verdict = triage(
                brand=brand,
                muted=muted,
                platform=mention.source,
                author=mention.author,
                complaint=reading.complaint,
                category=reading.category,
                harassment=reading.harassment,
                copied=copied,
                same_author=copy is not None and copy.same_author,
            )
            if verdict.action is Action.CASE and verdict.matter is not None:
                self._case(mention, reading, brand, verdict.matter)
            elif verdict.action is Action.ATTACH and copy is not None and copy.of is not None:
                self._attach(mention, copy.of, "repost", key)
            elif verdict.action is Action.ANSWER:
                self._answered(mention, key)
            if reading.harassment and not muted and verdict.action is not Action.ANSWER:
                self._report_numbers(mention, reading, brand)

    def _case(self, mention: Pending, reading: Reading, brand: Brand, matter: str) -> None:
        key = cases.open_key(brand.key, mention.author_id, matter, mention.id)
        existing = cases.find_open(self.session, key, besides=mention.id)
        before = cases.previous(self.session, brand.key, mention.author_id, matter)
        match = self.known.get((mention.id, brand.key), _NOT_ASKED)
        day = mention.published_at.astimezone(ZoneInfo(brand.time_zone)).date()
        urgency = priority.prioritise(
            reading,
            match=match,
            reach=mention.reach if mention.reach is not None else mention.followers,
            previous_mentions=(existing.mentions if existing else 0) + (1 if before else 0),
            own_brand=brand.kind == "own",
            own_numbers=_own_numbers(brand, day),
            rules=self.settings.priority,
        )
        if existing:
            urgency = priority.insisting(existing.reasons, urgency, self.settings.priority)
        route = routing.route(
            CaseFacts(brand.key, reading.lang, matter, urgency.level),
            self._people(),
            self.settings.routing,
            self.now,
        )
        if existing:
            self.counts.attached += case_opening.add_mention(
                self.session,
                existing.id,
                mention.id,
                kind="again",
                now=self.now,
                priority=urgency,
                route=route,
                match=match,
            )
            case_id, owner = existing.id, existing.owner
        else:
            case_id = case_opening.open_case(
                self.session,
                key=key,
                brand=brand.key,
                author_id=mention.author_id,
                matter=matter,
                lang=reading.lang,
                mention_id=mention.id,
                priority=urgency,
                route=route,
                match=match,
                previous_case=before,
                invented=mention.invented,
                now=self.now,
            )
            owner = route.owner
            self.counts.opened += 1
            self._staff = None  # somebody's load has changed
        self._latecomer(mention, brand, case_id)
        if reading.harassment and promise.by_mention(
            self.session,
            self.settings,
            brand=brand.key,
            author_id=mention.author_id,
            mention_id=mention.id,
            published_at=mention.published_at,
            now=self.now,
        ):
            self.counts.alerts += 1
        alert = alerting.severe_harassment(
            case_id=case_id,
            brand=brand.key,
            brand_name=brand.name,
            matter=matter,
            priority=urgency,
            published_at=mention.published_at,
            rules=self.settings.alerts,
            now=self.now,
        )
        if alert is not None:
            self.counts.alerts += raising.raise_alert(
                self.session,
                alert,
                self.settings,
                owner=owner,
                now=self.now,
                invented=mention.invented,
            )

    def _people(self) -> list[Person]:
        if self._staff is None:
            load = people.workloads(self.session)
            self._staff = [
                Person(
                    username=u.username,
                    name=u.name,
                    brands=u.brands,
                    languages=u.languages,
                    queues=u.queues,
                    open_cases=load[u.username].open_cases if u.username in load else 0,
                    last_assigned_at=load[u.username].last_assigned_at
                    if u.username in load
                    else None,
                )
                for u in people.everyone(self.session)
                if u.role == "community_manager" and not u.disabled
            ]
        return self._staff

    def _attach(self, mention: Pending, original: int, kind: str, brand: str) -> None:
        for case_id in case_opening.cases_of_mention(self.session, original, brand):
            self.counts.attached += case_opening.add_mention(
                self.session, case_id, mention.id, kind=kind, now=self.now
            )

    def _answered(self, mention: Pending, brand: str) -> None:
        """The brand's own account replied: it stands on the case of the post it replied to."""
        if mention.reply_to is None:
            return
        original = self.session.scalar(
            sa.select(MentionRow.id).where(
                MentionRow.source == mention.source, MentionRow.external_id == mention.reply_to
            )
        )
        if original is not None:
            self._attach(mention, original, "answered_by_brand", brand)

    def _latecomer(self, mention: Pending, brand: Brand, case_id: int) -> None:
        """Answers and copies that came in before the post that they belong to."""
        rows = self.session.execute(
            sa.select(MentionRow, AuthorRow.handle)
            .outerjoin(AuthorRow, AuthorRow.id == MentionRow.author_id)
            .where(
                sa.or_(
                    MentionRow.duplicate_of == mention.id,
                    sa.and_(
                        MentionRow.source == mention.source,
                        MentionRow.reply_to == mention.external_id,
                    ),
                ),
                MentionRow.state == "processed",
                MentionRow.id != mention.id,
            )
            .order_by(MentionRow.id)
        ).all()
        for row, handle in rows:
            if row.reply_to == mention.external_id:
                kind = "answered_by_brand" if speaks_for(brand, row.source, handle) else None
            elif row.author_id != mention.author_id and row.duplicate_kind == "repost":
                kind = "repost"
            else:
                kind = None
            if kind is not None:
                self.counts.attached += case_opening.add_mention(
                    self.session, case_id, row.id, kind=kind, now=self.now
                )

    # ------------------------------------------------------------------ numbers that call

    def _report_numbers(self, mention: Pending, reading: Reading, brand: Brand) -> None:
        if not reading.facts.numbers:
            return
        # Nobody is looked for by these: they are kept out of the list of callers.
        given = matching.identifiers(
            mention.text, countries=brand.countries, registry=_registry(brand)
        )
        digits = reported_numbers.callers(
            mention.text, reading.facts.numbers, given, brand.countries
        )
        insert_new(
            self.session,
            ReportedNumber,
            [
                {
                    "mention_id": mention.id,
                    "digits": number,
                    "brand": brand.key,
                    "published_at": mention.published_at,
                }
                for number in sorted(digits)
            ],
        )
        if not mention.invented:
            self.numbers |= {(brand.key, number) for number in digits}

    def number_alerts(self) -> None:
        """After the whole batch, because five complaints in it are one alert."""
        registry = self._registered() if self.numbers else []
        for key, number in sorted(self.numbers):
            brand = self.settings.brand(key)
            if brand is None or brand.kind != "own":
                continue
            alert = self._unknown_number(brand, number, registry) or self._complaints(brand, number)
            if alert is not None:
                self.counts.alerts += raising.raise_alert(
                    self.session, alert, self.settings, owner=None, now=self.now
                )

    def _registered(self) -> list[CallerNumber]:
        return [
            *number_registry.configured(self.settings.brands),
            *registered_numbers.imported(self.session),
        ]

    def _unknown_number(
        self, brand: Brand, number: str, registry: Sequence[CallerNumber]
    ) -> Alert | None:
        rules = self.settings.alerts
        reports = self._reports(brand.key, number, rules.unknown_number.window)
        newest = max((r.published_at for r in reports), default=self.now)
        said = number_registry.standing(number, newest, registry, brands=(brand.key,))
        return alerting.unknown_number(
            brand=brand.key,
            brand_name=brand.name,
            number=number,
            kind=said.kind,
            in_log=said.unknown and number in number_log.used(self.session, [number]),
            reports=reports,
            last_raised_at=self._raised(f"unknown:{brand.key}:{number}:"),
            rules=rules,
            now=self.now,
        )

    def _complaints(self, brand: Brand, number: str) -> Alert | None:
        rules = self.settings.alerts
        return alerting.number_complaints(
            brand=brand.key,
            brand_name=brand.name,
            number=number,
            reports=self._reports(brand.key, number, rules.number_complaints.window),
            last_raised_at=self._raised(f"number:{brand.key}:{number}:"),
            rules=rules,
            now=self.now,
        )

    def _raised(self, key: str) -> datetime | None:
        """When an alert whose key begins so was raised last."""
        return self.session.scalar(
            sa.select(sa.func.max(AlertRow.raised_at)).where(
                AlertRow.key.startswith(key, autoescape=True)
            )
        )

    def _reports(self, brand: str, number: str, window: timedelta) -> list[NumberReport]:
        rows = self.session.execute(
            sa.select(ReportedNumber.mention_id, MentionRow.author_id, MentionRow.published_at)
            .join(MentionRow, MentionRow.id == ReportedNumber.mention_id)
            .join(ReadingRow, ReadingRow.mention_id == ReportedNumber.mention_id)
            .where(
                ReadingRow.harassment.is_(True),  # as people see it, with their corrections
                ReportedNumber.brand == brand,
                ReportedNumber.digits == number,
                ReportedNumber.published_at > self.now - window,
                MentionRow.duplicate_kind.is_(None),  # nor a repost of what we do not have
                MentionRow.invented.is_(False),
            )
        )
        return [
            NumberReport(mention_id, str(author or f"mention {mention_id}"), published)
            for mention_id, author, published in rows
        ]
