"""The weekly report: the same charts as on the page of trends, of one brand and, if wanted, one
language, as one HTML file without scripts or as a PDF. `gather` asks the desk, which checks the rights
of whom the report is for; the rest is pure.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from datetime import date, datetime, timedelta
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import typst
from jinja2 import Environment, FileSystemLoader
from markupsafe import Markup

from listener import chart_files, comparison, service_report, trend_charts
from listener.chart_files import Drawn
from listener.comparison import FEW, Fact
from listener.desk import Desk
from listener.errors import BadSelection, sentence
from listener.selection import Selection
from listener.speech import Speech
from listener.spikes import WINDOW
from listener.storage.mention_search import Figures
from listener.storage.people import User
from listener.storage.posts import Post

_TEMPLATES = Path(__file__).parent / "report_templates"
_WEEK = re.compile(r"(\d{4})-W(\d{1,2})")
_POSTS, _EXCERPT = 5, 280
_WIDTH = 620


@dataclass(frozen=True, slots=True)
class Quote:
    """A complaint: what was said, where and when."""

    text: str
    source: str
    url: str


@dataclass(frozen=True, slots=True)
class Report:
    language: str
    title: str
    subtitle: str
    facts: tuple[Fact, ...]
    service: tuple[Fact, ...]
    charts: tuple[Drawn, ...]
    quotes: tuple[Quote, ...]
    notes: tuple[str, ...]


def week(written: str) -> tuple[date, date]:
    """The Monday and the Sunday of an ISO week, "2026-W47". Raises BadSelection."""
    found = _WEEK.fullmatch(written.strip())
    try:
        if found is None:
            raise ValueError
        monday = date.fromisocalendar(int(found[1]), int(found[2]), 1)
    except ValueError:
        raise BadSelection("week", written, sentence("a week of a year, as 2026-W47")) from None
    return monday, monday + timedelta(days=6)


def last_week(today: date) -> str:
    """The last week that is over."""
    year, number, _day = (today - timedelta(days=7)).isocalendar()
    return f"{year}-W{number:02d}"


def gather(
    desk: Desk,
    user: User,
    speech: Speech,
    *,
    written: str,
    brand: str,
    lang: str = "",
    invented: bool = False,
    now: datetime,
) -> Report:
    """The report of one week, brand and language (any where it is empty)."""
    first, last = week(written)
    chosen = Selection(
        first, last, brands=(brand,), langs=(lang,) if lang else (), invented=invented
    )
    found = desk.figures.trends(
        user, first=first - WINDOW, last=last, zone=speech.zone, invented=invented
    )
    before, everyone = chosen.before(), replace(chosen, brands=())
    now_, earlier = ([t for t in found.tallies if s.fits(t)] for s in (chosen, before))
    gaps = frozenset(d for d in found.gaps if first <= d <= last)
    whole = replace(chosen, first=date.min, last=date.max)
    spots = trend_charts.unusual_days(found.tallies, chosen, found.gaps, whole.fits)
    by_category = comparison.lines(now_, earlier, lambda t: trend_charts.attribute(t, "category"))
    by_source = comparison.lines(now_, earlier, lambda t: t.source)
    voices = comparison.lines(
        (t for t in found.tallies if everyone.fits(t)),
        (t for t in found.tallies if everyone.before().fits(t)),
        lambda t: t.brand,
    )
    numbers = [desk.mentions.by_number(user, s, speech.zone) for s in (chosen, before)]
    complaints, _total = desk.mentions.search(
        user, replace(chosen, harassment=True), speech.zone, limit=_POSTS
    )
    service = desk.figures.service(
        user,
        first=first,
        last=last,
        zone=speech.zone,
        brands=(brand,),
        langs=chosen.langs,
        invented=invented,
    )
    charts = [
        *trend_charts.over_time(now_, gaps, chosen, speech, spots=spots),
        trend_charts.volumes(by_category, "category", chosen, speech),
        trend_charts.rates(by_source, "source", "harassment", chosen, speech),
        trend_charts.voice(voices, chosen, speech),
        trend_charts.hours(
            desk.mentions.by_slot(user, chosen, speech.zone), "mentions", chosen, speech
        ),
        trend_charts.numbers(numbers[0], numbers[1], chosen, speech),
        service_report.chart(service, gaps, chosen, speech),
    ]
    total, total_before = comparison.total(now_), comparison.total(earlier)
    days = [7 - sum(s.first <= d <= s.last for d in found.gaps) for s in (chosen, before)]
    return Report(
        speech.language,
        speech.gettext("{brand}: week {week}", brand=speech.named("brand", brand), week=written),
        _subtitle(chosen, speech, now),
        facts(total, total_before, days, speech),
        service_report.facts(service, speech, now),
        tuple(c for c in charts if not c.empty),
        tuple(_quote(p, speech) for p in complaints),
        _notes(total, gaps, speech),
    )


def _subtitle(chosen: Selection, speech: Speech, now: datetime) -> str:
    days = speech.gettext(
        "{first} to {last}", first=speech.day(chosen.first), last=speech.day(chosen.last)
    )
    langs = ", ".join(speech.named("lang", code) for code in chosen.langs)
    made = speech.gettext("made on {moment}", moment=speech.when(now))
    return " · ".join(part for part in (days, langs, made) if part)


def facts(now: Figures, before: Figures, days: Sequence[int], speech: Speech) -> tuple[Fact, ...]:
    """The week in figures; `days`: on so many of this week and the one before something was
    collected."""
    _ = speech.gettext
    change = comparison.counts_changed(now.mentions, before.mentions, days[0], days[1])
    found = [
        Fact(
            _("Mentions"),
            speech.number(now.mentions),
            "",
            _(
                "{count} in the period before: {change}",
                count=speech.number(before.mentions),
                change=speech.label("change", change.value),
            ),
        )
    ]
    for measure in trend_charts.MEASURES:
        share = comparison.share(getattr(now, measure), now.mentions)
        earlier = comparison.share(getattr(before, measure), before.mentions)
        compared = _("nothing to compare with")
        if earlier.of:
            compared = _(
                "{share} in the period before: {change}",
                share=speech.percent(earlier.value),
                change=speech.label("change", comparison.shares_changed(share, earlier).value),
            )
        sure = f"({speech.percent(share.low)} – {speech.percent(share.high)})" if share.of else ""
        value = speech.percent(share.value) if share.of else "-"
        found.append(Fact(speech.label("measure", measure), value, sure, compared))
    return tuple(found)


def _quote(post: Post, speech: Speech) -> Quote:
    text = " ".join(post.text.split())
    if len(text) > _EXCERPT:
        text = text[: _EXCERPT - 1].rstrip() + "…"
    where = post.site or speech.label("source", post.source)
    sound = post.url if re.match(r"https?://[^\s\"<>]+\Z", post.url) else ""
    return Quote(text, f"{where} · {speech.when(post.published_at)}", sound)


def _notes(total: Figures, gaps: frozenset[date], speech: Speech) -> tuple[str, ...]:
    _ = speech.gettext
    found = [
        _(
            "In brackets the 95 % interval of each share (Wilson). A difference that chance alone can explain is called so."
        ),
        trend_charts.copies(speech),
    ]
    if total.mentions < FEW:
        found.append(_("Few posts: shares of fewer than {count} say little.", count=FEW))
    if gaps:
        found.append(
            _(
                "Hatched days ({count}): no source was asked, or none answered. Nobody knows what was said then.",
                count=len(gaps),
            )
        )
    return (*found, service_report.how(speech))


# ---------------------------------------------------------------------------- as a file


def to_html(report: Report) -> bytes:
    """One file: styles and pictures are in it, and no script."""
    speech = Speech(report.language, "UTC", {})
    environment = Environment(loader=FileSystemLoader(_TEMPLATES), autoescape=True)
    environment.globals["_"] = speech.gettext
    page = environment.get_template("weekly.html").render(
        report=report,
        charts=[
            (drawn, Markup(chart_files.svg(drawn, width=_WIDTH)), _cells(drawn, speech))  # noqa: S704 - drawn by us, its texts escaped by the renderer
            for drawn in report.charts
        ],
    )
    return page.encode("utf-8", "replace")


def to_pdf(report: Report) -> bytes:
    """Tagged, with the figures of each chart as its alternative text. Texts go in as data, never as
    markup of the typesetter."""
    speech = Speech(report.language, "UTC", {})
    with TemporaryDirectory() as folder:
        root = Path(folder)
        charts = []
        for number, drawn in enumerate(report.charts):
            (root / f"{number}.pdf").write_bytes(chart_files.pdf(drawn, width=_WIDTH))
            charts.append(
                {
                    "title": drawn.title,
                    "how": drawn.how,
                    "file": f"{number}.pdf",
                    "alt": _alternative(drawn, speech),
                    "notes": drawn.notes,
                }
            )
        told: dict[str, Any] = {
            "language": report.language,
            "title": report.title,
            "subtitle": report.subtitle,
            "facts": [asdict(f) for f in report.facts],
            "service": [asdict(f) for f in report.service],
            "charts": charts,
            "quotes": [asdict(q) for q in report.quotes],
            "notes": report.notes,
            "words": _words(speech),
        }
        text = json.dumps(told, ensure_ascii=False).encode("utf-8", "replace")
        (root / "report.json").write_bytes(text)
        (root / "weekly.typ").write_bytes((_TEMPLATES / "weekly.typ").read_bytes())
        return bytes(typst.compile(root / "weekly.typ", root=root))


def _words(speech: Speech) -> dict[str, str]:
    _ = speech.gettext
    return {
        "service": _("How people were answered"),
        "quotes": _("The newest complaints of harassment"),
        "notes": _("How this is counted"),
        "original": _("Open the original"),
    }


def _cells(drawn: Drawn, speech: Speech) -> list[list[str]]:
    return [[_cell(value, speech) for value in row] for row in drawn.rows]


def _cell(value: object, speech: Speech) -> str:
    if isinstance(value, float):
        return speech.percent(value)
    return speech.number(value) if isinstance(value, int) else str(value)


def _alternative(drawn: Drawn, speech: Speech) -> str:
    lines = "; ".join(", ".join(row) for row in _cells(drawn, speech)[:40])
    return f"{drawn.title}. {', '.join(drawn.columns)}: {lines}"


FORMATS: Mapping[str, Callable[[Report], bytes]] = {"pdf": to_pdf, "html": to_html}
