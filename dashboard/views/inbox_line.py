"""One case as a line of the inbox."""

from __future__ import annotations

import streamlit as st

from dashboard import data, pages
from dashboard.marking import excerpt, isolated, marks_of, safe
from dashboard.pages import Page
from listener.desk.cases import InboxLine
from listener.desk.rights import may_work
from listener.domain import CaseStatus
from listener.i18n import number
from listener.storage.case_summary import CaseSummary
from listener.storage.people import User

PICK = "inbox_pick_"
"""Where the session keeps whether a case is chosen: this and its id."""


def show(page: Page, line: InboxLine) -> None:
    """Keys name the case, so that dashboard/static/keys.js finds what a key of the keyboard does."""
    _ = page.gettext
    case = line.case
    with st.container(border=True, key=f"line_{case.id}"):
        if not may_work(page.user):
            text, link = st.columns([6, 1], vertical_alignment="center")
        else:
            pick, text, link = st.columns([0.35, 6, 1.25], vertical_alignment="center")
            pick.checkbox(
                _("Choose case {id}", id=case.id),
                key=f"{PICK}{case.id}",
                label_visibility="collapsed",
            )
        text.html(_html(page, line))
        with link:
            pages.case_link(page, case.id)
            if may_work(page.user):
                _take(page, case)


def _take(page: Page, case: CaseSummary) -> None:
    _ = page.gettext
    mine = case.owner == page.user.username
    taken = case.owner is not None and not mine
    begun = mine and case.status != CaseStatus.NEW
    st.button(
        _("Start on it") if mine else _("Take it"),
        key=f"claim_{case.id}",
        disabled=begun or taken or case.status == CaseStatus.CLOSED,
        width="stretch",
        on_click=_claim,
        args=(_("The case is yours."), case.id, case.version),
    )


def _claim(done: str, case_id: int, version: int) -> None:
    def work(user: User) -> None:
        data.desk().work.claim(user, case_id, version=version)

    pages.act(done, work)


def _html(page: Page, line: InboxLine) -> str:
    _ = page.gettext
    case, reading = line.case, line.reading
    marks = marks_of(reading.facts, ()) if reading else []
    badges = [
        page.level(case.level),
        page.badge(page.label("category", case.matter)),
        page.badge(page.label("status", case.status)),
        page.invented(case.invented),
        *_standing(page, case),
        *(page.badge(f"#{tag}", "ls-tag") for tag in line.tags),
    ]
    reasons = " · ".join(safe(page.explain(r)) for r in case.priority_reasons)
    return (
        '<div class="ls-row">'
        f'<div class="ls-badges">{"".join(badges)}</div>'
        f'<p class="ls-text">{excerpt(case.text, marks, page.marks())}</p>'
        f'<p class="ls-why">{reasons}</p>'
        f'<p class="ls-meta">{" · ".join(_said(page, case))}<br>{" · ".join(_work(page, case))}</p>'
        "</div>"
    )


def _standing(page: Page, case: CaseSummary) -> list[str]:
    """What hides a case, or makes it need nobody, is said."""
    _ = page.gettext
    said = []
    if not case.awaits_answer and case.answered_at is not None:
        said.append(page.badge(_("answered"), "ls-good"))
    if case.snoozed_until is not None and case.snoozed_until > page.now:
        moment = page.when(case.snoozed_until)
        said.append(page.badge(_("put off until {moment}", moment=moment), "ls-wait"))
    return said


def _said(page: Page, case: CaseSummary) -> list[str]:
    _ = page.gettext
    said = [
        f"<b>{safe(page.brand(case.brand))}</b>",
        safe(page.language_name(case.lang)),
        isolated(case.site or page.label("source", case.source)),
        isolated(case.author) if case.author else safe(_("an unknown author")),
    ]
    if case.reach:
        said.append(safe(_("reach {count}", count=number(case.reach, page.language))))
    if case.mentions > 1:
        said.append(safe(_("{count} posts", count=case.mentions)))
    return said


def _work(page: Page, case: CaseSummary) -> list[str]:
    _ = page.gettext
    closed = case.status == CaseStatus.CLOSED
    waited, allowed = page.now - case.opened_at, case.due_at - case.opened_at
    waiting = _("waiting for {time}", time=page.span(waited))
    if case.awaits_answer and not closed:
        waiting = _(
            "waiting for {time} of {allowed}", time=page.span(waited), allowed=page.span(allowed)
        )
    return [
        page.due(case.due_at, closed=closed),
        *([] if closed or not case.awaits_answer else [safe(waiting)]),
        f"{safe(_('Owner'))}: {isolated(page.owner(case.owner))}",
        f"{safe(_('Queue'))}: {safe(page.label('queue', case.queue))}",
    ]
