"""How a case stands, at its head: answered, put off, merged; and who else has it before them, which
the page asks for by itself while it is open."""

from __future__ import annotations

import streamlit as st

from dashboard import data, pages
from dashboard.marking import isolated, safe
from dashboard.pages import Page, html
from dashboard.views import timeline
from listener.desk.rights import may_work
from listener.domain import CaseStatus
from listener.errors import ListenerError
from listener.storage.case_detail import CaseDetail
from listener.storage.people import User

ASK_EVERY = 15  # seconds; a viewer is forgotten after a minute without a word


def show(page: Page, detail: CaseDetail) -> None:
    _ = page.gettext
    case = detail.summary
    looking(page, case.id, case.version)
    if case.merged_into is not None:
        st.info(pages.literal(_("This case became part of case {id}.", id=case.merged_into)))
        pages.case_link(page, case.merged_into)
    lines = [
        line
        for line in (_answered(page, detail), _snoozed(page, detail), _merged(page, detail))
        if line
    ]
    if lines:
        html("".join(f'<p class="ls-state">{line}</p>' for line in lines))
    if case.snoozed_until and case.snoozed_until > page.now and may_work(page.user):
        st.button(
            _("Back to the inbox now"),
            key=f"wake_{case.id}_{case.version}",
            on_click=_wake,
            args=(_("The case is in the inbox again."), case.id, case.version),
            icon=":material/notifications_active:",
        )


def _answered(page: Page, detail: CaseDetail) -> str:
    _ = page.gettext
    case, given = detail.summary, detail.answer
    if given is None:
        closed = case.status == CaseStatus.CLOSED
        return "" if closed else f"<b>{safe(_('Waits for an answer.'))}</b>"
    moment = page.when(given.at)
    if given.in_thread:
        words = safe(_("Answered by the brand's own account on {moment}.", moment=moment))
    else:
        who = isolated(given.by)
        words = f"{safe(_('Answered by'))} {who} · {safe(moment)}"
    words += timeline.link(page, given.url)
    if case.awaits_answer:
        words += f" · <b>{safe(_('The author wrote again: waits for an answer.'))}</b>"
    return words


def _snoozed(page: Page, detail: CaseDetail) -> str:
    until = detail.summary.snoozed_until
    if until is None or until <= page.now:
        return ""
    said = page.gettext(
        "Put off until {moment}, or until the author writes again.", moment=page.when(until)
    )
    return safe(said)


def _merged(page: Page, detail: CaseDetail) -> str:
    if not detail.merged_here:
        return ""
    ids = ", ".join(map(str, detail.merged_here))
    return safe(page.gettext("Holds what was on: {cases}", cases=ids))


@st.fragment(run_every=ASK_EVERY)
def looking(page: Page, case_id: int, version: int) -> None:
    """Runs by itself every few seconds; the rest of the page stays as it is until its reader asks."""
    _ = page.gettext
    user = data.current_user(acts=False)
    if user is None:
        html(f'<p class="ls-looking">{safe(_("Your session has ended."))}</p>')
        return
    try:
        look = data.desk().work.look(user, case_id)
    except ListenerError as error:
        html(f'<p class="ls-looking">{safe(page.told(error))}</p>')
        return
    names = ", ".join(isolated(v.name) for v in look.others)
    said = f"{safe(_('Also looking at this case now:'))} <b>{names}</b>" if names else ""
    if said:
        html(f'<p class="ls-looking" role="status">{said}</p>')
    if look.version != version:
        told, again = st.columns([4, 1], vertical_alignment="center")
        told.warning(_("This case has changed since you opened it."))
        if again.button(_("Show what is new"), key=f"renew_{case_id}_{look.version}"):
            st.rerun()


def _wake(done: str, case_id: int, version: int) -> None:
    def work(user: User) -> None:
        data.desk().work.wake(user, case_id, version=version)

    pages.act(done, work)
