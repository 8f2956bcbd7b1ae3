"""What the reader is not sure of: one click says what it is, and teaches the reader."""

from __future__ import annotations

import streamlit as st

from dashboard import data, pages
from dashboard.marking import excerpt, marks_of, safe
from dashboard.pages import Page
from listener import i18n
from listener.desk.rights import may_work
from listener.storage.people import User
from listener.storage.review import Doubt

_SIZE = 20


def show(page: Page) -> None:
    _ = page.gettext
    st.title(_("Review"))
    position = st.session_state.get("review_offset", 0)
    doubts, total = data.desk().review.waiting(page.user, limit=_SIZE, offset=position)
    if position and not doubts:
        st.session_state["review_offset"] = 0
        st.rerun()
    if not total:
        st.html(
            f'<div class="ls-empty"><p>{safe(_("The reader is in doubt about nothing."))}</p></div>'
        )
        return
    told = _(
        "Posts in doubt: {count}. Each answer settles one, and teaches the reader.", count=total
    )
    st.html(f'<p class="ls-meta">{safe(told)}</p>')
    for doubt in doubts:
        _doubt(page, doubt)
    pages.paging(page, "review_offset", position, _SIZE, total)


def _doubt(page: Page, doubt: Doubt) -> None:
    _ = page.gettext
    marks = marks_of(doubt.reading.facts, doubt.reading.evidence)
    chances = " · ".join(
        f"{safe(page.label('question', q))}: "
        f"{safe(i18n.percent(doubt.reading.scores.get(q, 0.0), page.language))}"
        for q in ("harassment", "complaint")
    )
    with st.container(border=True):
        st.html(
            f'<div class="ls-row"><div class="ls-badges">{page.invented(doubt.invented)}</div>'
            f'<p class="ls-text">{excerpt(doubt.text, marks, page.marks())}</p>'
            f'<p class="ls-why">{chances}</p><p class="ls-meta">{pages.byline(page, doubt)}</p></div>'
        )
        if not may_work(page.user):
            return
        answers = (
            (_("Harassment"), True, True),
            (_("Another complaint"), True, False),
            (_("No complaint"), False, False),
        )
        columns = st.columns([2, 2, 2, 4])
        for column, (words, complaint, harassment) in zip(columns, answers, strict=False):
            column.button(
                words,
                key=f"review_{doubt.mention_id}_{complaint}_{harassment}",
                on_click=_decide,
                args=(_("Thank you: stored."), doubt.mention_id, complaint, harassment),
                width="stretch",
            )


def _decide(done: str, mention_id: int, complaint: bool, harassment: bool) -> None:
    def work(user: User) -> None:
        data.desk().review.decide(user, mention_id, complaint=complaint, harassment=harassment)

    pages.act(done, work)
