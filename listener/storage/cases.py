"""The unit of work: one author, one brand, one matter; its timeline; what people do with it.

Every change by a person names who, is refused when somebody else changed the case since it was
read (`version`), and stands on the timeline."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy.orm import Session

from listener.domain import (
    CaseStatus,
    CustomerMatch,
    Priority,
    PriorityLevel,
    Reason,
    Resolution,
    Route,
)
from listener.errors import StaleWrite, StorageError
from listener.storage import mentions, readings
from listener.storage.alerts import reason_from_json, reason_to_json
from listener.storage.database import insert_new
from listener.storage.readings import StoredReading
from listener.storage.tables import (
    AuthorRow,
    CaseEvent,
    CaseMention,
    CaseRow,
    MentionBrand,
    MentionRow,
)

LISTENER = "listener"
"""The actor of what no person did."""


# The points of a broken promise: above everything that a post alone can reach.
BROKEN_SCORE = 200

# The questions whose answers decide what a case is about.
_ABOUT = readings.DECIDING | {"category"}


@dataclass(frozen=True, slots=True)
class OpenCase:
    """What deciding about a further mention of the same matter needs."""

    id: int
    mentions: int  # by its author: what others repeated or the brand answered is none
    owner: str | None
    reasons: tuple[Reason, ...]  # of its priority


@dataclass(frozen=True, slots=True)
class CaseSummary:
    """A line of the inbox. `text` is the newest mention's (`mention_id`)."""

    id: int
    mention_id: int
    brand: str
    matter: str
    lang: str
    status: str
    level: str
    score: int
    priority_reasons: tuple[Reason, ...]
    queue: str
    owner: str | None
    due_at: datetime
    opened_at: datetime
    updated_at: datetime
    mentions: int
    author: str
    source: str
    site: str
    text: str
    published_at: datetime
    reach: int | None
    customer_ref: str | None
    invented: bool
    version: int


@dataclass(frozen=True, slots=True)
class CaseMentionView:
    id: int
    source: str
    site: str
    url: str
    title: str
    text: str
    published_at: datetime
    collected_at: datetime
    author: str
    author_name: str
    author_url: str
    followers: int | None
    duplicate_of: int | None
    duplicate_kind: str | None
    reading: StoredReading | None
    invented: bool


@dataclass(frozen=True, slots=True)
class TimelineEntry:
    at: datetime
    actor: str
    kind: str
    data: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class CaseDetail:
    summary: CaseSummary
    resolution: str | None
    closed_at: datetime | None
    assigned_at: datetime | None
    route_reasons: tuple[Reason, ...]
    crm: str | None
    match: Mapping[str, Any] | None
    author_id: int | None
    mentions: tuple[CaseMentionView, ...]
    timeline: tuple[TimelineEntry, ...]


@dataclass(frozen=True, slots=True)
class CaseFilter:
    """Empty means any. `search` looks into the texts of the case's mentions."""

    brands: tuple[str, ...] = ()
    statuses: tuple[str, ...] = ()
    queues: tuple[str, ...] = ()
    levels: tuple[str, ...] = ()
    matters: tuple[str, ...] = ()
    languages: tuple[str, ...] = ()
    sources: tuple[str, ...] = ()
    owner: str | None = None
    unassigned: bool = False
    search: str = ""


# ---------------------------------------------------------------------------- by the service


def open_key(brand: str, author_id: int | None, matter: str, mention_id: int) -> str:
    """The same for every mention of one author on one matter; nobody's posts stay apart."""
    who = f"author:{author_id}" if author_id is not None else f"mention:{mention_id}"
    return hashlib.sha256(f"{brand}\0{who}\0{matter}".encode()).hexdigest()


