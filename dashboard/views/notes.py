"""What colleagues tell each other on a case: notes and tags."""

from __future__ import annotations

import streamlit as st

from dashboard import data, pages
from dashboard.marking import isolated, plain, safe
from dashboard.pages import Page, html
from listener.storage.case_detail import CaseDetail
from listener.storage.case_tags import LONGEST
from listener.storage.people import User

_SHOWN = 3


def show(page: Page, detail: CaseDetail) -> None:
    _ = page.gettext
    with st.container(border=True):
        st.subheader(_("Notes and tags"))
        _tags(page, detail)
        _notes(page, detail)


def _tags(page: Page, detail: CaseDetail) -> None:
    _ = page.gettext
    case = detail.summary
    # The version is in the keys, so that a control shows what is stored, not what was clicked.
    key = f"tags_{case.id}_{case.version}"
    known = [t for t in data.desk().work.tags(page.user) if t not in detail.tags]
    st.multiselect(
        _("Tags"),
        [*detail.tags, *known],
        default=list(detail.tags),
        format_func=lambda tag: plain(tag, LONGEST),
        accept_new_options=True,
        placeholder=_("write a word, or choose one"),
        key=key,
        on_change=_retag,
        args=(_("The tags are stored."), case.id, detail.tags, key, case.version),
    )


def _retag(done: str, case_id: int, before: tuple[str, ...], key: str, version: int) -> None:
    now = [str(t) for t in st.session_state.get(key) or ()]
    gained = [t for t in now if t not in before]
    lost = [t for t in before if t not in now]
    if not gained and not lost:
        return

    def work(user: User) -> None:
        data.desk().work.retag(user, case_id, add=gained, remove=lost, version=version)

    pages.act(done, work)


def _notes(page: Page, detail: CaseDetail) -> None:
    _ = page.gettext
    case = detail.summary
    notes = [e for e in detail.timeline if e.kind == "note"]
    for note in reversed(notes[-_SHOWN:]):
        html(
            f'<p class="ls-meta">{isolated(note.actor)} · {safe(page.when(note.at))}</p>'
            f'<div class="ls-text">{isolated(plain(note.data.get("text", ""), 600))}</div>'
        )
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
