"""Counts over time, for charts. Invented mentions are counted only when asked for."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import sqlalchemy as sa
from sqlalchemy.orm import Session

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


@dataclass(frozen=True, slots=True)
class Tally:
    """Mentions of one day (in the zone asked for) with the same attributes."""

    day: date
    brand: str
    source: str
    lang: str
    sentiment: str
    complaint: bool
    harassment: bool
    category: str | None
    count: int


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
    attributes = (
        CountedMention.brand,
        CountedMention.source,
        CountedMention.lang,
        CountedMention.sentiment,
        CountedMention.complaint,
        CountedMention.harassment,
        CountedMention.category,
    )
    query = (
        sa.select(day_of(zone, start, end).label("day"), *attributes, sa.func.count())
        .where(
            CountedMention.hour >= hour_of(start),
            CountedMention.hour <= hour_of(end - timedelta(microseconds=1)),
        )
        .group_by(sa.text("1"), *attributes)
    )
    if brands:
        query = query.where(CountedMention.brand.in_(brands))
    if not invented:
        query = query.where(CountedMention.invented.is_(False))
    found = [Tally(_EPOCH + timedelta(days=row[0]), *row[1:]) for row in session.execute(query)]
    return sorted(found, key=_order)


def _order(tally: Tally) -> tuple[Any, ...]:
    labels = (tally.sentiment, tally.complaint, tally.category or "")
    return (tally.day, tally.brand, tally.source, tally.lang, *labels)


def hour_of(moment: datetime) -> int:
    """As `CountedMention.hour`."""
    return int(moment.timestamp() // 3600)


def day_of(zone: ZoneInfo, start: datetime, end: datetime) -> sa.ColumnElement[int]:
    """The day of the zone, in days since 1970, on which a counted mention of [start, end) was
    published. The zone's offset is written into the question, once for each time that its clocks
    change; whole hours in UTC fall into one day of any zone whose offset is whole hours."""
    offsets: list[tuple[int, int]] = []  # (until this hour, minutes ahead of UTC)
    ahead = _ahead(zone, hour_of(start))
    for hour in range(hour_of(start), hour_of(end) + 1):
        if (now := _ahead(zone, hour)) != ahead:
            offsets.append((hour, ahead))
            ahead = now
    minutes = CountedMention.hour * 60
    whens = [(CountedMention.hour < until, minutes + offset) for until, offset in offsets]
    local = sa.case(*whens, else_=minutes + ahead) if whens else minutes + ahead
    return local // (24 * 60)


def _ahead(zone: ZoneInfo, hour: int) -> int:
    offset = datetime.fromtimestamp(hour * 3600, zone).utcoffset() or timedelta()
    return int(offset.total_seconds() // 60)


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
