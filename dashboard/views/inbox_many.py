"""One action on all chosen cases, and what came of it: how many were done, which were refused and why."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import datetime, time, timedelta
from typing import Any

import streamlit as st

from dashboard import data, pages
from dashboard.marking import safe
from dashboard.pages import Page, html
from dashboard.views.inbox_line import PICK
from listener.desk.cases import InboxLine
from listener.desk.inbox import Outcome, Picked
from listener.domain import CaseStatus, Resolution
from listener.storage.people import User

_ACTIONS = ("take", "give", "open", "pending", "close", "tag", "snooze", "wake", "answered")
_REPORT = "inbox_report"
_DAYS = (1, 2, 7, 14, 30)
_MORNING = time(9, 0)

Change = Callable[[User, Sequence[Picked]], list[Outcome]]


def show(page: Page, lines: Sequence[InboxLine]) -> None:
    """The bar for the chosen cases of this list; nothing while none is chosen."""
    _report(page)
    chosen = [x.case for x in lines if st.session_state.get(f"{PICK}{x.case.id}")]
    if not chosen:
        return
    _ = page.gettext
    picked = tuple(Picked(c.id, c.version) for c in chosen)
    with st.container(border=True, key="inbox_many"):
        what, how, go, none = st.columns([2.4, 3, 1.1, 1.8], vertical_alignment="bottom")
        action = what.selectbox(
            _("Chosen cases: {count}", count=len(chosen)),
            _ACTIONS,
            format_func=lambda a: page.label("many", a),
            key="inbox_many_action",
        )
        with how:
            change = _change(page, str(action), sorted({c.brand for c in chosen}))
        go.button(
            _("Do it"),
            key="inbox_many_go",
            type="primary",
            width="stretch",
            disabled=change is None,
            on_click=_go,
            args=(picked, change),
        )
        none.button(_("Choose none"), width="stretch", on_click=_none)


def _change(page: Page, action: str, brands: Sequence[str]) -> Change | None:
    """What the click will do; None while something is still to be said."""
    _ = page.gettext
    desk = data.desk().inbox
    if action == "take":
        return lambda user, picked: desk.assign(user, picked, user.username)
    if action == "give":
        who = _person(page, brands)
        return (lambda user, picked: desk.assign(user, picked, who)) if who else None
    if action in ("open", "pending"):
        return lambda user, picked: desk.set_status(user, picked, CaseStatus(action))
    if action == "close":
        ended = st.selectbox(
            _("How it ended"),
            [r.value for r in Resolution if r not in (Resolution.MERGED, Resolution.OTHER)],
            index=None,
            format_func=lambda r: page.label("resolution", r),
            placeholder=_("choose how"),
            key="inbox_many_resolution",
        )
        if ended is None:
            return None
        how = Resolution(ended)
        return lambda user, picked: desk.set_status(user, picked, CaseStatus.CLOSED, how)
    if action == "tag":
        tag = st.text_input(_("Tag"), key="inbox_many_tag", max_chars=40)
        return (lambda user, picked: desk.tag(user, picked, tag)) if tag.strip() else None
    if action == "snooze":
        until = _until(page)
        return lambda user, picked: desk.snooze(user, picked, until)
    return desk.wake if action == "wake" else desk.mark_answered


def _person(page: Page, brands: Sequence[str]) -> str | None:
    _ = page.gettext
    per_brand = [
        {p.username: p.name for p in data.desk().cases.assignable(page.user, b)} for b in brands
    ]
    names = {u: n for u, n in per_brand[0].items() if all(u in some for some in per_brand)}
    chosen = st.selectbox(
        _("Give it to"),
        list(names),
        index=None,
        format_func=lambda n: f"{names[n]} ({n})" if names[n] != n else n,
        placeholder=_("choose a person"),
        key="inbox_many_person",
    )
    return str(chosen) if chosen else None


def _until(page: Page) -> datetime:
    """The morning so many days from now, in the zone of whoever puts off."""
    _ = page.gettext
    today = page.now.astimezone(page.zone).date()

    def morning(days: int) -> datetime:
        return datetime.combine(today + timedelta(days=days), _MORNING, page.zone)

    days = st.selectbox(
        _("Until"),
        _DAYS,
        format_func=lambda n: page.when(morning(n)),
        key="inbox_many_days",
    )
    return morning(int(days))


def _go(picked: Sequence[Picked], change: Change | None) -> None:
    if change is None:
        return

    def work(user: User) -> None:
        done = change(user, picked)
        st.session_state[_REPORT] = done
        for one in done:
            if one.refused is None:
                st.session_state[f"{PICK}{one.case_id}"] = False

    pages.act("", work)


def _none() -> None:
    st.session_state.pop(_REPORT, None)
    for key in list(st.session_state):
        if str(key).startswith(PICK):
            st.session_state[key] = False


def _report(page: Page) -> None:
    """Until the next action: what is refused stays chosen, and says why."""
    done: list[Outcome] | None = st.session_state.get(_REPORT)
    if not done:
        return
    _ = page.gettext
    refused: list[tuple[int, Any]] = [(o.case_id, o.refused) for o in done if o.refused]
    told = _("Done for {count} of {total} cases.", count=len(done) - len(refused), total=len(done))
    with st.container(key="inbox_report"):
        if not refused:
            st.success(pages.literal(told))
            st.session_state.pop(_REPORT)
            return
        st.warning(pages.literal(told))
        whys = "".join(
            f"<li>{safe(_('Case {id}', id=i))}: {safe(pages.refusal(error, page.user))}</li>"
            for i, error in refused
        )
        html(f'<ul class="ls-reasons">{whys}</ul>')
        st.button(_("Dismiss"), key="inbox_report_gone", on_click=_forget)


def _forget() -> None:
    st.session_state.pop(_REPORT, None)
