"""How well people are answered, and promises kept. Pure.

The time to the first answer runs from when the person wrote. Cases that have none yet have waited at
least until now (or until they were closed): the median and the nine tenths take that into account
(Kaplan and Meier 1958), so that what is unanswered does not make a service look fast.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from zoneinfo import ZoneInfo

from listener.comparison import Share, share
from listener.domain import Outcome
from listener.storage.service_rows import Asked, Kept


@dataclass(frozen=True, slots=True)
class Service:
    """`median` and `p90` are None where too few were answered to say. `on_time` is of the cases that
    were answered or are due."""

    cases: int
    median: timedelta | None
    p90: timedelta | None
    unanswered: Share
    on_time: Share
    kept: Kept
    days: Mapping[tuple[date, Outcome], int] = field(default_factory=dict)
    """Cases by the day on which they were opened, in the reader's zone."""


def service(cases: Sequence[Asked], kept: Kept, now: datetime, zone: ZoneInfo) -> Service:
    waits = [
        (max(timedelta(), (c.answered_at or c.closed_at or now) - c.wrote_at), c.answered_at is not None)
        for c in cases
    ]  # fmt: skip
    judged = [c for c in cases if c.outcome is not Outcome.WAITING]
    in_time = sum(c.outcome is Outcome.ON_TIME for c in judged)
    return Service(
        cases=len(cases),
        median=waited(waits, 0.5),
        p90=waited(waits, 0.9),
        unanswered=share(sum(c.answered_at is None for c in cases), len(cases)),
        on_time=share(in_time, len(judged)),
        kept=kept,
        days=Counter((c.opened_at.astimezone(zone).date(), c.outcome) for c in cases),
    )


def waited(waits: Sequence[tuple[timedelta, bool]], part: float) -> timedelta | None:
    """In how long this part is answered; (how long, whether that was the answer) for each. None
    where what was answered does not reach so far."""
    left, still = len(waits), 1.0
    for length, answered in sorted(waits, key=lambda w: (w[0], not w[1])):
        if answered:
            still *= (left - 1) / left
            if still <= 1 - part + 1e-12:
                return length
        left -= 1
    return None
