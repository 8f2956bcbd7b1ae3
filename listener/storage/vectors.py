"""What the encoder made of each post, for finding posts that say the same (listener/likeness.py)."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import NamedTuple

import sqlalchemy as sa
from sqlalchemy.orm import Session

from listener.domain import CaseStatus
from listener.storage import readings
from listener.storage.readings import StoredReading
from listener.storage.tables import (
    AuthorRow,
    CaseMention,
    CaseRow,
    MentionBrand,
    MentionRow,
    ReadingRow,
)

_ROWS = 5_000  # that are held at once while a matrix is filled


class Stored(NamedTuple):
    """A post's embedding (float16) and which reader made it."""

    mention_id: int
    embedding: bytes
    model: str


@dataclass(frozen=True, slots=True)
class Saying:
    """A post as one of those that say the same; `case_id` is that of its newest case of the brands
    asked for, None where it is on none."""

    mention_id: int
    brand: str
    source: str
    site: str
    url: str
    author: str
    text: str
    published_at: datetime
    invented: bool
    case_id: int | None
    case_status: CaseStatus | None
    reading: StoredReading


def newest_id(session: Session) -> int:
    return int(session.scalar(sa.select(sa.func.max(ReadingRow.mention_id))) or 0)


def between(session: Session, after: int, until: int) -> Iterator[Stored]:
    """The embeddings of the mentions with ids in (after, until], by id."""
    rows = session.execute(
        sa.select(ReadingRow.mention_id, ReadingRow.embedding, ReadingRow.model)
        .where(
            ReadingRow.mention_id > after,
            ReadingRow.mention_id <= until,
            ReadingRow.embedding.is_not(None),
        )
        .order_by(ReadingRow.mention_id),
        execution_options={"yield_per": _ROWS},
    )
    for mention_id, embedding, model in rows:
        yield Stored(mention_id, bytes(embedding or b""), model)


def brands(session: Session, after: int, until: int) -> Iterator[tuple[int, str]]:
    """(mention, brand) of those mentions that are not muted for it, by id."""
    rows = session.execute(
        sa.select(MentionBrand.mention_id, MentionBrand.brand)
        .where(
            MentionBrand.mention_id > after,
            MentionBrand.mention_id <= until,
            MentionBrand.muted.is_(False),
        )
        .order_by(MentionBrand.mention_id),
        execution_options={"yield_per": _ROWS},
    )
    yield from rows


def of(session: Session, mention_id: int) -> Stored | None:
    row = session.execute(
        sa.select(ReadingRow.embedding, ReadingRow.model).where(ReadingRow.mention_id == mention_id)
    ).first()
    return Stored(mention_id, bytes(row[0]), row[1]) if row and row[0] else None


def sayings(
    session: Session,
    mention_ids: Sequence[int],
    *,
    seen: Sequence[str] = (),
    besides_author: int | None = None,
    besides_case: int | None = None,
) -> dict[int, Saying]:
    """The posts of these ids that people should see: of the brands `seen` (empty: of all), neither
    muted nor copies, by somebody else than the author, not on the case."""
    shown = sa.select(MentionRow, AuthorRow.handle, sa.func.min(MentionBrand.brand)).outerjoin(
        AuthorRow, AuthorRow.id == MentionRow.author_id
    )
    shown = shown.join(MentionBrand, MentionBrand.mention_id == MentionRow.id).where(
        MentionRow.id.in_(mention_ids),
        MentionRow.duplicate_of.is_(None),
        MentionBrand.muted.is_(False),
    )
    if seen:
        shown = shown.where(MentionBrand.brand.in_(seen))
    if besides_author is not None:
        shown = shown.where(MentionRow.author_id.is_distinct_from(besides_author))
    rows = session.execute(shown.group_by(MentionRow.id, AuthorRow.handle)).all()
    read = readings.load(session, [row.id for row, _, _ in rows])
    on = _cases(session, [row.id for row, _, _ in rows], seen)
    return {
        row.id: Saying(
            mention_id=row.id,
            brand=brand,
            source=row.source,
            site=row.site,
            url=row.url,
            author=handle or "",
            text=row.text,
            published_at=row.published_at,
            invented=row.invented,
            case_id=on[row.id][0] if row.id in on else None,
            case_status=CaseStatus(on[row.id][1]) if row.id in on else None,
            reading=read[row.id],
        )
        for row, handle, brand in rows
        if row.id in read and (besides_case is None or on.get(row.id, (0, ""))[0] != besides_case)
    }


def _cases(session: Session, ids: Sequence[int], seen: Sequence[str]) -> dict[int, tuple[int, str]]:
    query = (
        sa.select(CaseMention.mention_id, CaseRow.id, CaseRow.status)
        .join(CaseRow, CaseRow.id == CaseMention.case_id)
        .where(CaseMention.mention_id.in_(ids))
        .order_by(CaseRow.id)
    )
    if seen:
        query = query.where(CaseRow.brand.in_(seen))
    return {mention: (case, status) for mention, case, status in session.execute(query)}
