"""Complaints that name a number as the caller, as they were read or corrected: who complains of
which number, what they say, and who they are. Copies and reposts are counted apart.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy.orm import Session

from listener.storage import posts as stored_posts
from listener.storage.posts import Post
from listener.storage.tables import (
    CaseMention,
    CaseRow,
    CrmPerson,
    MentionRow,
    ReadingRow,
    ReportedNumber,
)


@dataclass(frozen=True, slots=True)
class Asked:
    """Which complaints: of these brands, published in [start, end)."""

    brands: tuple[str, ...]
    start: datetime
    end: datetime
    invented: bool = True


@dataclass(frozen=True, slots=True)
class Reported:
    """One number under one brand's name: complaints of the time asked for (`invented` of them are
    invented), by how many people; `before` in the equally long time before it."""

    number: str
    brand: str
    complaints: int
    people: int
    before: int
    last_at: datetime
    invented: int


@dataclass(frozen=True, slots=True)
class Complaint:
    """A post that complains of a number. `author` tells people apart and names nobody."""

    mention_id: int
    brand: str
    author: str
    published_at: datetime
    lang: str
    source: str
    site: str
    contacts: int | None  # as many as it claims
    days: int | None  # in as many as it claims
    invented: bool


@dataclass(frozen=True, slots=True)
class Matched:
    """The customer behind a complaint's author, as far as they are known; `country` is told by the
    CRM `local` only, and empty where the record says none."""

    mention_id: int
    crm: str
    ref: str
    country: str | None


@dataclass(frozen=True, slots=True)
class Said:
    """A complaint's text."""

    author: str
    lang: str
    text: str


# Nobody's posts are different people's.
_AUTHOR = sa.func.coalesce(MentionRow.author_id, -MentionRow.id)


def _of(asked: Asked, *, copies: bool = False) -> tuple[sa.ColumnElement[bool], ...]:
    """Of a reported number joined with its mention and reading."""
    original = MentionRow.duplicate_kind.is_(None)
    conditions = [
        ReportedNumber.brand.in_(asked.brands),
        ReportedNumber.published_at >= asked.start,
        ReportedNumber.published_at < asked.end,
        ReadingRow.harassment.is_(True),
        ~original if copies else original,
    ]
    if not asked.invented:
        conditions.append(MentionRow.invented.is_(False))
    return tuple(conditions)


def _joined(*columns: Any) -> sa.Select[Any]:
    return (
        sa.select(*columns)
        .select_from(ReportedNumber)
        .join(MentionRow, MentionRow.id == ReportedNumber.mention_id)
        .join(ReadingRow, ReadingRow.mention_id == ReportedNumber.mention_id)
    )


def reported(session: Session, asked: Asked, *, limit: int = 5000) -> list[Reported]:
    """The numbers with complaints in the time asked for, most complaints first."""
    now = ReportedNumber.published_at >= asked.start
    complaints = sa.func.count(sa.case((now, MentionRow.id)))
    rows = session.execute(
        _joined(
            ReportedNumber.digits,
            ReportedNumber.brand,
            complaints,
            sa.func.count(sa.distinct(sa.case((now, _AUTHOR)))),
            sa.func.count(sa.case((~now, MentionRow.id))),
            sa.func.max(ReportedNumber.published_at),
            sa.func.count(sa.case((now & MentionRow.invented.is_(True), MentionRow.id))),
        )
        .where(*_of(replace(asked, start=asked.start - (asked.end - asked.start))))
        .group_by(ReportedNumber.digits, ReportedNumber.brand)
        .having(complaints > 0)
        .order_by(complaints.desc(), ReportedNumber.digits, ReportedNumber.brand)
        .limit(limit)
    )
    return [Reported(*row) for row in rows]


