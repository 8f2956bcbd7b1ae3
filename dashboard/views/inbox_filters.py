"""What the inbox lists and in which order: the controls, and views under a name.

Each control keeps its value in the session under `inbox_<field of the wish>`, so that a view is put to
use by writing those values before the controls are drawn."""

from __future__ import annotations

from dataclasses import fields
from typing import Any, get_args

import streamlit as st

from dashboard import data, pages
from dashboard.pages import Page
from listener.desk.inbox import View, Views
from listener.desk.rights import is_administrator, may_work
from listener.domain import CaseStatus, PriorityLevel
from listener.storage.case_search import Sort
from listener.storage.people import User
from listener.wishes import Asleep, Matched, Owner, Wish

_READY = "inbox_ready"
_NAME, _TEAM = "inbox_view_name", "inbox_view_team"
MEANING = "inbox_meaning"


def again() -> None:
    """The list is asked for anew, from its beginning."""
    st.session_state["inbox_offset"] = 0
    st.session_state.pop("inbox_listed", None)


def show(page: Page) -> Wish:
    """The controls, and what they say."""
    views = data.desk().inbox.views(page.user)
    if not st.session_state.get(_READY):
        _use(views.default.wish if views.default else Wish())
        st.session_state[_READY] = True
    _kept()
    _ = page.gettext
    search, owner, order, more, saved = st.columns(
        [2.6, 3.2, 1.8, 2.0, 1.4], vertical_alignment="bottom"
    )
    with search:
        _search(page)
    with owner:
        _owner(page)
    order.selectbox(
        _("Order"),
        list(Sort),
        format_func=lambda s: page.label("sort", s),
        key="inbox_sort",
        on_change=again,
    )
    with more.popover(_("More filters"), icon=":material/tune:", width="stretch"):
        _more(page)
    with saved.popover(_("Views"), icon=":material/bookmark:", width="stretch"):
        _saved(page, views)
    st.toggle(_("Search by meaning"), key=MEANING, on_change=again)
    return _wish()


def _use(wish: Wish) -> None:
    for field in fields(Wish):
        value = getattr(wish, field.name)
        st.session_state[f"inbox_{field.name}"] = list(value) if type(value) is tuple else value
    again()


def _kept() -> None:
    """Values of controls that were not drawn on another page stay."""
    for field in fields(Wish):
        key = f"inbox_{field.name}"
        if key in st.session_state:
            st.session_state[key] = st.session_state[key]


def _wish() -> Wish:
    values: dict[str, Any] = {}
    for field in fields(Wish):
        value = st.session_state.get(f"inbox_{field.name}", getattr(Wish(), field.name))
        values[field.name] = tuple(value) if isinstance(value, list) else value
    return Wish(**values)


def _search(page: Page) -> None:
    _ = page.gettext
    st.text_input(
        _("Search in texts and authors"),
        key="inbox_search",
        on_change=again,
        max_chars=200,
        placeholder=_("what posts should say, in any language")
        if st.session_state.get(MEANING)
        else _('words, "a phrase", telef*'),
    )


def _owner(page: Page) -> None:
    _ = page.gettext
    owners = [o for o in get_args(Owner) if o != "mine" or may_work(page.user)]
    if st.session_state.get("inbox_owner") not in owners:
        st.session_state["inbox_owner"] = "all"
    st.segmented_control(
        _("Owner"),
        owners,
        required=True,
        format_func=lambda o: page.label("owner", o),
        key="inbox_owner",
        on_change=again,
    )


def _more(page: Page) -> None:
    _ = page.gettext
    there = data.filters(page.user.brands, page.user)
    tags = data.desk().work.tags(page.user)
    _several(page, "statuses", _("Status"), [s.value for s in CaseStatus], "status")
    flags = st.columns(2)
    flags[0].toggle(_("Not answered"), key="inbox_unanswered", on_change=again)
    flags[1].toggle(_("Overdue"), key="inbox_overdue", on_change=again)
    _one(page, "snoozed", _("Put off"), get_args(Asleep))
    if may_work(page.user):
        _one(page, "matched", _("Customer found"), get_args(Matched))
    _several(page, "levels", _("Priority"), [p.value for p in PriorityLevel], "level")
    _several(page, "tags", _("Tags"), tags, "tag")
    for name, words, kind in (
        ("brands", _("Brand"), "brand"),
        ("queues", _("Queue"), "queue"),
        ("matters", _("Category"), "category"),
        ("languages", _("Language"), "lang"),
        ("sources", _("Source"), "source"),
    ):
        _several(page, name, words, list(there[name]), kind)


