"""The inbox: which cases there are by a filter, the most urgent first, and what one can filter by."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa
from sqlalchemy.orm import Session

from listener.storage.case_summary import CaseSummary, summaries, summary
from listener.storage.tables import AuthorRow, CaseMention, CaseRow, MentionRow


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


def search(
    session: Session, wanted: CaseFilter, *, limit: int = 100, offset: int = 0
) -> tuple[list[CaseSummary], int]:
    """(the page of cases by urgency, how many there are in all)."""
    conditions = _conditions(wanted)
    total = session.scalar(sa.select(sa.func.count()).select_from(CaseRow).where(*conditions))
    query = (
        summaries()
        .where(*conditions)
        .order_by(CaseRow.score.desc(), CaseRow.due_at, CaseRow.id)
        .limit(limit)
        .offset(offset)
    )
    return [summary(tuple(row)) for row in session.execute(query)], int(total or 0)


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
