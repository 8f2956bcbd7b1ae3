"""Others who say this: posts that mean the same, from a case or from a typed sentence."""

from __future__ import annotations

import streamlit as st

from dashboard import data, pages
from dashboard.marking import excerpt, isolated, marks_of, plain, safe
from dashboard.pages import Page, html
from listener import i18n
from listener.desk.alike import Alike
from listener.errors import ReaderMissing, StorageError
from listener.storage.vectors import Saying


def by_sentence(page: Page, written: str) -> None:
    """In place of the list of cases, when somebody searches by meaning."""
    _ = page.gettext
    try:
        with st.spinner(_("Comparing …"), show_time=False):
            found = data.desk().alike.sentence(page.user, written)
    except ReaderMissing as missing:
        st.warning(pages.literal(_("Without the reader nothing can be compared by meaning.")))
        html(f'<p class="ls-meta">{safe(missing)}</p>')
        return
    except StorageError as refused:
        st.warning(pages.literal(page.told(refused)))
        return
    _list(page, found)


def by_case(page: Page, case_id: int) -> None:
    """On a case; a first comparison reads every embedding, which takes some seconds."""
    _ = page.gettext
    with st.spinner(_("Comparing …"), show_time=False):
        found = data.desk().alike.case(page.user, case_id)
    if found is None:
        said = _("This post was read without an embedding, so that nothing can be compared.")
        html(f'<p class="ls-meta">{safe(said)}</p>')
        return
    _list(page, found)


def _list(page: Page, found: Alike) -> None:
    _ = page.gettext
    counted = i18n.number(found.compared, page.language)
    told = _(
        "Compared with the {count} newest posts that the reader {model} has read.",
        count=counted,
        model=plain(found.model, 60),
    )
    if found.kept > found.compared and not page.user.brands:
        others = i18n.number(found.kept - found.compared, page.language)
        told += " " + _("{count} were read by another and are not compared.", count=others)
    html(f'<p class="ls-meta">{safe(told)}</p>')
    if not found.found:
        html(f'<div class="ls-empty"><p>{safe(_("Nobody else says this."))}</p></div>')
    for saying, likeness in found.found:
        _saying(page, saying, likeness)


def _saying(page: Page, saying: Saying, likeness: float) -> None:
    _ = page.gettext
    marks = marks_of(saying.reading.facts, ())
    badges = [
        page.badge(_("{share} alike", share=i18n.percent(likeness, page.language))),
        page.badge(page.label("category", saying.reading.category)),
        page.invented(saying.invented),
    ]
    if saying.case_status is not None:
        badges.append(page.badge(page.label("status", saying.case_status)))
    said = [
        f"<b>{safe(page.brand(saying.brand))}</b>",
        safe(page.language_name(saying.reading.lang)),
        isolated(saying.site or page.label("source", saying.source)),
        isolated(saying.author) if saying.author else safe(_("an unknown author")),
        safe(page.when(saying.published_at)),
        pages.original(page, saying.url),
    ]
    with st.container(border=True):
        text, link = st.columns([6, 1], vertical_alignment="center")
        text.html(
            f'<div class="ls-row"><div class="ls-badges">{"".join(badges)}</div>'
            f'<p class="ls-text">{excerpt(saying.text, marks, page.marks())}</p>'
            f'<p class="ls-meta">{" · ".join(part for part in said if part)}</p></div>'
        )
        if saying.case_id is not None:
            pages.case_link(page, saying.case_id, link)