def find_open(session: Session, key: str, besides: int | None = None) -> OpenCase | None:
    """The open case, held until the transaction ends: nobody closes it between the decision about
    a further mention and the mention. The mention `besides` is not counted."""
    row = session.scalar(_locked(session, sa.select(CaseRow).where(CaseRow.open_key == key)))
    if row is None:
        return None
    count = session.scalar(
        sa.select(sa.func.count())
        .select_from(CaseMention)
        .join(MentionRow, MentionRow.id == CaseMention.mention_id)
        .where(
            CaseMention.case_id == row.id,
            MentionRow.author_id.is_not_distinct_from(row.author_id),
            MentionRow.id != (besides or 0),
        )
    )
    reasons = tuple(reason_from_json(r) for r in row.priority_reasons)
    return OpenCase(row.id, int(count or 0), row.owner, reasons)


def previous(session: Session, brand: str, author_id: int | None, matter: str) -> int | None:
    """The newest closed case of the same author and matter."""
    if author_id is None:
        return None
    return session.scalar(
        sa.select(CaseRow.id)
        .where(
            CaseRow.brand == brand,
            CaseRow.author_id == author_id,
            CaseRow.matter == matter,
            CaseRow.status == CaseStatus.CLOSED,
        )
        .order_by(CaseRow.id.desc())
        .limit(1)
    )


def open_case(
    session: Session,
    *,
    key: str,
    brand: str,
    author_id: int | None,
    matter: str,
    lang: str,
    mention_id: int,
    priority: Priority,
    route: Route,
    match: CustomerMatch,
    previous_case: int | None,
    invented: bool,
    now: datetime,
) -> int:
    row = CaseRow(
        open_key=key,
        brand=brand,
        author_id=author_id,
        matter=matter,
        lang=lang,
        status=CaseStatus.NEW,
        score=priority.score,
        level=priority.level,
        priority_reasons=[reason_to_json(r) for r in priority.reasons],
        queue=route.queue,
        owner=route.owner,
        assigned_at=now if route.owner else None,
        route_reasons=[reason_to_json(r) for r in route.reasons],
        due_at=route.due_at,
        opened_at=now,
        updated_at=now,
        first_mention_id=mention_id,
        last_mention_id=mention_id,
        crm=match.customer.crm if match.customer else None,
        customer_ref=match.customer.ref if match.decided and match.customer else None,
        match=match_to_json(match),
        invented=invented,
    )
    session.add(row)
    session.flush()
    session.add(CaseMention(case_id=row.id, mention_id=mention_id))
    log(
        session,
        row.id,
        now,
        LISTENER,
        "opened",
        {"mention": mention_id, "matter": matter, "previous_case": previous_case},
    )
    log(
        session,
        row.id,
        now,
        LISTENER,
        "routed",
        {"queue": route.queue, "owner": route.owner, "reasons": row.route_reasons},
    )
    return row.id


def add_mention(
    session: Session,
    case_id: int,
    mention_id: int,
    *,
    kind: str,
    now: datetime,
    priority: Priority | None = None,
    route: Route | None = None,
    match: CustomerMatch | None = None,
) -> bool:
    """Put a further mention on a case; a case never becomes less urgent by it, one that rises to a
    higher level is due when `route` says, if that is sooner, and one that waited for its author is
    open again when they write. `kind` is `again`, `repost` or `answered_by_brand`. False when it is on
    it already: then a person corrected what it says, and the case is judged by that."""
    new = insert_new(
        session,
        CaseMention,
        [{"case_id": case_id, "mention_id": mention_id}],
        returning=CaseMention.mention_id,
    )
    row = session.scalars(_locked(session, sa.select(CaseRow).where(CaseRow.id == case_id))).one()
    if not new:
        if priority is not None and route is not None:
            _judge_again(session, row, mention_id, priority, route, now)
        return False
    row.updated_at = now
    row.version += 1
    if kind == "again":
        row.last_mention_id = mention_id
        if row.status == CaseStatus.PENDING:
            row.status = CaseStatus.OPEN
            data = {"from": CaseStatus.PENDING, "to": CaseStatus.OPEN, "resolution": None}
            log(session, case_id, now, LISTENER, "status", data)
    before = row.level
    if priority is not None and priority.score > row.score:
        row.score = priority.score
        row.level = priority.level
        row.priority_reasons = [reason_to_json(r) for r in priority.reasons]
    told = (row.match or {}).get("confirmed_by")  # a person's word stands
    if match is not None and not told and not row.customer_ref and _says_more(match, row.match):
        _matched(row, match)
    log(session, case_id, now, LISTENER, kind, {"mention": mention_id})
    if row.level != before:
        _risen(session, row, before, route, now)
    return True


