"""What people corrected: who, when, from what to what; taken back with one click."""

from __future__ import annotations

import streamlit as st

from dashboard import data, pages
from dashboard.marking import excerpt, isolated, safe
from dashboard.pages import Page, html
from listener.desk.rights import may_work
from listener.storage.corrections import StoredCorrection
from listener.storage.people import User

_SIZE = 20


def show(page: Page) -> None:
    _ = page.gettext
    position = st.session_state.get("corrections_offset", 0)
    found, total = data.desk().quality.corrections(page.user, limit=_SIZE, offset=position)
    if position and not found:
        st.session_state["corrections_offset"] = 0
        st.rerun()
    if not total:
        pages.empty(
            _("Nobody has corrected the reader yet."),
            _(
                "A label is corrected on its case, a doubt is settled in the review queue; each answer wins over the reader for ever."
            ),
        )
        return
    told = _("Answers: {count}, the newest first. Each wins over the reader for ever.", count=total)
    html(f'<p class="ls-meta">{safe(told)}</p>')
    for correction in found:
        _correction(page, correction)
    pages.paging(page, "corrections_offset", position, _SIZE, total)


def _correction(page: Page, found: StoredCorrection) -> None:
    _ = page.gettext
    question = page.label("question", found.question)
    to = page.label("answer", found.value)
    if not found.known:
        said = _("{question}: {after}", question=question, after=to)
    elif found.before == found.value:
        said = _("{question}: {after}, as the reader leant", question=question, after=to)
    else:
        said = _(
            "{question}: {before} → {after}",
            question=question,
            before=page.label("answer", found.before),
            after=to,
        )
    badges = page.badge(page.brand(found.brand)) + page.badge(page.language_name(found.lang))
    badges += page.badge(_("was in doubt"), "ls-wait") if found.asked else ""
    badges += page.badge(_("taken back")) if found.undone_at else ""
    who = _("{who}, {moment}", who=found.by, moment=page.when(found.at))
    if found.undone_at:
        who += ". " + _("Taken back by {who}, {moment}", who=found.undone_by, moment=page.when(found.undone_at))  # fmt: skip
    with st.container(border=True):
        text, button = st.columns([6, 1], vertical_alignment="center")
        with text:
            html(
                f'<div class="ls-row"><div class="ls-badges">{badges}{page.invented(found.invented)}</div>'
                f'<p class="ls-why"><b>{safe(said)}</b></p>'
                f'<p class="ls-text">{excerpt(found.text, (), {})}</p>'
                f'<p class="ls-meta">{isolated(who)}</p></div>'
            )
        if may_work(page.user) and not found.undone_at:
            button.button(
                _("Undo"),
                key=f"undo_{found.id}",
                on_click=_undo,
                args=(_("Taken back. The reader reads the post again."), found.id),
            )


def _undo(done: str, correction_id: int) -> None:
    def work(user: User) -> None:
        data.desk().quality.undo(user, correction_id)

    pages.act(done, work)
