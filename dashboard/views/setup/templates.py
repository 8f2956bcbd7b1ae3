"""Drafts of replies, by situation and language, with how they read."""

from __future__ import annotations

import streamlit as st
from pydantic import ValidationError

from dashboard import data
from dashboard.marking import isolated, safe
from dashboard.pages import Page, html
from dashboard.views.setup.rules import document, save
from listener import i18n
from listener.replies import ReplyTemplates, Situation, draft
from listener.settings_errors import first

_LANGUAGES = ("es", "en", "pt", "fr", "it", "de")


def show(page: Page) -> None:
    _ = page.gettext
    form = document(page, "templates/replies.toml")
    templates = data.settings().replies
    left, right = st.columns(2)
    about = left.selectbox(
        _("Situation"),
        [s.value for s in Situation],
        key="template_situation",
        format_func=lambda s: page.label("situation", s),
    )
    known = dict.fromkeys([*_LANGUAGES, *getattr(templates, about)])
    lang = right.selectbox(
        _("Language"), list(known), key="template_language", format_func=page.language_name
    )
    before = getattr(templates, about).get(lang, "")
    text = st.text_area(
        _("Draft"),
        before,
        key=form.key(about, lang),
        height=160,
        help=_("{brand} and {author} are filled in.", brand="{brand}", author="{author}"),
    )
    told = {about: {**getattr(templates, about), lang: text}}
    brand = next(iter(data.settings().brands), None)
    shown = _preview(page, told, Situation(about), lang, brand.name if brand else "Acme")
    fallback = "" if text.strip() else _("Without a draft of its own, English is taken.")
    html(
        f'<p class="ls-meta"><b>{safe(_("How it reads"))}</b> {safe(fallback)}</p>'
        f'<p class="ls-text">{isolated(shown or "-")}</p>'
    )
    save(form, {(about, lang): text.strip() or None} if text.strip() != before else {})


def _preview(
    page: Page, told: dict[str, dict[str, str]], about: Situation, lang: str, brand: str
) -> str | None:
    try:
        made = ReplyTemplates.model_validate(told)
    except ValidationError as error:
        return i18n.told(first(ReplyTemplates, error), page.language)
    return draft(made, about, lang, brand=brand, author="@maria")
