"""Which page. Run by Streamlit on every click; the gate has let the browser in already, and the
session is looked up again, because it may have ended since."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any
from urllib.parse import quote, urlsplit, urlunsplit

import streamlit as st

from dashboard import data, pages, theme
from dashboard.marking import safe
from dashboard.views import (
    alerts,
    case,
    customer,
    inbox,
    ledger,
    mentions,
    numbers,
    quality,
    review,
    settings,
    sources,
    trends,
)
from listener import i18n
from listener.storage.people import User

Show = Callable[[pages.Page], None]


def main() -> None:
    st.set_page_config(page_title="Listener", page_icon=theme.ICON, layout="wide")
    st.html(theme.styles())
    user = data.current_user()
    if user is None:
        _signed_out()
        return
    links: dict[str, Any] = {}
    page = pages.Page(user, pages.now(), links)
    _ = page.gettext

    def add(path: str, title: str, icon: str, show: Show, *, listed: bool = True) -> None:
        links[path] = st.Page(
            lambda: show(page),
            title=title,
            icon=f":material/{icon}:",
            url_path=path,
            default=path == "inbox",
            visibility="visible" if listed else "hidden",
        )

    add("inbox", _("Inbox"), "inbox", inbox.show)
    add("review", _("Review"), "rate_review", review.show)
    add("numbers", _("Numbers"), "dialpad", numbers.show)
    add("trends", _("Trends"), "monitoring", trends.show)
    add("ledger", _("Campaign ledger"), "balance", ledger.show)
    add("alerts", _("Alerts"), "notifications", alerts.show)
    add("quality", _("Quality"), "verified", quality.show)
    add("sources", _("Sources"), "rss_feed", sources.show)
    add("settings", _("Settings"), "settings", settings.show)
    add("mentions", _("Mentions"), "forum", mentions.show, listed=False)
    add("case", _("Case"), "description", case.show, listed=False)
    add("customer", _("Customer"), "person", customer.show, listed=False)
    current = st.navigation(list(links.values()))
    st.set_page_config(page_title=f"{current.title} · Listener")
    pages.arrive(current.url_path)
    _who(page)
    pages.show_flash()
    current.run()
    if current not in (links["inbox"], links["settings"]):  # which say it themselves
        pages.first_steps(page)


def _who(page: pages.Page) -> None:
    user: User = page.user
    _ = page.gettext
    with st.sidebar:
        st.html(
            f'<p class="ls-who"><b>{safe(user.name)}</b><br>{safe(page.label("role", user.role))}'
            f'<br><a href="/auth/sign-out" target="_self">{safe(_("Sign out"))}</a></p>'
        )


def _signed_out() -> None:
    language = data.settings().listener.service.language
    words = safe(i18n.text("Your session has ended.", language))
    link = safe(i18n.text("Sign in", language))
    here = urlsplit(st.context.url or "/")
    back = quote(urlunsplit(("", "", here.path or "/", here.query, "")), safe="")
    st.html(
        f'<div class="ls-empty"><p>{words}</p>'
        f'<p><a href="/auth/sign-in?next={back}" target="_self">{link}</a></p></div>'
    )


try:
    main()
except Exception as error:
    pages.failed(error)
