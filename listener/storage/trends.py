"""Counts over time, for charts. Invented mentions are counted only when asked for."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import sqlalchemy as sa
from sqlalchemy.orm import Session

from listener.storage import local_time, mention_filter
from listener.storage.mention_filter import MentionFilter, Where
from listener.storage.tables import (
    AlertRow,
    CaseRow,
    CountedMention,
    CrmEvent,
    CrmPerson,
    MentionBrand,
    MentionRow,
    NotificationRow,
    ReadingRow,
    Reject,
    ReportedNumber,
)

_EPOCH = date(1970, 1, 1)
_ATTRIBUTES = (
    CountedMention.brand,
    CountedMention.source,
    CountedMention.lang,
    CountedMention.sentiment,
    CountedMention.complaint,
    CountedMention.harassment,
    CountedMention.category,
)


@dataclass(frozen=True, slots=True)
class Tally:
    """Mentions of one day (in the zone asked for) with the same attributes; `country` is empty
    where nobody knows it."""

    day: date
    brand: str
    source: str
    lang: str
    sentiment: str
    complaint: bool
    harassment: bool
    category: str | None
    count: int
    country: str = ""


def tallies(
    session: Session,
    *,
    start: datetime,
    end: datetime,
    zone: ZoneInfo,
    brands: Sequence[str] = (),
    invented: bool = True,
) -> list[Tally]:
    """Counts by day and attribute of what was published in [start, end), by whole hours; muted
    mentions and duplicates are left out, because a copy is not another opinion. Read from
    `counted_mentions` (storage/counted.py): a month of a million mentions in a quarter of a second."""
    wanted = MentionFilter(start, end, zone, brands=tuple(brands), invented=invented)
    return sorted(_counted(session, wanted), key=_order)


def placed(
    session: Session,
    found: Iterable[Tally],
    *,
    start: datetime,
    end: datetime,
    zone: ZoneInfo,
    where: Where,
    brands: Sequence[str] = (),
    invented: bool = True,
) -> list[Tally]:
    """The same tallies by country: that of the author's customer where one is confirmed and the
    reader may learn it, else the brand's own where it has only one."""
    home = where.brands
    # What is not said where its brand is at home, and what that takes from there.
    moved = Counter[Tally]()
    if where.local:
        wanted = MentionFilter(start, end, zone, brands=tuple(brands), invented=invented)
        country = where.customer().label("country")
        for tally in _counted(session, wanted, country, only=where.is_customer()):
            if tally.country:
                moved[_in(tally, tally.country, 0)] += tally.count
                moved[_in(tally, home.get(tally.brand, ""), 0)] -= tally.count
    if not moved:
        return [_in(t, home.get(t.brand, ""), t.count) for t in found]
    for tally in found:
        moved[_in(tally, home.get(tally.brand, ""), 0)] += tally.count
    return sorted((_in(t, t.country, n) for t, n in moved.items() if n), key=_order)


def _in(t: Tally, country: str, count: int) -> Tally:
    """`replace` in a tenth of its time: there are tens of thousands."""
    labels = (t.sentiment, t.complaint, t.harassment, t.category)
    return Tally(t.day, t.brand, t.source, t.lang, *labels, count, country)


def _counted(
    session: Session,
    wanted: MentionFilter,
    *more: sa.ColumnElement[str],
    only: sa.ColumnElement[bool] | None = None,
) -> Iterator[Tally]:
    day = local_time.day_of(wanted.zone, wanted.start, wanted.end).label("day")
    query = (
        sa.select(day, *_ATTRIBUTES, sa.func.count(), *more)
        .where(*mention_filter.conditions(wanted))
        .group_by(sa.text("1"), *_ATTRIBUTES, *more)
    )
    if only is not None:
        query = query.where(only)
    days: dict[int, date] = {}  # of tens of thousands of rows, a hundred differ
    for since, *rest in session.execute(query):
        day_of = days.get(since) or days.setdefault(since, _EPOCH + timedelta(days=since))
        yield Tally(day_of, *rest)


def _order(tally: Tally) -> tuple[Any, ...]:
    labels = (tally.sentiment, tally.complaint, tally.category or "", tally.country)
    return (tally.day, tally.brand, tally.source, tally.lang, *labels)


def counts(session: Session, by: str | None = None) -> dict[str, Any]:
    """What is stored, for `listener count`; `by` adds one breakdown (KINDS)."""

    def total(table: type[Any], *where: Any) -> int:
        return int(session.scalar(sa.select(sa.func.count()).select_from(table).where(*where)) or 0)

    result: dict[str, Any] = {
        "mentions": total(MentionRow),
        "pending": total(MentionRow, MentionRow.state == "pending"),
        "processed": total(MentionRow, MentionRow.state == "processed"),
        "failed": total(MentionRow, MentionRow.state == "failed"),
        "duplicates": total(MentionRow, MentionRow.duplicate_of.is_not(None)),
        "cases": total(CaseRow),
        "alerts": total(AlertRow),
        "notifications": total(NotificationRow),
        "rejects": total(Reject),
        "customers": total(CrmPerson),
        "contact_events": total(CrmEvent),
        "invented_mentions": total(MentionRow, MentionRow.invented.is_(True)),
    }
    if by is not None:
        column = KINDS[by]
        query = sa.select(column, sa.func.count()).group_by(column).order_by(column)
        result[f"by_{by}"] = {str(value): count for value, count in session.execute(query)}
    return result


KINDS: dict[str, Any] = {
    "source": MentionRow.source,
    "subscription": MentionRow.subscription,
    "state": MentionRow.state,
    "brand": MentionBrand.brand,
    "lang": ReadingRow.lang,
    "sentiment": ReadingRow.sentiment,
    "complaint": ReadingRow.complaint,
    "harassment": ReadingRow.harassment,
    "category": ReadingRow.category,
    "case_status": CaseRow.status,
    "queue": CaseRow.queue,
    "owner": CaseRow.owner,
    "level": CaseRow.level,
    "alert": AlertRow.kind,
    "notification": NotificationRow.status,
    "reject": Reject.reason,
    "number": ReportedNumber.digits,
}
