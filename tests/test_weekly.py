"""The weekly report: one file, the same charts, nothing of what people wrote is markup."""

from __future__ import annotations

import re
from dataclasses import replace
from datetime import date, timedelta
from html.parser import HTMLParser
from pathlib import Path

import pytest
from browser import world as worlds
from builders import user
from command import Home
from hypothesis import given
from hypothesis import strategies as st

from listener import weekly
from listener.desk import Desk
from listener.errors import BadSelection
from listener.speech import Speech
from listener.weekly import Report

ENGLISH = Speech("en", "Europe/Madrid", {"movistar": "Movistar", "vodafone": "Vodafone"})


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> worlds.World:
    return worlds.build(tmp_path_factory.mktemp("world"))


@pytest.fixture(scope="module")
def desk(world: worlds.World) -> Desk:
    return Desk(world.db, world.settings, lambda: world.now)


def week_of(day: date) -> str:
    year, number, _ = day.isocalendar()
    return f"{year}-W{number:02d}"


def report(desk: Desk, world: worlds.World, who: str = "bruno", **asked: object) -> Report:
    brands = asked.pop("brands", ())
    return weekly.gather(
        desk,
        user(who, role="brand_manager", brands=brands),
        asked.pop("speech", ENGLISH),  # type: ignore[arg-type]
        written=week_of(world.now.date()),
        brand=str(asked.pop("brand", "movistar")),
        now=world.now,
        **asked,  # type: ignore[arg-type]
    )


class Tags(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.tags: set[str] = set()
        self.outside: list[str] = []
        self.text: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.add(tag)
        names = dict(attrs)
        self.outside += [
            str(v) for k, v in names.items() if k in ("src", "xlink:href") or k[:2] == "on"
        ]
        if tag == "link":
            self.outside.append("link")

    def handle_data(self, data: str) -> None:
        self.text.append(data)


def test_the_html_is_one_file_that_runs_nothing(desk: Desk, world: worlds.World) -> None:
    made = report(desk, world)
    page = weekly.to_html(made).decode()
    found = Tags()
    found.feed(page)
    assert found.outside == []
    assert not {"script", "iframe", "object", "img"} & found.tags
    said = " ".join(found.text)
    assert f"Movistar: week {week_of(world.now.date())}" in said
    assert page.count("<svg") == len(made.charts) > 5
    assert "Europe/Madrid" in said
    assert "How this is counted" in said


def test_what_people_wrote_is_text_in_both(desk: Desk, world: worlds.World) -> None:
    hostile = weekly.Quote(
        '<script>alert(1)</script> #read("/etc/passwd") *b* $x$ \u202e漢字 😀 ' + "x" * 300,
        "red.example",
        'javascript:alert("x")',
    )
    made = replace(report(desk, world), quotes=(hostile,), title="<b>#panic()</b>")
    page = weekly.to_html(made).decode()
    assert "<script>" not in page
    assert "&lt;script&gt;alert(1)" in page
    assert "<b>#panic()" not in page
    assert weekly.to_pdf(made).startswith(b"%PDF")


def test_an_address_that_is_none_of_the_web_is_left_out(desk: Desk, world: worlds.World) -> None:
    quotes = report(desk, world).quotes
    assert quotes
    assert all(re.match(r"https://red\.example/", q.url) for q in quotes)
    (post, *_rest), _total = desk.mentions.search(
        user("ana"), weekly.Selection(world.now.date() - timedelta(days=9), world.now.date()),
        ENGLISH.zone, limit=1,
    )  # fmt: skip
    for url in ("javascript:alert(1)", 'https://x.example/"onload=1', "https://x.example/a b", ""):
        assert weekly._quote(replace(post, url=url), ENGLISH).url == ""


def test_the_pdf_is_tagged_and_in_its_language(desk: Desk, world: worlds.World) -> None:
    spanish = Speech("es", "Europe/Madrid", {"movistar": "Movistar"})
    made = weekly.to_pdf(report(desk, world, speech=spanish))
    assert made.startswith(b"%PDF")
    assert b"/MarkInfo" in made
    assert b"/Lang" in made
    assert len(made) > 20_000


def test_a_report_is_of_one_language_and_of_brands_that_the_reader_sees(
    desk: Desk, world: worlds.World
) -> None:
    whole, english = (report(desk, world, lang=lang).facts[0].value for lang in ("", "en"))
    assert int(english) < int(whole)
    berta = report(desk, world, "berta", brands=("vodafone",))
    assert berta.facts[0].value == "0"
    assert berta.quotes == ()
    assert weekly.to_pdf(berta).startswith(b"%PDF")


@given(st.dates(date(1990, 1, 1), date(2090, 12, 31)))
def test_a_week_is_seven_days_that_hold_its_day(day: date) -> None:
    first, last = weekly.week(week_of(day))
    assert first <= day <= last
    assert (first.weekday(), (last - first).days) == (0, 6)
    assert weekly.week(weekly.last_week(day))[1] == first - timedelta(days=1)


@pytest.mark.parametrize("written", ["2026-W54", "2026-47", "W47", "", "2026-W00", "9999-W99"])
def test_no_week_says_how_to_write_one(written: str) -> None:
    with pytest.raises(BadSelection, match="as 2026-W47"):
        weekly.week(written)


def test_the_command_writes_the_file_that_is_asked_for(world: worlds.World, tmp_path: Path) -> None:
    home = Home(tmp_path, world.environment)
    week = week_of(world.now.date())
    for name, begins in (("r.pdf", b"%PDF"), ("r.html", b"<!doctype html>")):
        done = home.run("report", "--brand", "movistar", "--week", week, tmp_path / name)
        assert done.code == 0, done.err
        assert (tmp_path / name).read_bytes().startswith(begins)
    for wrong, said in (
        (("--brand", "nobody", "r.pdf"), "choose one of movistar"),
        (("--brand", "movistar", "r.docx"), "choose pdf or html"),
        (("--brand", "movistar", "--week", "2026-W77", "r.pdf"), "as 2026-W47"),
        (("--brand", "movistar", "no/such/folder/r.pdf"), "cannot write"),
    ):
        done = home.run("report", *wrong)
        assert done.code in (1, 2)
        assert said in " ".join(done.err.split()), done.err
