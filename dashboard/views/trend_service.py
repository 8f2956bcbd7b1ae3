"""The part of the trends page about service: how people are answered, promises kept, the weekly report."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from functools import partial

import streamlit as st

from dashboard import data
from dashboard.marking import safe
from dashboard.pages import Page, html
from dashboard.views.chart_block import draw
from dashboard.views.figures import figures
from dashboard.views.trend_parts import Shown, stem
from listener import service_report, weekly
from listener.weekly import Report

_WEEKS = 26
_MIME = {"pdf": "application/pdf", "html": "text/html"}


def service(page: Page, shown: Shown) -> None:
    _ = page.gettext
    chosen = shown.selection
    found = data.desk().figures.service(
        page.user,
        first=chosen.first,
        last=chosen.last,
        zone=page.zone,
        brands=chosen.brands,
        langs=chosen.langs,
        invented=chosen.invented,
    )
    st.header(_("How people were answered"))
    html(figures(service_report.facts(found, page.speech, page.now)))
    html(f'<p class="ls-how">{safe(service_report.how(page.speech))}</p>')
    drawn = service_report.chart(found, shown.gaps, chosen, page.speech)
    draw(page, drawn, stem=stem(shown))
    _report(page, shown)


def _report(page: Page, shown: Shown) -> None:
    _ = page.gettext
    st.header(_("Weekly report"))
    said = _("The charts of one week, of one brand and language, as a file to send on.")
    html(f'<p class="ls-how">{safe(said)}</p>')
    today = page.now.astimezone(page.zone).date()
    one, two, three = st.columns(3)
    week = one.selectbox(
        _("Week"),
        [weekly.last_week(today - timedelta(weeks=n)) for n in range(-1, _WEEKS)],
        index=1,
        key="report_week",
    )
    visible = [
        b.key for b in data.settings().brands if not page.user.brands or b.key in page.user.brands
    ]
    brand = two.selectbox(_("Brand"), visible, format_func=page.brand, key="report_brand")
    langs = sorted({t.lang for t in shown.all_now})
    lang = three.selectbox(
        _("Language"),
        ["", *langs],
        format_func=lambda code: page.language_name(code) if code else _("any language"),
        key="report_lang",
    )
    if brand is None:
        return
    user, speech, now, invented = page.user, page.speech, page.now, shown.selection.invented

    def made() -> Report:
        return weekly.gather(
            data.desk(),
            user,
            speech,
            written=week,
            brand=brand,
            lang=lang,
            invented=invented,
            now=now,
        )

    names = {"pdf": _("Report in PDF"), "html": _("Report in HTML")}
    for column, form in zip(st.columns(len(names) + 1), names, strict=False):
        column.download_button(
            names[form],
            partial(_file, form, made),
            file_name=f"listener-{brand}-{week}{f'-{lang}' if lang else ''}.{form}",
            mime=_MIME[form],
            icon=":material/description:",
            on_click="ignore",
            key=f"report_{form}",
        )


def _file(form: str, made: Callable[[], Report]) -> bytes:
    return weekly.FORMATS[form](made())
