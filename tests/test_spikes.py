"""Unusual volume, from counts alone."""

from __future__ import annotations

import random
from datetime import date, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from listener import spikes
from listener.spikes import Expected

LAST = date(2026, 11, 20)
WEEK = (1.0, 1.0, 1.0, 1.1, 1.0, 0.6, 0.5)


def calm(mean: float, days: int = 120, seed: int = 1, stray: float = 1.0) -> dict[date, int]:
    """Days that stray about `stray` times as far as chance would have it, quieter at weekends."""
    rng = random.Random(seed)
    found = {}
    for n in range(days):
        day = LAST - timedelta(days=days - 1 - n)
        usual = mean * WEEK[day.weekday()]
        found[day] = max(0, round(rng.gauss(usual, stray * usual**0.5)))
    return found


@pytest.mark.parametrize("mean", [4, 20, 300])
def test_a_burst_is_found_and_calm_days_are_not(mean: int) -> None:
    counts = calm(mean)
    first = LAST - timedelta(days=50)
    assert len(spikes.unusual(counts, first, LAST)) <= 1
    day = LAST - timedelta(days=9)
    counts[day] += 12 + mean
    found = {s.day: s for s in spikes.unusual(counts, first, LAST)}
    assert found[day].more
    assert found[day].count == counts[day]
    assert found[day].expected < counts[day]
    assert found[day].score > 3


def test_days_that_always_stray_far_are_judged_by_that() -> None:
    """Three times as far as chance alone: chance would call one day in five unusual."""
    counts = calm(200, days=400, stray=3.0)
    found = spikes.unusual(counts, LAST - timedelta(days=340), LAST)
    assert len(found) <= 5
    by_chance = [
        d for d, n in counts.items()
        if spikes.judged(d, n, Expected(200 * WEEK[d.weekday()], 200 * WEEK[d.weekday()]))
    ]  # fmt: skip
    assert len(by_chance) > 20


def test_a_quiet_day_is_found_where_many_are_expected() -> None:
    counts = calm(60)
    counts[LAST] = 2
    (spot,) = spikes.unusual(counts, LAST, LAST)
    assert not spot.more
    counts = dict.fromkeys(counts, 2) | {LAST: 0}
    assert spikes.unusual(counts, LAST, LAST) == []


def test_a_busy_weekday_is_not_unusual_and_the_same_count_on_a_sunday_is() -> None:
    counts = {}
    for n in range(120):
        day = LAST - timedelta(days=119 - n)
        counts[day] = 6 if day.weekday() == 6 else 40 + n % 3
    sunday = next(d for d in counts if d.weekday() == 6 and d > LAST - timedelta(days=7))
    assert spikes.unusual(counts, LAST - timedelta(days=6), LAST) == []
    counts[sunday] = 40
    assert [s.day for s in spikes.unusual(counts, LAST - timedelta(days=6), LAST)] == [sunday]


def test_a_burst_does_not_raise_what_is_expected_after_it() -> None:
    counts = calm(20)
    before = spikes.expected(counts, LAST)
    for n in (7, 14):
        counts[LAST - timedelta(days=n)] = 900
    after = spikes.expected(counts, LAST)
    assert before is not None
    assert after is not None
    assert after.mean < before.mean * 1.5


def test_gaps_are_not_judged_and_judge_nothing() -> None:
    counts = calm(40)
    gaps = {LAST - timedelta(days=n) for n in range(1, 8)} | {LAST - timedelta(days=21)}
    for day in gaps:
        counts[day] = 0
    first = LAST - timedelta(days=10)
    assert spikes.unusual(counts, first, LAST, gaps) == []
    assert spikes.unusual(counts, first, LAST) != []


def test_too_little_history_says_nothing() -> None:
    counts = {LAST - timedelta(days=n): 5 for n in range(14)} | {LAST: 500}
    assert spikes.expected(counts, LAST) is None
    counts |= {LAST - timedelta(days=14): 5}
    assert [s.day for s in spikes.unusual(counts, LAST, LAST)] == [LAST]


@given(st.integers(0, 400), st.floats(0.5, 300), st.floats(0, 9))
def test_chances_are_chances_and_fall_with_distance(count: int, mean: float, beyond: float) -> None:
    usual = Expected(mean, mean * (1 + beyond))
    more, fewer = spikes.at_least(count, usual), spikes.at_most(count, usual)
    assert 0 <= more <= 1
    assert 0 <= fewer <= 1
    assert spikes.at_least(count + 1, usual) <= more
    assert spikes.at_most(count + 1, usual) >= fewer
    # The count itself is on both sides.
    assert spikes.at_least(count + 1, usual) + fewer == pytest.approx(1)
