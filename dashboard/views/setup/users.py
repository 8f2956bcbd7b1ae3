"""Accounts: who works here, as what, for which brands."""

from __future__ import annotations

from collections.abc import Callable

import streamlit as st

from dashboard import data, pages
from dashboard.marking import isolated, safe, table
from dashboard.pages import Page, html
from listener import i18n
from listener.domain import Role
from listener.staff import Reach
from listener.storage.people import User

_LINK = "user_link"


def show(page: Page) -> None:
    _ = page.gettext
    everyone = data.desk().staff.everyone(page.user)
    _link(page)
    _table(page, everyone)
    left, right = st.columns(2, gap="large")
    with left:
        _add(page)
    with right:
        _change(page, everyone)
    _audit(page)


def _table(page: Page, everyone: list[User]) -> None:
    _ = page.gettext
    rows = []
    for user in everyone:
        rows.append(
            (
                isolated(user.username),
                isolated(user.name),
                isolated(user.email or "-"),
                safe(page.label("role", user.role)),
                isolated(", ".join(map(page.brand, user.brands)) or _("all")),
                isolated(", ".join(user.queues) or _("all")),
                isolated(", ".join(map(page.language_name, user.languages)) or _("all")),
                _state(page, user),
            )
        )
    header = (
        _("User name"),
        _("Name"),
        _("E-mail"),
        _("Role"),
        _("Brands"),
        _("Queues"),
        _("Answers in"),
        _("State"),
    )
    html(table(header, rows, first=True))


def _state(page: Page, user: User) -> str:
    _ = page.gettext
    if user.disabled:
        return page.badge(_("disabled"), "ls-bad")
    if user.locked_until and user.locked_until > page.now:
        return page.badge(_("locked until {time}", time=page.when(user.locked_until)), "ls-wait")
    if not user.password_hash:
        return page.badge(_("no password yet"), "ls-wait")
    return page.badge(_("active"), "ls-good")


def _reach(page: Page, key: str, user: User | None) -> Reach:
    """Controls for brands, languages and queues."""
    _ = page.gettext
    brands = [b.key for b in data.settings().brands]
    queues = list(data.desk().staff.queues(page.user))
    kept = Reach(user.brands, user.languages, user.queues) if user else Reach()
    languages = list(dict.fromkeys([*("es", "en", "pt", "fr", "it", "de"), *kept.languages]))
    chosen = [
        st.multiselect(
            label,
            list(dict.fromkeys([*options, *given])),
            list(given),
            key=f"{key}_{name}",
            format_func=shown,
            placeholder=_("all"),
        )
        for label, name, options, given, shown in (
            (_("Brands"), "brands", brands, kept.brands, page.brand),
            (_("Answers in"), "languages", languages, kept.languages, page.language_name),
            (_("Queues"), "queues", queues, kept.queues, str),
        )
    ]
    return Reach(*(tuple(c) for c in chosen))


def _role(page: Page, key: str, role: str) -> str:
    _ = page.gettext
    roles = [r.value for r in Role]
    return st.selectbox(
        _("Role"),
        roles,
        index=roles.index(role),
        key=f"{key}_role",
        format_func=lambda r: page.label("role", r),
    )


def _add(page: Page) -> None:
    _ = page.gettext
    st.subheader(_("Add somebody"))
    turn = st.session_state.setdefault("user_add_turn", 0)
    key = f"user_add_{turn}"
    username = st.text_input(_("User name"), key=f"{key}_username", max_chars=64)
    name = st.text_input(_("Name"), key=f"{key}_name", max_chars=200)
    email = st.text_input(_("E-mail"), key=f"{key}_email", max_chars=320)
    role = _role(page, key, Role.COMMUNITY_MANAGER.value)
    languages = i18n.languages()
    language = st.selectbox(
        _("Language"),
        languages,
        index=languages.index(data.settings().listener.service.language),
        key=f"{key}_language",
        format_func=i18n.language_name,
    )
    reach = _reach(page, key, None)

    if not st.button(_("Add"), key=f"{key}_save", type="primary"):
        return

    def work(user: User) -> None:
        address = data.desk().staff.add(
            user,
            username.strip().casefold(),
            name=name,
            email=email,
            role=role,
            language=language,
            reach=reach,
        )
        _keep_link(username, address)

    if pages.was_done(_("The account is made."), work):
        st.session_state["user_add_turn"] = turn + 1
    st.rerun()


def _change(page: Page, everyone: list[User]) -> None:
    _ = page.gettext
    st.subheader(_("Change an account"))
    names = {u.username: u for u in everyone}
    chosen = st.selectbox(_("Account"), list(names), key="user_chosen")
    user = names[chosen]
    key = f"user_{chosen}"
    role = _role(page, key, user.role)
    reach = _reach(page, key, user)
    desk = data.desk().staff

    def act(done: str, work: Callable[[User], object]) -> Callable[[], None]:
        return lambda: pages.act(done, work)

    if st.button(_("Save the account"), key=f"{key}_save", type="primary"):
        pages.act(
            _("The account is changed; it counts from the next click on."),
            lambda who: desk.change(who, chosen, role=role, reach=reach),
        )
        st.rerun()
    first, second, third = st.columns(3)
    if user.disabled:
        first.button(
            _("Enable"),
            key=f"{key}_enable",
            width="stretch",
            on_click=act(_("The account is enabled."), lambda who: desk.enable(who, chosen)),
        )
    else:
        first.button(
            _("Disable"),
            key=f"{key}_disable",
            width="stretch",
            on_click=act(
                _("The account is disabled; its open cases are nobody's."),
                lambda who: desk.disable(who, chosen),
            ),
        )
    second.button(
        _("New link"),
        key=f"{key}_link",
        width="stretch",
        disabled=user.disabled,
        on_click=act("", lambda who: _keep_link(chosen, desk.new_link(who, chosen))),
    )
    locked = user.locked_until is not None and user.locked_until > page.now
    third.button(
        _("Unlock"),
        key=f"{key}_unlock",
        width="stretch",
        disabled=not (locked or user.failed_sign_ins),
        on_click=act(_("The account is unlocked."), lambda who: desk.unlock(who, chosen)),
    )


def _keep_link(username: str, address: str) -> None:
    st.session_state[_LINK] = (username, address)


def _link(page: Page) -> None:
    """The link of an account, shown to who asked for it until they close it; nothing keeps it."""
    _ = page.gettext
    if _LINK not in st.session_state:
        return
    username, address = st.session_state[_LINK]
    with st.container(border=True):
        said = _(
            "Give this link to {who}: it sets their password once, within a day. It is shown only here and now.",
            who=username,
        )
        html(f'<p class="ls-meta">{safe(said)}</p>')
        st.code(address, language=None, wrap_lines=True)
        st.button(
            _("I have passed it on"),
            key="user_link_done",
            on_click=lambda: st.session_state.pop(_LINK, None),
        )


def _audit(page: Page) -> None:
    _ = page.gettext
    entries = data.desk().staff.audit(page.user)
    if not entries:
        return
    with st.expander(_("What was done")):
        rows = [
            (
                safe(page.when(e.at)),
                isolated(e.actor),
                safe(page.label("audit", e.kind)),
                isolated(", ".join(f"{k}: {_said(v)}" for k, v in e.data.items())),
            )
            for e in entries
        ]
        html(table((_("When"), _("Who"), _("What"), ""), rows))


def _said(value: object) -> str:
    return ", ".join(map(str, value)) if isinstance(value, list) else str(value)
