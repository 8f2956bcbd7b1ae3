"""Unusual volume, from counts alone. Pure.

A day is judged by the eight weeks before it. What is expected is the median of the same weekday
(of all days of four weeks, where fewer than four such weekdays are known), so that a burst does not
raise what is expected after it. How far days usually stray from that is asked of the same weeks: each
of their days against the median of the others of its weekday, in parts of that median's root, so that
quiet weekends and busy Mondays speak alike; the median of those distances (times 1.4826, a standard
deviation where they are normal) is the spread, and never less than chance would have it: a Poisson
count's variance is its mean. A count is unusual when a negative binomial of that mean and variance
gives one as far out in less than one day of a thousand. Days on
which nothing was collected are not judged, and judge nothing.
"""

from __future__ import annotations

import math
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from statistics import median

from scipy.special import betainc, gammainc, gammaincc  # type: ignore[import-untyped]

WINDOW = timedelta(weeks=8)
RARE = 0.001
LEAST = 5
"""Fewer mentions are never unusually many, and expecting fewer, none is unusually few."""

_SAME_WEEKDAYS, _LAST_DAYS, _ENOUGH = 4, 28, 14
_NORMAL = 1.4826
_OF_A_MEDIAN = math.pi / 2  # variance of a median of n, in those of a count, times n
_SMALLEST = 0.5  # a mean of nought would make every mention a surprise


@dataclass(frozen=True, slots=True)
class Spot:
    """An unusual day. `score` is how rare: 3 is one day of a thousand, 6 one of a million."""

    day: date
    count: int
    expected: float
    more: bool
    score: float


@dataclass(frozen=True, slots=True)
class Expected:
    mean: float
    variance: float


def unusual(
    counts: Mapping[date, int], first: date, last: date, gaps: Collection[date] = ()
) -> list[Spot]:
    """Of the days from first to last; `counts` are those before them, too. A day without an entry
    had none; `counts` begins with its earliest day."""
    found = []
    for n in range((last - first).days + 1):
        day = first + timedelta(days=n)
        if day in gaps:
            continue
        usual = expected(counts, day, gaps)
        if usual is not None and (spot := judged(day, counts.get(day, 0), usual)) is not None:
            found.append(spot)
    return found


def expected(counts: Mapping[date, int], day: date, gaps: Collection[date] = ()) -> Expected | None:
    """What the weeks before a day let expect; None where too few of their days are known."""
    begin = min(counts, default=day)
    known = {
        past: counts.get(past, 0)
        for n in range(1, WINDOW.days + 1)
        if (past := day - timedelta(days=n)) >= begin and past not in gaps
    }
    by_weekday: dict[int, list[int]] = {}
    for past, count in known.items():
        by_weekday.setdefault(past.weekday(), []).append(count)
    same = by_weekday.get(day.weekday(), [])
    if len(same) >= _SAME_WEEKDAYS:
        groups = [theirs for theirs in by_weekday.values() if len(theirs) >= _SAME_WEEKDAYS]
    else:
        same = [c for past, c in known.items() if past >= day - timedelta(days=_LAST_DAYS)]
        if len(same) < _ENOUGH:
            return None
        groups = [same]
    mean = max(float(median(same)), _SMALLEST)
    spread = _NORMAL * median(stray for group in groups for stray in _strays(group))
    return Expected(mean, mean * max(1 + _OF_A_MEDIAN / len(same), spread**2))


def _strays(counts: Sequence[int]) -> Iterator[float]:
    """How far each count is from the median of the others, in parts of that median's root."""
    for i, count in enumerate(counts):
        middle = max(float(median([*counts[:i], *counts[i + 1 :]])), _SMALLEST)
        yield abs(count - middle) / math.sqrt(middle)


def judged(day: date, count: int, usual: Expected) -> Spot | None:
    more = count > usual.mean
    if (count if more else usual.mean) < LEAST:
        return None
    chance = at_least(count, usual) if more else at_most(count, usual)
    if chance >= RARE:
        return None
    return Spot(day, count, usual.mean, more, min(300.0, -math.log10(max(chance, 1e-300))))


def at_least(count: int, usual: Expected) -> float:
    """How likely so many mentions or more are."""
    if count <= 0:
        return 1.0
    size = _size(usual)
    if size is None:
        return float(gammainc(count, usual.mean))
    return float(betainc(count, size, usual.mean / (size + usual.mean)))


def at_most(count: int, usual: Expected) -> float:
    size = _size(usual)
    if size is None:
        return float(gammaincc(count + 1, usual.mean))
    return float(betainc(size, count + 1, size / (size + usual.mean)))


def _size(usual: Expected) -> float | None:
    """The negative binomial's; None where the counts stray no more than Poisson's."""
    beyond = usual.variance - usual.mean
    return usual.mean**2 / beyond if beyond > 1e-6 * usual.mean else None
