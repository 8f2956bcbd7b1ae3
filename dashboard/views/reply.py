"""A draft of the reply, to be copied and changed; it is published by hand, where the post stands."""

from __future__ import annotations

import streamlit as st

from dashboard import data
from dashboard.marking import plain
from dashboard.pages import Page
from listener.storage.case_detail import CaseDetail


def show(page: Page, detail: CaseDetail) -> None:
    _ = page.gettext
    about, draft = data.desk().promise.draft(page.user, detail.summary.id)
    if draft is None:
        return
    with st.expander(_("Draft of a reply: {about}", about=page.label("situation", about.value))):
        st.caption(
            _("Copy it, change it, publish it where the post stands. Nothing is sent by itself.")
        )
        st.code(plain(draft, 2000), language=None, wrap_lines=True)
