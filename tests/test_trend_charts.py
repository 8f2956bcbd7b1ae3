"""The charts of trends: what each mark counts, where it leads, and that it can be had as a file."""

from __future__ import annotations

import io
from datetime import date, timedelta
from urllib.parse import parse_qs

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from listener import chart_files, charts, comparison, i18n, spikes, trend_charts
from listener.chart_files import Drawn
from listener.selection import NONE, Selection, from_parameters
from listener.speech import Speech
from listener.storage.mention_search import Figures
from listener.storage.trends import Tally

FIRST, LAST = date(2026, 11, 1), date(2026, 11, 14)
SPANISH = Speech("es", "Europe/Madrid", {"movistar": "Movistar", "vodafone": "Vodafone"})
WHOLE = Selection(FIRST, LAST)
TALLIES = st.lists(
    st.builds(
        Tally,
        day=st.dates(FIRST - timedelta(days=14), LAST),
        brand=st.sampled_from(("movistar", "vodafone")),
        source=st.sampled_from(("mastodon", "feed")),
        lang=st.sampled_from(("es", "pt")),
        sentiment=st.sampled_from(("negative", "neutral", "positive")),
        complaint=st.booleans(),
        harassment=st.booleans(),
        category=st.sampled_from((None, "billing", "harassment")),
        count=st.integers(1, 40),
        country=st.sampled_from(("", "ES", "PT")),
    ),
    min_size=1,
    max_size=12,
)


def kept(tallies: list[Tally], selection: Selection = WHOLE) -> list[Tally]:
    return [t for t in tallies if selection.fits(t)]


def lead(link: str) -> Selection:
    found = parse_qs(link, keep_blank_values=True)
    return from_parameters(lambda name: found.get(name, []), LAST)


def drawn_of(tallies: list[Tally], split: charts.Split, speech: Speech = SPANISH) -> list[Drawn]:
    now, before = kept(tallies), kept(tallies, WHOLE.before())
    found = [*trend_charts.over_time(now, frozenset(), WHOLE, speech, split=split)]
    for measure in trend_charts.MEASURES:
        found.append(trend_charts.rate(now, measure, frozenset(), WHOLE, speech))
    if split != "none":
        lines = comparison.lines(now, before, lambda t: trend_charts.attribute(t, split))
        found.append(trend_charts.volumes(lines, split, WHOLE, speech))
        found += [
            trend_charts.rates(lines, split, measure, WHOLE, speech)
            for measure in trend_charts.MEASURES
        ]
    return found


@settings(deadline=None, max_examples=25)
@given(TALLIES, st.sampled_from(("none", "brand", "source", "lang", "country", "category")))
def test_every_row_leads_to_as_many_mentions_as_it_counts(
    tallies: list[Tally], split: charts.Split
) -> None:
    for drawn in drawn_of(tallies, split):
        assert len(drawn.links) == len(drawn.rows)
        for row, link in zip(drawn.rows, drawn.links, strict=True):
            counted = next(value for value in row if isinstance(value, int))
            found = sum(t.count for t in kept(tallies, lead(link)))
            assert found == counted, (drawn.key, row, link)


@settings(deadline=None, max_examples=25)
@given(TALLIES)
def test_bars_count_every_mention_once(tallies: list[Tally]) -> None:
    now = kept(tallies)
    volume, sentiment, complaints, harassment = trend_charts.over_time(
        now, frozenset(), WHOLE, SPANISH, split="brand"
    )
    total = comparison.total(now)
    for drawn, expected in (
        (volume, total.mentions),
        (sentiment, total.mentions),
        (complaints, total.complaints),
        (harassment, total.harassment),
    ):
        assert sum(int(str(row[-1])) for row in drawn.rows) == expected


def busy() -> list[Tally]:
    return [
        Tally(FIRST + timedelta(days=n), brand, "feed", "es", "negative", bool(n % 2), n % 4 == 1,
              "billing" if n % 2 else None, 20 + n % 7 + (90 if n == 9 else 0), "ES")
        for n in range(-70, 14)
        for brand in ("movistar", "vodafone")
    ]  # fmt: skip


