"""The inbox: the cases that wait, the most urgent first, with the reasons as words.

The list stays as it was made: what people do, or what comes in, changes the lines where they stand,
and never their order. What came meanwhile is offered."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

import streamlit as st

from dashboard import data, pages
from dashboard.marking import safe
from dashboard.pages import Page, html
from dashboard.views import alike, inbox_filters, inbox_line, inbox_many
from listener.desk.cases import InboxLine
from listener.desk.rights import may_work
from listener.i18n import number
from listener.storage.case_search import MOST
from listener.wishes import Wish

_SIZE = 20
_LISTED = "inbox_listed"
_EVERY = "15s"
_KEYS = ("j", "k", "o", "c", "x", "/", "u", "?")


@dataclass(frozen=True, slots=True)
class _Listed:
    """Which cases the list shows, how many there were in all, and when that was asked."""

    wish: Wish
    offset: int
    case_ids: tuple[int, ...]
    total: int
    at: datetime


def show(page: Page) -> None:
    _ = page.gettext
    title, keys = st.columns([6, 1], vertical_alignment="bottom")
    title.title(_("Inbox"))
    with keys:
        _keys(page)
    wish = inbox_filters.show(page)
    if st.session_state.get(inbox_filters.MEANING) and wish.search.strip():
        alike.by_sentence(page, wish.search)
        return
    listed, lines = _list(page, wish)
    _fresh(page, wish, listed.at)
    if not lines:
        _nothing(page, wish)
        return
    html(f'<p class="ls-meta">{safe(_how_many(page, wish, listed.total))}</p>')
    # There also while it is empty, so that the lines below keep their places on the page.
    with st.container():
        if may_work(page.user):
            inbox_many.show(page, lines)
    for line in lines:
        inbox_line.show(page, line)
    pages.paging(page, "inbox_offset", listed.offset, _SIZE, min(listed.total, MOST))


def _list(page: Page, wish: Wish) -> tuple[_Listed, Sequence[InboxLine]]:
    """As it was made, with the cases as they are now; made anew when another is asked for, and for
    whoever comes from another page."""
    offset = int(st.session_state.get("inbox_offset", 0))
    kept: _Listed | None = st.session_state.get(_LISTED)
    if kept is not None and not pages.arrived() and (kept.wish, kept.offset) == (wish, offset):
        return kept, data.desk().cases.lines(page.user, kept.case_ids)
    wanted = wish.filter(page.user.username, page.now)
    lines, total = data.desk().cases.inbox(
        page.user, wanted, sort=wish.sort, limit=_SIZE, offset=offset
    )
    if not lines and offset:
        inbox_filters.again()
        st.rerun()
    made = _Listed(wish, offset, tuple(x.case.id for x in lines), total, page.now)
    st.session_state[_LISTED] = made
    return made, lines


@st.fragment(run_every=_EVERY)
def _fresh(page: Page, wish: Wish, listed: datetime) -> None:
    """What came or changed since, told and not shown: nothing moves under somebody's eyes."""
    found = data.desk().inbox.since(page.user, wish, listed, page.now)
    _ = page.gettext
    said = []
    if found.new:
        said.append(_("{count} new cases", count=number(found.new, page.language)))
    if found.changed:
        said.append(_("{count} changed", count=number(found.changed, page.language)))
    with st.container(key="inbox_fresh"):
        if said and st.button(
            f"{', '.join(said)}: {_('show')}", icon=":material/refresh:", width="stretch"
        ):
            inbox_filters.again()
            st.rerun()


def _how_many(page: Page, wish: Wish, total: int) -> str:
    _ = page.gettext
    if total > MOST:
        return _(
            "More than {count} cases: the first {count} are listed. Filter or search to see others.",
            count=number(MOST, page.language),
        )
    order = page.label("ordered", wish.sort)
    return _("Cases: {count}, {order}", count=total, order=order)


def _keys(page: Page) -> None:
    """What the keyboard does; the script that does it is dashboard/static/keys.js."""
    _ = page.gettext
    with (
        st.container(key="inbox_keys"),
        st.popover(_("Keyboard"), icon=":material/keyboard:", width="stretch"),
    ):
        rows = "".join(
            f"<li><kbd>{safe(key)}</kbd> {safe(page.label('key', key))}</li>" for key in _KEYS
        )
        html(f'<ul class="ls-keys">{rows}</ul>')
    st.html('<script src="/assets/keys.js"></script>', unsafe_allow_javascript=True)


def _nothing(page: Page, wish: Wish) -> None:
    """An empty list says why, and what to do next."""
    _ = page.gettext
    counts = data.counts()
    if counts["cases"] or wish.search:
        pages.empty(_("No case fits these filters."))
        return
    if not counts["mentions"]:
        pages.first_steps(page)
        return
    pages.empty(
        _("No complaint needs an answer."),
        _(
            "Posts collected: {count}. Waiting to be read: {pending}.",
            count=counts["mentions"],
            pending=counts["pending"],
        ),
    )
