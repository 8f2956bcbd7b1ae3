"""The answer: a draft, to be copied and changed; it is published by hand, where the post stands, and
then marked here."""

from __future__ import annotations

import streamlit as st

from dashboard import data, pages
from dashboard.marking import plain
from dashboard.pages import Page
from listener.domain import CaseStatus
from listener.storage.case_detail import CaseDetail
from listener.storage.people import User


def show(page: Page, detail: CaseDetail) -> None:
    _ = page.gettext
    case = detail.summary
    with st.container(border=True):
        st.subheader(_("Answer"))
        if case.status != CaseStatus.CLOSED and case.awaits_answer:
            _draft(page, detail)
            _mark(page, detail)
        else:
            with st.expander(_("Draft of a reply")):
                _draft(page, detail)
        given = detail.answer
        if given is not None and not case.awaits_answer and not given.in_thread:
            st.button(
                _("It is not answered after all"),
                key=f"unanswer_{case.id}_{case.version}",
                disabled=case.status == CaseStatus.CLOSED,
                on_click=_withdraw,
                args=(_("The mark is taken back."), case.id, case.version),
            )


def _draft(page: Page, detail: CaseDetail) -> None:
    _ = page.gettext
    about, draft = data.desk().promise.draft(page.user, detail.summary.id)
    if draft is not None:
        st.caption(
            _("Draft of a reply: {about}", about=page.label("situation", about.value))
            + ". "
            + _("Copy it, change it, publish it where the post stands. Nothing is sent by itself.")
        )
        st.code(plain(draft, 2000), language=None, wrap_lines=True)


def _mark(page: Page, detail: CaseDetail) -> None:
    _ = page.gettext
    case = detail.summary
    key = f"answer_link_{case.id}"
    where, go = st.columns(2, vertical_alignment="bottom")
    where.text_input(
        _("Link to your reply (optional)"), key=key, max_chars=2000, placeholder="https://"
    )
    go.button(
        _("Mark as answered"),
        key=f"answered_{case.id}_{case.version}",
        type="primary",
        width="stretch",
        shortcut="m",
        on_click=_answered,
        args=(_("The case is marked as answered."), case.id, key, case.version),
    )


def _answered(done: str, case_id: int, key: str, version: int) -> None:
    url = str(st.session_state.get(key) or "")

    def work(user: User) -> None:
        data.desk().work.mark_answered(user, case_id, url=url, version=version)

    pages.act(done, work)


def _withdraw(done: str, case_id: int, version: int) -> None:
    def work(user: User) -> None:
        data.desk().work.withdraw_answer(user, case_id, version=version)

    pages.act(done, work)