def _judge_again(
    session: Session, row: CaseRow, mention_id: int, priority: Priority, route: Route, now: datetime
) -> None:
    """A mention of the case says something else now; what other mentions made urgent stays so."""
    before = row.level
    alone = row.first_mention_id == mention_id == (row.last_mention_id or mention_id)
    if alone or priority.score > row.score:
        row.score = priority.score
        row.level = priority.level
        row.priority_reasons = [reason_to_json(r) for r in priority.reasons]
    if route.queue != row.queue:
        row.queue = route.queue
        row.owner = row.owner or route.owner
        row.route_reasons = [reason_to_json(r) for r in route.reasons]
        data = {"queue": row.queue, "owner": row.owner, "reasons": row.route_reasons}
        log(session, row.id, now, LISTENER, "routed", data)
    row.updated_at = now
    row.version += 1
    if row.level != before and priority.score >= row.score:
        _risen(session, row, before, route, now)


def _risen(session: Session, row: CaseRow, before: str, route: Route | None, now: datetime) -> None:
    """A higher level promises an answer sooner; the case says why on its timeline."""
    if route is not None and route.due_at < row.due_at:
        row.due_at = route.due_at
        # The last reason of a route is that of its due time.
        row.route_reasons = [*row.route_reasons[:-1], reason_to_json(route.reasons[-1])]
    data = {
        "from": before,
        "to": row.level,
        "due_at": row.due_at.isoformat(),
        "reasons": row.priority_reasons,
    }
    log(session, row.id, now, LISTENER, "raised", data)


def cases_of_mention(session: Session, mention_id: int, brand: str) -> list[int]:
    """The brand's cases that the mention is on."""
    return list(
        session.scalars(
            sa.select(CaseMention.case_id)
            .join(CaseRow, CaseRow.id == CaseMention.case_id)
            .where(CaseMention.mention_id == mention_id, CaseRow.brand == brand)
        )
    )


def speaks_of(session: Session, mention_id: int | None, brand: str) -> bool:
    """Whether a mention was found for the brand; one that we do not have (None) counts as one."""
    if mention_id is None:
        return True
    found = sa.select(MentionBrand.brand).where(
        MentionBrand.mention_id == mention_id, MentionBrand.brand == brand
    )
    return session.scalar(found) is not None


def log(
    session: Session, case_id: int, at: datetime, actor: str, kind: str, data: Mapping[str, Any]
) -> None:
    session.add(CaseEvent(case_id=case_id, at=at, actor=actor, kind=kind, data=dict(data)))


def match_to_json(match: CustomerMatch) -> dict[str, Any]:
    return {
        "decided": match.decided,
        "ref": match.customer.ref if match.customer else None,
        "crm": match.customer.crm if match.customer else None,
        "name": match.customer.name if match.customer else None,
        "confidence": match.confidence,
        "basis": match.basis,
        "reasons": list(match.reasons),
        "candidates": [
            {
                "crm": c.customer.crm,
                "ref": c.customer.ref,
                "name": c.customer.name,
                "found_by": c.found_by.kind.value,
                "basis": c.found_by.basis,
            }
            for c in match.candidates
        ],
    }


def _matched(row: CaseRow, match: CustomerMatch) -> None:
    """Whom a person has refused as the author before, only a person makes the author."""
    refused = (row.match or {}).get("refused", [])
    stored = match_to_json(match) | ({"refused": refused} if refused else {})
    customer = match.customer if match.decided else None
    if customer is not None and [customer.crm, customer.ref] in refused:
        stored |= {"decided": False, "reasons": [*match.reasons, "refused_before:"]}
        customer = None
    row.match = stored
    row.crm = match.customer.crm if match.customer else row.crm
    row.customer_ref = customer.ref if customer else None


