"""The promise on a case: approve that contact ends, see when each system took it, and what came
after."""

from __future__ import annotations

import streamlit as st

from dashboard import data, pages
from dashboard.marking import isolated, safe, table
from dashboard.pages import Page, html
from listener.crm.local import NAME as LOCAL
from listener.desk.cases import CaseView
from listener.domain import CaseStatus, SuppressionStatus, WriteStatus
from listener.storage.crm_writes import Write
from listener.storage.people import User
from listener.storage.suppressions import Suppression


def show(page: Page, view: CaseView) -> None:
    _ = page.gettext
    case = view.detail.summary
    if case.matter != "harassment":
        return
    order, records = data.desk().promise.of_case(page.user, case.id)
    with st.container(border=True):
        st.subheader(_("End the contact"))
        if order is not None:
            _state(page, order)
        if order is None or order.status == SuppressionStatus.LIFTED:
            if case.status != CaseStatus.CLOSED:
                _approve(page, view)
        else:
            _lift(page, case.id, case.version)
        writes = [*(order.writes if order else ()), *records]
        if writes:
            _receipts(page, case.id, writes)
        if view.record is not None and not records:
            st.button(
                _("Note the case in the CRM"),
                key=f"record_{case.id}",
                on_click=_record,
                args=(_("The case will be noted in the CRM."), case.id),
                icon=":material/note_add:",
            )


def _approve(page: Page, view: CaseView) -> None:
    _ = page.gettext
    case = view.detail.summary
    systems = ", ".join(data.desk().promise.suppressing())
    with st.form(f"suppress_{case.id}_{case.version}", border=False):
        st.caption(
            pages.literal(
                _(
                    "Every phone of the record is suppressed in: {systems}. Service messages of a "
                    "contract go on.",
                    systems=systems,
                )
            )
        )
        phone = st.text_input(_("A phone that the person left (optional)"), max_chars=40)
        reason = st.text_input(_("Why (others will read it)"), max_chars=300)
        pressed = st.form_submit_button(
            _("Approve the suppression"), type="primary", icon=":material/phone_disabled:"
        )
    if pressed:
        _suppress(page, case.id, case.version, phone, reason)
        st.rerun()


def _suppress(page: Page, case_id: int, version: int, phone: str, reason: str) -> None:
    def work(user: User) -> None:
        data.desk().promise.suppress(user, case_id, version=version, phone=phone, reason=reason)

    pages.act(page.gettext("The suppression is approved; the systems are being written to."), work)


def _lift(page: Page, case_id: int, version: int) -> None:
    _ = page.gettext
    with (
        st.expander(_("Lift the suppression")),
        st.form(f"lift_{case_id}_{version}", border=False),
    ):
        st.caption(
            _(
                "When the person asks to hear from us again, or it was given for the wrong person. "
                "The watch ends; what stands in other systems is taken off there, by hand."
            )
        )
        reason = st.text_input(
            _("Why (others will read it)"), max_chars=300, key=f"lift_why_{case_id}"
        )
        pressed = st.form_submit_button(_("Lift it"), icon=":material/phone_enabled:")
    if pressed:
        pages.act(
            _("The suppression is lifted."),
            lambda user: data.desk().promise.lift(user, case_id, version=version, reason=reason),
        )
        st.rerun()


def _record(done: str, case_id: int) -> None:
    pages.act(done, lambda user: data.desk().promise.record(user, case_id))


def _state(page: Page, order: Suppression) -> None:
    _ = page.gettext
    lines = [
        page.badge(page.label("suppression", order.status)),
        safe(
            _(
                "Approved by {who} on {moment}.",
                who=order.approved_by,
                moment=page.when(order.approved_at),
            )
        ),
    ]
    if order.effective_at is not None:
        said = _(
            "In effect since {moment}, {span} after the complaint.",
            moment=page.when(order.effective_at),
            span=page.span(order.effective_at - order.complained_at),
        )
        lines.append(safe(said))
    left = sorted({w.system for w in order.writes if w.status == WriteStatus.DONE} - {LOCAL})
    if order.status == SuppressionStatus.LIFTED and left:
        lines.append(
            safe(_("Still to be taken off by hand in: {systems}", systems=", ".join(left)))
        )
    after = len(order.broken)
    said = safe(_("Contacts after it: {count}", count=after))
    lines.append(f'<b class="ls-overdue">{said}</b>' if after else said)
    html("".join(f"<p>{line}</p>" for line in lines))


def _receipts(page: Page, case_id: int, writes: list[Write]) -> None:
    _ = page.gettext
    rows = [
        (
            isolated(w.system),
            safe(page.label("write", w.status)),
            safe(page.when(w.done_at)) + f"<br><small>{_told(page, w)}</small>",
        )
        for w in writes
    ]
    html(table((_("System"), _("State"), _("Receipt")), rows))
    for given_up in (w for w in writes if w.status == WriteStatus.FAILED):
        st.button(
            f"{_('Try again')}: {given_up.system}",
            key=f"write_{given_up.id}",
            on_click=_again,
            args=(_("It is tried again."), case_id, given_up.id),
        )


def _told(page: Page, write: Write) -> str:
    if write.status == WriteStatus.DONE:
        known = f" ({safe(page.gettext('it was there already'))})" if write.already else ""
        return isolated(write.reference or "") + known
    return isolated(page.retold(write.last_error))


def _again(done: str, case_id: int, write_id: int) -> None:
    pages.act(done, lambda user: data.desk().promise.write_again(user, case_id, write_id))
