"""What needs attention, why, whom it reached, and what is muted: the list, and one alert."""

from __future__ import annotations

from datetime import timedelta

import streamlit as st

from dashboard import data, pages
from dashboard.marking import isolated, safe, table
from dashboard.pages import Page, html, query_number
from dashboard.views import silences
from listener.desk.alerts import AlertView
from listener.desk.rights import may_work
from listener.domain import AlertKind, NotificationStatus
from listener.errors import NotAllowed, NotFound
from listener.notifiers.render import headline
from listener.selection import Selection
from listener.storage.alerts import AlertFilter, State, StoredAlert
from listener.storage.people import User

_AGAIN = (NotificationStatus.FAILED, NotificationStatus.IN_DOUBT)
_STATES = {"sent": "ls-good", "failed": "ls-bad", "in_doubt": "ls-wait"}
_SIZE = 20


def show(page: Page) -> None:
    asked = query_number("id")
    if asked is not None:
        _one(page, asked)
        return
    _ = page.gettext
    st.title(_("Alerts"))
    parts = ("alerts", "silences")
    part = st.segmented_control(
        _("What to show"),
        parts,
        default="alerts",
        required=True,
        format_func=lambda p: page.label("alerts_part", p),
        key="alerts_part",
        label_visibility="collapsed",
    )
    if part == "silences":
        silences.listed(page)
    else:
        _list(page)


# ---------------------------------------------------------------------------- the list


def _list(page: Page) -> None:
    _ = page.gettext
    wanted = _filters(page)
    position = st.session_state.get("alerts_offset", 0)
    found, total = data.desk().alerts.listed(page.user, wanted, limit=_SIZE, offset=position)
    if position and not found:
        st.session_state["alerts_offset"] = 0
        st.rerun()
    if not total:
        _nothing(page, wanted)
        return
    if not data.settings().listener.email.enabled:
        st.info(_("E-mail is switched off: alerts wait in the outbox until it is on."))
    html(f'<p class="ls-meta">{safe(_("Alerts: {count}, the newest first", count=total))}</p>')
    for view in found:
        with st.container(border=True):
            text, link = st.columns([5, 1], vertical_alignment="center")
            with text:
                html(
                    f'<div class="ls-badges">{_badges(page, view)}</div>'
                    f'<p class="ls-text"><b>{_headline(page, view)}</b></p>'
                    f'<p class="ls-why">{_reasons(page, view, " · ")}</p>'
                    f'<p class="ls-meta">{_raised(page, view)} {_reached(page, view)}</p>'
                )
            # No link: one to the page itself would not keep its number at the next click.
            link.button(
                _("See the alert"),
                key=f"open_{view.alert.id}",
                icon=":material/arrow_forward:",
                on_click=_go,
                kwargs={"id": str(view.alert.id)},
            )
    pages.paging(page, "alerts_offset", position, _SIZE, total)


def _filters(page: Page) -> AlertFilter:
    _ = page.gettext
    number = st.query_params.get("number", "")[:40] or None
    source = st.query_params.get("source", "")[:200] or None
    if number or source:
        _back(page)
    left, middle, right = st.columns(3)

    def choose(where: object, name: str, words: str, options: list[str], kind: str) -> str | None:
        def shown(value: str) -> str:
            return page.brand(value) if kind == "brand" else page.label(kind, value)

        found: str | None = where.selectbox(  # type: ignore[attr-defined]
            words,
            options,
            index=None,
            format_func=shown,
            key=f"alerts_{name}",
            placeholder=_("any"),
            on_change=_first,
            persist_state="session",
        )
        return found

    kind = choose(left, "kind", _("Kind"), [k.value for k in AlertKind], "alert_kind")
    brands = [b.key for b in data.settings().brands if not page.user.brands or b.key in page.user.brands]  # fmt: skip
    brand = choose(middle, "brand", _("Brand"), brands, "brand")
    state = choose(right, "state", _("State"), [s.value for s in State], "alert_state")
    return AlertFilter(kind, brand, number, source, State(state) if state else None)


def _go(**query: str) -> None:
    st.query_params.from_dict(query)


def _back(page: Page) -> None:
    st.button(
        page.gettext("All alerts"), key="alerts_all", icon=":material/arrow_back:", on_click=_go
    )


def _first() -> None:
    st.session_state["alerts_offset"] = 0


def _nothing(page: Page, wanted: AlertFilter) -> None:
    _ = page.gettext
    if wanted != AlertFilter():
        html(f'<div class="ls-empty"><p>{safe(_("No alert fits these filters."))}</p></div>')
        return
    pages.empty(
        _("Nothing needs attention."),
        _(
            "An alert is raised when a severe complaint of harassment comes in, when several people name one number, when a promise is broken, and when a source fails or falls silent."
        ),
        _("Who gets an e-mail stands in config/rules/alerts.toml, and on each account."),
    )


# ---------------------------------------------------------------------------- one alert


