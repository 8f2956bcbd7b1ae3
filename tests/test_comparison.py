"""Two periods beside each other, and how sure a difference is."""

from __future__ import annotations

from datetime import date

import pytest
from hypothesis import given
from hypothesis import strategies as st

from listener import comparison
from listener.comparison import FEW, Change
from listener.storage.mention_search import Figures
from listener.storage.trends import Tally

COUNTS = st.integers(0, 5000)
OPPOSITE = {Change.UP: Change.DOWN, Change.DOWN: Change.UP}
TALLIES = st.lists(
    st.builds(
        Tally,
        day=st.dates(date(2026, 1, 1), date(2026, 1, 9)),
        brand=st.sampled_from(("movistar", "vodafone")),
        source=st.sampled_from(("mastodon", "feed")),
        lang=st.just("es"),
        sentiment=st.sampled_from(("negative", "neutral", "positive")),
        complaint=st.booleans(),
        harassment=st.booleans(),
        category=st.none(),
        count=st.integers(1, 50),
    ),
    max_size=20,
)


@given(COUNTS, COUNTS)
def test_a_share_lies_in_its_interval(count: int, more: int) -> None:
    share = comparison.share(count, count + more)
    assert 0 <= share.low <= share.value <= share.high <= 1 or not share.of
    assert share.few is (count + more < FEW)


@given(COUNTS, COUNTS, COUNTS, COUNTS)
def test_the_periods_swapped_say_the_opposite(a: int, b: int, c: int, d: int) -> None:
    one, other = comparison.share(a, a + b), comparison.share(c, c + d)
    said = comparison.shares_changed(one, other)
    assert comparison.shares_changed(other, one) == OPPOSITE.get(said, said)
    counted = comparison.counts_changed(a, c, 30, 30)
    assert comparison.counts_changed(c, a, 30, 30) == OPPOSITE.get(counted, counted)


@pytest.mark.parametrize(
    ("now", "before", "said"),
    [
        ((30, 100), (10, 100), Change.UP),
        ((10, 100), (30, 100), Change.DOWN),
        ((3, 10), (1, 10), Change.LEVEL),
        ((30, 100), (29, 100), Change.LEVEL),
        ((30, 100), (0, 0), Change.UNKNOWN),
    ],
)
def test_few_posts_prove_no_change_of_a_share(
    now: tuple[int, int], before: tuple[int, int], said: Change
) -> None:
    assert comparison.shares_changed(comparison.share(*now), comparison.share(*before)) is said


def test_a_period_of_which_half_was_not_collected_is_expected_to_be_half() -> None:
    assert comparison.counts_changed(100, 200, 30, 30) is Change.DOWN
    assert comparison.counts_changed(100, 200, 15, 30) is Change.LEVEL
    assert comparison.counts_changed(100, 200, 0, 30) is Change.UNKNOWN


@given(TALLIES, TALLIES)
def test_lines_have_every_mention_once(now: list[Tally], before: list[Tally]) -> None:
    lines = comparison.lines(now, before, lambda t: t.brand)
    assert sum((x.now for x in lines), Figures()) == comparison.total(now)
    assert sum((x.before for x in lines), Figures()) == comparison.total(before)
    assert [x.now.mentions for x in lines] == sorted((x.now.mentions for x in lines), reverse=True)
