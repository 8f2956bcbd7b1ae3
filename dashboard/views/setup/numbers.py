"""The numbers that call in a brand's name, as brands.toml has them."""

from __future__ import annotations

from datetime import date

import streamlit as st
from babel.dates import format_date

from dashboard import data
from dashboard.marking import isolated, safe, table
from dashboard.pages import Page, html
from dashboard.views.number_cells import kind_badge
from dashboard.views.setup.brands import chosen
from dashboard.views.setup.seen import Form
from listener.domain import NumberKind
from listener.settings import Brand, BrandNumber
from listener.storage.people import User

_NEW = -1
_KINDS = [k for k in NumberKind if k is not NumberKind.UNKNOWN]


def show(page: Page) -> None:
    _ = page.gettext
    brand, form = chosen(page)
    if brand is None:
        st.caption(_("No brand of yours can be edited."))
        return
    _table(page, brand)
    place = st.selectbox(
        _("Which one"),
        [_NEW, *range(len(brand.numbers))],
        key=form.key(brand.key, "number"),
        format_func=lambda n: _("A new one") if n == _NEW else _name(brand.numbers[n]),
    )
    _edit(page, form, brand, place)
    st.caption(
        _(
            "Numbers that were imported (`listener crm import --numbers`) stand beside these, on the page Numbers."
        )
    )


def _name(number: BrandNumber) -> str:
    days = f" ({number.valid_from or '…'} – {number.valid_to or '…'})"
    return f"{number.number}{days if number.valid_from or number.valid_to else ''}"


def _table(page: Page, brand: Brand) -> None:
    _ = page.gettext
    header = (_("Number"), _("Kind"), _("Owner"), _("Campaign"), _("First day"), _("Last day"))
    rows = [
        (
            isolated(n.number),
            kind_badge(page, n.kind),
            isolated(n.owner or "-"),
            isolated(n.campaign or "-"),
            safe(_day(page, n.valid_from)),
            safe(_day(page, n.valid_to)),
        )
        for n in brand.numbers
    ]
    if rows:
        html(table(header, rows, first=True))
    else:
        st.caption(_("No number stands with this brand yet."))


def _day(page: Page, day: date | None) -> str:
    return format_date(day, "d MMM y", locale=page.language) if day else "-"


def _edit(page: Page, form: Form, brand: Brand, place: int) -> None:
    _ = page.gettext
    given = None if place == _NEW else brand.numbers[place]
    key = (brand.key, "number", place)
    first, second, third = st.columns(3)
    written = first.text_input(
        _("Number"), given.number if given else "", key=form.key(*key, "written"), max_chars=40
    )
    kind = second.selectbox(
        _("Kind"),
        _KINDS,
        index=_KINDS.index(given.kind) if given and given.kind in _KINDS else 0,
        key=form.key(*key, "kind"),
        format_func=lambda k: page.label("value", k),
    )
    owner = third.text_input(
        _("Owner"), given.owner if given else "", key=form.key(*key, "owner"), max_chars=200
    )
    campaign = first.text_input(
        _("Campaign"),
        given.campaign if given else "",
        key=form.key(*key, "campaign"),
        max_chars=200,
    )
    since = second.date_input(
        _("First day"), given.valid_from if given else None, key=form.key(*key, "from")
    )
    until = third.date_input(
        _("Last day"), given.valid_to if given else None, key=form.key(*key, "to")
    )
    number = BrandNumber(
        number=written.strip(),
        kind=kind,
        owner=owner.strip(),
        campaign=campaign.strip(),
        valid_from=since,
        valid_to=until,
    )

    left, right = st.columns([1, 3])
    stored = left.button(_("Save the number"), key=form.key(*key, "save"), type="primary")
    taken = given is not None and right.button(_("Take the number out"), key=form.key(*key, "out"))
    numbers = list(brand.numbers)
    end = place + 1 if given else len(numbers)
    numbers[place if given else end : end] = [number] if stored else []

    def work(user: User) -> None:
        data.desk().brands.set_numbers(user, brand.key, numbers, version=form.version)

    if stored:
        form.save(_("The number is stored."), work)
    if taken:
        form.save(_("The number is taken out."), work)