@pytest.mark.parametrize("language", i18n.languages())
def test_every_chart_is_a_picture_and_a_table_without_a_network(language: str) -> None:
    speech = Speech(language, "Europe/Madrid", {"movistar": "Movistar"})
    gaps = frozenset({FIRST, FIRST + timedelta(days=1)})
    spots = trend_charts.unusual_days(busy(), WHOLE, gaps, lambda _t: True)
    slots = {(0, 9): Figures(3, 2, 1, 1), (6, 23): Figures(9, 1, 0, 0)}
    found = [
        *trend_charts.over_time(kept(busy()), gaps, WHOLE, speech, split="brand", spots=spots),
        trend_charts.rate(kept(busy()), "negative", gaps, WHOLE, speech),
        *drawn_of(busy(), "source", speech)[-4:],
        trend_charts.voice(comparison.lines(kept(busy()), (), lambda t: t.brand), WHOLE, speech),
        trend_charts.hours(slots, "mentions", WHOLE, speech),
        trend_charts.numbers({("1004", "movistar"): 4}, {("+34911", "movistar"): 2}, WHOLE, speech),
        trend_charts.campaigns({"fibra": (1, 2), "": (3,)}, {}, WHOLE, speech, linked=True),
    ]
    for drawn in found:
        assert drawn.title
        assert drawn.how.strip().endswith(".")
        picture = Image.open(io.BytesIO(chart_files.png(drawn, scale=1)))
        assert picture.width > 300
        assert len(set(picture.convert("RGB").resize((80, 40)).getdata())) > 3
        svg = chart_files.svg(drawn)
        assert svg.startswith("<svg")
        assert "<script" not in svg
        assert chart_files.pdf(drawn).startswith(b"%PDF")
        lines = chart_files.to_csv(drawn).decode("utf-8-sig").splitlines()
        assert len(lines) == len(drawn.rows) + 1


def test_unusual_days_are_marked_and_told() -> None:
    spots = trend_charts.unusual_days(busy(), WHOLE, frozenset(), lambda _t: True)
    assert [s.day for s in spots] == [FIRST + timedelta(days=9)]
    volume, *_rest = trend_charts.over_time(kept(busy()), frozenset(), WHOLE, SPANISH, spots=spots)
    assert any("10 nov 2026" in note and "insólitamente muchas" in note for note in volume.notes)
    marks = [layer for layer in volume.spec["layer"] if layer["mark"]["type"] == "point"]
    assert [v["shape"] for v in marks[0]["data"]["values"]] == ["triangle-up"]


def test_gaps_are_hatched_and_nothing_is_drawn_in_them() -> None:
    gap = FIRST + timedelta(days=3)
    tallies = [t for t in kept(busy()) if t.day != gap]
    volume, *_rest = trend_charts.over_time(tallies, frozenset({gap}), WHOLE, SPANISH)
    layers = volume.spec["layer"]
    assert [layer["mark"]["type"] for layer in layers] == ["rect", "rule", "bar"]
    ground, hatch, bars = layers
    label = ground["data"]["values"][0]["day"]
    assert label == "4 nov"
    assert len(hatch["data"]["values"]) > 10
    assert label not in {v["day"] for v in bars["data"]["values"]}


def test_a_share_of_few_is_pale_and_says_so() -> None:
    few = [Tally(FIRST, "movistar", "feed", "es", "negative", True, True, "harassment", 5)]
    many = [Tally(FIRST, "vodafone", "feed", "es", "negative", True, True, "harassment", 500)]
    lines = comparison.lines([*few, *many], (), lambda t: t.brand)
    drawn = trend_charts.rates(lines, "brand", "harassment", WHOLE, SPANISH)
    values = drawn.spec["data"]["values"]
    said = {v["name"]: (v["strength"] < 1, v["few"]) for v in values}
    assert said == {"Movistar": (True, "pocas publicaciones"), "Vodafone": (False, "")}


@given(st.integers(0, 10**6), st.integers(0, 10**6))
def test_a_share_in_words_has_its_interval_and_its_counts(count: int, more: int) -> None:
    share = comparison.share(count, count + more)
    said = trend_charts.said(share, SPANISH)
    if not share.of:
        assert said == "-"
    else:
        assert SPANISH.number(count) in said
        assert SPANISH.percent(share.low) in said


def test_no_country_and_no_category_have_words_and_an_address() -> None:
    tallies = [Tally(FIRST, "movistar", "feed", "es", "neutral", False, False, None, 2)]
    for kind, words in (("country", "no se sabe"), ("category", "sin queja")):
        lines = comparison.lines(tallies, (), lambda t, kind=kind: trend_charts.attribute(t, kind))
        drawn = trend_charts.volumes(lines, kind, WHOLE, SPANISH)
        assert drawn.rows == ((words, 2, 0),)
        assert NONE in parse_qs(drawn.links[0]).get(kind, [])


def test_a_small_share_is_not_nought() -> None:
    said = [SPANISH.percent(v).replace("\N{NO-BREAK SPACE}", " ") for v in (0.0, 0.004, 0.4)]
    assert said == ["0 %", "0,4 %", "40 %"]


def test_a_spot_without_history_is_none() -> None:
    assert spikes.unusual({FIRST: 900}, FIRST, LAST) == []
