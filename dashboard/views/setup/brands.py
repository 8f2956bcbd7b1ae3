"""Brands and their queries: what a change would find, before it is stored."""

from __future__ import annotations

from collections.abc import Sequence
from zoneinfo import available_timezones

import streamlit as st

from dashboard import data, pages
from dashboard.marking import excerpt, isolated, safe, table
from dashboard.pages import Page, html
from dashboard.views.setup import query_words
from dashboard.views.setup.seen import Form
from listener import i18n
from listener.desk.brands import NAME
from listener.desk.rights import is_administrator
from listener.errors import QueryError
from listener.query_preview import Example, Preview, State
from listener.settings import Brand
from listener.storage.people import User

_DAYS = 7


def show(page: Page) -> None:
    _ = page.gettext
    desk = data.desk().brands
    brand, form = chosen(page)
    if brand is not None:
        _query(page, form, brand)
        if is_administrator(page.user):
            _details(page, form, brand)
    if is_administrator(page.user):
        _new(page, form)
    elif not desk.editable(page.user):
        st.caption(_("No brand of yours can be edited."))


def chosen(page: Page) -> tuple[Brand | None, Form]:
    """The brand that is being edited, and the form of brands.toml."""
    _ = page.gettext
    desk = data.desk().brands
    version, by = desk.standing()
    form = Form(page, NAME, version, by)
    brands = {b.key: b for b in desk.editable(page.user)}
    if not brands:
        return None, form
    key = st.selectbox(
        _("Brand"), list(brands), key="setup_brand", format_func=lambda k: brands[k].name
    )
    return brands[key], form


def _query(page: Page, form: Form, brand: Brand) -> None:
    _ = page.gettext
    st.subheader(_("What is a mention of it"))
    text = st.text_area(
        _("Query"),
        brand.query,
        key=form.key(brand.key, "query"),
        height=120,
        help=_('AND, OR, NOT, "phrases", (…), NEAR/5, telef*, number:1004, lang:es, site:…'),
    )
    left, right = st.columns([2, 3], gap="large")
    try:
        query = data.desk().brands.read_query(text, brand.countries)
        made = data.query_preview(page.user, brand.key, text)
    except QueryError as error:
        left.error(pages.literal(page.told(error).partition("\n")[0]))
        left.code(error.text[max(0, error.position - 40) : error.position + 40], language=None)
        return
    with left:
        html(f'<p class="ls-meta"><b>{safe(_("In words"))}</b></p>{query_words.told(page, query)}')
    with right:
        _figures(page, made)
    changed = text.strip() != brand.query
    if changed:
        _examples(page, _("It would add"), made.gained, made.added)
        _examples(page, _("It would drop"), made.lost, made.dropped)
    _examples(page, _("It finds as before") if changed else _("It finds"), made.found, None)
    _how(page, made)
    _save(page, form, brand, text, changed=changed)


def _figures(page: Page, made: Preview) -> None:
    _ = page.gettext
    about = "" if made.exact else "≈ "

    def said(value: float) -> str:
        return f"{about}{i18n.number(round(value), page.language)}"

    header = (_("Now"), _("With the change"), _("Added"), _("Dropped"))
    values = (made.before, made.after, made.added, made.dropped)
    html(table(header, [[f"<b>{safe(said(value))}</b>" for value in values]]))
    if made.muted:
        muted = _("{count} more are kept apart by a NOT.", count=said(made.muted))
        html(f'<p class="ls-meta">{safe(muted)}</p>')


def _how(page: Page, made: Preview) -> None:
    _ = page.gettext
    number = i18n.number
    said = _(
        "Mentions published in the last {days} days: {looked} of {total} were tried.",
        days=_DAYS,
        looked=number(made.looked_at, page.language),
        total=number(made.total, page.language),
    )
    if not made.exact:
        said += " " + _("The figures are reckoned from this even sample.")
    said += " " + _(
        "Only what some query found was stored: a wider query will find more from now on than is shown here."
    )
    html(f'<p class="ls-how">{safe(said)}</p>')


