"""What the reader said of one post: labels, scores, and the corrections of a click."""

from __future__ import annotations

from typing import Any

import streamlit as st

from dashboard import data, pages
from dashboard.marking import isolated, safe, table
from dashboard.pages import Page, html
from dashboard.views import claims
from listener import i18n
from listener.desk.rights import may_work
from listener.storage.case_detail import CaseDetail, CaseMentionView
from listener.storage.people import User
from listener.storage.readings import LABELS, StoredReading


def show(page: Page, detail: CaseDetail, mention: CaseMentionView) -> None:
    _ = page.gettext
    found = mention.reading
    if found is None:
        html(f'<p class="ls-meta">{safe(_("This post has not been read yet."))}</p>')
        return
    html(_labels(page, found))
    claims.show(page, detail, mention, found)
    with st.expander(_("How sure the reader is")):
        html(_scores(page, found))
    if may_work(page.user) and detail.summary.merged_into is None:
        with st.expander(_("Correct the reading"), key=f"correct_{mention.id}"):
            _corrections(page, detail, mention, found)


def _labels(page: Page, found: StoredReading) -> str:
    _ = page.gettext
    badges = [
        page.badge(
            f"{page.label('question', question)}: {page.label(question, getattr(found, question))}"
            + (" ✓" if question in found.corrected else "")
            + (" ?" if question in found.uncertain and question not in found.corrected else "")
        )
        for question in LABELS
    ]
    lines = []
    told = {str(who) for question, who in found.corrected.items() if question in LABELS}
    if told:
        who = ", ".join(sorted(told))
        lines.append(safe(_("✓ corrected by")) + f" {isolated(who)}")
    if set(found.uncertain) - set(found.corrected):
        lines.append(safe(_("? the reader is unsure: please look")))
    extra = f'<p class="ls-meta">{" · ".join(lines)}</p>' if lines else ""
    return f'<div class="ls-badges">{"".join(badges)}</div>{extra}'


def _scores(page: Page, found: StoredReading) -> str:
    _ = page.gettext
    ordered = sorted(found.scores.items(), key=lambda item: -item[1])
    rows = [
        (
            safe(page.label("score", name.removeprefix("category."))),
            safe(i18n.percent(value, page.language)),
        )
        for name, value in ordered
        if value >= 0.01
    ]
    model = safe(
        _(
            "Reader: revision {model}. Language: {lang}.",
            model=found.model,
            lang=page.language_name(found.lang),
        )
    )
    return table((_("Answer"), _("Probability")), rows) + f'<p class="ls-meta">{model}</p>'


def _corrections(
    page: Page, detail: CaseDetail, mention: CaseMentionView, found: StoredReading
) -> None:
    """A click is the correction; it wins over every model, for ever."""
    _ = page.gettext
    case = detail.summary
    st.caption(_("One click corrects; it wins over the reader for good and is on the timeline."))
    for question, answers in LABELS.items():
        key = f"fix_{question}_{mention.id}"
        value = getattr(found, question)
        st.session_state[key] = value  # what is stored, not a click that was refused
        done = _("Corrected.")
        common: Any = {
            "format_func": lambda answer, q=question: page.label(q, answer),
            "key": key,
            "on_change": _correct,
            "args": (done, case.id, mention.id, question, key, value, case.version),
        }
        title = page.label("question", question)
        if len(answers) > 3:
            st.selectbox(title, answers, **common)
        else:
            st.segmented_control(title, answers, required=True, **common)


def _correct(
    done: str,
    case_id: int,
    mention_id: int,
    question: str,
    key: str,
    shown: object,
    version: int,
) -> None:
    value = st.session_state.get(key)
    # A control that was just drawn may report its own value as a change, when the next click
    # comes before the page is complete: nobody has corrected anything then.
    if value == shown:
        return

    def work(user: User) -> None:
        data.desk().cases.correct(user, case_id, mention_id, question, value, version=version)

    pages.act(done, work)
