"""How much is said, how it feels, how much of it complains; each chart says how it was counted."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import date, timedelta

import streamlit as st

from dashboard import data
from dashboard.marking import plain, safe
from dashboard.pages import Page, html
from listener import charts, i18n, spreadsheet
from listener.desk.figures import Trends
from listener.storage.trends import Tally

_PERIODS = (7, 30, 90, 365)
_FEW = 30  # mentions below which a share says little


def show(page: Page) -> None:
    _ = page.gettext
    st.title(_("Trends"))
    first, last, invented = _period(page)
    found = data.trends(page.user.brands, first, last, page.user.time_zone, invented, page.user)
    kept, split = _choice(page, found.tallies)
    if not kept:
        said = _("Nothing was published in this period, or nothing that was collected and read.")
        html(f'<div class="ls-empty"><p>{safe(said)}</p></div>')
        return
    length = (last - first).days + 1
    before = data.trends(
        page.user.brands,
        first - timedelta(days=length),
        first - timedelta(days=1),
        page.user.time_zone,
        invented,
        page.user,
    )
    _totals(page, kept, _same(kept, before.tallies))
    _gaps(page, found)
    _charts(page, kept, found, first, last, split)
    _download(page, kept, first, last)


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
    )
    counts = data.counts()
    invented = bool(counts["invented_mentions"]) and right.toggle(
        _("Count invented posts, too"),
        value=counts["invented_mentions"] == counts["mentions"],
        key="trends_invented",
    )
    if length:
        return today - timedelta(days=int(length) - 1), today, invented
    chosen = left.date_input(
        _("From and to"),
        (today - timedelta(days=29), today),
        max_value=today,
        min_value=today - timedelta(days=3650),
        format="DD/MM/YYYY",
        key="trends_dates",
    )
    if isinstance(chosen, tuple) and len(chosen) == 2:
        return chosen[0], min(chosen[1], chosen[0] + timedelta(days=1100)), invented
    return today - timedelta(days=29), today, invented


def _choice(page: Page, tallies: Sequence[Tally]) -> tuple[list[Tally], charts.Split]:
    _ = page.gettext

    def options(name: str) -> list[str]:
        return sorted({str(getattr(t, name)) for t in tallies})

    one, two, three, four = st.columns(4)
    anything = _("any")
    brands = one.multiselect(
        _("Brand"), options("brand"), format_func=page.brand, placeholder=anything
    )
    sources = two.multiselect(
        _("Source"),
        options("source"),
        format_func=lambda s: page.label("source", s),
        placeholder=anything,
    )
    langs = three.multiselect(
        _("Language"), options("lang"), format_func=page.language_name, placeholder=anything
    )
    splits: list[charts.Split] = ["none", "brand", "source", "lang"]
    split = four.selectbox(
        _("Show by"),
        splits,
        format_func=lambda s: page.label("split", s),
    )
    kept = [
        t
        for t in tallies
        if (not brands or t.brand in brands)
        and (not sources or t.source in sources)
        and (not langs or t.lang in langs)
    ]
    return kept, split


def _same(kept: Sequence[Tally], tallies: Sequence[Tally]) -> list[Tally]:
    """Those of another period with the brands, sources and languages that were kept of this one."""
    brands, sources, langs = ({getattr(t, n) for t in kept} for n in ("brand", "source", "lang"))
    return [t for t in tallies if t.brand in brands and t.source in sources and t.lang in langs]


def _every(_tally: Tally) -> bool:
    return True


def _totals(page: Page, kept: Sequence[Tally], before: Sequence[Tally]) -> None:
    _ = page.gettext

    def count(tallies: Sequence[Tally], test: Callable[[Tally], bool]) -> int:
        return sum(t.count for t in tallies if test(t))

    total, earlier = count(kept, _every), count(before, _every)
    columns = st.columns(4)
    columns[0].metric(
        _("Mentions"),
        i18n.number(total, page.language),
        delta=_("{count} in the period before", count=i18n.number(earlier, page.language)),
        delta_color="off",
        delta_arrow="off",
    )
    tests: list[tuple[str, Callable[[Tally], bool]]] = [
        (_("Negative"), lambda t: t.sentiment == "negative"),
        (_("Complaints"), lambda t: t.complaint),
        (_("Harassment"), lambda t: t.harassment),
    ]
    for column, (name, test) in zip(columns[1:], tests, strict=True):
        now, then = count(kept, test), count(before, test)
        share = i18n.percent(now / total, page.language)
        if earlier:
            old = i18n.percent(then / earlier, page.language)
            compared = _("{share} in the period before", share=old)
        else:
            compared = _("nothing to compare with")
        column.metric(
            name,
            f"{i18n.number(now, page.language)} ({share})",
            delta=compared,
            delta_color="off",
            delta_arrow="off",
        )
    if total < _FEW:
        st.caption(_("Few posts: shares of fewer than {count} say little.", count=_FEW))


def _gaps(page: Page, found: Trends) -> None:
    _ = page.gettext
    if found.gaps:
        days = len(found.gaps)
        st.caption(
            _(
                "Grey days ({count}): no source was asked, or none answered. Nobody knows what was said then.",
                count=days,
            )
        )
    if found.failing:
        names = ", ".join(plain(s.key, 60) for s in found.failing[:5])
        html(
            f'<p class="ls-how">{safe(_("Failing at this moment, so that its posts are missing: {names}", names=names))}</p>'
        )


def _charts(
    page: Page,
    kept: Sequence[Tally],
    found: Trends,
    first: date,
    last: date,
    split: charts.Split,
) -> None:
    _ = page.gettext
    words = charts.Words(
        page.language, _("Day"), _("Mentions"), _("nothing was collected"), page.label
    )

    def name(tally: Tally) -> str:
        if split == "none":
            return _("all")
        value = str(getattr(tally, split))
        if split == "brand":
            return page.brand(value)
        return page.language_name(value) if split == "lang" else page.label("source", value)

    feelings = {page.label("sentiment", s): c for s, c in charts.SENTIMENT.items()}
    copies = _(
        "Copies and reposts are not counted, a post about two brands counts for each; days are those of {zone}.",
        zone=page.user.time_zone,
    )
    drawn = [
        (_("Volume"), _("Posts by the day they were published."), name, _every, None),
        (
            _("Sentiment"),
            _("Posts by what the author feels, as read or corrected."),
            lambda t: page.label("sentiment", t.sentiment),
            _every,
            feelings,
        ),
        (
            _("Complaints"),
            _("Posts that complain of the brand."),
            name,
            lambda t: t.complaint,
            None,
        ),
        (
            _("Harassment"),
            _("Posts that complain of repeated or intrusive contact."),
            name,
            lambda t: t.harassment,
            None,
        ),
    ]
    cells = [cell for _row in range(2) for cell in st.columns(2, gap="large")]
    for cell, (title, how, series, keep, colours) in zip(cells, drawn, strict=True):
        with cell:
            st.header(title)
            html(f'<p class="ls-how">{safe(f"{how} {copies}")}</p>')
            rows = charts.by_day(kept, first, last, found.gaps, series=series, keep=keep)
            if not any(count for *_rest, count in rows):
                st.caption(_("None in this period."))
                continue
            chart = charts.stacked(rows, first, last, found.gaps, words, colours=colours)
            st.altair_chart(chart, width="stretch")


def _download(page: Page, kept: Sequence[Tally], first: date, last: date) -> None:
    _ = page.gettext
    header = (
        "day",
        "brand",
        "source",
        "lang",
        "sentiment",
        "complaint",
        "harassment",
        "category",
        "count",
    )
    rows = [
        (
            t.day.isoformat(),
            t.brand,
            t.source,
            t.lang,
            t.sentiment,
            int(t.complaint),
            int(t.harassment),
            t.category or "",
            t.count,
        )
        for t in kept
    ]
    st.download_button(
        _("Download as CSV"),
        spreadsheet.to_csv(header, rows),
        file_name=f"listener-{first.isoformat()}-{last.isoformat()}.csv",
        mime="text/csv",
        icon=":material/download:",
        on_click="ignore",
    )
