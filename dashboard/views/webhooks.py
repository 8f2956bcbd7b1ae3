"""Webhooks: which address is told of what, what became of it, and the ends of both."""

from __future__ import annotations

import streamlit as st

from dashboard import data, pages
from dashboard.marking import isolated, safe, table
from dashboard.pages import Page, html
from listener.domain import HookEvent
from listener.storage.people import User
from listener.storage.webhooks import Delivery, Webhook

_MADE = "made_webhook"
_OFFERED = tuple(e.value for e in HookEvent if e is not HookEvent.TEST)
_STATES = {"sent": "ls-good", "failed": "ls-bad"}


def show(page: Page) -> None:
    _ = page.gettext
    st.header(_("Webhooks"))
    st.caption(
        _(
            "Another system is told at its own address as soon as something happens, signed as Standard Webhooks says."
        )
    )
    with st.container():
        secret = st.session_state.pop(_MADE, None)
        if secret is not None:
            st.success(_("The secret of its signatures is shown this once: copy it now."))
            st.code(secret, language=None, wrap_lines=True)
    with st.expander(_("New webhook"), icon=":material/webhook:", key="webhook_new"):
        _form(page)
    for webhook in data.desk().access.webhooks(page.user):
        _one(page, webhook)


def _form(page: Page) -> None:
    _ = page.gettext
    with st.form("webhook", border=False):
        st.text_input(
            _("Address"), key="webhook_url", max_chars=2000, placeholder="https://hooks.example/…"
        )
        st.multiselect(
            _("It is told when"),
            _OFFERED,
            default=_OFFERED,
            format_func=lambda event: page.label("hook", event),
            key="webhook_events",
        )
        st.form_submit_button(_("Add the webhook"), type="primary", on_click=_add)


def _add() -> None:
    state = st.session_state

    def work(user: User) -> None:
        events = [HookEvent(e) for e in state["webhook_events"]]
        state[_MADE] = data.desk().access.add_webhook(user, state["webhook_url"].strip(), events)[1]
        state["webhook_url"] = ""  # what was refused stays, to be mended

    pages.act("", work)


def _one(page: Page, webhook: Webhook) -> None:
    _ = page.gettext
    with st.container(border=True, key=f"webhook_{webhook.id}"):
        words, test, gone = st.columns([4, 1.2, 1.2], vertical_alignment="center")
        events = ", ".join(page.label("hook", event) for event in webhook.events)
        made = _("{who}, {moment}", who=webhook.username, moment=page.when(webhook.made_at))
        words.html(
            f"<p><b>{isolated(webhook.url)}</b><br>"
            f'<span class="ls-meta">{safe(events)} · {isolated(made)}</span></p>'
        )
        test.button(
            _("Send a test"),
            key=f"webhook_test_{webhook.id}",
            width="stretch",
            on_click=pages.act,
            args=(
                _("The test is sent within a minute."),
                lambda user, webhook_id=webhook.id: data.desk().access.test_webhook(
                    user, webhook_id
                ),
            ),
        )
        gone.button(
            _("Remove"),
            key=f"webhook_gone_{webhook.id}",
            width="stretch",
            help=_("It is told nothing more, not even what waits."),
            on_click=pages.act,
            args=(
                _("The webhook is removed."),
                lambda user, webhook_id=webhook.id: data.desk().access.remove_webhook(
                    user, webhook_id
                ),
            ),
        )
        _found, sent = data.desk().access.webhook(page.user, webhook.id)
        if sent:
            with st.expander(_("What it was told"), key=f"webhook_told_{webhook.id}"):
                _deliveries(page, sent)


def _deliveries(page: Page, sent: list[Delivery]) -> None:
    _ = page.gettext
    rows = [
        (
            safe(page.label("hook", d.event)),
            page.badge(page.label("delivery", d.status), _STATES.get(d.status, "ls-wait")),
            safe(page.when(d.sent_at or (d.next_attempt_at if d.status == "pending" else None))),
            safe(d.attempts),
            isolated(page.retold(d.last_error)[:300] or "-"),
        )
        for d in sent
    ]
    html(table((_("What"), _("State"), _("When"), _("Attempts"), _("Last error")), rows))
