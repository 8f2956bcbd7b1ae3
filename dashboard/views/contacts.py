"""Who the author is in the CRM, and every contact that its log holds with them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import streamlit as st

from dashboard import data, pages
from dashboard.marking import isolated, safe, safe_url, table
from dashboard.pages import Page, html
from listener import charts, i18n
from listener.desk.cases import CaseView, Record
from listener.desk.rights import may_work
from listener.history import Moment, line
from listener.storage.people import User

_SHOWN = 100
_EXCERPT = 160  # characters of a post
_COLUMNS = (
    "at",
    "direction",
    "channel",
    "disposition",
    "caller_number",
    "campaign",
    "list",
    "agent",
    "duration",
    "note",
)


def match(page: Page, view: CaseView) -> None:
    """The customer match with its confidence and reasons, and the candidates to confirm."""
    _ = page.gettext
    detail = view.detail
    with st.container(border=True):
        st.subheader(_("Who wrote it"))
        stored: Mapping[str, Any] = detail.match or {}
        if view.record is not None:
            _known(page, view.record, detail.summary.id)
        elif view.trouble:
            st.warning(
                pages.literal(_("The CRM cannot tell: {why}", why=page.retold(view.trouble)))
            )
        elif detail.summary.customer_ref:
            name = stored.get("name") or detail.summary.customer_ref
            html(f'<p class="ls-who"><b>{isolated(name)}</b></p>')
        else:
            html(f'<p class="ls-meta">{safe(_("No customer is confirmed."))}</p>')
        reasons = "".join(
            f"<li>{isolated(i18n.match_reason(r, page.language))}</li>"
            for r in stored.get("reasons", ())
        )
        if reasons:
            sure = i18n.percent(float(stored.get("confidence") or 0), page.language)
            words = safe(_("Why, with a confidence of {share}:", share=sure))
            html(f'<p class="ls-meta">{words}</p><ul class="ls-reasons">{reasons}</ul>')
        if stored.get("ref") and stored.get("basis"):
            basis = page.label("basis", stored["basis"])
            html(f'<p class="ls-meta">{safe(_("How we know: {basis}", basis=basis))}</p>')
        _candidates(page, view, stored)


def _known(page: Page, record: Record, case_id: int) -> None:
    customer = record.customer
    badge = page.invented(customer.invented)
    html(
        f'<p class="ls-who"><b>{isolated(customer.name)}</b> {badge}<br>'
        f"{safe(page.label('standing', customer.status))} · {isolated(customer.ref)}</p>"
    )
    st.page_link(
        page.pages["customer"],
        label=page.gettext("Open the record"),
        icon=":material/person:",
        query_params={"ref": record.customer.ref, "crm": record.crm, "case": str(case_id)},
    )


def _candidates(page: Page, view: CaseView, stored: Mapping[str, Any]) -> None:
    _ = page.gettext
    case = view.detail.summary
    candidates: Sequence[Mapping[str, Any]] = stored.get("candidates", ())
    others = [c for c in candidates if c["ref"] != case.customer_ref]
    for number, candidate in enumerate(others[:10]):
        who, go = st.columns([3, 2], vertical_alignment="center")
        with who:
            found = page.label("identifier", candidate["found_by"])
            html(
                f'<p class="ls-who"><b>{isolated(candidate["name"])}</b><br>'
                f"{isolated(candidate['ref'])} · {safe(_('found by {what}', what=found))}</p>"
            )
        go.button(
            pages.literal(_("It is {ref}", ref=candidate["ref"])),
            key=f"is_{case.id}_{case.version}_{number}",
            width="stretch",
            on_click=_confirm,
            args=(
                _("The customer is stored."),
                case.id,
                candidate["crm"],
                candidate["ref"],
                case.version,
            ),
        )
    if case.customer_ref or others:
        st.button(
            _("None of them") if not case.customer_ref else _("It is not this person"),
            key=f"none_{case.id}_{case.version}",
            on_click=_confirm,
            args=(_("The customer is stored."), case.id, None, None, case.version),
        )


def _confirm(done: str, case_id: int, crm: str | None, ref: str | None, version: int) -> None:
    def work(user: User) -> None:
        data.desk().cases.confirm_customer(user, case_id, crm, ref, version=version)

    pages.act(done, work)


# ---------------------------------------------------------------------------- the log


def show(page: Page, view: CaseView) -> None:
    """The contact history on the case's page, with the posts and the suppression among it."""
    _ = page.gettext
    if not may_work(page.user):
        st.caption(_("Customers' records are shown to community managers only."))
    elif view.record is None:
        st.caption(_("It is shown once the author is known in the CRM."))
    else:
        detail = view.detail
        order, _records = data.desk().promise.of_case(page.user, detail.summary.id)
        history(page, view.record, line(view.record.events, detail.mentions, order))


