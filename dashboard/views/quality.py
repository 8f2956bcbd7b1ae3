"""How good the reader is, and what makes it better: figures, corrections, training, cards."""

from __future__ import annotations

import streamlit as st

from classifiers import card
from dashboard import card_text, data, pages
from dashboard.marking import isolated, safe, table
from dashboard.pages import Page, html
from dashboard.views import corrections, training
from listener import agreement, i18n
from listener.agreement import Agreement
from listener.desk.quality import Quality

_PARTS = ("overview", "corrections", "training", "cards")
_DAYS = (30, 90, 365)


def show(page: Page) -> None:
    _ = page.gettext
    st.title(_("Quality"))
    part = st.segmented_control(
        _("What to show"),
        _PARTS,
        default="overview",
        required=True,
        format_func=lambda p: page.label("quality_part", p),
        key="quality_part",
        label_visibility="collapsed",
    )
    shown = {"corrections": corrections.show, "training": training.show, "cards": _cards}
    shown.get(str(part), _overview)(page)


# ---------------------------------------------------------------------------- overview


def _overview(page: Page) -> None:
    _ = page.gettext
    days = st.segmented_control(
        _("Period"),
        _DAYS,
        default=90,
        required=True,
        format_func=lambda n: i18n.days(n, page.language),
        key="quality_days",
    )
    found = data.quality(page.user, days or 90)
    st.header(_("What it read"))
    _read(page, found)
    st.header(_("What people say of it"))
    _agreement(page, found)
    st.header(_("What was measured"))
    _scores(page)


def _read(page: Page, found: Quality) -> None:
    _ = page.gettext
    if not found.read:
        pages.empty(_("No post of this period has been read."))
        return

    def row(name: str, count: int, doubtful: int) -> list[str]:
        share = i18n.percent(doubtful / count, page.language)
        shown = [i18n.number(n, page.language) for n in (count, doubtful)]
        return [safe(name), *map(safe, shown), safe(share)]

    header = (_("Language"), _("Read"), _("In doubt"), _("Share"))
    sums = sum(r.count for r in found.read), sum(r.doubtful for r in found.read)
    rows = [row(_("all languages"), *sums)]
    rows += [row(page.language_name(r.lang), r.count, r.doubtful) for r in found.read]
    html(table(header, rows, first=True))
    said = _(
        "In doubt: the chance that there is a complaint, or harassment, is too near to the threshold. Such a post waits for a person's word, and opens no case before."
    )
    html(f'<p class="ls-how">{safe(said)}</p>')
    if found.waiting:
        st.page_link(
            page.pages["review"],
            label=_("Review what waits: {count}", count=i18n.number(found.waiting, page.language)),
            icon=":material/rate_review:",
        )


def _agreement(page: Page, found: Quality) -> None:
    _ = page.gettext
    if not found.total.asked and not found.total.changed:
        html(
            f'<p class="ls-meta">{safe(_("Nobody has settled a doubt or corrected a reading in this period."))}</p>'
        )
        return
    header = (_("Doubts settled"), _("as the reader leant"), _("Share"), _("Mistakes found"))

    def cells(a: Agreement) -> list[str]:
        share = i18n.percent(a.share, page.language) if a.share is not None else _("too few")
        if not a.asked:
            share = "-"
        numbers = (i18n.number(n, page.language) for n in (a.asked, a.agreed))
        return [*map(safe, numbers), safe(share), safe(i18n.number(a.changed, page.language))]

    weeks = [
        [safe(i18n.day_of(week, page.language)), *cells(a)]
        for week, a in reversed(found.weeks)
        if a.asked or a.changed
    ]
    html(table((_("Week of"), *header), [*weeks[:12], [safe(_("whole period")), *cells(found.total)]], first=True))  # fmt: skip
    html(
        table(
            (_("Question"), _("Language"), *header),
            [
                [safe(page.label("question", q)), safe(page.language_name(lang)), *cells(a)]
                for q, lang, a in found.questions
            ],
            first=True,
        )
    )
    said = _(
        "Doubts are the hardest posts, so this share is lower than that of all. Mistakes that people came across are a lower bound: what nobody looks at nobody corrects. Below {fewest} answers no share is told.",
        fewest=agreement.FEWEST,
    )
    html(f'<p class="ls-how">{safe(said)}</p>')


def _scores(page: Page) -> None:
    """Per language and question, of the weights that ship."""
    _ = page.gettext
    cards = [card.read(q) for q in card.QUESTIONS]
    scores = {(s.lang, s.question): s for c in cards for s in card.scores(c)}
    questions = [q for q in card.QUESTIONS if any(key[1] == q for key in scores)]
    langs = sorted(
        {lang for lang, _q in scores if lang != "mean"}, key=lambda lang: (lang == "all", lang)
    )
    figures = {s.question: s.figure for s in scores.values()}
    header = [
        f"{page.label('question', q)} ({page.label('figure', figures[q])})" for q in questions
    ]
    rows = []
    for lang in langs:
        name = _("all languages") if lang == "all" else page.language_name(lang)
        cells = [scores.get((lang, q)) for q in questions]
        rows.append([safe(name), *(_score(page, cell) for cell in cells)])
    html(table((_("Language"), *header), rows, first=True))
    told = _(
        "Of a hundred, on {texts} invented posts that were kept apart, with the weights that ship ({model}). Real posts are harder: the cards say by how much. In other languages nothing was measured.",
        texts=i18n.number(max(s.texts for s in scores.values()), page.language),
        model=cards[0].model,
    )
    html(f'<p class="ls-how">{safe(told)}</p>')


def _score(page: Page, found: card.Score | None) -> str:
    return safe(i18n.number(found.value, page.language, 1)) if found else "-"


# ---------------------------------------------------------------------------- cards


def _cards(page: Page) -> None:
    _ = page.gettext
    question = st.selectbox(
        _("Question"),
        card.QUESTIONS,
        format_func=lambda q: page.label("question", q),
        key="quality_card",
    )
    found = card.read(question or card.QUESTIONS[0])
    if page.language != "en":
        st.caption(_("The cards are written in English."))
    with st.container(border=True):
        html(f'<div class="ls-card" lang="en"><h2>{isolated(found.title)}</h2>{card_text.to_html(found.before)}</div>')  # fmt: skip
        for shown in found.tables:
            rows = [[safe(cell) for cell in row] for row in shown.rows]
            html(f'<div lang="en">{table(shown.header, rows, caption=shown.title, first=True)}</div>')  # fmt: skip
        html(f'<div class="ls-card" lang="en">{card_text.to_html(found.after)}</div>')
