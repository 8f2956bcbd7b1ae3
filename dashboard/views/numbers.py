"""Numbers that call: those that people report, and the registry."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import streamlit as st

from dashboard import data, pages
from dashboard.marking import isolated, safe, table
from dashboard.pages import Page, html
from dashboard.views import dossier
from dashboard.views.number_cells import (
    and_more,
    figure,
    kind_badge,
    link,
    registry_table,
)
from listener.dossiers import Line
from listener.number_registry import Listed

_DAYS = 30
_SIZE = 25
_ENTRIES = 200  # of the registry, a brand


def show(page: Page) -> None:
    asked = st.query_params.get("number", "")[:60]
    if asked.strip():
        # A plus that nobody wrote as %2B arrives as a blank.
        dossier.show(page, f"+{asked.strip()}" if asked.startswith(" ") else asked)
    else:
        _list(page)


def _list(page: Page) -> None:
    _ = page.gettext
    st.title(_("Numbers that call"))
    find, only, invented_at = st.columns([3, 2, 2], vertical_alignment="bottom")
    find.text_input(_("Look up a number"), key="numbers_find", on_change=_find, max_chars=40)
    strange = only.toggle(_("Unknown numbers only"), key="numbers_strange")
    with invented_at:
        invented = pages.count_invented(page, "numbers_invented")
    lines, registry = data.desk().numbers.reported(page.user, days=_DAYS, invented=invented)
    shown = [line for line in lines if line.standing.unknown or not strange]
    if shown:
        position = min(st.session_state.get("numbers_offset", 0), len(shown) - 1) // _SIZE * _SIZE
        _reported(page, shown[position : position + _SIZE])
        pages.paging(page, "numbers_offset", position, _SIZE, len(shown))
    else:
        said = _("Nobody complained of a number in the last {days} days.", days=_DAYS)
        if lines:
            said = _("No unknown number was reported in the last {days} days.", days=_DAYS)
        html(f'<div class="ls-empty"><p>{safe(said)}</p></div>')
    st.header(_("The registry of numbers"))
    counts = {(line.reported.brand, line.reported.number): line for line in lines}
    _registry(page, registry, counts)


def _find() -> None:
    written = str(st.session_state.get("numbers_find", "")).strip()
    if written:
        st.query_params["number"] = written
    st.session_state["numbers_find"] = ""


def _reported(page: Page, lines: Sequence[Line]) -> None:
    _ = page.gettext
    header = (
        _("Number"),
        _("Kind"),
        _("Brand"),
        _("Complaints"),
        _("People"),
        _("Before"),
        _("Newest"),
    )
    rows = []
    for line in lines:
        row = line.reported
        entry = line.standing.entry
        why = entry.owner if entry else "; ".join(page.explain(r) for r in line.standing.reasons)
        rows.append(
            (
                link(row.number) + page.invented(row.invented == row.complaints),
                f"{kind_badge(page, line.standing.kind)}<br><small>{isolated(why)}</small>",
                safe(page.brand(row.brand)),
                figure(page, row.complaints),
                figure(page, row.people),
                figure(page, row.before),
                safe(page.when(row.last_at)),
            )
        )
    html(table(header, rows, caption=_("Reported numbers, most complaints first"), first=True))
    how = _(
        "Complaints of harassment in the last {days} days that name the number, and in the {days} days before; copies and reposts are not counted. People are authors: who writes often is one. The kind is that of the day of the newest complaint.",
        days=_DAYS,
    )
    html(f'<p class="ls-how">{safe(how)}</p>')


def _registry(
    page: Page, registry: Sequence[Listed], counts: Mapping[tuple[str, str], Line]
) -> None:
    _ = page.gettext
    if not registry:
        said = _(
            "No number is registered. Numbers stand in config/brands.toml, or are imported with `listener crm import --numbers`."
        )
        html(f'<p class="ls-meta">{safe(said)}</p>')
        return
    by_brand: dict[str, list[Listed]] = {}
    for line in registry:
        by_brand.setdefault(line.entry.brand, []).append(line)
    for brand, theirs in by_brand.items():
        html(registry_table(page, theirs[:_ENTRIES], page.brand(brand), counts))
        and_more(page, len(theirs) - _ENTRIES)
