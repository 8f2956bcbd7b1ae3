"""What a query is tried on: stored mentions of the last days, all of them or an even sample."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime

import sqlalchemy as sa
from sqlalchemy.orm import Session

from listener.query import Searchable
from listener.storage.tables import AuthorRow, MentionBrand, MentionRow

_DRAWN = 8000  # ids of a window, evenly
_ENOUGH = 500  # of the brand among them; with fewer it is asked for all of its own
_OWN = 20_000
_PART = 500


@dataclass(frozen=True, slots=True)
class Tried:
    """A mention as a query sees it, and as people are shown it."""

    id: int
    words: Searchable
    url: str
    site: str
    published_at: datetime
    invented: bool


@dataclass(frozen=True, slots=True)
class Stratum:
    """Mentions that stand for `of` (about as many, where that is more than there are here)."""

    mentions: tuple[Tried, ...]
    of: int


@dataclass(frozen=True, slots=True)
class Sample:
    """`total` mentions of the window in all; those of the brand, and the others."""

    total: int
    own: Stratum
    others: Stratum


def draw(
    session: Session,
    brand: str,
    *,
    start: datetime,
    end: datetime,
    seen: Sequence[str] = (),
    most: int = 1000,
    characters: int = 600_000,
) -> Sample:
    """At most `most` mentions, and `characters` of text, of the brand and as many of the others.
    With `seen`, of others only those that are of one of these brands, or of none."""
    window = (MentionRow.published_at >= start, MentionRow.published_at < end)
    total = session.scalar(sa.select(sa.func.count()).select_from(MentionRow).where(*window)) or 0
    step = max(1, -(-total // _DRAWN))
    ids = list(session.scalars(sa.select(MentionRow.id).where(*window, MentionRow.id % step == 0)))
    brands = _brands(session, ids)
    own, weight = [i for i in ids if brand in brands.get(i, ())], step
    if step > 1 and len(own) < _ENOUGH:
        own, weight = _all_of(session, brand, window), 1
    others = [i for i in ids if _other(brands.get(i, frozenset()), brand, seen)]
    return Sample(
        total,
        _stratum(session, own, weight, most, characters),
        _stratum(session, others, step, most, characters),
    )


def _other(of: frozenset[str], brand: str, seen: Sequence[str]) -> bool:
    return brand not in of and (not seen or not of or bool(of & set(seen)))


def _all_of(session: Session, brand: str, window: Iterable[sa.ColumnElement[bool]]) -> list[int]:
    query = (
        sa.select(MentionRow.id)
        .join(MentionBrand, MentionBrand.mention_id == MentionRow.id)
        .where(MentionBrand.brand == brand, *window)
        .order_by(MentionRow.published_at.desc(), MentionRow.id.desc())
        .limit(_OWN)
    )
    return list(session.scalars(query))


def _brands(session: Session, ids: Sequence[int]) -> dict[int, frozenset[str]]:
    found: dict[int, set[str]] = {}
    for start in range(0, len(ids), _PART):
        rows = sa.select(MentionBrand.mention_id, MentionBrand.brand).where(
            MentionBrand.mention_id.in_(ids[start : start + _PART])
        )
        for mention_id, brand in session.execute(rows):
            found.setdefault(mention_id, set()).add(brand)
    return {mention_id: frozenset(brands) for mention_id, brands in found.items()}


def _stratum(
    session: Session, ids: Sequence[int], weight: int, most: int, characters: int
) -> Stratum:
    """The order is a mixed one, and the same each time: a cut leaves an even sample."""
    mixed = sorted(ids, key=lambda i: i * 2_654_435_761 % 2**32)[:most]
    taken: list[Tried] = []
    left = characters
    for start in range(0, len(mixed), 200):
        for mention in _load(session, mixed[start : start + 200]):
            left -= len(mention.words.text)
            if left < 0 and taken:
                return Stratum(tuple(taken), len(ids) * weight)
            taken.append(mention)
    return Stratum(tuple(taken), len(ids) * weight)


def _load(session: Session, ids: Sequence[int]) -> list[Tried]:
    rows = session.execute(
        sa.select(MentionRow, AuthorRow.handle, AuthorRow.name)
        .outerjoin(AuthorRow, AuthorRow.id == MentionRow.author_id)
        .where(MentionRow.id.in_(ids))
    )
    found = {row.id: _tried(row, handle or "", name or "") for row, handle, name in rows}
    return [found[i] for i in ids if i in found]


def _tried(row: MentionRow, handle: str, name: str) -> Tried:
    return Tried(
        id=row.id,
        words=Searchable(
            text=row.text,
            author=handle,
            author_name=name,
            site=row.site,
            lang=row.lang_hint or "",
            source=row.source,
            tags=tuple(row.tags),
            urls=(row.url, *row.links) if row.url else tuple(row.links),
        ),
        url=row.url,
        site=row.site,
        published_at=row.published_at,
        invented=row.invented,
    )
