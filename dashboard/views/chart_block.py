"""One chart on a page: its title, how it was counted, the chart, its figures as a table with links to
the mentions behind them, and its downloads."""

from __future__ import annotations

from collections.abc import Mapping
from urllib.parse import parse_qs

import streamlit as st

from dashboard.marking import isolated, safe, table
from dashboard.pages import Page, html
from listener import chart_files, charts
from listener.chart_files import Drawn

_ROWS = 60
_VISIT = "charts_visit"


def draw(page: Page, drawn: Drawn, *, stem: str) -> None:
    """`stem` begins the names of downloaded files. A click on a mark leads to its mentions."""
    _ = page.gettext
    st.header(drawn.title)
    html(f'<p class="ls-how">{safe(drawn.how)}</p>')
    if drawn.empty:
        st.caption(_("None in this period."))
        return
    # A new key after each click: whoever comes back finds the chart as it was before.
    visit = int(st.session_state.get(_VISIT, 0))
    picked = st.vega_lite_chart(
        spec=dict(drawn.spec),
        width="stretch",
        key=f"chart_{drawn.key}_{visit}",
        on_select="rerun",
        selection_mode=charts.PICKED,
    )
    if link := _link(picked):
        st.session_state[_VISIT] = visit + 1
        st.switch_page(page.pages["mentions"], query_params=_parameters(link))
    if drawn.notes:
        items = "".join(f"<li>{safe(note)}</li>" for note in drawn.notes)
        html(f'<ul class="ls-reasons">{items}</ul>')
    # Made when somebody opens it: four tables and four files weigh more than the charts.
    box = st.expander(
        _("{chart}: figures and downloads", chart=drawn.title),
        key=f"figures_{drawn.key}",
        on_change="rerun",
    )
    if box.open:
        with box:
            _figures(page, drawn)
            _downloads(drawn, stem)


def _link(picked: object) -> str:
    selection = picked.get("selection") if isinstance(picked, Mapping) else None
    points = selection.get(charts.PICKED) if isinstance(selection, Mapping) else None
    if not isinstance(points, list) or not points:
        return ""
    return str(points[0].get("link") or "")


def _parameters(query: str) -> dict[str, list[str]]:
    return parse_qs(query, keep_blank_values=True)


def _figures(page: Page, drawn: Drawn) -> None:
    _ = page.gettext
    rows, more = chart_files.table(drawn, _ROWS)
    links = drawn.links or ("",) * len(drawn.rows)
    cells = [
        (_led(link, row[0]), *(safe(_shown(page, value)) for value in row[1:]))
        for row, link in zip(rows, links, strict=False)
    ]
    html(table(drawn.columns, cells, first=True))
    if more:
        html(f'<p class="ls-meta">{safe(_("and {count} more lines in the CSV", count=more))}</p>')


def _led(link: str, name: object) -> str:
    if not link:
        return isolated(name)
    return f'<a href="{safe(f"/mentions?{link}")}" target="_self">{isolated(name)}</a>'


def _shown(page: Page, value: object) -> str:
    if isinstance(value, float):
        return page.speech.percent(value)
    return page.speech.number(value) if isinstance(value, int) else str(value)


def _downloads(drawn: Drawn, stem: str) -> None:
    left, right, _rest = st.columns([1, 1, 2])
    left.download_button(
        f"PNG: {drawn.title}",
        lambda: chart_files.png(drawn),
        file_name=f"{stem}-{drawn.key}.png",
        mime="image/png",
        icon=":material/image:",
        on_click="ignore",
        key=f"png_{drawn.key}",
    )
    right.download_button(
        f"CSV: {drawn.title}",
        lambda: chart_files.to_csv(drawn),
        file_name=f"{stem}-{drawn.key}.csv",
        mime="text/csv",
        icon=":material/download:",
        on_click="ignore",
        key=f"csv_{drawn.key}",
    )