def _says_more(match: CustomerMatch, stored: Mapping[str, Any] | None) -> bool:
    known = len(stored["candidates"]) if stored else 0
    return match.decided or len(match.candidates) > known


@dataclass(frozen=True, slots=True)
class Unmatched:
    """A case whose author a CRM has still to tell, by its newest mention."""

    id: int
    brand: str
    text: str
    source: str
    author: str | None


def waiting_for_crm(session: Session, *, limit: int) -> list[Unmatched]:
    """Open cases without a customer of which a CRM could not be asked, oldest first."""
    told = sa.cast(CaseRow.match, sa.Text)
    rows = session.execute(
        sa.select(CaseRow, MentionRow, AuthorRow.handle)
        .join(MentionRow, MentionRow.id == CaseRow.last_mention_id)
        .outerjoin(AuthorRow, AuthorRow.id == MentionRow.author_id)
        .where(
            CaseRow.status != CaseStatus.CLOSED,
            CaseRow.customer_ref.is_(None),
            sa.or_(told.contains("crm_unavailable:"), told.contains("not_asked:")),
        )
        .order_by(CaseRow.id)
        .limit(limit)
    ).all()
    return [Unmatched(c.id, c.brand, m.text, m.source, handle) for c, m, handle in rows]


def rematched(session: Session, case_id: int, match: CustomerMatch, now: datetime) -> bool:
    """What the CRMs say now; True when they name the customer. A person's word stands."""
    row = session.scalars(_locked(session, sa.select(CaseRow).where(CaseRow.id == case_id))).one()
    if row.customer_ref or (row.match or {}).get("confirmed_by"):
        return False
    _matched(row, match)
    if row.customer_ref:
        data = {"from": None, "to": row.customer_ref, "crm": row.crm, "basis": match.basis}
        _changed(session, row, now, LISTENER, "customer", data)
    return bool(row.customer_ref)


# ---------------------------------------------------------------------------- for people


def search(
    session: Session, wanted: CaseFilter, *, limit: int = 100, offset: int = 0
) -> tuple[list[CaseSummary], int]:
    """(the page of cases by urgency, how many there are in all)."""
    conditions = _conditions(wanted)
    total = session.scalar(sa.select(sa.func.count()).select_from(CaseRow).where(*conditions))
    query = (
        _summaries()
        .where(*conditions)
        .order_by(CaseRow.score.desc(), CaseRow.due_at, CaseRow.id)
        .limit(limit)
        .offset(offset)
    )
    return [_summary(tuple(row)) for row in session.execute(query)], int(total or 0)


def occurring(session: Session, brands: Sequence[str] = ()) -> dict[str, tuple[str, ...]]:
    """The brands, queues, matters, languages and sources that cases have, sorted."""

    def distinct(query: sa.Select[Any]) -> tuple[str, ...]:
        if brands:
            query = query.where(CaseRow.brand.in_(brands))
        return tuple(sorted(v for v in session.scalars(query.distinct()) if v))

    return {
        "brands": distinct(sa.select(CaseRow.brand)),
        "queues": distinct(sa.select(CaseRow.queue)),
        "matters": distinct(sa.select(CaseRow.matter)),
        "languages": distinct(sa.select(CaseRow.lang)),
        "sources": distinct(
            sa.select(MentionRow.source).join(CaseRow, CaseRow.last_mention_id == MentionRow.id)
        ),
    }


