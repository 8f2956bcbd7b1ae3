"""What could not be read, with its reason: by source, whole, and as a spreadsheet."""

from __future__ import annotations

import streamlit as st

from dashboard import data, pages
from dashboard.marking import isolated, safe, table
from dashboard.pages import Page, html
from listener import i18n, spreadsheet

_SIZE = 25
_MOST = 1000


def show(page: Page) -> None:
    _ = page.gettext
    st.header(_("What could not be read"))
    if page.user.brands:
        st.caption(_("Shown to those who see every brand."))
        return
    desk = data.desk().watch
    position = st.session_state.get("rejects_offset", 0)
    origin = st.session_state.get("rejects_origin")
    found = desk.rejects(page.user, origin=origin, limit=_SIZE, offset=position)
    if not found.origins:
        st.caption(_("Everything that came could be read."))
        return
    st.caption(
        _("Kept with its reason, so that nothing is lost and a mended parser can be tried on it.")
    )

    def shown(name: str) -> str:
        return f"{name} ({i18n.number(found.origins.get(name, 0), page.language)})"

    left, right = st.columns([3, 1], vertical_alignment="bottom")
    left.selectbox(
        _("From"), list(found.origins), index=None, format_func=shown, key="rejects_origin",
        placeholder=_("any"), on_change=_first,
    )  # fmt: skip
    header = (_("When"), _("From"), _("Line"), _("Reason"), _("Beginning"))
    right.download_button(
        _("Download as CSV"),
        lambda: _csv(page, header, origin),
        file_name="listener-rejects.csv",
        mime="text/csv",
        icon=":material/download:",
        on_click="ignore",
        width="stretch",
    )
    rows = [
        (
            safe(page.when(r.at)),
            isolated(r.origin),
            safe("-" if r.line is None else r.line),
            isolated(r.reason[:300]),
            isolated(r.excerpt),
        )
        for r in found.found
    ]
    html(table(header, rows))
    total = found.origins.get(origin, 0) if origin else sum(found.origins.values())
    pages.paging(page, "rejects_offset", position, _SIZE, total)


def _first() -> None:
    st.session_state["rejects_offset"] = 0


def _csv(page: Page, header: tuple[str, ...], origin: str | None) -> bytes:
    found = data.desk().watch.rejects(page.user, origin=origin, limit=_MOST)
    return spreadsheet.to_csv(
        header, [(r.at.isoformat(), r.origin, r.line, r.reason, r.excerpt) for r in found.found]
    )
