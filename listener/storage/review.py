"""The review queue: mentions of which the reader is not sure whether they complain, or of being
harassed, until a person says so. What a person calls a complaint then goes the way of all others.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

import sqlalchemy as sa
from sqlalchemy.orm import Session

from listener.errors import StorageError
from listener.storage import mentions, readings
from listener.storage.readings import StoredReading
from listener.storage.tables import AuthorRow, CaseMention, MentionBrand, MentionRow, ReadingRow


@dataclass(frozen=True, slots=True)
class Doubt:
    """A mention that waits for a person's word, and what the reader would have said."""

    mention_id: int
    brand: str
    source: str
    site: str
    url: str
    author: str
    text: str
    published_at: datetime
    invented: bool
    reading: StoredReading


def waiting(
    session: Session, brands: Sequence[str], *, limit: int, offset: int = 0
) -> tuple[list[Doubt], int]:
    """(a page of what waits of these brands, the newest first; how many there are in all).

    Copies, muted posts and what is on a case already are left out: a case shows its own doubts.
    """
    query = (
        sa.select(MentionRow, AuthorRow.handle, sa.func.min(MentionBrand.brand))
        .join(ReadingRow, ReadingRow.mention_id == MentionRow.id)
        .join(MentionBrand, MentionBrand.mention_id == MentionRow.id)
        .outerjoin(AuthorRow, AuthorRow.id == MentionRow.author_id)
        .where(*_waits(brands))
        .group_by(MentionRow.id, AuthorRow.handle)
    )
    total = session.scalar(sa.select(sa.func.count()).select_from(query.subquery())) or 0
    rows = session.execute(
        query.order_by(MentionRow.published_at.desc(), MentionRow.id.desc())
        .limit(limit)
        .offset(offset)
    ).all()
    read = readings.load(session, [row.id for row, _, _ in rows])
    found = [
        Doubt(
            mention_id=row.id,
            brand=brand,
            source=row.source,
            site=row.site,
            url=row.url,
            author=handle or "",
            text=row.text,
            published_at=row.published_at,
            invented=row.invented,
            reading=read[row.id],
        )
        for row, handle, brand in rows
    ]
    return found, total


def _waits(brands: Sequence[str]) -> tuple[sa.ColumnElement[bool], ...]:
    """Of a mention joined with its reading and its brands."""
    return (
        ReadingRow.doubtful.is_(True),
        MentionRow.state == "processed",
        MentionRow.duplicate_kind.is_(None),
        MentionBrand.brand.in_(brands),
        MentionBrand.muted.is_(False),
        ~sa.exists().where(CaseMention.mention_id == MentionRow.id),
    )


def decide(
    session: Session,
    mention_id: int,
    brands: Sequence[str],
    *,
    complaint: bool,
    harassment: bool,
    by: str,
    now: datetime,
) -> None:
    """Store a person's word on a mention that waits, of these brands. A complaint is processed again,
    which opens its case. Raises StorageError when it waits no longer: somebody was quicker."""
    waits = session.scalar(
        sa.select(ReadingRow.mention_id)
        .join(MentionRow, MentionRow.id == ReadingRow.mention_id)
        .join(MentionBrand, MentionBrand.mention_id == MentionRow.id)
        .where(MentionRow.id == mention_id, *_waits(brands))
        .limit(1)
        .with_for_update(of=ReadingRow)
    )
    if waits is None:
        raise StorageError(
            "mention {id} waits for nobody: it has been settled meanwhile, or it is not yours to "
            "settle",
            id=mention_id,
        )
    for question, value in (("complaint", complaint), ("harassment", harassment)):
        readings.correct(session, mention_id, question, value, by=by, now=now, asked=True)
    if complaint:
        mentions.follow_again(session, mention_id)
