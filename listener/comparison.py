"""This period beside the one before: counts and shares, with how sure they are. Pure.

A share has its interval of 95 % (Wilson 1927). Two shares differ where the interval of their
difference (Newcombe 1998, from the two Wilson intervals) leaves out nought; two counts, where the
share of the later one among both leaves out what the days would explain on which something was
collected. Posts come in bursts, so that counts differ somewhat sooner than they should.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from enum import StrEnum

from listener.dossiers import wilson
from listener.storage.mention_search import Figures
from listener.storage.trends import Tally

FEW = 30
"""Mentions of which a share says little."""


class Change(StrEnum):
    """What can be said of two periods; `level`: chance alone can explain the difference."""

    UP = "up"
    DOWN = "down"
    LEVEL = "level"
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True)
class Fact:
    """A figure in words. `sure` is an interval or a remark, `compared` how it was before."""

    name: str
    value: str
    sure: str = ""
    compared: str = ""
    change: Change = Change.UNKNOWN


@dataclass(frozen=True, slots=True)
class Share:
    """`low` and `high` are the ends of the interval of 95 %."""

    count: int
    of: int
    low: float
    high: float

    @property
    def value(self) -> float:
        return self.count / self.of if self.of else 0.0

    @property
    def few(self) -> bool:
        return self.of < FEW


def share(count: int, of: int) -> Share:
    return Share(count, of, *wilson(count, of))


def shares_changed(now: Share, before: Share) -> Change:
    if not now.of or not before.of:
        return Change.UNKNOWN
    difference = now.value - before.value
    low = difference - math.hypot(now.value - now.low, before.high - before.value)
    high = difference + math.hypot(now.high - now.value, before.value - before.low)
    return _side(low, high, 0.0)


def counts_changed(now: int, before: int, days_now: int, days_before: int) -> Change:
    """`days_*`: on so many days of each period something was collected."""
    if not (now + before) or not days_now or not days_before:
        return Change.UNKNOWN
    return _side(*wilson(now, now + before), days_now / (days_now + days_before))


def _side(low: float, high: float, middle: float) -> Change:
    if low > middle:
        return Change.UP
    return Change.DOWN if high < middle else Change.LEVEL


# ---------------------------------------------------------------------------- by what


@dataclass(frozen=True, slots=True)
class Line:
    """One brand, source, category and so on, now and before."""

    key: str
    now: Figures
    before: Figures


def lines(
    now: Iterable[Tally], before: Iterable[Tally], key: Callable[[Tally], str]
) -> tuple[Line, ...]:
    """The most mentions first; what was said before only is there, too."""
    later, earlier = summed(now, key), summed(before, key)
    found = [
        Line(k, later.get(k, Figures()), earlier.get(k, Figures()))
        for k in later.keys() | earlier.keys()
    ]
    return tuple(sorted(found, key=lambda x: (-x.now.mentions, -x.before.mentions, x.key)))


def summed(tallies: Iterable[Tally], key: Callable[[Tally], str]) -> dict[str, Figures]:
    found: dict[str, Figures] = {}
    for tally in tallies:
        name = key(tally)
        found[name] = found.get(name, Figures()) + figures(tally)
    return found


def total(tallies: Iterable[Tally]) -> Figures:
    sums = Counter[tuple[bool, bool, bool]]()  # there are tens of thousands, of eight kinds
    for t in tallies:
        sums[t.sentiment == "negative", t.complaint, t.harassment] += t.count
    return Figures(
        sums.total(),
        *(sum(n for kind, n in sums.items() if kind[measure]) for measure in range(3)),
    )


def figures(tally: Tally) -> Figures:
    return Figures(
        tally.count,
        tally.count * (tally.sentiment == "negative"),
        tally.count * tally.complaint,
        tally.count * tally.harassment,
    )
