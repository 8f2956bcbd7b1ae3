"""How well people are answered, and promises kept. Pure.

The time to the first answer runs from when the person wrote. Cases that have none yet have waited at
least until now (or until they were closed): the median and the nine tenths take that into account
(Kaplan and Meier 1958), so that what is unanswered does not make a service look fast.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from listener.comparison import Share, share


@dataclass(frozen=True, slots=True)
class Asked:
    """A case that somebody had to answer."""

    wrote_at: datetime
    answered_at: datetime | None
    due_at: datetime
    closed_at: datetime | None


@dataclass(frozen=True, slots=True)
class Kept:
    """`longest` from the complaint to the effect of the suppressions that took effect; `waiting`:
    when the earliest complaint was written whose suppression is not in effect."""

    suppressions: int
    contacts_after: int
    longest: timedelta | None
    waiting: datetime | None


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


def service(cases: Sequence[Asked], kept: Kept, now: datetime) -> Service:
    waits = [
        (max(timedelta(), (c.answered_at or c.closed_at or now) - c.wrote_at), c.answered_at is not None)
        for c in cases
    ]  # fmt: skip
    judged = [c for c in cases if c.answered_at is not None or c.due_at <= now]
    kept_times = sum(c.answered_at is not None and c.answered_at <= c.due_at for c in judged)
    return Service(
        cases=len(cases),
        median=waited(waits, 0.5),
        p90=waited(waits, 0.9),
        unanswered=share(sum(c.answered_at is None for c in cases), len(cases)),
        on_time=share(kept_times, len(judged)),
        kept=kept,
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
