"""Text from outside: always text, never markup; its evidence marked where the reader found it."""

from __future__ import annotations

import csv
import io
import re
from datetime import date, timedelta
from html import unescape

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dashboard import marking
from listener import charts, spreadsheet
from listener.storage.trends import Tally

WORDS = {kind: kind for kind in marking.KINDS}
TAGS = re.compile(r"<[^>]*>")
ANY_TEXT = st.text(st.characters(exclude_categories=()), max_size=300)
SPANS = st.lists(
    st.tuples(st.integers(-5, 320), st.integers(-5, 320), st.sampled_from([*marking.KINDS, "x"])),
    max_size=12,
)


@given(text=ANY_TEXT, marks=SPANS)
def test_marked_text_says_what_the_text_said(text: str, marks: list[marking.Mark]) -> None:
    html = marking.marked(text, marks, WORDS)
    assert unescape(TAGS.sub("", html)) == unescape(marking.safe(text))
    allowed = r'<(/?mark|/?bdi)( class="ls-m ls-[a-z_]+" title="[a-z_, ]+"| dir="auto")?>'
    assert all(re.fullmatch(allowed, tag) for tag in TAGS.findall(html))


@given(text=ANY_TEXT, marks=SPANS, size=st.integers(20, 200))
def test_an_excerpt_is_short_and_a_part(text: str, marks: list[marking.Mark], size: int) -> None:
    begin, end = marking.window(text, marks, size)
    assert 0 <= begin <= end <= len(text)
    assert end - begin <= size


def test_an_excerpt_shows_the_evidence_of_a_long_text() -> None:
    text = "bla " * 500 + "me llaman del 1004 " + "bla " * 500
    at = text.index("1004")
    shown = marking.excerpt(text, [(at, at + 4, "number")], WORDS)
    assert '<mark class="ls-m ls-number" title="number">1004</mark>' in shown
    assert len(shown) < 500


def test_overlapping_marks_name_both_kinds() -> None:
    html = marking.marked(
        "dos veces al día", [(0, 9, "contact_count"), (4, 16, "period_days")], WORDS
    )
    assert 'title="contact_count, period_days">veces</mark>' in html


def test_spans_count_code_points() -> None:
    html = marking.marked("😀😀 1004", [(3, 7, "number")], WORDS)
    assert ">1004</mark>" in html


@pytest.mark.parametrize(
    "url",
    [
        "javascript:alert(1)",
        "JaVaScRiPt:alert(1)",
        "data:text/html,<script>",
        "//evil.example/x",
        "/case?id=1",
        "ftp://x.example",
        "http://",
        "https://x.example/\u202egnp.exe",
        "http://[broken",
        "",
    ],
)
def test_addresses_that_are_no_web_pages_get_no_link(url: str) -> None:
    assert marking.safe_url(url) is None


def test_an_address_is_escaped() -> None:
    assert (
        marking.safe_url('https://x.example/?a="><b>&c')
        == "https://x.example/?a=&quot;&gt;&lt;b&gt;&amp;c"
    )


@given(ANY_TEXT)
def test_plain_is_one_line_without_direction_controls(text: str) -> None:
    line = marking.plain(text, 50)
    assert len(line) <= 50
    assert not re.search("[\u202a-\u202e\u2066-\u2069\n\r]", line)


def test_marks_come_from_facts_and_evidence() -> None:
    facts = {
        "numbers": [{"text": "1004", "e164": None, "span": [3, 7]}],
        "spans": {"opt_out": [[10, 14]], "unknown": [[0, 1]]},
    }
    assert marking.marks_of(facts, [[0, 20]]) == [
        (3, 7, "number"),
        (10, 14, "opt_out"),
        (0, 20, "evidence"),
    ]
    assert marking.marks_of(None, ()) == []


# ---------------------------------------------------------------------------- spreadsheets


@pytest.mark.parametrize("text", ["=1+1", "+34 600", "-2", "@x", "\t=x", "  =HYPERLINK(1)", "＝1"])
def test_a_cell_that_would_be_a_formula_is_text(text: str) -> None:
    assert spreadsheet.cell(text) == f"'{text}"


def test_numbers_stay_numbers() -> None:
    assert spreadsheet.cell(-2) == -2
    assert spreadsheet.cell("1004") == "1004"


@given(st.lists(st.lists(st.text(max_size=30), min_size=2, max_size=2), max_size=5))
def test_csv_gives_back_what_it_was_given(rows: list[list[str]]) -> None:
    body = spreadsheet.to_csv(["a", "b"], rows)
    read = list(csv.reader(io.StringIO(body.decode("utf-8-sig"), newline="")))
    assert [[str(spreadsheet.cell(v)) for v in row] for row in rows] == read[1:]


# ---------------------------------------------------------------------------- charts


def tally(day: date, count: int, brand: str = "movistar") -> Tally:
    return Tally(day, brand, "mastodon", "es", "negative", True, False, "billing", count)


FIRST, LAST = date(2026, 11, 1), date(2026, 11, 5)
CHART_WORDS = charts.Words("es", "Día", "Menciones", "no se recogió nada", lambda _, v: str(v))


def test_a_day_without_posts_is_zero_and_a_gap_is_nothing() -> None:
    rows = charts.by_day(
        [tally(FIRST, 3), tally(FIRST, 2)],
        FIRST,
        LAST,
        {date(2026, 11, 4), date(2026, 11, 5)},
        series=lambda t: t.brand,
    )
    assert rows == [
        (FIRST, "movistar", 5),
        (date(2026, 11, 2), "movistar", 0),
        (date(2026, 11, 3), "movistar", 0),
    ]


def test_what_an_import_brought_shows_even_in_a_gap() -> None:
    rows = charts.by_day([tally(LAST, 4)], FIRST, LAST, {LAST}, series=lambda t: t.brand)
    assert (LAST, "movistar", 4) in rows


def test_a_chart_has_every_day_and_names_the_gap() -> None:
    rows = charts.by_day([tally(FIRST, 3)], FIRST, LAST, {LAST}, series=lambda t: t.brand)
    spec = charts.stacked(rows, FIRST, LAST, {LAST}, CHART_WORDS).to_dict()
    band, _hatch, bars = spec["layer"]
    assert band["data"]["values"] == [{"day": "5 nov", "why": "no se recogió nada"}]
    assert bars["encoding"]["x"]["scale"]["domain"] == ["1 nov", "2 nov", "3 nov", "4 nov", "5 nov"]


@settings(deadline=None, max_examples=20)
@given(st.integers(1, 1200))
def test_the_days_of_a_period_are_told_apart(length: int) -> None:
    last = FIRST + timedelta(days=length - 1)
    rows = charts.by_day([tally(FIRST, 1)], FIRST, last, (), series=lambda t: t.brand)
    spec = charts.stacked(rows, FIRST, last, (), CHART_WORDS).to_dict()
    domain = spec["layer"][0]["encoding"]["x"]["scale"]["domain"]
    assert len(domain) == len(set(domain)) == length
