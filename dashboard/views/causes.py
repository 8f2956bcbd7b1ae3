"""Why did we contact them again: causes with their evidence, possible breaches, what to do next."""

from __future__ import annotations

from collections.abc import Sequence

import streamlit as st

from dashboard import data, pages
from dashboard.marking import isolated, safe, table
from dashboard.pages import Page, html
from listener import i18n
from listener.desk.cases import CaseView
from listener.domain import Breach, Cause, Diagnosis, Step
from listener.errors import ListenerError

_IDS_SHOWN = 12


def show(page: Page, view: CaseView) -> None:
    _ = page.gettext
    detail = view.detail
    if view.record is None:
        st.caption(_("The causes are shown once the author is known in the CRM."))
        return
    try:
        found = data.desk().promise.diagnosis(page.user, detail.summary.id)
    except ListenerError as error:
        st.warning(pages.literal(_("The CRM cannot tell: {why}", why=page.told(error))))
        return
    left, right = st.columns([3, 2], gap="large")
    with left:
        _claim(page, found)
        _causes(page, found.causes)
    with right:
        _steps(page, _("What to do"), found.next_best_action.do)
        _steps(page, _("What not to do"), found.next_best_action.avoid)
    if found.breaches:
        _breaches(page, found.breaches)


def _claim(page: Page, found: Diagnosis) -> None:
    if found.claimed_count is None and found.claimed_days is None:
        return

    def shown(value: int | None) -> str:
        return "-" if value is None else i18n.number(value, page.language)

    said = page.gettext(
        "The person tells of {claimed} contacts in {days} days; the log holds {logged} in that time.",
        claimed=shown(found.claimed_count),
        days=shown(found.claimed_days),
        logged=shown(found.logged_in_period),
    )
    html(f"<p>{safe(said)}</p>")


def _causes(page: Page, causes: Sequence[Cause]) -> None:
    _ = page.gettext
    if not causes:
        html(f'<p class="ls-meta">{safe(_("No cause holds by the log and the post."))}</p>')
        return
    for cause in causes:
        sure = i18n.percent(cause.confidence, page.language)
        why = " ".join(f"{page.explain(r)}." for r in cause.reasons)
        body = f"<p><b>{safe(page.label('cause', cause.kind.value))}</b> · {safe(sure)}<br>{safe(why)}</p>"
        if cause.evidence:
            ids = _ids(cause.evidence)
            body += f'<p class="ls-meta">{safe(_("Contacts that show it: {ids}", ids=ids))}</p>'
        if cause.against:
            against = "".join(f"<li>{safe(page.explain(r))}</li>" for r in cause.against)
            body += (
                f'<p class="ls-meta">{safe(_("What speaks against it"))}</p>'
                f'<ul class="ls-reasons">{against}</ul>'
            )
        html(body)


def _breaches(page: Page, breaches: Sequence[Breach]) -> None:
    _ = page.gettext
    rows = [
        (
            safe(page.label("breach", b.kind.value)),
            f"{isolated(b.rule.get(page.language) or b.rule['en'])}<br><small>{safe(_('Law') if b.by_law else _('Company policy'))}"
            f" · {isolated(b.source)}</small>",
            isolated(_ids(b.event_ids)),
        )
        for b in breaches
    ]
    caption = _("Possible breaches, by the rule in force on the day")
    html(table((_("Kind"), _("Rule"), _("Contacts")), rows, caption=caption))


def _steps(page: Page, title: str, steps: Sequence[Step]) -> None:
    items = "".join(
        f"<li><b>{safe(page.label('action', s.action.value))}</b>: {safe(page.explain(s.reason))}</li>"
        for s in steps
    )
    html(f'<p class="ls-meta">{safe(title)}</p><ul class="ls-reasons">{items}</ul>')


def _ids(ids: Sequence[str]) -> str:
    more = len(ids) - _IDS_SHOWN
    return ", ".join(ids[:_IDS_SHOWN]) + (f" … (+{more})" if more > 0 else "")
