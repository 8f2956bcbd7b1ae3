"""The mentions behind a figure: as posts, by the hour of the week, by the number that they name."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import sqlalchemy as sa
from sqlalchemy.orm import Session

from listener.storage import local_time, posts
from listener.storage.mention_filter import MentionFilter, conditions
from listener.storage.posts import Post
from listener.storage.tables import CountedMention, MentionRow, ReportedNumber


@dataclass(frozen=True, slots=True)
class Figures:
    """Counts of the same mentions."""

    mentions: int = 0
    negative: int = 0
    complaints: int = 0
    harassment: int = 0

    def __add__(self, other: Figures) -> Figures:
        return Figures(
            self.mentions + other.mentions,
            self.negative + other.negative,
            self.complaints + other.complaints,
            self.harassment + other.harassment,
        )


def search(
    session: Session, wanted: MentionFilter, *, limit: int, offset: int = 0
) -> tuple[list[Post], int]:
    """(a page of posts, the newest first; how many there are in all). A mention of two brands is
    there once for each, as it is counted."""
    asked = conditions(wanted)
    total = session.scalar(sa.select(sa.func.count()).select_from(CountedMention).where(*asked))
    rows = session.execute(
        sa.select(CountedMention.mention_id, CountedMention.brand)
        .join(MentionRow, MentionRow.id == CountedMention.mention_id)
        .where(*asked)
        # By the hour first, of which the counted rows have an index.
        .order_by(
            CountedMention.hour.desc(),
            MentionRow.published_at.desc(),
            CountedMention.mention_id.desc(),
            CountedMention.brand,
        )
        .limit(limit)
        .offset(offset)
    )
    return posts.load(session, [(i, b) for i, b in rows], wanted.brands or None), int(total or 0)


def by_slot(session: Session, wanted: MentionFilter) -> dict[tuple[int, int], Figures]:
    """By the hour of the week: (weekday, hour), Monday is 0."""
    slot = local_time.slot_of(wanted.zone, wanted.start, wanted.end).label("slot")
    rows = session.execute(
        sa.select(slot, *_counted()).where(*conditions(wanted)).group_by(sa.text("1"))
    )
    return {divmod(number, 24): Figures(*counts) for number, *counts in rows}


def by_number(
    session: Session, wanted: MentionFilter, *, limit: int = 500
) -> dict[tuple[str, str], int]:
    """Complaints of harassment by (number that they name as the caller's, brand), most first. One
    that names two numbers counts for each."""
    count = sa.func.count()
    rows = session.execute(
        sa.select(ReportedNumber.digits, ReportedNumber.brand, count)
        .join(
            CountedMention,
            sa.and_(
                CountedMention.mention_id == ReportedNumber.mention_id,
                CountedMention.brand == ReportedNumber.brand,
            ),
        )
        .where(*conditions(wanted), CountedMention.harassment.is_(True))
        .group_by(ReportedNumber.digits, ReportedNumber.brand)
        .order_by(count.desc(), ReportedNumber.digits)
        .limit(limit)
    )
    return {(digits, brand): found for digits, brand, found in rows}


def _counted() -> Iterator[sa.ColumnElement[int]]:
    """The columns of Figures."""
    rows = sa.func.count()
    yield rows
    yield rows.filter(CountedMention.sentiment == "negative")
    yield rows.filter(CountedMention.complaint.is_(True))
    yield rows.filter(CountedMention.harassment.is_(True))
