"""What can be done with a case: take it, say how it stands, close it. Each control carries the version
of the case that it was drawn with, so that a decision about an old state is refused."""

from __future__ import annotations

import streamlit as st

from dashboard import data, pages
from dashboard.pages import Page
from dashboard.views import moves
from listener.domain import CaseStatus, Resolution
from listener.storage.case_detail import CaseDetail
from listener.storage.people import User


def show(page: Page, detail: CaseDetail) -> None:
    _ = page.gettext
    with st.container(border=True):
        st.subheader(_("What to do"))
        _owner(page, detail)
        _status(page, detail)
        moves.show(page, detail)
        _close(page, detail)


def _owner(page: Page, detail: CaseDetail) -> None:
    _ = page.gettext
    case = detail.summary
    mine = case.owner == page.user.username
    begun = mine and case.status != CaseStatus.NEW
    take, give_back = st.columns(2)
    # A case that the routing gave me is still new: taking it says that I have seen it.
    words = _("Take it over") if case.owner else _("Take it")
    take.button(
        _("Start on it") if mine else words,
        type="secondary" if begun or case.owner else "primary",
        disabled=begun,
        width="stretch",
        shortcut="t",
        on_click=_claim,
        args=(_("The case is yours."), case.id, case.owner, case.version),
    )
    give_back.button(
        _("Give back"),
        disabled=case.owner is None,
        width="stretch",
        on_click=_give_back,
        args=(_("The case is nobody's now."), case.id, case.version),
    )


def _claim(done: str, case_id: int, owner: str | None, version: int) -> None:
    def work(user: User) -> None:
        data.desk().work.claim(user, case_id, version=version, instead_of=owner)

    pages.act(done, work)


def _give_back(done: str, case_id: int, version: int) -> None:
    def work(user: User) -> None:
        data.desk().cases.assign(user, case_id, None, version=version)

    pages.act(done, work)


def _status(page: Page, detail: CaseDetail) -> None:
    _ = page.gettext
    case = detail.summary
    words = {
        CaseStatus.OPEN: _("Open again") if case.status == CaseStatus.CLOSED else _("Set to open"),
        CaseStatus.PENDING: _("Set to waiting"),
    }
    offered = [s for s in words if s.value != case.status]
    # A new case is opened by taking it.
    if case.status == CaseStatus.NEW:
        offered = [CaseStatus.PENDING]
    for column, status in zip(st.columns(len(offered)), offered, strict=True):
        column.button(
            words[status],
            width="stretch",
            on_click=_set_status,
            args=(_("The status is changed."), case.id, status, case.version),
        )


def _set_status(done: str, case_id: int, status: CaseStatus, version: int) -> None:
    def work(user: User) -> None:
        data.desk().cases.set_status(user, case_id, status, version=version)

    pages.act(done, work)


def _close(page: Page, detail: CaseDetail) -> None:
    _ = page.gettext
    case = detail.summary
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
    why = f"resolution_why_{case.id}"
    if st.session_state.get(key):
        st.text_input(_("In your words (others will read it)"), key=why, max_chars=2000)
    go.button(
        _("Close"),
        width="stretch",
        on_click=_end,
        args=(_("The case is closed."), case.id, key, why, case.version),
    )
    if st.session_state.pop(f"missing_{case.id}", False):
        st.warning(_("Say how the case ended, then close it."))


def _end(done: str, case_id: int, key: str, why: str, version: int) -> None:
    chosen = st.session_state.get(key)
    if not chosen:
        st.session_state[f"missing_{case_id}"] = True
        return
    reason = str(st.session_state.get(why) or "")

    def work(user: User) -> None:
        data.desk().cases.set_status(
            user, case_id, CaseStatus.CLOSED, Resolution(chosen), reason=reason, version=version
        )

    pages.act(done, work)
