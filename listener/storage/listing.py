"""Mentions, cases and alerts page by page, the newest first: each page begins below the last id of the
one before, so that what comes in meanwhile moves nothing."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy.orm import Session

from listener.storage import full_text, readings
from listener.storage.alerts import StoredAlert, of_row
from listener.storage.case_summary import CaseSummary, summaries, summary
from listener.storage.readings import StoredReading
from listener.storage.tables import (
    AlertRow,
    AuthorRow,
    CaseMention,
    CaseRow,
    MentionBrand,
    MentionRow,
    ReadingRow,
)


@dataclass(frozen=True, slots=True)
class MentionFilter:
    """Empty or None means any. `brands` are those that the mention was found for; `muted` ones (a NOT
    of the query excluded them) are left out unless asked for."""

    brands: tuple[str, ...] = ()
    sources: tuple[str, ...] = ()
    languages: tuple[str, ...] = ()
    sentiments: tuple[str, ...] = ()
    categories: tuple[str, ...] = ()
    complaint: bool | None = None
    harassment: bool | None = None
    published_from: datetime | None = None
    published_to: datetime | None = None
    collected_from: datetime | None = None
    muted: bool = False
    search: str = ""  # words in texts and authors (storage/full_text.py)


@dataclass(frozen=True, slots=True)
class CasePageFilter:
    """Empty or None means any."""

    brands: tuple[str, ...] = ()
    statuses: tuple[str, ...] = ()
    levels: tuple[str, ...] = ()
    queues: tuple[str, ...] = ()
    matters: tuple[str, ...] = ()
    owner: str | None = None
    updated_from: datetime | None = None


@dataclass(frozen=True, slots=True)
class ListedMention:
    """`brands` maps each brand to whether the mention is muted for it; `cases` are (id, brand)."""

    id: int
    source: str
    external_id: str
    site: str
    url: str
    title: str
    text: str
    author: str
    author_name: str
    followers: int | None
    published_at: datetime
    collected_at: datetime
    state: str
    duplicate_of: int | None
    invented: bool
    reading: StoredReading | None
    brands: Mapping[str, bool]
    cases: tuple[tuple[int, str], ...]


def mentions(
    session: Session, wanted: MentionFilter, *, below: int | None, limit: int
) -> list[ListedMention]:
    query: Any = sa.select(MentionRow, AuthorRow).outerjoin(
        AuthorRow, AuthorRow.id == MentionRow.author_id
    )
    found_for = sa.exists().where(MentionBrand.mention_id == MentionRow.id)
    if not wanted.muted:
        found_for = found_for.where(MentionBrand.muted.is_(False))
    if wanted.brands:
        query = query.where(found_for.where(MentionBrand.brand.in_(wanted.brands)))
    elif not wanted.muted:
        # What no query found (an import keeps it) is muted by none.
        none = ~sa.exists().where(MentionBrand.mention_id == MentionRow.id)
        query = query.where(sa.or_(found_for, none))
    read: list[Any] = [
        column.in_(values)
        for column, values in (
            (ReadingRow.lang, wanted.languages),
            (ReadingRow.sentiment, wanted.sentiments),
            (ReadingRow.category, wanted.categories),
        )
        if values
    ]
    read += [
        column.is_(value)
        for column, value in (
            (ReadingRow.complaint, wanted.complaint),
            (ReadingRow.harassment, wanted.harassment),
        )
        if value is not None
    ]
    if read:
        query = query.join(ReadingRow, ReadingRow.mention_id == MentionRow.id).where(*read)
    if wanted.sources:
        query = query.where(MentionRow.source.in_(wanted.sources))
    if wanted.published_from is not None:
        query = query.where(MentionRow.published_at >= wanted.published_from)
    if wanted.published_to is not None:
        query = query.where(MentionRow.published_at < wanted.published_to)
    if wanted.collected_from is not None:
        query = query.where(MentionRow.collected_at >= wanted.collected_from)
    if sought := full_text.words(wanted.search):
        query = query.where(MentionRow.id.in_(full_text.matching(session, sought, on_cases=False)))
    if below is not None:
        query = query.where(MentionRow.id < below)
    return _listed(session, query.order_by(MentionRow.id.desc()).limit(limit))


def mention(session: Session, mention_id: int) -> ListedMention | None:
    query: Any = (
        sa.select(MentionRow, AuthorRow)
        .outerjoin(AuthorRow, AuthorRow.id == MentionRow.author_id)
        .where(MentionRow.id == mention_id)
    )
    return next(iter(_listed(session, query)), None)


def _listed(session: Session, query: sa.Select[Any]) -> list[ListedMention]:
    rows = session.execute(query).all()
    ids = [m.id for m, _ in rows]
    read = readings.load(session, ids)
    brands: dict[int, dict[str, bool]] = {}
    for link in session.scalars(
        sa.select(MentionBrand)
        .where(MentionBrand.mention_id.in_(ids))
        .order_by(MentionBrand.mention_id, MentionBrand.brand)
    ):
        brands.setdefault(link.mention_id, {})[link.brand] = link.muted
    cases: dict[int, list[tuple[int, str]]] = {}
    for mention_id, case_id, brand in session.execute(
        sa.select(CaseMention.mention_id, CaseRow.id, CaseRow.brand)
        .join(CaseRow, CaseRow.id == CaseMention.case_id)
        .where(CaseMention.mention_id.in_(ids))
        .order_by(CaseRow.id)
    ):
        cases.setdefault(mention_id, []).append((case_id, brand))
    return [
        ListedMention(
            id=m.id,
            source=m.source,
            external_id=m.external_id,
            site=m.site,
            url=m.url,
            title=m.title,
            text=m.text,
            author=a.handle if a else "",
            author_name=a.name if a else "",
            followers=a.followers if a else None,
            published_at=m.published_at,
            collected_at=m.collected_at,
            state=m.state,
            duplicate_of=m.duplicate_of,
            invented=m.invented,
            reading=read.get(m.id),
            brands=brands.get(m.id, {}),
            cases=tuple(cases.get(m.id, ())),
        )
        for m, a in rows
    ]


def cases(
    session: Session, wanted: CasePageFilter, *, below: int | None, limit: int
) -> list[CaseSummary]:
    query = summaries()
    for column, values in (
        (CaseRow.brand, wanted.brands),
        (CaseRow.status, wanted.statuses),
        (CaseRow.level, wanted.levels),
        (CaseRow.queue, wanted.queues),
        (CaseRow.matter, wanted.matters),
    ):
        if values:
            query = query.where(column.in_(values))
    if wanted.owner is not None:
        query = query.where(CaseRow.owner == wanted.owner)
    if wanted.updated_from is not None:
        query = query.where(CaseRow.updated_at >= wanted.updated_from)
    if below is not None:
        query = query.where(CaseRow.id < below)
    query = query.order_by(CaseRow.id.desc()).limit(limit)
    return [summary(tuple(row)) for row in session.execute(query)]


def alerts(
    session: Session,
    *,
    brands: Sequence[str] = (),
    kinds: Sequence[str] = (),
    open_only: bool = False,
    below: int | None,
    limit: int,
) -> list[StoredAlert]:
    """Those that belong to no brand are everybody's."""
    query = sa.select(AlertRow)
    if brands:
        query = query.where(sa.or_(AlertRow.brand.is_(None), AlertRow.brand.in_(brands)))
    if kinds:
        query = query.where(AlertRow.kind.in_(kinds))
    if open_only:
        query = query.where(AlertRow.ended_at.is_(None))
    if below is not None:
        query = query.where(AlertRow.id < below)
    return [of_row(row) for row in session.scalars(query.order_by(AlertRow.id.desc()).limit(limit))]
