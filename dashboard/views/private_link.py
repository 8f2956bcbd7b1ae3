"""The private link of a case: made, shown once, and what came of it."""

from __future__ import annotations

import streamlit as st

from dashboard import data, pages
from dashboard.marking import isolated, safe
from dashboard.pages import Page, html
from listener.desk.cases import CaseView
from listener.domain import CaseStatus
from listener.errors import ListenerError
from listener.private_links import Asked, State
from listener.storage.people import User

_FRESH = "private_link"  # (case, address), in this browser's session only


def show(page: Page, view: CaseView) -> None:
    _ = page.gettext
    case = view.detail.summary
    offered = case.status != CaseStatus.CLOSED and case.customer_ref is None
    try:
        asked = data.desk().promise.private_link(page.user, case.id)
    except ListenerError as error:
        st.warning(pages.literal(page.told(error)))
        return
    if asked is None and not offered:
        return
    with st.container(border=True):
        st.subheader(_("Private link"))
        if asked is not None:
            html("".join(f"<p>{line}</p>" for line in _state(page, asked)))
        if not _fresh(page, case.id) and offered:
            length = page.span(data.settings().listener.private_link.lasts)
            said = _(
                "Ask the author for their phone in private. You send the link yourself; it is good "
                "once, for {time}.",
                time=length,
            )
            html(f'<p class="ls-meta">{safe(said)}</p>')
            st.button(
                _("Make a private link"),
                key=f"private_{case.id}_{case.version}",
                on_click=_make,
                args=(case.id, case.version),
                icon=":material/link:",
            )


def _state(page: Page, asked: Asked) -> list[str]:
    _ = page.gettext
    made = _("{who} made a link on {moment}.", who=asked.made_by, moment=page.when(asked.made_at))
    if asked.state is State.READY:
        made += " " + _("It is good until {moment}.", moment=page.when(asked.expires_at))
    elif asked.state is State.EXPIRED:
        made += " " + _("It ended on {moment}, unused.", moment=page.when(asked.expires_at))
    else:
        made += " " + _("It was used on {moment}.", moment=page.when(asked.used_at))
    lines = [safe(made)]
    if asked.phones:
        numbers = ", ".join(isolated(n) for n in asked.phones)
        lines.append(f"{safe(_('Phone that the author left'))}: <b>{numbers}</b>")
    return lines


def _fresh(page: Page, case_id: int) -> bool:
    """The address of a link that was made just now, if one was. It is stored nowhere, and gone with
    the page."""
    _ = page.gettext
    made, address = st.session_state.get(_FRESH, (None, ""))
    if made != case_id:
        st.session_state.pop(_FRESH, None)
        return False
    st.code(address, language=None, wrap_lines=True)
    st.caption(_("Send it as a direct message, to the author alone. It is shown only now."))
    if not address.startswith("https://"):
        st.warning(
            _(
                "This address is not a public one with https: set [service] public_url before you "
                "send a link."
            )
        )
    st.button(_("I have sent it"), key=f"sent_{case_id}", on_click=_forget)
    return True


def _make(case_id: int, version: int) -> None:
    def work(user: User) -> None:
        st.session_state[_FRESH] = (case_id, data.private_link(user, case_id, version))

    pages.act("", work)


def _forget() -> None:
    st.session_state.pop(_FRESH, None)
