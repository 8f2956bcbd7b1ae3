"""The parts of the trends page: over time, compared, by the hour of the week, numbers and campaigns."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date

import streamlit as st

from dashboard import data
from dashboard.marking import safe
from dashboard.pages import Page, html
from dashboard.views.chart_block import draw
from listener import charts, comparison, trend_charts
from listener.chart_files import Drawn
from listener.desk.rights import may_work
from listener.errors import NotAllowed
from listener.selection import Selection
from listener.speech import Speech
from listener.spikes import Spot
from listener.storage.mention_search import Figures
from listener.storage.trends import Tally

_SPLITS: tuple[charts.Split, ...] = ("none", "brand", "source", "lang", "country", "category")
_KINDS = ("brand", "source", "lang", "country", "category")


@dataclass(frozen=True, slots=True)
class Shown:
    """What the page shows: the tallies that the selection keeps, those of the period before, what
    each comes to, the same tallies of all brands, the gaps of both periods, the unusual days."""

    selection: Selection
    now: Sequence[Tally]
    before: Sequence[Tally]
    total_now: Figures
    total_before: Figures
    all_now: Sequence[Tally]
    all_before: Sequence[Tally]
    gaps: frozenset[date]
    gaps_before: frozenset[date]
    spots: Sequence[Spot]

    @property
    def days_now(self) -> int:
        return self.selection.days - len(self.gaps)

    @property
    def days_before(self) -> int:
        return self.selection.days - len(self.gaps_before)


def stem(shown: Shown) -> str:
    """How names of downloaded files begin."""
    chosen = shown.selection
    return f"listener-{chosen.first.isoformat()}-{chosen.last.isoformat()}"


def over_time(page: Page, shown: Shown) -> None:
    _ = page.gettext
    left, right = st.columns(2)
    split = left.selectbox(
        _("Show by"),
        _SPLITS,
        format_func=lambda s: page.label("split", s),
        key="trends_split",
        persist_state="session",
    )
    as_share = right.toggle(
        _("Complaints and harassment as shares"), key="trends_shares", persist_state="session"
    )
    user = page.user
    key = (user.brands, may_work(user), user.time_zone, user.language, shown.selection)
    _grid(page, shown, _over_time(*key, split, as_share, shown, page.speech))


# Pictures of tens of thousands of tallies, which the next click or person wants again; never changed.
@st.cache_resource(ttl=60, max_entries=60, show_spinner=False, refresh_mode="background")
def _over_time(
    seen: tuple[str, ...],  # noqa: ARG001 - the cache's key, as the next three
    works: bool,  # noqa: ARG001
    zone: str,  # noqa: ARG001
    language: str,  # noqa: ARG001
    selection: Selection,
    split: charts.Split,
    as_share: bool,
    _shown: Shown,
    _speech: Speech,
) -> tuple[Drawn, ...]:
    volume, sentiment, complaints, harassment = trend_charts.over_time(
        _shown.now, _shown.gaps, selection, _speech, split=split, spots=_shown.spots
    )
    if as_share:
        complaints, harassment = (
            trend_charts.rate(_shown.now, m, _shown.gaps, selection, _speech)
            for m in ("complaints", "harassment")
        )
    return volume, sentiment, complaints, harassment


def compared(page: Page, shown: Shown) -> None:
    _ = page.gettext
    left, right = st.columns(2)
    kind = left.selectbox(
        _("Compare by"),
        _KINDS,
        format_func=lambda s: page.label("split", s),
        key="trends_compare",
        persist_state="session",
    )
    measure = _measure(page, right, trend_charts.MEASURES, "harassment")
    lines = comparison.lines(shown.now, shown.before, lambda t: trend_charts.attribute(t, kind))
    drawn = [
        trend_charts.volumes(lines, kind, shown.selection, page.speech),
        trend_charts.rates(lines, kind, measure, shown.selection, page.speech),
    ]
    brands = comparison.lines(shown.all_now, shown.all_before, lambda t: t.brand)
    drawn.append(trend_charts.voice(brands, shown.selection, page.speech))
    _grid(page, shown, drawn)


def hours(page: Page, shown: Shown) -> None:
    measure = _measure(page, st, ("mentions", *trend_charts.MEASURES), "mentions")
    found = data.by_slot(page.user, shown.selection)
    draw(
        page,
        trend_charts.hours(found, measure, shown.selection, page.speech),
        stem=stem(shown),
    )


def numbers(page: Page, shown: Shown) -> None:
    chosen, before = shown.selection, shown.selection.before()
    drawn = [
        trend_charts.numbers(
            data.by_number(page.user, chosen),
            data.by_number(page.user, before),
            chosen,
            page.speech,
        )
    ]
    try:
        drawn.append(_campaigns(page, chosen, before))
    except NotAllowed:
        said = page.gettext(
            "The contact log does not tell brands apart: only who sees all of ours sees it."
        )
        html(f'<p class="ls-how">{safe(said)}</p>')
    _grid(page, shown, drawn)


def _campaigns(page: Page, chosen: Selection, before: Selection) -> Drawn:
    _ = page.gettext
    now = data.by_campaign(page.user, chosen)
    notes: tuple[str, ...] = (
        _(
            "Complaints of people whom nobody could match with a customer: {unknown}. Of customers whom the log does not show to have been contacted in the days before: {untouched}.",
            unknown=page.speech.number(now.unknown),
            untouched=page.speech.number(now.untouched),
        ),
    )
    works = may_work(page.user)
    if not works:
        notes += (
            _(
                "Which posts follow a campaign is shown to community managers only: it says who their authors are."
            ),
        )
    return trend_charts.campaigns(
        now.campaigns,
        data.by_campaign(page.user, before).campaigns,
        chosen,
        page.speech,
        linked=works,
        notes=notes,
    )


def _measure(page: Page, place: object, measures: Sequence[str], usual: str) -> str:
    chosen = place.segmented_control(  # type: ignore[attr-defined]
        page.gettext("What is counted"),
        measures,
        default=usual,
        required=True,
        format_func=lambda m: page.label("measure", m),
        key=f"trends_measure_{usual}",
        persist_state="session",
    )
    return str(chosen or usual)


def _grid(page: Page, shown: Shown, drawn: Sequence[Drawn]) -> None:
    """Two beside each other; below each other on a phone."""
    for start in range(0, len(drawn), 2):
        for cell, one in zip(st.columns(2, gap="large"), drawn[start : start + 2], strict=False):
            with cell:
                draw(page, one, stem=stem(shown))