def _one(page: Page, alert_id: int) -> None:
    _ = page.gettext
    _back(page)
    try:
        view = data.desk().alerts.one(page.user, alert_id)
    except (NotAllowed, NotFound) as error:
        st.title(_("Alert {id}", id=alert_id))
        refused = isinstance(error, NotAllowed)
        st.warning(
            _("This alert is of a brand that you do not see.")
            if refused
            else _("There is no such alert; what was invented may have been removed.")
        )
        return
    alert = view.alert
    st.title(pages.literal(headline(alert.kind, alert.subject, page.language)))
    html(
        f'<div class="ls-badges">{_badges(page, view)}</div>'
        f'<p class="ls-meta">{_raised(page, view)} {_over(page, view)}</p>'
    )
    reasons, behind = st.columns([3, 2], gap="large")
    with reasons:
        st.header(_("Why"))
        html(f'<ul class="ls-reasons"><li>{_reasons(page, view, "</li><li>")}</li></ul>')
    with behind:
        st.header(_("What is behind it"))
        _behind(page, view)
    st.header(_("E-mails"))
    _muted(page, view)
    if view.deliveries:
        _deliveries(page, view)
    elif alert.invented:
        st.caption(_("Invented: nobody is written to."))
    elif view.silence is None:
        st.caption(_("Nobody is written to."))
    silences.make(page, view)


def _behind(page: Page, view: AlertView) -> None:
    """The case, the number, the source and the brand that it concerns."""
    _ = page.gettext
    alert = view.alert

    def link(to: str, words: str, icon: str, /, **query: str | list[str]) -> None:
        st.page_link(page.pages[to], label=words, icon=f":material/{icon}:", query_params=query)

    if alert.case_id is not None:
        pages.case_link(page, alert.case_id)
    if alert.number:
        link("numbers", _("The number's dossier"), "dialpad", number=alert.number)
        words = _("The posts that name it")
        link("mentions", words, "format_list_bulleted", **_posts(page, alert).to_parameters())
    if alert.source:
        link("sources", _("The source and its health"), "rss_feed", source=alert.source)
    if alert.brand:
        words = _("Trends of {brand}", brand=page.brand(alert.brand))
        link("trends", words, "monitoring", brand=alert.brand)


def _posts(page: Page, alert: StoredAlert) -> Selection:
    """The complaints of a month that name the alert's number."""
    last = alert.raised_at.astimezone(page.zone).date()
    brands = (alert.brand,) if alert.brand else ()
    return Selection(
        last - timedelta(days=29), last, brands, harassment=True, number=alert.number or ""
    )


def _muted(page: Page, view: AlertView) -> None:
    """By whom, until when and why nobody was written to."""
    if view.silence is None:
        return
    said = silences.told(page, view.silence)
    html(f'<p class="ls-muted">{said}</p>')
    if view.deliveries:
        st.caption(
            page.gettext("It went on after the silence was over; then people were written to.")
        )


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
                isolated(page.retold(d.last_error)[:300] or "-"),
            )
        )
    html(table((_("To"), _("State"), _("When"), _("Attempts"), _("Last error")), rows))
    unsure = any(d.status == NotificationStatus.IN_DOUBT for d in view.deliveries)
    if unsure:
        st.caption(
            _(
                "In doubt: the connection broke after the message was handed over. It may have arrived; it is sent again only when a person says so."
            )
        )
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
        data.desk().alerts.send_again(user, notification_id)

    pages.act(done, work)


# ---------------------------------------------------------------------------- words


def _badges(page: Page, view: AlertView) -> str:
    _ = page.gettext
    alert = view.alert
    found = page.badge(page.label("alert_kind", alert.kind))
    found += page.badge(page.brand(alert.brand)) if alert.brand else ""
    found += page.badge(_("over")) if alert.ended_at else ""
    found += page.badge(_("muted"), "ls-wait") if view.silence else ""
    return found + page.invented(alert.invented)


def _headline(page: Page, view: AlertView) -> str:
    return isolated(headline(view.alert.kind, view.alert.subject, page.language))


def _reasons(page: Page, view: AlertView, between: str) -> str:
    return between.join(isolated(page.explain(r)) for r in view.alert.reasons)


def _raised(page: Page, view: AlertView) -> str:
    said = page.gettext("Raised on {moment}.", moment=page.when(view.alert.raised_at))
    case_id = view.alert.case_id
    return safe(said if case_id is None else f"{page.gettext('Case {id}', id=case_id)}. {said}")


def _over(page: Page, view: AlertView) -> str:
    ended = view.alert.ended_at
    return safe(page.gettext("Over since {moment}.", moment=page.when(ended))) if ended else ""


def _reached(page: Page, view: AlertView) -> str:
    """In one line: how many messages are in which state."""
    counts: dict[str, int] = {}
    for d in view.deliveries:
        word = page.label("delivery", d.status)
        counts[word] = counts.get(word, 0) + 1
    if counts:
        said = ", ".join(f"{word} {count}" for word, count in counts.items())
        return safe(page.gettext("E-mails: {states}.", states=said))
    return silences.told(page, view.silence) if view.silence else ""