def get(session: Session, case_id: int) -> CaseDetail | None:
    found = session.execute(_summaries().where(CaseRow.id == case_id)).first()
    if found is None:
        return None
    row: CaseRow = found[0]
    mentions = session.execute(
        sa.select(MentionRow, AuthorRow)
        .join(CaseMention, CaseMention.mention_id == MentionRow.id)
        .outerjoin(AuthorRow, AuthorRow.id == MentionRow.author_id)
        .where(CaseMention.case_id == case_id)
        .order_by(MentionRow.published_at, MentionRow.id)
    ).all()
    read = readings.load(session, [m.id for m, _ in mentions])
    events = session.scalars(
        sa.select(CaseEvent).where(CaseEvent.case_id == case_id).order_by(CaseEvent.id)
    )
    return CaseDetail(
        summary=_summary(tuple(found)),
        resolution=row.resolution,
        closed_at=row.closed_at,
        assigned_at=row.assigned_at,
        route_reasons=tuple(reason_from_json(r) for r in row.route_reasons),
        crm=row.crm,
        match=row.match,
        author_id=row.author_id,
        mentions=tuple(_mention(m, a, read.get(m.id)) for m, a in mentions),
        timeline=tuple(TimelineEntry(e.at, e.actor, e.kind, e.data) for e in events),
    )


def assign(
    session: Session, case_id: int, owner: str | None, *, by: str, version: int, now: datetime
) -> None:
    """Give a case to a person, to nobody, or take it (owner == by)."""
    row = _held(session, case_id, version)
    before = row.owner
    row.owner = owner
    row.assigned_at = now if owner else None
    if row.status == CaseStatus.NEW and owner == by:
        row.status = CaseStatus.OPEN
    _changed(session, row, now, by, "assigned", {"from": before, "to": owner})


def release(session: Session, owner: str, now: datetime) -> None:
    """Take the open cases from somebody who does not work here any more."""
    mine = sa.select(CaseRow).where(CaseRow.owner == owner, CaseRow.status != CaseStatus.CLOSED)
    for row in session.scalars(_locked(session, mine)):
        row.owner = None
        row.assigned_at = None
        _changed(session, row, now, LISTENER, "assigned", {"from": owner, "to": None})


def set_status(
    session: Session,
    case_id: int,
    status: CaseStatus,
    *,
    resolution: Resolution | None = None,
    by: str,
    version: int,
    now: datetime,
) -> None:
    """Closing needs a resolution; a closed case that is opened again becomes the open one of its
    author and matter, unless another has become that meanwhile."""
    row = _held(session, case_id, version)
    if status == CaseStatus.CLOSED and resolution is None:
        raise StorageError("a case is closed with a resolution: say how it ended")
    before = row.status
    if status == before and status != CaseStatus.CLOSED:
        return
    row.status = status
    row.resolution = resolution if status == CaseStatus.CLOSED else None
    row.closed_at = now if status == CaseStatus.CLOSED else None
    if status == CaseStatus.CLOSED:
        row.open_key = None
    elif before == CaseStatus.CLOSED:
        key = open_key(row.brand, row.author_id, row.matter, row.first_mention_id)
        taken = find_open(session, key)
        row.open_key = None if taken else key
    _changed(
        session, row, now, by, "status", {"from": before, "to": status, "resolution": resolution}
    )


def hold(session: Session, case_id: int, version: int) -> None:
    """Lock the case until the transaction ends. Raises StaleWrite when somebody changed it."""
    _held(session, case_id, version)


def changed(
    session: Session, case_id: int, now: datetime, by: str, kind: str, data: Mapping[str, Any]
) -> None:
    """A person did something about the case that is stored elsewhere."""
    row = session.scalars(_locked(session, sa.select(CaseRow).where(CaseRow.id == case_id))).one()
    _changed(session, row, now, by, kind, data)


