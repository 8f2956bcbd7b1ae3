"""Where a case may go: to somebody else, to a later moment, into another case, or into two."""

from __future__ import annotations

from datetime import datetime, time, timedelta

import streamlit as st

from dashboard import data, pages
from dashboard.marking import plain
from dashboard.pages import Page
from listener.domain import CaseStatus
from listener.storage.case_actions import LONGEST_SNOOZE
from listener.storage.case_detail import CaseDetail
from listener.storage.people import User

_MORNING = time(9, 0)


def show(page: Page, detail: CaseDetail) -> None:
    _ = page.gettext
    if detail.summary.status == CaseStatus.CLOSED:
        return
    with st.expander(_("Hand it over"), icon=":material/forward:"):
        _hand_over(page, detail)
    with st.expander(_("Put it off"), icon=":material/snooze:"):
        _snooze(page, detail)
    with st.expander(_("Merge or split"), icon=":material/call_merge:"):
        _merge(page, detail)
        if len(detail.mentions) > 1:
            _split(page, detail)


# ---------------------------------------------------------------------------- to somebody else


def _hand_over(page: Page, detail: CaseDetail) -> None:
    _ = page.gettext
    case = detail.summary
    people = [
        p for p in data.desk().cases.assignable(page.user, case.brand) if p.username != case.owner
    ]
    names = {p.username: p.name for p in people}
    queues = [q for q in data.desk().work.queues() if q != case.queue]
    keys = tuple(f"{name}_{case.id}_{case.version}" for name in ("give", "queue", "message"))
    st.selectbox(
        _("Give it to"),
        list(names),
        index=None,
        format_func=lambda n: f"{names[n]} ({n})" if names[n] != n else n,
        placeholder=_("choose a person"),
        key=keys[0],
    )
    st.selectbox(
        _("In the queue"),
        queues,
        index=None,
        format_func=lambda q: page.label("queue", q),
        placeholder=page.label("queue", case.queue),
        key=keys[1],
    )
    st.text_area(_("A word to them"), key=keys[2], max_chars=2000, height=70)
    st.button(
        _("Give"),
        key=f"hand_{case.id}_{case.version}",
        on_click=_give,
        args=(_("The case was given away."), case.id, keys, case.version),
    )


def _give(done: str, case_id: int, keys: tuple[str, ...], version: int) -> None:
    to, queue, message = (st.session_state.get(k) for k in keys)

    def work(user: User) -> None:
        data.desk().work.hand_over(
            user, case_id, to=to, queue=queue, message=message or "", version=version
        )

    pages.act(done, work)


# ---------------------------------------------------------------------------- to a later moment


def _snooze(page: Page, detail: CaseDetail) -> None:
    _ = page.gettext
    case = detail.summary
    st.caption(_("It comes back by itself: then, or as soon as the author writes again."))
    here = page.now.astimezone(page.zone)
    said = (_("Until tomorrow"), _("Three days"), _("A week"))
    done = _("The case is put off.")
    for column, days, words in zip(st.columns(3), (1, 3, 7), said, strict=True):
        until = datetime.combine(here.date() + timedelta(days), _MORNING, page.zone)
        column.button(
            words,
            key=f"snooze_{days}_{case.id}_{case.version}",
            width="stretch",
            help=page.when(until),
            on_click=_put_off,
            args=(done, case.id, until, case.version),
        )
    day, hour, go = st.columns([2, 2, 1], vertical_alignment="bottom")
    date = day.date_input(
        _("Until the day"),
        value=here.date() + timedelta(1),
        min_value=here.date(),
        max_value=(here + LONGEST_SNOOZE).date(),
        format="DD/MM/YYYY",
        key=f"snooze_day_{case.id}",
    )
    at = hour.time_input(_("At"), value=_MORNING, key=f"snooze_hour_{case.id}")
    if date is not None and at is not None:
        go.button(
            _("Until then"),
            key=f"snooze_{case.id}_{case.version}",
            on_click=_put_off,
            args=(done, case.id, datetime.combine(date, at, page.zone), case.version),
        )


def _put_off(done: str, case_id: int, until: datetime, version: int) -> None:
    def work(user: User) -> None:
        data.desk().work.snooze(user, case_id, until, version=version)

    pages.act(done, work)


# ---------------------------------------------------------------------------- into one, into two


def _merge(page: Page, detail: CaseDetail) -> None:
    _ = page.gettext
    case = detail.summary
    st.caption(
        _(
            "All that is here goes to the other case, and this one is closed and leads there. It cannot "
            "be undone, but posts can be split off again."
        )
    )
    others = {
        c.id: f"{c.id} · {page.label('category', c.matter)} · {plain(c.text, 40)}"
        for c in data.desk().work.others_of_author(page.user, case.id)
    }
    key = f"merge_{case.id}_{case.version}"
    which, go = st.columns([2, 1], vertical_alignment="bottom")
    which.selectbox(
        _("The other case"),
        list(others),
        index=None,
        format_func=lambda c: others.get(c, str(c)),
        accept_new_options=True,
        placeholder=_("its number"),
        key=key,
    )
    go.button(
        _("Merge"),
        width="stretch",
        on_click=_become_one,
        args=(_("The cases are one now."), case.id, key, case.version),
    )


def _become_one(done: str, case_id: int, key: str, version: int) -> None:
    written = str(st.session_state.get(key) or "").strip()
    if not written.isdecimal():
        return

    def work(user: User) -> None:
        data.desk().work.merge(user, case_id, int(written[:15]), version=version)

    pages.act(done, work)


def _split(page: Page, detail: CaseDetail) -> None:
    _ = page.gettext
    case = detail.summary
    texts = {m.id: f"{page.when(m.published_at)} · {plain(m.text, 50)}" for m in detail.mentions}
    key = f"split_{case.id}_{case.version}"
    st.multiselect(
        _("Posts for a case of their own"),
        list(texts),
        format_func=lambda m: texts[m],
        placeholder=_("choose posts"),
        key=key,
    )
    st.button(
        _("Split"),
        key=f"split_go_{case.id}_{case.version}",
        on_click=_become_two,
        args=(_("The posts have a case of their own now."), case.id, key, case.version),
    )


def _become_two(done: str, case_id: int, key: str, version: int) -> None:
    chosen = [int(m) for m in st.session_state.get(key) or ()]

    def work(user: User) -> None:
        data.desk().work.split(user, case_id, chosen, version=version)

    pages.act(done, work)
