"""What needs attention, why, and whom it reached."""

from __future__ import annotations

import streamlit as st

from dashboard import data, pages
from dashboard.marking import isolated, safe, table
from dashboard.pages import Page, html, query_number
from listener.desk.rights import may_work
from listener.desk.watch import AlertView
from listener.domain import NotificationStatus
from listener.notifiers.render import headline
from listener.storage.people import User

_AGAIN = (NotificationStatus.FAILED, NotificationStatus.IN_DOUBT)
_STATES = {"sent": "ls-good", "failed": "ls-bad", "in_doubt": "ls-wait"}
_SIZE = 25


def show(page: Page) -> None:
    _ = page.gettext
    st.title(_("Alerts"))
    found = data.desk().watch.alerts(page.user)
    asked = query_number("id")
    if asked is not None:
        found = [v for v in found if v.alert.id == asked]
        st.page_link(page.pages["alerts"], label=_("All alerts"), icon=":material/arrow_back:")
    if not found:
        html(f'<div class="ls-empty"><p>{safe(_("Nothing needs attention."))}</p></div>')
        return
    if not data.settings().listener.email.enabled:
        st.info(_("E-mail is switched off: alerts wait in the outbox until it is on."))
    shown = found[:_SIZE]
    if len(found) > _SIZE and st.toggle(_("Show all alerts ({count})", count=len(found))):
        shown = found
    for view in shown:
        _alert(page, view)


def _alert(page: Page, view: AlertView) -> None:
    _ = page.gettext
    alert = view.alert
    ended = page.badge(_("over")) if alert.ended_at else ""
    badges = (
        page.badge(page.label("alert_kind", alert.kind)) + ended + page.invented(alert.invented)
    )
    reasons = " · ".join(isolated(page.explain(r)) for r in alert.reasons)
    with st.container(border=True):
        html(
            f'<div class="ls-badges">{badges}</div>'
            f'<p class="ls-text"><b>{isolated(headline(alert.kind, alert.subject, page.language))}</b></p>'
            f'<p class="ls-why">{reasons}</p>'
            f'<p class="ls-meta">{safe(_("Raised on {moment}.", moment=page.when(alert.raised_at)))}</p>'
        )
        if alert.case_id is not None:
            pages.case_link(page, alert.case_id)
        if number := alert.subject.get("number"):
            st.page_link(
                page.pages["numbers"],
                label=_("The number's dossier"),
                icon=":material/dialpad:",
                query_params={"number": str(number)},
            )
        if not view.deliveries:
            why = (
                _("Invented: nobody is written to.")
                if alert.invented
                else _("Nobody is written to.")
            )
            st.caption(why)
            return
        _deliveries(page, view)


def _deliveries(page: Page, view: AlertView) -> None:
    _ = page.gettext
    rows = []
    for d in view.deliveries:
        badge = page.badge(page.label("delivery", d.status), _STATES.get(d.status, ""))
        moment = d.sent_at or (d.next_attempt_at if d.status == "pending" else None)
        rows.append(
            (
                isolated(d.recipient),
                badge,
                safe(page.when(moment)),
                safe(d.attempts),
                isolated((d.last_error or "-")[:300]),
            )
        )
    html(table((_("To"), _("State"), _("When"), _("Attempts"), _("Last error")), rows))
    if not may_work(page.user):
        return
    for delivery in view.deliveries:
        if delivery.status in _AGAIN:
            st.button(
                _("Send again to {who}", who=pages.literal(delivery.recipient)),
                key=f"again_{delivery.id}",
                on_click=_send_again,
                args=(_("It is sent again."), delivery.id),
            )


def _send_again(done: str, notification_id: int) -> None:
    def work(user: User) -> None:
        data.desk().watch.send_again(user, notification_id)

    pages.act(done, work)