def _examples(page: Page, title: str, examples: Sequence[Example], count: float | None) -> None:
    if not examples:
        return
    _ = page.gettext
    shown = f"{title} ({i18n.number(round(count), page.language)})" if count is not None else title
    st.markdown(f"**{pages.literal(shown)}**")
    words = {"evidence": _("found by the query")}
    for example in examples:
        mention = example.mention
        marks = [(a, b, "evidence") for a, b in example.hits]
        muted = page.badge(_("kept apart"), "ls-wait") if example.now is State.MUTED else ""
        parts = [
            isolated(mention.words.author or _("an unknown author")),
            isolated(mention.site or page.label("source", mention.words.source)),
            safe(page.when(mention.published_at)),
            pages.original(page, mention.url),
        ]
        html(
            f'<div class="ls-row"><div class="ls-badges">{muted}{page.invented(mention.invented)}'
            f'</div><p class="ls-text">{excerpt(mention.words.text, marks, words)}</p>'
            f'<p class="ls-meta">{" · ".join(p for p in parts if p)}</p></div>'
        )


def _save(page: Page, form: Form, brand: Brand, text: str, *, changed: bool) -> None:
    _ = page.gettext
    left, right = st.columns([3, 1], vertical_alignment="bottom")
    note = left.text_input(
        _("Why (others read it in the history)"), key=form.key(brand.key, "note"), max_chars=500
    )

    def work(user: User) -> None:
        data.desk().brands.set_query(user, brand.key, text, version=form.version, note=note)

    pressed = right.button(
        _("Save the query"),
        key=form.key(brand.key, "save"),
        type="primary",
        disabled=not changed,  # what it would find has to be seen first
        width="stretch",
    )
    if pressed:
        done = _("The query is stored; from the next turn on it decides what is collected.")
        form.save(done, work)


# ---------------------------------------------------------------------------- administrators


def _details(page: Page, form: Form, brand: Brand) -> None:
    _ = page.gettext
    with st.expander(_("Name, countries, own accounts")):
        values = _controls(page, form, brand, brand.key)
        left, right = st.columns(2)
        stored = left.button(_("Save"), key=form.key(brand.key, "details"), type="primary")
        sure = right.checkbox(
            _("Stop watching {brand}", brand=brand.name), key=form.key(brand.key, "sure")
        )
        removed = right.button(
            _("Take it out"), key=form.key(brand.key, "remove"), disabled=not sure
        )

    def store(user: User) -> None:
        data.desk().brands.set_details(user, brand.key, values, version=form.version)

    def remove(user: User) -> None:
        data.desk().brands.remove(user, brand.key, version=form.version)

    if stored:
        form.save(_("Stored; in force from now on."), store)
    if removed:
        form.save(_("It is not watched any more; its mentions and cases stay."), remove)


def _new(page: Page, form: Form) -> None:
    _ = page.gettext
    with st.expander(_("Watch another brand")):
        key = st.text_input(
            _("Key (a-z, 0-9, -)"), key=form.key("new", "key"), max_chars=60
        ).strip()
        values = _controls(page, form, None, "new")
        query = st.text_area(_("Its query"), key=form.key("new", "query"))
        pressed = st.button(_("Watch it"), key=form.key("new", "save"), type="primary")

    def work(user: User) -> None:
        told = {"key": key, **values, "query": query.strip()}
        data.desk().brands.add(user, told, version=form.version)

    if pressed:
        form.save(_("The brand is watched from the next turn on."), work)


def _controls(page: Page, form: Form, brand: Brand | None, place: str) -> dict[str, object]:
    _ = page.gettext
    zones = sorted(z for z in available_timezones() if "/" in z or z == "UTC")
    first, second = st.columns(2)
    zone = brand.time_zone if brand else page.user.time_zone
    zones = zones if zone in zones else [zone, *zones]
    kinds = ("own", "competitor")
    kind = brand.kind if brand else "competitor"

    def several(where: object, label: str, name: str, given: Sequence[str]) -> list[str]:
        said = where.text_input(  # type: ignore[attr-defined]
            label, ", ".join(given), key=form.key(place, name)
        )
        return [part.strip() for part in said.split(",") if part.strip()]

    return {
        "name": first.text_input(
            _("Name"), brand.name if brand else "", key=form.key(place, "name"), max_chars=200
        ).strip(),
        "kind": second.selectbox(
            _("Kind"),
            kinds,
            index=kinds.index(kind),
            key=form.key(place, "kind"),
            format_func=lambda k: page.label("brand_kind", k),
        ),
        "countries": several(
            first, _("Countries"), "countries", brand.countries if brand else ("ES",)
        ),
        "languages": several(
            second, _("Languages"), "languages", brand.languages if brand else ("es",)
        ),
        "time_zone": first.selectbox(
            _("Time zone"), zones, index=zones.index(zone), key=form.key(place, "zone")
        ),
        "handles": several(
            second, _("Own accounts (platform:name)"), "handles", brand.handles if brand else ()
        ),
    }
