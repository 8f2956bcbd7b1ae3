"""Days and hours of a time zone, counted by the database from the hours of what is counted
(`CountedMention.hour`: whole hours since 1970 UTC). Of a zone whose offset is no whole number of
hours, an hour belongs to the day and hour in which it begins.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

import sqlalchemy as sa

from listener.storage.tables import CountedMention

_DAY, _WEEK = 24 * 60, 7 * 24
_FIRST = 3 * 24  # 1970 began on a Thursday


def hour_of(moment: datetime) -> int:
    """As `CountedMention.hour`."""
    return int(moment.timestamp() // 3600)


def within(start: datetime, end: datetime) -> sa.ColumnElement[bool]:
    """Counted in an hour that begins in [start, end)."""
    first, after = (-(-int(moment.timestamp()) // 3600) for moment in (start, end))
    return sa.and_(CountedMention.hour >= first, CountedMention.hour < after)


def day_of(zone: ZoneInfo, start: datetime, end: datetime) -> sa.ColumnElement[int]:
    """The day of the zone, in days since 1970, on which a counted mention of [start, end) was
    published."""
    return _minutes(zone, start, end) // _DAY


def slot_of(zone: ZoneInfo, start: datetime, end: datetime) -> sa.ColumnElement[int]:
    """Its hour of the week in the zone, as `slot` numbers them."""
    return (_minutes(zone, start, end) // 60 + _FIRST) % _WEEK


def slot(weekday: int, hour: int) -> int:
    """Monday is 0."""
    return weekday * 24 + hour


def _minutes(zone: ZoneInfo, start: datetime, end: datetime) -> sa.ColumnElement[int]:
    """Local minutes since 1970. The zone's offset is written into the question, once for each time
    that its clocks change."""
    offsets: list[tuple[int, int]] = []  # (until this hour, minutes ahead of UTC)
    ahead = _ahead(zone, hour_of(start))
    for hour in range(hour_of(start), hour_of(end) + 1):
        if (now := _ahead(zone, hour)) != ahead:
            offsets.append((hour, ahead))
            ahead = now
    minutes = CountedMention.hour * 60
    whens = [(CountedMention.hour < until, minutes + offset) for until, offset in offsets]
    return sa.case(*whens, else_=minutes + ahead) if whens else minutes + ahead


def _ahead(zone: ZoneInfo, hour: int) -> int:
    offset = datetime.fromtimestamp(hour * 3600, zone).utcoffset() or timedelta()
    return int(offset.total_seconds() // 60)