def promise_broken(
    session: Session,
    case_id: int,
    reason: Reason,
    data: Mapping[str, Any],
    *,
    due_at: datetime,
    now: datetime,
) -> str | None:
    """The case is open and urgent again; returns its owner."""
    row = session.scalars(_locked(session, sa.select(CaseRow).where(CaseRow.id == case_id))).one()
    if row.status == CaseStatus.CLOSED:
        key = open_key(row.brand, row.author_id, row.matter, row.first_mention_id)
        row.open_key = None if find_open(session, key) else key
        row.resolution = row.closed_at = None
    before, row.status = row.status, CaseStatus.OPEN
    row.level = PriorityLevel.URGENT
    row.score = max(row.score, BROKEN_SCORE)
    kept = [r for r in row.priority_reasons if r["key"] != reason.key]
    row.priority_reasons = [reason_to_json(replace(reason, points=BROKEN_SCORE)), *kept]
    row.due_at = due_at if before == CaseStatus.CLOSED else min(row.due_at, due_at)
    _changed(session, row, now, LISTENER, "promise_broken", {"from": before, **data})
    return row.owner


def note(session: Session, case_id: int, text: str, *, by: str, now: datetime) -> None:
    """Notes never conflict: two people may write at once."""
    if not text.strip():
        raise StorageError("the note is empty")
    row = session.get_one(CaseRow, case_id)
    row.updated_at = now
    log(session, case_id, now, by, "note", {"text": text.strip()[:10_000]})


def correct(
    session: Session,
    case_id: int,
    mention_id: int,
    question: str,
    value: Any,
    *,
    by: str,
    now: datetime,
) -> None:
    """Correct one label of a mention on this case; it wins over every model, for ever. Where it
    decides what the case is about, the mention waits to be followed again."""
    before = readings.load(session, [mention_id]).get(mention_id)
    readings.correct(session, mention_id, question, value, by=by, now=now)
    row = session.get_one(CaseRow, case_id)
    if question in _ABOUT:
        _about(session, row, readings.load(session, [mention_id])[mention_id])
        mentions.follow_again(session, mention_id, row.brand)
    row.updated_at = now
    row.version += 1
    log(
        session,
        case_id,
        now,
        by,
        "corrected",
        {
            "mention": mention_id,
            "question": question,
            "from": getattr(before, question, None),
            "to": value,
        },
    )


def _about(session: Session, row: CaseRow, read: StoredReading) -> None:
    """The case's matter after a correction, unless another open case of the author has it."""
    if not read.complaint:
        return
    matter = "harassment" if read.harassment else read.category or "other"
    key = open_key(row.brand, row.author_id, matter, row.first_mention_id)
    if matter == row.matter or find_open(session, key) is not None:
        return
    row.matter = matter
    row.open_key = key if row.open_key else None


def confirm_customer(
    session: Session,
    case_id: int,
    crm: str | None,
    ref: str | None,
    *,
    by: str,
    version: int,
    now: datetime,
) -> None:
    """A person says who this is (ref None: none of the candidates)."""
    row = _held(session, case_id, version)
    before = row.customer_ref
    row.crm, row.customer_ref = crm, ref
    known = row.match or {}
    chosen = [c for c in known.get("candidates", ()) if (c["crm"], c["ref"]) == (crm, ref)]
    row.match = {
        **known,
        "decided": ref is not None,
        "crm": crm,
        "ref": ref,
        "name": chosen[0]["name"] if chosen else None,
        "basis": chosen[0].get("basis") if chosen else None,
        "confirmed_by": by,
    }
    _changed(session, row, now, by, "customer", {"from": before, "to": ref, "crm": crm})


def _locked(session: Session, query: sa.Select[CaseRow]) -> sa.Select[CaseRow]:
    """For PostgreSQL, where two may write at once; what was loaded before the lock is stale."""
    if session.get_bind().dialect.name == "postgresql":
        return query.with_for_update().execution_options(populate_existing=True)
    return query


def _held(session: Session, case_id: int, version: int) -> CaseRow:
    row = session.scalar(_locked(session, sa.select(CaseRow).where(CaseRow.id == case_id)))
    if row is None:
        raise StorageError(f"case {case_id} does not exist")
    if row.version != version:
        last = session.scalars(
            sa.select(CaseEvent)
            .where(CaseEvent.case_id == case_id)
            .order_by(CaseEvent.id.desc())
            .limit(3)
        ).all()
        changed = tuple(f"{e.actor}: {e.kind}" for e in last)
        raise StaleWrite(
            f"case {case_id} was changed meanwhile ({'; '.join(changed)}). Nothing was stored: "
            "look at it again, then decide.",
            changed=changed,
        )
    return row


