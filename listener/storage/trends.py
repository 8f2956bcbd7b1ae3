"""Counts over time, for charts. Invented mentions are counted only when asked for."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime
from typing import Any
from zoneinfo import ZoneInfo

import sqlalchemy as sa
from sqlalchemy.orm import Session

from listener.storage.tables import (
    AlertRow,
    CaseRow,
    CrmEvent,
    CrmPerson,
    MentionBrand,
    MentionRow,
    NotificationRow,
    ReadingRow,
    Reject,
    ReportedNumber,
)


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
    """Counts by day and attribute of what was published in [start, end); muted mentions and
    duplicates are left out, because a copy is not another opinion."""
    hour = (
        sa.func.strftime("%Y-%m-%dT%H", MentionRow.published_at)
        if session.get_bind().dialect.name == "sqlite"
        else sa.func.to_char(sa.func.timezone("UTC", MentionRow.published_at), 'YYYY-MM-DD"T"HH24')
    )
    attributes = (
        MentionBrand.brand,
        MentionRow.source,
        ReadingRow.lang,
        ReadingRow.sentiment,
        ReadingRow.complaint,
        ReadingRow.harassment,
        ReadingRow.category,
    )
    query = (
        sa.select(hour.label("hour"), *attributes, sa.func.count())
        .select_from(MentionRow)
        .join(MentionBrand, MentionBrand.mention_id == MentionRow.id)
        .join(ReadingRow, ReadingRow.mention_id == MentionRow.id)
        .where(
            MentionRow.published_at >= start,
            MentionRow.published_at < end,
            MentionBrand.muted.is_(False),
            MentionRow.duplicate_of.is_(None),
        )
        .group_by(sa.text("1"), *attributes)
    )
    if brands:
        query = query.where(MentionBrand.brand.in_(brands))
    if not invented:
        query = query.where(MentionRow.invented.is_(False))
    sums: dict[Tally, int] = {}
    for row in session.execute(query):
        stamp, brand, source, lang, sentiment, complaint, harassment, category, count = row
        # Whole hours in UTC fall into one day of any zone whose offset is whole hours.
        day = datetime.fromisoformat(f"{stamp}:00:00+00:00").astimezone(zone).date()
        key = Tally(day, brand, source, lang, sentiment, complaint, harassment, category, 0)
        sums[key] = sums.get(key, 0) + count
    ordered = sorted(sums.items(), key=lambda item: (item[0].day, str(item[0])))
    return [replace(tally, count=count) for tally, count in ordered]


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