def _one(page: Page, name: str, words: str, options: tuple[str, ...]) -> None:
    st.segmented_control(
        words,
        options,
        required=True,
        format_func=lambda o: page.label(name, o),
        key=f"inbox_{name}",
        on_change=again,
    )


def _several(page: Page, name: str, words: str, options: list[str], kind: str) -> None:
    """What a view asks for and does not occur now, can still be taken out."""

    def shown(value: str) -> str:
        if kind == "brand":
            return page.brand(value)
        if kind == "tag":
            return f"#{value}"
        return page.language_name(value) if kind == "lang" else page.label(kind, value)

    key = f"inbox_{name}"
    chosen = st.session_state.get(key, [])
    st.multiselect(
        words,
        [*options, *(c for c in chosen if c not in options)],
        format_func=shown,
        key=key,
        on_change=again,
        placeholder=page.gettext("any"),
    )


# ---------------------------------------------------------------------------- views under a name


def _saved(page: Page, views: Views) -> None:
    _ = page.gettext
    with st.container(key="inbox_views"):
        st.button(
            _("The plain inbox"),
            key="view_plain",
            type="tertiary",
            on_click=_use,
            args=(Wish(),),
        )
        for view in views.views:
            _view(page, view, views.default)
        _save(page)


def _view(page: Page, view: View, default: View | None) -> None:
    _ = page.gettext
    opens = default is not None and default.id == view.id
    name, first, gone = st.columns([4, 1, 1], vertical_alignment="center")
    said = pages.literal(view.name)
    if view.shared_by:
        said += f" ({pages.literal(view.shared_by)})"
    elif view.brand:
        said += f" ({pages.literal(page.brand(view.brand))})"
    name.button(said, key=f"view_{view.id}", type="tertiary", on_click=_use, args=(view.wish,))
    first.button(
        _("Open the inbox with it") if not opens else _("The inbox opens with it"),
        key=f"view_first_{view.id}",
        icon=":material/home:",
        type="primary" if opens else "secondary",
        on_click=_open_with,
        args=(_("Your inbox opens as you chose."), None if opens else view.id),
    )
    if view.shared_by is None or is_administrator(page.user):
        gone.button(
            _("Remove the view"),
            key=f"view_gone_{view.id}",
            icon=":material/delete:",
            on_click=_remove,
            args=(_("The view is removed."), view.id),
        )


def _save(page: Page) -> None:
    _ = page.gettext
    with st.form("inbox_view_form", border=False, clear_on_submit=True):
        st.text_input(_("Save what is listed now as"), key=_NAME, max_chars=80)
        if may_work(page.user):
            brands = page.user.brands or tuple(b.key for b in data.settings().brands)
            st.selectbox(
                _("Share it with the team of"),
                brands,
                index=None,
                format_func=page.brand,
                placeholder=_("nobody: it is mine"),
                key=_TEAM,
            )
        st.form_submit_button(
            _("Save the view"), on_click=_keep, args=(_("The view is saved."), _wish())
        )


def _keep(done: str, wish: Wish) -> None:
    name, brand = str(st.session_state.get(_NAME) or ""), st.session_state.get(_TEAM)

    def work(user: User) -> None:
        data.desk().inbox.save_view(user, name, wish, brand=brand)

    pages.act(done, work)


def _open_with(done: str, view_id: int | None) -> None:
    def work(user: User) -> None:
        data.desk().inbox.open_with(user, view_id)

    pages.act(done, work)


def _remove(done: str, view_id: int) -> None:
    def work(user: User) -> None:
        data.desk().inbox.remove_view(user, view_id)

    pages.act(done, work)
