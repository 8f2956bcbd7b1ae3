"""My language, zone and password; and, part by part, what administrators and brand managers set up
(views/setup)."""

from __future__ import annotations

from collections.abc import Callable
from zoneinfo import available_timezones

import streamlit as st

from dashboard import data, pages
from dashboard.pages import Page
from dashboard.views import tokens, webhooks
from dashboard.views.setup import brands, documents, numbers, rules, templates, users
from listener import i18n
from listener.desk.rights import is_administrator
from listener.storage.people import User

Part = tuple[str, Callable[[Page], None]]


def show(page: Page) -> None:
    _ = page.gettext
    st.title(_("Settings"))
    parts = _parts(page)
    if len(parts) == 1:
        _me(page)
        return
    asked = st.query_params.get("part", "me")
    part = st.segmented_control(
        _("Part of the settings"),
        list(parts),
        default=asked if asked in parts else "me",
        format_func=lambda name: parts[name][0],
        key="settings_part",
        label_visibility="collapsed",
        required=True,
    )
    name = part or "me"
    if name != asked:
        st.query_params["part"] = name
    parts[name][1](page)


def _parts(page: Page) -> dict[str, Part]:
    """Those that the user may see; what they may do there the desk decides again."""
    _ = page.gettext
    parts: dict[str, Part] = {"me": (_("About me"), _me)}
    if data.desk().brands.editable(page.user) or is_administrator(page.user):
        parts["brands"] = (_("Brands and queries"), brands.show)
        parts["numbers"] = (_("Caller numbers"), numbers.show)
    if is_administrator(page.user):
        parts |= {
            "routing": (_("Routing and due times"), rules.routing),
            "priority": (_("Urgency"), rules.priority),
            "alerts": (_("Alerts"), rules.alerts),
            "policy": (_("Contact policy"), rules.company),
            "templates": (_("Reply drafts"), templates.show),
            "retention": (_("Retention"), rules.retention),
            "users": (_("Users"), users.show),
            "documents": (_("Documents and history"), documents.show),
            "tokens": (_("Tokens of the API"), tokens.show),
            "webhooks": (_("Webhooks"), webhooks.show),
        }
    return parts


def _me(page: Page) -> None:
    left, right = st.columns(2, gap="large")
    with left:
        _profile(page)
    with right:
        _password(page)
        if is_administrator(page.user):
            _sample(page)


def _profile(page: Page) -> None:
    _ = page.gettext
    user = page.user
    st.header(_("About me"))
    with st.form("profile"):
        st.text_input(_("Name"), user.name, key="my_name", max_chars=200)
        st.text_input(_("E-mail for my alerts"), user.email, key="my_email", max_chars=320)
        st.selectbox(
            _("Language"),
            i18n.languages(),
            index=i18n.languages().index(user.language),
            format_func=lambda code: i18n.language_name(code),
            key="my_language",
        )
        zones = sorted(z for z in available_timezones() if "/" in z or z == "UTC")
        if user.time_zone not in zones:
            zones.insert(0, user.time_zone)
        st.selectbox(_("Time zone"), zones, index=zones.index(user.time_zone), key="my_zone")
        st.form_submit_button(_("Save"), type="primary", on_click=_save)


def _save() -> None:
    state = st.session_state
    done = i18n.text("Your settings are stored.", state["my_language"])

    def work(user: User) -> None:
        data.update_profile(
            user.username,
            name=state["my_name"],
            email=state["my_email"],
            language=state["my_language"],
            time_zone=state["my_zone"],
        )

    pages.act(done, work)


def _password(page: Page) -> None:
    _ = page.gettext
    st.header(_("Password"))
    with st.form("password", clear_on_submit=True):
        st.text_input(
            _("Present password"),
            type="password",
            key="old_password",
            autocomplete="current-password",
        )
        st.text_input(
            _("New password"),
            type="password",
            key="new_password",
            autocomplete="new-password",
            help=_("password.rules"),
        )
        st.text_input(
            _("The same again"), type="password", key="new_again", autocomplete="new-password"
        )
        st.form_submit_button(
            _("Change the password"),
            on_click=_change,
            args=(_("Your password is changed; other browsers are signed out."), _("setup.differ")),
        )


def _change(done: str, differ: str) -> None:
    state = st.session_state
    if state["new_password"] != state["new_again"]:
        pages.flash("error", differ)
        return
    old, new = state["old_password"], state["new_password"]
    pages.act(done, lambda user: data.change_password(user.username, old, new))


def _sample(page: Page) -> None:
    _ = page.gettext
    st.header(_("Invented sample"))
    st.caption(
        _(
            "Invented posts, customers and calls for a first look. They are marked as invented everywhere, nobody is written to about them, and they can be removed."
        )
    )
    load, remove = st.columns(2)
    load.button(
        _("Load the invented sample"),
        width="stretch",
        on_click=pages.act,
        args=(
            _("The invented sample is loaded; its posts are read next."),
            lambda user: data.desk().setup.load_sample(user),
        ),
    )
    remove.button(
        _("Remove everything invented"),
        width="stretch",
        on_click=pages.act,
        args=(
            _("Everything invented is removed."),
            lambda user: data.desk().setup.remove_sample(user),
        ),
    )
