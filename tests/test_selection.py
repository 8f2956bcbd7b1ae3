"""Which mentions are meant: one form for charts, lists and addresses."""

from __future__ import annotations

from dataclasses import replace
from datetime import date, timedelta
from urllib.parse import parse_qs

import pytest
from hypothesis import given
from hypothesis import strategies as st

from listener.domain import Outcome
from listener.errors import BadSelection
from listener.selection import LONGEST, NONE, Selection, from_parameters
from listener.storage.trends import Tally

TODAY = date(2026, 11, 20)
WORDS = st.lists(st.text(min_size=1, max_size=20), max_size=3, unique=True).map(tuple)
ANY = st.sampled_from((None, True, False))
SELECTIONS = st.builds(
    Selection,
    first=st.dates(date(2026, 1, 1), date(2026, 6, 1)),
    last=st.dates(date(2026, 6, 1), date(2026, 12, 1)),
    brands=WORDS,
    sources=WORDS,
    langs=WORDS,
    countries=WORDS,
    sentiments=WORDS,
    categories=WORDS,
    complaint=ANY,
    harassment=ANY,
    weekday=st.none() | st.integers(0, 6),
    hour=st.none() | st.integers(0, 23),
    number=st.text(max_size=20),
    campaign=st.none() | st.text(max_size=20),
    answered=st.none() | st.sampled_from(Outcome),
    invented=st.booleans(),
)


def read(query: str) -> Selection:
    found = parse_qs(query, keep_blank_values=True, errors="strict")
    return from_parameters(lambda name: found.get(name, []), TODAY)


@given(SELECTIONS)
def test_an_address_says_all_of_a_selection(selection: Selection) -> None:
    assert read(selection.to_query()) == selection


@given(SELECTIONS)
def test_the_period_before_is_as_long_and_ends_the_day_before(selection: Selection) -> None:
    before = selection.before()
    assert before.days == selection.days
    assert before.last + timedelta(days=1) == selection.first
    assert replace(before, first=selection.first, last=selection.last) == selection


def test_an_address_without_days_means_the_last_thirty() -> None:
    assert read("brand=movistar") == Selection(
        date(2026, 10, 22), TODAY, brands=("movistar",), invented=True
    )


@pytest.mark.parametrize(
    ("query", "said"),
    [
        ("from=ayer", "from=ayer: write a day, as 2026-03-05"),
        ("to=2026-13-01", "to=2026-13-01"),
        ("from=2026-11-21", "from=2026-11-21: write a day at most 1100 days before 2026-11-20"),
        ("from=2001-01-01", "2001-01-01"),
        ("hour=24", "hour=24: write a number from 0 to 23"),
        ("weekday=-1", "weekday=-1"),
        ("weekday=٣", "a number from 0 to 6"),
        ("complaint=maybe", "complaint=maybe: write yes or no"),
    ],
)
def test_an_address_that_cannot_be_read_says_where_and_what_to_write(query: str, said: str) -> None:
    with pytest.raises(BadSelection, match=said):
        read(query)


def test_a_huge_address_asks_for_no_more_than_anybody_chooses() -> None:
    found = read("&".join(f"brand={'x' * 500}{n}" for n in range(1000)))
    assert len(found.brands) <= 60
    assert max(map(len, found.brands)) <= 120
    assert LONGEST.days >= 1000


def tally(**changes: object) -> Tally:
    usual = Tally(
        TODAY, "movistar", "mastodon", "es", "negative", True, True, "harassment", 3, "ES"
    )
    return replace(usual, **changes)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("asked", "tally", "fits"),
    [
        ({}, tally(), True),
        ({}, tally(day=TODAY + timedelta(days=1)), False),
        ({"brands": ("movistar",)}, tally(brand="vodafone"), False),
        ({"countries": (NONE,)}, tally(), False),
        ({"countries": (NONE, "PT")}, tally(country=""), True),
        ({"categories": (NONE,)}, tally(category=None, complaint=False), True),
        ({"categories": ("billing",)}, tally(category=None, complaint=False), False),
        ({"complaint": True}, tally(complaint=False), False),
        ({"harassment": False}, tally(), False),
        ({"sentiments": ("negative",), "langs": ("es", "pt")}, tally(lang="pt"), True),
    ],
)
def test_what_fits(asked: dict[str, object], tally: Tally, fits: bool) -> None:
    selection = Selection(TODAY - timedelta(days=3), TODAY, **asked)  # type: ignore[arg-type]
    assert selection.fits(tally) is fits
