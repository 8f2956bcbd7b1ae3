"""How much is said, how it feels, how much of it complains; each chart says how it was counted and leads
to the mentions behind it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import date, timedelta

import streamlit as st

from dashboard import data, pages
from dashboard.marking import plain, safe
from dashboard.pages import Page, html
from dashboard.views import trend_parts, trend_service
from dashboard.views.figures import figures
from dashboard.views.trend_parts import Shown
from listener import comparison, spreadsheet, trend_charts
from listener.desk.figures import Trends
from listener.desk.rights import may_work
from listener.selection import LONGEST, Selection
from listener.spikes import WINDOW
from listener.storage.mention_search import Figures
from listener.storage.trends import Tally

_PERIODS = (7, 30, 90, 365)
_KINDS = ("brand", "source", "lang", "country", "category")
_PARTS: Mapping[str, Callable[[Page, Shown], None]] = {
    "time": trend_parts.over_time,
    "compared": trend_parts.compared,
    "hours": trend_parts.hours,
    "numbers": trend_parts.numbers,
    "service": trend_service.service,
}


def show(page: Page) -> None:
    _ = page.gettext
    st.title(_("Trends"))
    first, last, invented = _period(page)
    length = (last - first).days + 1
    found = data.trends(page.user, first - max(timedelta(days=length), WINDOW), last, invented)
    selection = _choice(page, found, Selection(first, last, invented=invented))
    shown = _shown(*_reader(page), selection, found)
    if not shown.now:
        said = _("Nothing was published in this period, or nothing that was collected and read.")
        html(f'<div class="ls-empty"><p>{safe(said)}</p></div>')
        return
    _totals(page, shown, found)
    part = st.segmented_control(
        _("Show"),
        list(_PARTS),
        default="time",
        required=True,
        format_func=lambda p: page.label("trends", p),
        key="trends_part",
        persist_state="session",
    )
    _PARTS[part or "time"](page, shown)
    _download(page, shown)


def _reader(page: Page) -> tuple[tuple[str, ...], bool, str]:
    """Whose tallies they are: with the days the key of what is worked out from them."""
    return page.user.brands, may_work(page.user), page.user.time_zone


# As resources, like the tallies themselves: handed out as they are, and never changed.
@st.cache_resource(ttl=60, max_entries=30, show_spinner=False, refresh_mode="background")
def _options(
    seen: tuple[str, ...],  # noqa: ARG001 - the cache's key, as in the next
    works: bool,  # noqa: ARG001
    zone: str,  # noqa: ARG001
    whole: Selection,  # noqa: ARG001
    _found: Trends,
) -> Mapping[str, frozenset[str]]:
    return {k: frozenset({trend_charts.attribute(t, k) for t in _found.tallies}) for k in _KINDS}


@st.cache_resource(ttl=60, max_entries=30, show_spinner=False, refresh_mode="background")
def _shown(
    seen: tuple[str, ...],  # noqa: ARG001
    works: bool,  # noqa: ARG001
    zone: str,  # noqa: ARG001
    selection: Selection,
    _found: Trends,
) -> Shown:
    before = selection.before()
    gaps = _found.gaps
    whole = replace(selection, first=date.min, last=date.max)

    def kept(by: Selection) -> list[Tally]:
        return [t for t in _found.tallies if by.fits(t)]

    now, earlier = kept(selection), kept(before)
    one_brand = bool(selection.brands)
    return Shown(
        selection=selection,
        now=now,
        before=earlier,
        total_now=comparison.total(now),
        total_before=comparison.total(earlier),
        # Of a share of voice, whatever the brand.
        all_now=kept(replace(selection, brands=())) if one_brand else now,
        all_before=kept(replace(before, brands=())) if one_brand else earlier,
        gaps=frozenset(d for d in gaps if selection.first <= d <= selection.last),
        gaps_before=frozenset(d for d in gaps if before.first <= d <= before.last),
        spots=trend_charts.unusual_days(_found.tallies, selection, gaps, whole.fits),
    )


def _period(page: Page) -> tuple[date, date, bool]:
    _ = page.gettext
    today = page.now.astimezone(page.zone).date()
    left, right = st.columns([3, 2], vertical_alignment="bottom")
    length = left.segmented_control(
        _("Period"),
        [*_PERIODS, 0],
        default=30,
        required=True,
        format_func=lambda n: _("{count} days", count=n) if n else _("other"),
        key="trends_period",
        persist_state="session",
    )
    invented = pages.count_invented(page, "trends_invented", right)
    if length:
        return today - timedelta(days=int(length) - 1), today, invented
    chosen = left.date_input(
        _("From and to"),
        (today - timedelta(days=29), today),
        max_value=today,
        min_value=today - timedelta(days=3650),
        format="DD/MM/YYYY",
        key="trends_dates",
        persist_state="session",
    )
    if isinstance(chosen, tuple) and len(chosen) == 2:
        return chosen[0], min(chosen[1], chosen[0] + LONGEST), invented
    return today - timedelta(days=29), today, invented


def _from_alert() -> None:
    """Who follows a link to one brand begins with it, and may choose another."""
    asked = st.query_params.get("brand")
    if asked == st.session_state.get("trends_asked"):
        return
    st.session_state["trends_asked"] = asked
    if asked is not None and data.settings().brand(asked) is not None:
        st.session_state["trends_brand"] = [asked]


def _choice(page: Page, found: Trends, whole: Selection) -> Selection:
    _ = page.gettext
    _from_alert()
    names = {
        "brand": _("Brand"),
        "source": _("Source"),
        "lang": _("Language"),
        "country": _("Country"),
        "category": _("Category"),
    }
    there = _options(*_reader(page), whole, found)
    chosen: dict[str, tuple[str, ...]] = {}
    for column, kind in zip(st.columns(len(_KINDS)), _KINDS, strict=True):
        key = f"trends_{kind}"
        # What was chosen and is not said of any more stays choosable, so that it can be let go.
        options = there[kind] | set(st.session_state.get(key, ()))

        def said(value: str, kind: str = kind) -> str:
            return page.speech.named(kind, value)

        chosen[kind] = tuple(
            column.multiselect(
                names[kind],
                sorted(options),
                format_func=said,
                placeholder=_("any"),
                key=key,
                persist_state="session",
            )
        )
    return replace(
        whole,
        brands=chosen["brand"],
        sources=chosen["source"],
        langs=chosen["lang"],
        countries=chosen["country"],
        categories=chosen["category"],
    )


# ---------------------------------------------------------------------------- in figures


def _totals(page: Page, shown: Shown, found: Trends) -> None:
    _ = page.gettext
    now, before = shown.total_now, shown.total_before
    change = comparison.counts_changed(
        now.mentions, before.mentions, shown.days_now, shown.days_before
    )
    compared = _(
        "{count} in the period before: {change}",
        count=page.speech.number(before.mentions),
        change=page.label("change", change.value),
    )
    facts = [comparison.Fact(_("Mentions"), page.speech.number(now.mentions), "", compared, change)]
    facts += [_fact(page, measure, now, before) for measure in trend_charts.MEASURES]
    html(figures(facts))
    said = [
        _(
            "In brackets the 95 % interval of each share (Wilson). A difference that chance alone can explain is called so."
        )
    ]
    if now.mentions < comparison.FEW:
        said.append(_("Few posts: shares of fewer than {count} say little.", count=comparison.FEW))
    if shown.gaps:
        said.append(
            _(
                "Hatched days ({count}): no source was asked, or none answered. Nobody knows what was said then.",
                count=len(shown.gaps),
            )
        )
    if found.failing:
        names = ", ".join(plain(s.key, 60) for s in found.failing[:5])
        said.append(
            _("Failing at this moment, so that its posts are missing: {names}", names=names)
        )
    html("".join(f'<p class="ls-how">{safe(line)}</p>' for line in said))


def _fact(page: Page, measure: str, now: Figures, before: Figures) -> comparison.Fact:
    _ = page.gettext
    say = page.speech.percent
    share = comparison.share(getattr(now, measure), now.mentions)
    earlier = comparison.share(getattr(before, measure), before.mentions)
    change = comparison.shares_changed(share, earlier)
    compared = _("nothing to compare with")
    if earlier.of:
        compared = _(
            "{share} in the period before: {change}",
            share=say(earlier.value),
            change=page.label("change", change.value),
        )
    return comparison.Fact(
        page.label("measure", measure),
        say(share.value),
        f"({say(share.low)} – {say(share.high)})",
        compared,
        change,
    )


def _download(page: Page, shown: Shown) -> None:
    header = (
        *("day", "brand", "source", "lang", "country", "sentiment", "complaint", "harassment"),
        *("category", "count"),
    )

    def rows() -> list[tuple[object, ...]]:
        return [
            (
                t.day.isoformat(),
                t.brand,
                t.source,
                t.lang,
                t.country,
                t.sentiment,
                int(t.complaint),
                int(t.harassment),
                t.category or "",
                t.count,
            )
            for t in shown.now
        ]

    st.download_button(
        page.gettext("Download all counts as CSV"),
        lambda: spreadsheet.to_csv(header, rows()),
        file_name=f"{trend_parts.stem(shown)}.csv",
        mime="text/csv",
        icon=":material/download:",
        on_click="ignore",
    )
