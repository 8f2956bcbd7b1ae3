"""The campaign ledger: who dialled, what was sold, who complained of it, and whether it paid. It
names campaigns, centres, lists, agents and numbers, and never a customer."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import date, timedelta

import streamlit as st

from dashboard import data, pages
from dashboard.marking import isolated, safe, table
from dashboard.pages import Page, html
from listener import ledger
from listener.errors import NotAllowed
from listener.ledger import Assumptions, Ledger, Line
from listener.storage.ledger import By

_PERIODS = (30, 90, 365, 0)
_SIZE = 50

_ORDERS: Mapping[str, Callable[[Line], tuple[float, ...]]] = {
    "complaints": lambda line: (-line.count.complaints, -line.count.sums.dials),
    "rate": lambda line: (1.0 if line.rate is None else -line.rate, -line.count.complaints),
    "balance": lambda line: (line.balance, -line.count.complaints),
    "sales": lambda line: (-line.count.sums.sales, -line.count.sums.dials),
    "dials": lambda line: (-line.count.sums.dials,),
}


def show(page: Page) -> None:
    _ = page.gettext
    st.title(_("Campaign ledger"))
    by, first, last, invented = _asked(page)
    assumptions = _assumptions(page)
    try:
        counts = data.ledger(
            page.user.brands, by.value, first, last, page.user.time_zone, invented, page.user
        )
    except NotAllowed:
        st.error(
            _("The contact log does not tell brands apart: only who sees all of ours sees it.")
        )
        return
    judged = ledger.judge(counts, assumptions)
    if not judged.lines:
        said = _("No contact of ours is in the log in these days.")
        html(f'<div class="ls-empty"><p>{safe(said)}</p></div>')
    else:
        _table(page, judged)
        _download(page, judged, first, last)
    notes = "".join(f"<li>{safe(n)}</li>" for n in ledger.notes(judged, page.language))
    html(
        f'<p class="ls-meta">{safe(_("How this is counted"))}</p><ul class="ls-reasons">{notes}</ul>'
    )


def _asked(page: Page) -> tuple[By, date | None, date, bool]:
    """By what, from and to which day (None: from the first contact on), invented ones, too."""
    _ = page.gettext
    today = page.now.astimezone(page.zone).date()
    left, middle, right = st.columns([2, 3, 2], vertical_alignment="bottom")
    kinds = [by.value for by in By]
    by = left.selectbox(
        _("By"), kinds, format_func=lambda b: page.label("ledger", b), key="ledger_by"
    )
    length = middle.segmented_control(
        _("Period"),
        _PERIODS,
        default=90,
        required=True,
        format_func=lambda n: _("{count} days", count=n) if n else _("everything"),
        key="ledger_period",
    )
    invented = pages.count_invented(page, "ledger_invented", right)
    return By(by), today - timedelta(days=int(length) - 1) if length else None, today, invented


def _assumptions(page: Page) -> Assumptions:
    _ = page.gettext
    usual = Assumptions()
    with st.expander(_("What is assumed"), icon=":material/tune:"):
        one, two, three, four = st.columns(4, vertical_alignment="bottom")
        sale = one.number_input(
            _("Value of a sale"), 0.0, 1e9, usual.sale_value, 10.0, key="ledger_sale"
        )
        customer = two.number_input(
            _("Value of a customer"), 0.0, 1e9, usual.customer_value, 10.0, key="ledger_customer"
        )
        share = three.number_input(
            _("Of those who threaten to leave, so many in a hundred do"),
            0.0,
            100.0,
            usual.churn_share * 100,
            5.0,
            key="ledger_share",
        )
        lost = four.number_input(
            _("Further customers lost per complaint"),
            0.0,
            1000.0,
            usual.lost_per_complaint,
            0.1,
            key="ledger_lost",
        )
    return Assumptions(sale, customer, share / 100, lost)


def _table(page: Page, judged: Ledger) -> None:
    _ = page.gettext
    order = st.segmented_control(
        _("Order"),
        list(_ORDERS),
        default="complaints",
        required=True,
        format_func=lambda o: page.label("order", o),
        key="ledger_order",
    )
    lines = sorted(judged.lines, key=_ORDERS[order or "complaints"])
    last_page = (len(lines) - 1) // _SIZE * _SIZE
    position = min(int(st.session_state.get("ledger_position", 0)), last_page)
    rows = [_row(page, line) for line in lines[position : position + _SIZE]]
    rows.append(_row(page, judged.total, name=_("in all")))
    heads = ledger.columns(judged.counts.by, page.language)
    html(table(heads, rows, caption=_caption(page, judged), first=True))
    pages.paging(page, "ledger_position", position, _SIZE, len(lines))


def _caption(page: Page, judged: Ledger) -> str:
    counts = judged.counts
    if counts.first is None or counts.last is None:
        return ""
    return page.gettext(
        "Contacts from {first} to {last}.",
        first=page.when(counts.first),
        last=page.when(counts.last),
    )


def _row(page: Page, line: Line, *, name: str = "") -> Sequence[str]:
    head, *figures, verdict = ledger.cells(line, page.language, name=name)
    kind = "ls-wait" if not line.sure else "ls-good" if line.paid else "ls-bad"
    said = safe(verdict) if line.paid is None else page.badge(verdict, kind)
    return (isolated(head), *(_figure(f) for f in figures), said)


def _figure(shown: str) -> str:
    """Its interval below it, so that the table is no wider than the page."""
    middle, bracket, interval = shown.partition(" (")
    small = f"<br><small>({safe(interval)}</small>" if bracket else ""
    return safe(middle) + small


def _download(page: Page, judged: Ledger, first: date | None, last: date) -> None:
    start = first.isoformat() if first else "all"
    st.download_button(
        page.gettext("Download as CSV"),
        ledger.to_csv(judged),
        file_name=f"listener-ledger-{judged.counts.by.value}-{start}-{last.isoformat()}.csv",
        mime="text/csv",
        icon=":material/download:",
        on_click="ignore",
    )