def _changed(
    session: Session, row: CaseRow, now: datetime, by: str, kind: str, data: Mapping[str, Any]
) -> None:
    row.updated_at = now
    row.version += 1
    log(session, row.id, now, by, kind, data)


def _summaries() -> sa.Select[Any]:
    count = (
        sa.select(sa.func.count())
        .select_from(CaseMention)
        .where(CaseMention.case_id == CaseRow.id)
        .correlate(CaseRow)
        .scalar_subquery()
    )
    return (
        sa.select(CaseRow, MentionRow, AuthorRow, count.label("mention_count"))
        .join(MentionRow, MentionRow.id == CaseRow.last_mention_id)
        .outerjoin(AuthorRow, AuthorRow.id == CaseRow.author_id)
    )


def _conditions(wanted: CaseFilter) -> list[Any]:
    conditions: list[Any] = []
    for column, values in (
        (CaseRow.brand, wanted.brands),
        (CaseRow.status, wanted.statuses),
        (CaseRow.queue, wanted.queues),
        (CaseRow.level, wanted.levels),
        (CaseRow.matter, wanted.matters),
        (CaseRow.lang, wanted.languages),
    ):
        if values:
            conditions.append(column.in_(values))
    if wanted.owner is not None:
        conditions.append(CaseRow.owner == wanted.owner)
    if wanted.unassigned:
        conditions.append(CaseRow.owner.is_(None))
    if wanted.sources or wanted.search.strip():
        inner = (
            sa.select(CaseMention.case_id)
            .join(MentionRow, MentionRow.id == CaseMention.mention_id)
            .outerjoin(AuthorRow, AuthorRow.id == MentionRow.author_id)
        )
        if wanted.sources:
            inner = inner.where(MentionRow.source.in_(wanted.sources))
        for word in wanted.search.split():
            inner = inner.where(
                sa.or_(
                    MentionRow.text.icontains(word, autoescape=True),
                    AuthorRow.handle.icontains(word, autoescape=True),
                )
            )
        conditions.append(CaseRow.id.in_(inner))
    return conditions


def _summary(found: Sequence[Any]) -> CaseSummary:
    row: CaseRow = found[0]
    mention: MentionRow = found[1]
    author: AuthorRow | None = found[2]
    count = int(found[3])
    return CaseSummary(
        id=row.id,
        mention_id=mention.id,
        brand=row.brand,
        matter=row.matter,
        lang=row.lang,
        status=row.status,
        level=row.level,
        score=row.score,
        priority_reasons=tuple(reason_from_json(r) for r in row.priority_reasons),
        queue=row.queue,
        owner=row.owner,
        due_at=row.due_at,
        opened_at=row.opened_at,
        updated_at=row.updated_at,
        mentions=count,
        author=author.handle if author else "",
        source=mention.source,
        site=mention.site,
        text=mention.text,
        published_at=mention.published_at,
        reach=mention.reach,
        customer_ref=row.customer_ref,
        invented=row.invented,
        version=row.version,
    )


def _mention(
    row: MentionRow, author: AuthorRow | None, reading: StoredReading | None
) -> CaseMentionView:
    return CaseMentionView(
        id=row.id,
        source=row.source,
        site=row.site,
        url=row.url,
        title=row.title,
        text=row.text,
        published_at=row.published_at,
        collected_at=row.collected_at,
        author=author.handle if author else "",
        author_name=author.name if author else "",
        author_url=author.url if author else "",
        followers=author.followers if author else None,
        duplicate_of=row.duplicate_of,
        duplicate_kind=row.duplicate_kind,
        reading=reading,
        invented=row.invented,
    )
