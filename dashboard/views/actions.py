"""What can be done with a case: owner, status, notes. Each control carries the version of the case
that it was drawn with, so that a decision about an old state is refused."""

from __future__ import annotations

import streamlit as st

from dashboard import data, pages
from dashboard.pages import Page
from listener.domain import CaseStatus, Resolution
from listener.storage.case_detail import CaseDetail
from listener.storage.people import User


def show(page: Page, detail: CaseDetail) -> None:
    _ = page.gettext
    with st.container(border=True):
        st.subheader(_("What to do"))
        _owner(page, detail)
        _status(page, detail)
        _note(page, detail)


def _owner(page: Page, detail: CaseDetail) -> None:
    _ = page.gettext
    case = detail.summary
    mine = case.owner == page.user.username
    begun = mine and case.status != CaseStatus.NEW
    take, give_back = st.columns(2)
    # A case that the routing gave me is still new: taking it says that I have seen it.
    take.button(
        _("Start on it") if mine else _("Take it"),
        type="secondary" if begun else "primary",
        disabled=begun,
        width="stretch",
        on_click=_assign,
        args=(_("The case is yours."), case.id, page.user.username, case.version),
    )
    give_back.button(
        _("Give back"),
        disabled=case.owner is None,
        width="stretch",
        on_click=_assign,
        args=(_("The case is nobody's now."), case.id, None, case.version),
    )
    people = [
        p for p in data.desk().cases.assignable(page.user, case.brand) if p.username != case.owner
    ]
    names = {p.username: p.name for p in people}
    if not names:
        return
    key = f"give_{case.id}_{case.version}"
    who, go = st.columns([2, 1], vertical_alignment="bottom")
    who.selectbox(
        _("Give it to"),
        list(names),
        index=None,
        format_func=lambda n: f"{names[n]} ({n})" if names[n] != n else n,
        placeholder=_("choose a person"),
        key=key,
    )
    go.button(
        _("Give"),
        width="stretch",
        on_click=_give,
        args=(_("The case was given away."), case.id, key, case.version),
    )


def _give(done: str, case_id: int, key: str, version: int) -> None:
    owner = st.session_state.get(key)
    if owner:
        _assign(done, case_id, owner, version)


def _assign(done: str, case_id: int, owner: str | None, version: int) -> None:
    def work(user: User) -> None:
        data.desk().cases.assign(user, case_id, owner, version=version)

    pages.act(done, work)


def _status(page: Page, detail: CaseDetail) -> None:
    _ = page.gettext
    case = detail.summary
    offered = [s for s in (CaseStatus.OPEN, CaseStatus.PENDING) if s.value != case.status]
    columns = st.columns(len(offered))
    words = {
        CaseStatus.OPEN: _("Open again") if case.status == CaseStatus.CLOSED else _("Set to open"),
        CaseStatus.PENDING: _("Set to waiting"),
    }
    for column, status in zip(columns, offered, strict=True):
        column.button(
            words[status],
            width="stretch",
            on_click=_set_status,
            args=(_("The status is changed."), case.id, status, "", case.version),
        )
    if case.status == CaseStatus.CLOSED:
        return
    key = f"resolution_{case.id}_{case.version}"
    how, go = st.columns([2, 1], vertical_alignment="bottom")
    how.selectbox(
        _("How it ended"),
        [r.value for r in Resolution if r is not Resolution.MERGED],
        index=None,
        format_func=lambda r: page.label("resolution", r),
        placeholder=_("choose how"),
        key=key,
    )
    go.button(
        _("Close"),
        width="stretch",
        on_click=_set_status,
        args=(_("The case is closed."), case.id, CaseStatus.CLOSED, key, case.version),
    )
    if st.session_state.pop(f"missing_{case.id}", False):
        st.warning(_("Say how the case ended, then close it."))


def _set_status(done: str, case_id: int, status: CaseStatus, key: str, version: int) -> None:
    chosen = st.session_state.get(key) if key else None
    if status is CaseStatus.CLOSED and not chosen:
        st.session_state[f"missing_{case_id}"] = True
        return
    resolution = Resolution(chosen) if chosen else None

    def work(user: User) -> None:
        data.desk().cases.set_status(user, case_id, status, resolution, version=version)

    pages.act(done, work)


def _note(page: Page, detail: CaseDetail) -> None:
    _ = page.gettext
    case = detail.summary
    with st.form(f"note_{case.id}", clear_on_submit=True, border=False):
        key = f"note_text_{case.id}"
        st.text_area(_("Note for colleagues"), key=key, max_chars=10_000, height=90)
        st.form_submit_button(
            _("Add the note"), on_click=_add_note, args=(_("The note is stored."), case.id, key)
        )


def _add_note(done: str, case_id: int, key: str) -> None:
    text = str(st.session_state.get(key) or "")
    if not text.strip():
        return

    def work(user: User) -> None:
        data.desk().cases.note(user, case_id, text)

    pages.act(done, work)
