"""A mention as people read it in a list, with its case where there is one."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

import sqlalchemy as sa
from sqlalchemy.orm import Session

from listener.storage import readings
from listener.storage.readings import StoredReading
from listener.storage.tables import AuthorRow, CaseMention, CaseRow, MentionRow


@dataclass(frozen=True, slots=True)
class Post:
    """`case_id` is the newest case of the brands asked for that the mention is on."""

    mention_id: int
    brand: str
    author: str
    source: str
    site: str
    url: str
    text: str
    published_at: datetime
    reading: StoredReading
    case_id: int | None
    invented: bool


def load(
    session: Session, wanted: Sequence[tuple[int, str]], brands: Sequence[str] | None
) -> list[Post]:
    """The mentions that were read, by (id, brand), in the order given; None: cases of any brand."""
    ids = list(dict.fromkeys(mention_id for mention_id, _brand in wanted))
    rows = session.execute(
        sa.select(MentionRow, AuthorRow.handle)
        .outerjoin(AuthorRow, AuthorRow.id == MentionRow.author_id)
        .where(MentionRow.id.in_(ids))
    ).all()
    found = {row.id: (row, handle) for row, handle in rows}
    read, on_case = readings.load(session, ids), _cases(session, ids, brands)
    return [
        Post(
            mention_id=row.id,
            brand=brand,
            author=handle or "",
            source=row.source,
            site=row.site,
            url=row.url,
            text=row.text,
            published_at=row.published_at,
            reading=read[row.id],
            case_id=on_case.get(row.id),
            invented=row.invented,
        )
        for mention_id, brand in wanted
        if mention_id in read
        for row, handle in (found[mention_id],)
    ]


def _cases(
    session: Session, mention_ids: Sequence[int], brands: Sequence[str] | None
) -> dict[int, int]:
    query = (
        sa.select(CaseMention.mention_id, sa.func.max(CaseMention.case_id))
        .join(CaseRow, CaseRow.id == CaseMention.case_id)
        .where(CaseMention.mention_id.in_(mention_ids))
        .group_by(CaseMention.mention_id)
    )
    if brands is not None:
        query = query.where(CaseRow.brand.in_(brands))
    return {row.mention_id: row[1] for row in session.execute(query)}
