"""Muting alerts: what, until when and why; what is muted now, and what was."""

from __future__ import annotations

from datetime import datetime, time, timedelta
from typing import Any

import streamlit as st

from dashboard import data, pages
from dashboard.marking import isolated, plain, safe
from dashboard.pages import Page, html
from listener import i18n, silencing
from listener.desk.alerts import AlertView, may_mute
from listener.domain import AlertKind, Scope, Silence
from listener.storage.people import User

_SPANS = {"h4": timedelta(hours=4), "d1": timedelta(days=1), "d7": timedelta(days=7), "d30": timedelta(days=30)}  # fmt: skip
_MOMENT = "moment"


def make(page: Page, view: AlertView) -> None:
    """The form that mutes what the alert is about, for those who may."""
    _ = page.gettext
    if view.alert.invented:
        return
    offers = data.desk().alerts.offers(page.user, view.alert)
    st.header(_("Silence"))
    if view.muting is not None:
        html(
            f'<p class="ls-muted">{safe(_("More of this is muted."))} {told(page, view.muting)}</p>'
        )
        _end_button(page, view.muting)
        return
    promise = view.alert.kind == AlertKind.PROMISE_BROKEN
    if not offers:
        st.caption(
            _("A broken promise is muted by a community manager only, for its one case.")
            if promise
            else _("What belongs to no brand is muted by those who see every brand.")
        )
        return
    limits = _("Alerts are raised and shown all the same; nobody gets an e-mail.")
    if promise:
        limits += " " + _(
            "A broken promise can be muted for this case only, for seven days at most."
        )
    st.caption(limits)
    with st.expander(_("Silence…"), icon=":material/notifications_off:"):
        _form(page, view, offers, promise)


def _form(page: Page, view: AlertView, offers: tuple[Scope, ...], promise: bool) -> None:
    _ = page.gettext
    key = f"mute_{view.alert.id}_"
    scope = st.radio(
        _("What to mute"),
        offers,
        format_func=lambda s: plain(scope_words(page, s)),
        key=f"{key}what",
    )
    spans = [*(("h4", "d1", "d7") if promise else _SPANS), _MOMENT]
    span = st.selectbox(
        _("For how long"),
        spans,
        index=1,
        format_func=lambda s: page.label("mute", s),
        key=f"{key}span",
    )
    until = page.now + _SPANS.get(span, timedelta(0))
    if span == _MOMENT:
        today = page.now.astimezone(page.zone).date()
        day, hour = st.columns(2)
        longest = silencing.LONGEST_OF_A_PROMISE if promise else silencing.LONGEST
        on = day.date_input(
            _("Until the day"), today + timedelta(days=1), min_value=today, max_value=today + longest, key=f"{key}day",
        )  # fmt: skip
        at = hour.time_input(_("at"), time(9), key=f"{key}hour")
        until = datetime.combine(on, at, page.zone)
    st.text_area(
        _("Why"), max_chars=silencing.LONGEST_REASON, key=f"{key}reason", placeholder=_("for those who wonder where the e-mails are"),
    )  # fmt: skip
    st.button(
        _("Silence until {moment}", moment=page.when(until)),
        type="primary",
        key=f"{key}do",
        on_click=_silence,
        args=(_("Silenced until {moment}.", moment=page.when(until)), view.alert.id, scope, until),
    )


def _silence(done: str, alert_id: int, scope: Scope, until: datetime) -> None:
    # What was written last is not in the arguments, which are of the last drawing.
    reason = str(st.session_state.get(f"mute_{alert_id}_reason") or "")

    def work(user: User) -> None:
        data.desk().alerts.silence(user, alert_id, scope, until=until, reason=reason)

    pages.act(done, work)


# ---------------------------------------------------------------------------- the list


def listed(page: Page) -> None:
    """What is muted now, with a button that ends it, and what was."""
    _ = page.gettext
    desk = data.desk().alerts
    holding = desk.silences(page.user)
    if not holding:
        html(
            f'<p class="ls-meta">{safe(_("Nothing is muted. An alert is muted on its own page."))}</p>'
        )
    for silence in holding:
        with st.container(border=True):
            text, button = st.columns([6, 2], vertical_alignment="center")
            with text:
                html(_described(page, silence))
            _end_button(page, silence, button)
    over = desk.silences(page.user, over=True)
    if over:
        st.header(_("Over"))
        html("".join(_described(page, silence) for silence in over))


def _end_button(page: Page, silence: Silence, where: Any = st) -> None:
    if may_mute(page.user, silence.scope):
        where.button(
            page.gettext("End it now"),
            key=f"unmute_{silence.id}",
            on_click=_end,
            args=(page.gettext("The silence is over."), silence.id),
        )


def _end(done: str, silence_id: int) -> None:
    def work(user: User) -> None:
        data.desk().alerts.end_silence(user, silence_id)

    pages.act(done, work)


def _described(page: Page, silence: Silence) -> str:
    return (
        f'<div class="ls-row"><p class="ls-text"><b>{isolated(scope_words(page, silence.scope))}</b></p>'
        f'<p class="ls-meta">{told(page, silence)}</p></div>'
    )


# ---------------------------------------------------------------------------- words


def told(page: Page, silence: Silence) -> str:
    """By whom, until when and why, as HTML."""
    _ = page.gettext
    by = _("Muted by {who} on {moment}", who=silence.by, moment=page.when(silence.at))
    if silence.ended_at is not None:
        end = _(
            "ended by {who} on {moment}",
            who=silence.ended_by,
            moment=page.when(silence.ended_at),
        )
    else:
        end = _("until {moment}", moment=page.when(silence.until))
    return f"{isolated(by)}, {isolated(end)}: {isolated(silence.reason)}"


def scope_words(page: Page, scope: Scope) -> str:
    """What a silence mutes, in one line."""
    _ = page.gettext
    parts = []
    if scope.kind is not None:
        parts.append(i18n.label("alert_kind", scope.kind, page.language))
    if scope.case_id is not None:
        parts.append(_("Case {id}", id=scope.case_id))
    if scope.number is not None:
        parts.append(_("number {number}", number=scope.number))
    if scope.source is not None:
        parts.append(_("source {name}", name=scope.source))
    if scope.brand is not None:
        parts.append(page.brand(scope.brand))
    if scope == Scope(brand=scope.brand):
        parts.append(_("every alert but broken promises"))
    elif scope == Scope(scope.kind):
        parts.append(_("every one"))
    return " · ".join(parts)
