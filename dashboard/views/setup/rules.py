"""Routing and due times, points of urgency, alerts, the company's contact policy, retention."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import streamlit as st

from dashboard import data, pages
from dashboard.marking import safe
from dashboard.pages import Page, html
from dashboard.views.setup import fields
from dashboard.views.setup.fields import Changes
from dashboard.views.setup.seen import Form
from listener.calling_rules import FrequencyRule, HoursRule
from listener.sections import Section
from listener.settings import QueueRule
from listener.storage.people import User


def routing(page: Page) -> None:
    _ = page.gettext
    form = document(page, "rules/routing.toml")
    shown = data.settings().routing
    changes = fields.section(form, shown, leave_out=("rules",))
    st.subheader(_("Which queue"))
    st.caption(
        _("The first rule whose every condition holds names the queue; an empty one always holds.")
    )
    changes |= fields.sections(form, shown.rules, QueueRule, ("rules",))
    save(form, changes)


def priority(page: Page) -> None:
    form = document(page, "rules/priority.toml")
    save(form, fields.section(form, data.settings().priority))


def alerts(page: Page) -> None:
    form = document(page, "rules/alerts.toml")
    save(form, fields.section(form, data.settings().alerts))


def company(page: Page) -> None:
    _ = page.gettext
    form = document(page, "rules/company.toml")
    shown = data.settings().company
    changes = fields.section(form, shown, leave_out=("frequency", "hours"))
    lists: Sequence[tuple[str, Sequence[Section], type[Section], str]] = (
        (_("How often"), shown.frequency, FrequencyRule, "frequency"),
        (_("At what hours"), shown.hours, HoursRule, "hours"),
    )
    for title, rules, kind, name in lists:
        st.subheader(title)
        changes |= fields.sections(form, rules, kind, (name,))
    save(form, changes)


def retention(page: Page) -> None:
    _ = page.gettext
    form = document(page, "listener.toml")
    listener = data.settings().listener
    changes: Changes = {}
    parts: tuple[tuple[str, Section, str], ...] = (
        (_("What was collected"), listener.retention, "retention"),
        (_("Private links"), listener.private_link, "private_link"),
    )
    for title, shown, name in parts:
        st.subheader(title)
        changes |= fields.section(form, shown, (name,))
    said = _(
        "Raw pages and refused items are erased after this time, links and the phones left there after theirs. One person is erased on request with `listener erase`."
    )
    html(f'<p class="ls-how">{safe(said)}</p>')
    save(form, changes)


def document(page: Page, name: str) -> Form:
    """The form of a document, on the version that this page began with."""
    found = data.desk().documents.read(page.user, name)
    return Form(page, name, found.version, found.edit.by if found.edit else "")


def save(form: Form, changes: Changes) -> None:
    """Why, and the button."""
    _ = form.page.gettext
    left, right = st.columns([3, 1], vertical_alignment="bottom")
    note = left.text_input(
        _("Why (others read it in the history)"), key=form.key("note"), max_chars=500
    )
    pressed = right.button(
        _("Save the changes"),
        key=form.key("save"),
        type="primary",
        width="stretch",
    )
    if pressed and not changes:
        pages.flash("warning", _("Nothing changed."))
        st.rerun()
    if pressed:
        form.save(_("Stored; in force from now on."), _storing(form, changes, note))


def _storing(form: Form, changes: Changes, note: str) -> Callable[[User], object]:
    def work(user: User) -> None:
        data.desk().documents.set(user, form.name, changes, version=form.version, note=note)

    return work
