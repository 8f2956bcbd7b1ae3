"""Mentions that wait to be processed: the oldest first, taken by one worker only, put aside with their
reason when they fail too often."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

import sqlalchemy as sa
from sqlalchemy.orm import Session

from listener.storage.tables import AuthorRow, MentionBrand, MentionRow


@dataclass(frozen=True, slots=True)
class Pending:
    """A mention that waits to be read."""

    id: int
    source: str
    text: str
    lang: str | None
    author_id: int | None
    author: str | None
    followers: int | None
    published_at: datetime
    external_id: str
    reply_to: str | None
    repost_of: str | None
    reach: int | None
    invented: bool
    brands: tuple[tuple[str, bool], ...]  # (brand, muted) for which it was not processed yet


def oldest(session: Session, size: int, *, after: int = 0) -> list[Pending]:
    """The oldest mentions that wait, in the order in which they came, with ids above `after`."""
    rows = session.execute(
        sa.select(MentionRow, AuthorRow)
        .outerjoin(AuthorRow, AuthorRow.id == MentionRow.author_id)
        .where(MentionRow.state == "pending", MentionRow.id > after)
        .order_by(MentionRow.id)
        .limit(size)
    ).all()
    brands: dict[int, list[tuple[str, bool]]] = {}
    for link in session.scalars(
        sa.select(MentionBrand)
        .where(
            MentionBrand.mention_id.in_([m.id for m, _ in rows]), MentionBrand.followed.is_(False)
        )
        .order_by(MentionBrand.brand)
    ):
        brands.setdefault(link.mention_id, []).append((link.brand, link.muted))
    return [
        Pending(
            id=m.id,
            source=m.source,
            text=m.text,
            lang=m.lang_hint,
            author_id=m.author_id,
            author=a.handle if a else None,
            followers=a.followers if a else None,
            published_at=m.published_at,
            external_id=m.external_id,
            reply_to=m.reply_to,
            repost_of=m.repost_of,
            reach=m.reach,
            invented=m.invented,
            brands=tuple(brands.get(m.id, ())),
        )
        for m, a in rows
    ]


def take(session: Session, ids: Sequence[int]) -> set[int]:
    """Mark the mentions as processed; those that another worker finished first are not ours."""
    return set(
        session.scalars(
            sa.update(MentionRow)
            .where(MentionRow.id.in_(ids), MentionRow.state == "pending")
            .values(state="processed", error=None)
            .returning(MentionRow.id)
        )
    )


def followed(session: Session, items: Sequence[Pending]) -> None:
    """By name: a brand that a mention gained since the batch was read waits for its own turn."""
    for mention in items:
        session.execute(
            sa.update(MentionBrand)
            .where(
                MentionBrand.mention_id == mention.id,
                MentionBrand.brand.in_([key for key, _ in mention.brands]),
            )
            .values(followed=True)
        )
    session.execute(
        sa.update(MentionRow)
        .where(
            MentionRow.id.in_([m.id for m in items]),
            sa.exists().where(
                MentionBrand.mention_id == MentionRow.id, MentionBrand.followed.is_(False)
            ),
        )
        .values(state="pending")
    )


def put_aside(session: Session, mention_id: int, error: Exception, max_attempts: int) -> bool:
    """A mention that cannot be processed is tried a few times, then kept with its reason (True)."""
    row = session.get_one(MentionRow, mention_id)
    row.attempts += 1
    row.error = f"{type(error).__name__}: {error}"[:2000]
    given_up = row.attempts >= max_attempts
    if given_up:
        row.state = "failed"
    return given_up


def wait_again(session: Session) -> int:
    """Make pending what was put aside, with all its attempts before it; gives how many."""
    moved = session.scalars(
        sa.update(MentionRow)
        .where(MentionRow.state == "failed")
        .values(state="pending", attempts=0, error=None)
        .returning(MentionRow.id)
    )
    return len(moved.all())