def history(page: Page, record: Record, moments: Sequence[Moment] = ()) -> None:
    """`moments`: the line of time; of the contacts alone where none is given."""
    _ = page.gettext
    for silent in record.silent:
        said = _("Calls may be missing: {why}", why=page.retold(silent))
        st.warning(pages.literal(said))
    if not record.events:
        st.caption(_("The log holds no contact with this person."))
        return
    moments = moments or line(record.events)
    words = charts.Words(page.language, _("Day"), _("Mentions"), "", page.label)
    st.altair_chart(charts.timeline(moments, words, page.when), width="stretch")
    shown = moments[-_SHOWN:]
    caption = _("Contacts: {count}, the newest first", count=len(record.events))
    if len(shown) < len(moments) and st.toggle(
        _("Show all contacts ({count})", count=len(record.events))
    ):
        shown = moments
    rows = [_row(page, m) for m in reversed(shown)]
    html(table([page.label("column", c) for c in _COLUMNS], rows, caption=caption))


def _row(page: Page, moment: Moment) -> tuple[str, ...]:
    at = safe(page.when(moment.at))
    if moment.broken:
        at += f' <b class="ls-overdue">{safe(page.label("happened", "broken"))}</b>'
    event = moment.event
    if event is None:
        what = f"<b>{safe(page.label('happened', moment.kind.value))}</b>"
        refused = safe(page.label("happened", "refused")) if moment.refused else ""
        return (at, what, "", refused, "", "", "", "", "", _said(moment))
    seconds = event.duration_s
    duration = f"{seconds // 60}:{seconds % 60:02d}" if seconds else "-"
    disposition = safe(page.label("disposition", event.disposition.value))
    return (
        at,
        safe(page.label("direction", event.direction.value)),
        safe(page.label("channel", event.channel.value)),
        f"<b>{disposition}</b>" if moment.refused else disposition,
        isolated(event.caller_number),
        isolated(event.campaign),
        isolated(event.list_name),
        isolated(event.agent),
        safe(duration),
        isolated(event.note),
    )


def _said(moment: Moment) -> str:
    """What the person wrote, its beginning; of an order who approved it."""
    if moment.mention is None:
        return isolated(moment.by)
    text = " ".join(moment.mention.text.split())
    return isolated(text if len(text) <= _EXCERPT else text[:_EXCERPT] + " …")


def person(page: Page, record: Record) -> str:
    """What the CRM says of a person, as an HTML table."""
    _ = page.gettext
    c = record.customer
    lines = [
        (_("Customer number"), isolated(c.ref)),
        (_("Standing"), safe(page.label("standing", c.status))),
        (_("Phone"), "<br>".join(isolated(p) for p in c.phones) or "-"),
        (_("E-mail"), "<br>".join(isolated(e) for e in c.emails) or "-"),
        (_("Public accounts"), "<br>".join(isolated(h) for h in c.handles) or "-"),
        (_("Country"), isolated(c.country or "-")),
        (_("Time zone"), isolated(c.time_zone or "-")),
        (
            _("Consent to be contacted"),
            safe(page.label("consent", c.consent))
            + (f" ({safe(page.when(c.consent_at))})" if c.consent_at else ""),
        ),
        (
            _("Preferred channel"),
            safe(page.label("channel", c.preferred_channel) if c.preferred_channel else "-"),
        ),
    ]
    if record.link and (url := safe_url(record.link)) and "/customer?" not in record.link:
        words = safe(_("Open in the CRM"))
        lines.append(
            (_("Record"), f'<a href="{url}" target="_blank" rel="noopener noreferrer">{words}</a>')
        )
    return table((), [(safe(name), value) for name, value in lines], first=True)
