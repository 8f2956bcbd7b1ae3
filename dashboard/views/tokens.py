"""Tokens of the API: administrators make them for people of the house, see them and end them."""

from __future__ import annotations

from datetime import timedelta

import streamlit as st

from dashboard import data, pages
from dashboard.marking import safe
from dashboard.pages import Page
from listener import api_tokens
from listener.domain import TokenScope
from listener.storage.api_tokens import StoredToken
from listener.storage.people import User

_MADE = "made_token"


def show(page: Page) -> None:
    _ = page.gettext
    st.header(_("Tokens of the API"))
    st.caption(
        _(
            "Another system asks the API with a token. It acts as its user, never beyond that user's role and brands, and ends by itself."
        )
    )
    made = st.session_state.pop(_MADE, None)
    if made is not None:
        st.success(_("The new token is shown this once: copy it now."))
        st.code(made, language=None, wrap_lines=True)
    with st.expander(_("New token"), icon=":material/key:"):
        _form(page)
    for token in data.desk().access.tokens(page.user):
        _line(page, token)


def _form(page: Page) -> None:
    _ = page.gettext
    owners = {u.username: u.name for u in data.desk().access.owners(page.user)}
    with st.form("token", clear_on_submit=True, border=False):
        st.text_input(_("What it is for"), key="token_name", max_chars=100)
        st.selectbox(
            _("Acts as"),
            list(owners),
            format_func=lambda username: f"{owners[username]} ({username})",
            key="token_owner",
        )
        st.multiselect(
            _("May be used for"),
            [s.value for s in TokenScope],
            default=[TokenScope.READ.value],
            format_func=lambda scope: page.label("scope", scope),
            key="token_scopes",
        )
        st.number_input(
            _("Ends after so many days"),
            min_value=1,
            max_value=api_tokens.LONGEST.days,
            value=api_tokens.LASTS.days,
            key="token_days",
        )
        st.form_submit_button(_("Make the token"), type="primary", on_click=_make)


def _make() -> None:
    state = st.session_state

    def work(user: User) -> None:
        state[_MADE] = data.desk().access.add_token(
            user,
            state["token_owner"],
            name=state["token_name"],
            scopes=state["token_scopes"],
            lasts=timedelta(days=state["token_days"]),
        )

    pages.act("", work)


def _line(page: Page, token: StoredToken) -> None:
    _ = page.gettext
    if token.revoked_at is not None:
        state = page.badge(_("revoked"))
    elif not api_tokens.is_good(token, page.now):
        state = page.badge(_("ended"))
    else:
        state = safe(_("until {time}", time=page.when(token.expires_at)))
    used = (
        _("last used: {time}", time=page.when(token.used_at)) if token.used_at else _("never used")
    )
    scopes = ", ".join(page.label("scope", scope) for scope in token.scopes)
    words, button = st.columns([3, 1], vertical_alignment="center")
    words.html(
        f"<p><b>{safe(token.name)}</b> · {safe(token.username)} · {state}<br>"
        f'<span class="ls-meta">{safe(scopes)} · {safe(used)}</span></p>'
    )
    if api_tokens.is_good(token, page.now):
        button.button(
            _("Revoke"),
            key=f"revoke_{token.id}",
            width="stretch",
            help=_("Ends the token {name} at once", name=token.name),
            on_click=pages.act,
            args=(
                _("The token is revoked."),
                lambda user, token_id=token.id: data.desk().access.revoke_token(user, token_id),
            ),
        )
