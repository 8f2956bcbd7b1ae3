"""One case whole: its mentions as they were read, who is meant, and its timeline."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy.orm import Session, aliased

from listener.domain import Reason
from listener.storage import case_answers, case_tags, readings
from listener.storage.alerts import reason_from_json
from listener.storage.case_answers import Answer
from listener.storage.case_summary import CaseSummary, summaries, summary
from listener.storage.readings import StoredReading
from listener.storage.tables import (
    AuthorRow,
    CaseEvent,
    CaseMention,
    CaseRow,
    MentionBrand,
    MentionRow,
)


@dataclass(frozen=True, slots=True)
class Answered:
    """The post that another answers."""

    id: int
    author: str
    text: str
    url: str


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
    is_answer: bool = False
    answered: Answered | None = None  # of what it answers, what is stored and of the case's brand

    @property
    def answers(self) -> int | None:
        return self.answered.id if self.answered else None


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
    tags: tuple[str, ...] = ()
    answer: Answer | None = None  # the one that stands
    merged_here: tuple[int, ...] = ()  # cases that became part of this one


def get(session: Session, case_id: int) -> CaseDetail | None:
    found = session.execute(summaries().where(CaseRow.id == case_id)).first()
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
    answered = _answered(session, case_id, row.brand)
    events = session.scalars(
        sa.select(CaseEvent)
        .where(CaseEvent.case_id == case_id)
        .order_by(CaseEvent.at, CaseEvent.id)
    )
    return CaseDetail(
        summary=summary(tuple(found)),
        resolution=row.resolution,
        closed_at=row.closed_at,
        assigned_at=row.assigned_at,
        route_reasons=tuple(reason_from_json(r) for r in row.route_reasons),
        crm=row.crm,
        match=row.match,
        author_id=row.author_id,
        mentions=tuple(_mention(m, a, read.get(m.id), answered.get(m.id)) for m, a in mentions),
        timeline=tuple(TimelineEntry(e.at, e.actor, e.kind, e.data) for e in events),
        tags=case_tags.of(session, [case_id]).get(case_id, ()),
        answer=case_answers.latest(session, row),
        merged_here=tuple(
            session.scalars(
                sa.select(CaseRow.id).where(CaseRow.merged_into == case_id).order_by(CaseRow.id)
            )
        ),
    )


def _answered(session: Session, case_id: int, brand: str) -> dict[int, Answered]:
    """What the case's mentions answer, by their ids; of the case's own brand, because whoever sees
    the case may see no other."""
    there = aliased(MentionRow)
    rows = session.execute(
        sa.select(MentionRow.id, there, AuthorRow.name, AuthorRow.handle)
        .join(CaseMention, CaseMention.mention_id == MentionRow.id)
        .join(
            there,
            sa.and_(there.source == MentionRow.source, there.external_id == MentionRow.reply_to),
        )
        .join(MentionBrand, MentionBrand.mention_id == there.id)
        .outerjoin(AuthorRow, AuthorRow.id == there.author_id)
        .where(CaseMention.case_id == case_id, MentionBrand.brand == brand)
    )
    return {
        mention_id: Answered(found.id, name or handle or "", found.text, found.url)
        for mention_id, found, name, handle in rows
    }


def _mention(
    row: MentionRow,
    author: AuthorRow | None,
    reading: StoredReading | None,
    answered: Answered | None,
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
        is_answer=bool(row.reply_to),
        answered=answered,
    )
