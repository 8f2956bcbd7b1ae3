"""The coverage ledger: what each day brought each source, and why there is a gap. Pure.

Days are those of UTC, as they are stored."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from enum import StrEnum

from listener.storage.health import CollectedDay, SubscriptionHealth


class Brought(StrEnum):
    POSTS = "posts"  # it answered, and something was new
    QUIET = "quiet"  # it answered, and nothing was new
    FAILED = "failed"  # it was asked and never answered
    UNASKED = "unasked"  # the service did not run, or the source was off
    BEFORE = "before"  # not watched yet


GAPS = frozenset({Brought.FAILED, Brought.UNASKED})


@dataclass(frozen=True, slots=True)
class Day:
    """`items`: new posts, None where they were not counted; `failures`: how often it failed."""

    day: date
    brought: Brought
    items: int | None = None
    failures: int = 0
    error: str | None = None


@dataclass(frozen=True, slots=True)
class Gap:
    """Days in a row without an answer, for the same reason; `error`: the last one told."""

    first: date
    last: date
    brought: Brought
    error: str | None


def ledger(
    source: SubscriptionHealth, days: Mapping[date, CollectedDay], now: datetime, length: int
) -> tuple[Day, ...]:
    """The last so many days, the oldest first; of today nothing is said before something happened."""
    today = now.astimezone(UTC).date()
    since = source.watched_since.astimezone(UTC).date()
    found = []
    for back in range(length - 1, -1, -1):
        day = today - timedelta(days=back)
        known = days.get(day)
        if known is None:
            if day != today:
                found.append(Day(day, Brought.BEFORE if day < since else Brought.UNASKED))
        elif known.answers:
            quiet = known.items == 0
            found.append(
                Day(day, Brought.QUIET if quiet else Brought.POSTS, known.items, known.failures)
            )
        else:
            found.append(Day(day, Brought.FAILED, known.items, known.failures, known.last_error))
    return tuple(found)


def gaps(days: Sequence[Day]) -> list[Gap]:
    """The latest first."""
    found: list[Gap] = []
    before: Day | None = None
    for day in days:
        if day.brought in GAPS:
            if before is not None and before.brought is day.brought:
                last = found.pop()
                found.append(Gap(last.first, day.day, day.brought, day.error or last.error))
            else:
                found.append(Gap(day.day, day.day, day.brought, day.error))
        before = day
    return found[::-1]
