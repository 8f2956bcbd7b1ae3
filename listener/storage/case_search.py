"""The inbox: which cases there are by a filter, in which order, and what one can filter by."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any

import sqlalchemy as sa
from sqlalchemy.orm import Session

from listener.domain import CaseStatus
from listener.storage import full_text
from listener.storage.case_summary import CaseSummary, summaries, summary
from listener.storage.tables import CaseMention, CaseRow, CaseTag, MentionRow


@dataclass(frozen=True, slots=True)
class CaseFilter:
    """Empty means any. `search` looks into the texts and authors of the case's mentions
    (storage/full_text.py): all words in one of them."""

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
    tags: tuple[str, ...] = ()
    matched: bool | None = None  # whether the author's customer record is known
    unanswered: bool = False
    overdue: bool = False  # late, and not closed
    snoozed: bool | None = None  # put off beyond `at`; False: those that are not
    at: datetime | None = None  # "now" for what is overdue or snoozed


class Sort(StrEnum):
    """In which order the inbox lists cases."""

    URGENCY = "urgency"
    DUE = "due"  # what must be answered first
    NEWEST = "newest"
    WAITING = "waiting"  # who has waited the longest


_ORDERS: Mapping[Sort, tuple[Any, ...]] = {
    Sort.URGENCY: (CaseRow.score.desc(), CaseRow.due_at, CaseRow.id),
    Sort.DUE: (CaseRow.due_at, CaseRow.score.desc(), CaseRow.id),
    Sort.NEWEST: (CaseRow.opened_at.desc(), CaseRow.id.desc()),
    Sort.WAITING: (CaseRow.opened_at, CaseRow.id),
}

MOST = 1000
"""So many cases are counted and paged through; one more stands for "more than these"."""


def search(
    session: Session,
    wanted: CaseFilter,
    *,
    sort: Sort = Sort.URGENCY,
    limit: int = 100,
    offset: int = 0,
) -> tuple[list[CaseSummary], int]:
    """(the page of cases, how many there are in all, of which no more than MOST + 1 are counted).

    Which cases they are is asked of the narrow index alone; only the page's own rows are read."""
    conditions = _conditions(session, wanted)
    chosen = sa.select(CaseRow.id).where(*conditions)
    counted = chosen.limit(MOST + 1).subquery()
    total = session.scalar(sa.select(sa.func.count()).select_from(counted))
    page = chosen.order_by(*_ORDERS[sort]).limit(max(0, min(limit, MOST - offset))).offset(offset)
    return by_ids(session, list(session.scalars(page))), int(total or 0)


def by_ids(session: Session, ids: Sequence[int], brands: Sequence[str] = ()) -> list[CaseSummary]:
    """These cases as they are now, in the order given; of the brands (none named: of all)."""
    query = summaries().where(CaseRow.id.in_(ids))
    if brands:
        query = query.where(CaseRow.brand.in_(brands))
    found = {case.id: case for case in (summary(tuple(row)) for row in session.execute(query))}
    return [found[i] for i in ids if i in found]


def occurring(session: Session, brands: Sequence[str] = ()) -> dict[str, tuple[str, ...]]:
    """The brands, queues, matters and languages that cases have, and the sources that there are."""

    def distinct(query: sa.Select[Any]) -> tuple[str, ...]:
        if brands:
            query = query.where(CaseRow.brand.in_(brands))
        return tuple(sorted(v for v in session.scalars(query.distinct()) if v))

    return {
        "brands": distinct(sa.select(CaseRow.brand)),
        "queues": distinct(sa.select(CaseRow.queue)),
        "matters": distinct(sa.select(CaseRow.matter)),
        "languages": distinct(sa.select(CaseRow.lang)),
        "sources": tuple(_sources(session)),
    }


def _sources(session: Session) -> Iterator[str]:
    """Of all mentions, by one look into the index for each: a million rows need not be read."""
    last = ""
    while True:
        following = sa.select(sa.func.min(MentionRow.source)).where(MentionRow.source > last)
        if (last := session.scalar(following) or "") == "":
            return
        yield last


def _conditions(session: Session, wanted: CaseFilter) -> list[Any]:
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
    conditions += _times(wanted)
    if wanted.matched is not None:
        known = CaseRow.customer_ref.is_not(None)
        conditions.append(known if wanted.matched else ~known)
    if wanted.tags:
        tagged = sa.select(CaseTag.case_id).where(CaseTag.tag.in_(wanted.tags))
        conditions.append(CaseRow.id.in_(tagged))
    if wanted.sources:
        conditions.append(
            CaseRow.id.in_(
                sa.select(CaseMention.case_id)
                .join(MentionRow, MentionRow.id == CaseMention.mention_id)
                .where(MentionRow.source.in_(wanted.sources))
            )
        )
    if wanted.search.strip():
        words = full_text.words(wanted.search)
        if not words:
            return [sa.false()]
        hits = full_text.matching(session, words, on_cases=True)
        conditions.append(
            CaseRow.id.in_(sa.select(CaseMention.case_id).where(CaseMention.mention_id.in_(hits)))
        )
    return conditions


def _times(wanted: CaseFilter) -> list[Any]:
    conditions: list[Any] = []
    if wanted.unanswered:
        conditions.append(CaseRow.awaits_answer.is_(True))
    if wanted.overdue:
        conditions += [CaseRow.due_at < _at(wanted), CaseRow.status != CaseStatus.CLOSED]
    if wanted.snoozed is not None:
        asleep = sa.func.coalesce(CaseRow.snoozed_until, _at(wanted)) > _at(wanted)
        conditions.append(asleep if wanted.snoozed else ~asleep)
    return conditions


def _at(wanted: CaseFilter) -> datetime:
    if wanted.at is None:
        raise ValueError("what is overdue or snoozed depends on the moment: name it (at)")
    return wanted.at


@dataclass(frozen=True, slots=True)
class Fresh:
    """What happened in a list since it was drawn: cases that came into it, and cases of it that somebody
    changed. No more than MOST of each are counted."""

    new: int
    changed: int


def since(session: Session, wanted: CaseFilter, listed: datetime, drawn: datetime) -> Fresh:
    """`listed`: when it was decided which cases the list shows; `drawn`: when they were last read."""
    conditions = _conditions(session, wanted)

    def count(*more: Any) -> int:
        found = sa.select(CaseRow.id).where(*conditions, *more).limit(MOST).subquery()
        return int(session.scalar(sa.select(sa.func.count()).select_from(found)) or 0)

    return Fresh(
        # Both: nothing is opened after it was last changed, and the index begins with that.
        count(CaseRow.updated_at > listed, CaseRow.opened_at > listed),
        count(CaseRow.updated_at > drawn, CaseRow.opened_at <= listed),
    )
