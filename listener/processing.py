"""One batch of collected mentions becomes readings, cases, routes and alerts, in one commit.

The reader works and the CRMs are asked before the transaction begins, because both take long;
everything that follows from their answers is decided and stored inside it. A mention that another
worker has processed in the meantime is left alone.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, fields, replace
from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

import sqlalchemy as sa
from sqlalchemy.orm import Session

from classifiers.language import identify
from classifiers.reading import Reading
from listener import alerting, authors, brand_numbers, facts, priority, promise, raising, routing
from listener.crm import Systems
from listener.dedupe import Fingerprinted
from listener.domain import CustomerMatch
from listener.number_alerts import NumberAlerts
from listener.reader import Reads
from listener.routing import CaseFacts, Person
from listener.settings import Brand, Settings
from listener.storage import (
    Database,
    case_opening,
    cases,
    duplicates,
    mentions,
    pending,
    people,
    readings,
)
from listener.storage.duplicates import Copy, Printed
from listener.storage.pending import Pending
from listener.storage.tables import AuthorRow, Correction, MentionRow
from listener.triage import Action, speaks_for, triage

_UNSURE = 0.4  # below this the text is nearly silent about its language
_FEW_WORDS = 4  # "ok" is certainly German, says a model that was asked for certainty


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
    known = authors.match_batch(db, settings, crms, batch, read)
    prints = {m.id: Fingerprinted.of(m.text) for m in batch}
    with db.write() as session:
        at = now()
        mine = pending.take(session, [m.id for m in batch])
        work = _Work(session, settings, at, known, NumberAlerts(session, settings, at))
        items = [m for m in batch if m.id in mine]
        pending.followed(session, items)
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
        work.counts.alerts += work.numbers.raise_alerts()
        return work.counts


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
            facts=facts.call_facts(stored.facts, read[mention_id].facts.numbers)
            if stored.corrected.keys() & set(facts.FACTS)
            else read[mention_id].facts,
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


@dataclass
class _Work:
    """What follows from readings, inside one transaction."""

    session: Session
    settings: Settings
    now: datetime
    known: Mapping[tuple[int, str], CustomerMatch]
    numbers: NumberAlerts
    counts: Counts = field(default_factory=Counts)
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
                self.numbers.add(mention, reading, brand)

    def _case(self, mention: Pending, reading: Reading, brand: Brand, matter: str) -> None:
        key = cases.open_key(brand.key, mention.author_id, matter, mention.id)
        existing = cases.placed(self.session, mention.id, brand.key) or cases.find_open(
            self.session, key, besides=mention.id
        )
        before = cases.previous(self.session, brand.key, mention.author_id, matter)
        match = self.known.get((mention.id, brand.key), authors.NOT_ASKED)
        day = mention.published_at.astimezone(ZoneInfo(brand.time_zone)).date()
        urgency = priority.prioritise(
            reading,
            match=match,
            reach=mention.reach if mention.reach is not None else mention.followers,
            previous_mentions=(existing.mentions if existing else 0) + (1 if before else 0),
            own_brand=brand.kind == "own",
            own_numbers=brand_numbers.own(brand, day),
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
        # Each by its index: an "or" of both makes SQLite read every mention, while others wait.
        copies = sa.select(MentionRow.id).where(MentionRow.duplicate_of == mention.id)
        answers = sa.select(MentionRow.id).where(
            MentionRow.reply_to == mention.external_id, MentionRow.source == mention.source
        )
        rows = self.session.execute(
            sa.select(MentionRow, AuthorRow.handle)
            .outerjoin(AuthorRow, AuthorRow.id == MentionRow.author_id)
            .where(
                MentionRow.id.in_(sa.union_all(copies, answers)),
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