def load(session: Session, numbers: Sequence[str], asked: Asked) -> list[Complaint]:
    """Every complaint of a number, oldest first; one about several brands is there once."""
    rows = session.execute(
        _joined(
            ReportedNumber.mention_id,
            ReportedNumber.brand,
            _AUTHOR,
            ReportedNumber.published_at,
            ReadingRow.lang,
            MentionRow.source,
            MentionRow.site,
            ReadingRow.facts["contact_count"].as_integer(),
            ReadingRow.facts["period_days"].as_integer(),
            MentionRow.invented,
        )
        .where(*_of(asked), ReportedNumber.digits.in_(numbers))
        .order_by(ReportedNumber.published_at, ReportedNumber.mention_id, ReportedNumber.brand)
    )
    once: dict[int, Complaint] = {}
    for mention_id, brand, author, *rest in rows:
        once.setdefault(mention_id, Complaint(mention_id, brand, str(author), *rest))
    return list(once.values())


def ever_reported(session: Session, numbers: Sequence[str], brands: Sequence[str]) -> bool:
    found = sa.exists().where(ReportedNumber.digits.in_(numbers), ReportedNumber.brand.in_(brands))
    return bool(session.scalar(sa.select(found)))


def copies(session: Session, numbers: Sequence[str], asked: Asked) -> int:
    """Copies and reposts of complaints, which are no complaints of their own."""
    query = _joined(sa.func.count(sa.distinct(ReportedNumber.mention_id))).where(
        *_of(asked, copies=True), ReportedNumber.digits.in_(numbers)
    )
    return int(session.scalar(query) or 0)


def texts(session: Session, numbers: Sequence[str], asked: Asked, *, limit: int) -> list[Said]:
    """What the newest complaints of a number say."""
    ids = (
        _joined(ReportedNumber.mention_id)
        .where(*_of(asked), ReportedNumber.digits.in_(numbers))
        .group_by(ReportedNumber.mention_id, ReportedNumber.published_at)
        .order_by(ReportedNumber.published_at.desc(), ReportedNumber.mention_id.desc())
        .limit(limit)
        .subquery()
    )
    rows = session.execute(
        sa.select(_AUTHOR, ReadingRow.lang, MentionRow.text)
        .join(ReadingRow, ReadingRow.mention_id == MentionRow.id)
        .join(ids, ids.c.mention_id == MentionRow.id)
        .order_by(MentionRow.id)
    )
    return [Said(str(author), lang, text) for author, lang, text in rows]


def posts(
    session: Session, numbers: Sequence[str], asked: Asked, *, limit: int, offset: int = 0
) -> list[Post]:
    """The complaints of a number as people read them, the newest first."""
    found = session.execute(
        _joined(ReportedNumber.mention_id, sa.func.min(ReportedNumber.brand))
        .where(*_of(asked), ReportedNumber.digits.in_(numbers))
        .group_by(ReportedNumber.mention_id, ReportedNumber.published_at)
        .order_by(ReportedNumber.published_at.desc(), ReportedNumber.mention_id.desc())
        .limit(limit)
        .offset(offset)
    )
    return stored_posts.load(session, [(row[0], row[1]) for row in found], asked.brands)


def matched(
    session: Session, numbers: Sequence[str], asked: Asked, *, local: Sequence[str]
) -> list[Matched]:
    """The customers behind the authors of complaints, by the cases; `local` are the names of the
    systems whose people are in our own tables. Whoever only passed a post on is nobody's match."""
    rows = session.execute(
        _joined(ReportedNumber.mention_id, CaseRow.crm, CaseRow.customer_ref, CrmPerson.country)
        .join(CaseMention, CaseMention.mention_id == ReportedNumber.mention_id)
        .join(
            CaseRow,
            sa.and_(
                CaseRow.id == CaseMention.case_id,
                CaseRow.brand == ReportedNumber.brand,
                CaseRow.author_id == MentionRow.author_id,
            ),
        )
        .outerjoin(
            CrmPerson,
            sa.and_(CrmPerson.customer_id == CaseRow.customer_ref, CaseRow.crm.in_(local)),
        )
        .where(
            *_of(asked),
            ReportedNumber.digits.in_(numbers),
            CaseRow.customer_ref.is_not(None),
            CaseRow.crm.is_not(None),
        )
        .order_by(ReportedNumber.mention_id, CaseRow.id)
    )
    return list({row[0]: Matched(*row) for row in rows}.values())
