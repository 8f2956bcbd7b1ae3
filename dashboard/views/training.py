"""The reader's versions and their training: start, watch, compare, accept, go back."""

from __future__ import annotations

from datetime import timedelta

import streamlit as st

from classifiers.judging import FEWEST, Score
from dashboard import data, pages
from dashboard.marking import isolated, safe, table
from dashboard.pages import Page, html
from listener import i18n
from listener.desk.quality import Made, Training
from listener.desk.rights import is_administrator
from listener.reader_versions import Verdict
from listener.storage.people import User

_LOOK = timedelta(seconds=3)
_SHOWN = 6


def show(page: Page) -> None:
    _ = page.gettext
    found = data.desk().quality.training(page.user)
    told = _(
        "What people corrected teaches the reader. Half of it teaches, the other half measures."
    )
    html(f'<p class="ls-meta">{safe(told)}</p>')
    html(
        table(
            (_("Texts that teach"), _("Texts that measure")),
            [[safe(i18n.number(n, page.language)) for n in (found.taught, found.measured)]],
        )
    )
    if found.measured < FEWEST:
        few = _(
            "With fewer than {fewest} texts that measure, the corrections judge nothing: before and after are then compared on the reader's own posts only.",
            fewest=FEWEST,
        )
        html(f'<p class="ls-how">{safe(few)}</p>')
    if found.trouble:
        st.info(pages.literal(page.retold(found.trouble)))
        return
    _state(page, found)
    st.header(_("Versions"))
    for made in found.versions[:_SHOWN]:
        _version(page, made, found)


# ---------------------------------------------------------------------------- the training


def _state(page: Page, found: Training) -> None:
    """How the training goes, looked at again while it does; and the button that starts one."""
    _ = page.gettext
    st.header(_("Training"))
    if found.running:

        @st.fragment(run_every=_LOOK)
        def watch() -> None:
            again = data.desk().quality.training(page.user)
            _progress(page, again)
            if not again.running:
                st.rerun()

        watch()
    else:
        _progress(page, found)
    if not is_administrator(page.user):
        st.caption(_("Started by administrators."))
        return
    if not found.running:
        st.button(
            _("Train with what was corrected"),
            type="primary",
            disabled=not found.taught,
            help=_("Nobody has corrected enough yet.") if not found.taught else None,
            on_click=_train,
            args=(_("The training has begun; the reader goes on as it is."),),
        )
        st.caption(
            _(
                "Takes from some minutes to an hour, by how busy the machine is. What comes of it is not used before you accept it."
            )
        )
    log = data.desk().quality.training_log(page.user)
    if log:
        with st.expander(_("Its log")):
            st.code(log, language=None)


def _progress(page: Page, found: Training) -> None:
    _ = page.gettext
    how = found.progress
    if how is None:
        html(f'<p class="ls-meta">{safe(_("No training has run here yet."))}</p>')
        return
    state = "running" if found.running else how.state
    kind = {"running": "ls-wait", "done": "ls-good"}.get(state, "ls-bad")
    began = _("begun by {who} on {moment}", who=how.by, moment=page.when(how.started_at))
    html(
        f'<div class="ls-badges">{page.badge(page.label("training", state), kind)}</div>'
        f'<p class="ls-meta">{isolated(began)}</p>'
    )
    if found.running and how.total:
        words = f"{page.label('training_step', how.what)}: {how.done} / {how.total}"
        st.progress(min(1.0, how.done / how.total), text=pages.literal(words))
    if how.error:
        st.error(pages.literal(how.error))


def _train(done: str) -> None:
    def work(user: User) -> None:
        data.desk().quality.train(user)

    pages.act(done, work)


# ---------------------------------------------------------------------------- versions


def _version(page: Page, made: Made, found: Training) -> None:
    _ = page.gettext
    name = _("the one that ships") if made.name == "shipped" else made.name
    badges = page.badge(_("in use"), "ls-good") if made.active else ""
    verdict = made.verdict
    if verdict is not None and verdict.reasons:
        badges += page.badge(_("worse"), "ls-bad")
    told = [isolated(made.revision)]
    if verdict is not None:
        told.append(
            safe(
                _(
                    "{taught} texts taught, {measured} measured",
                    taught=verdict.taught,
                    measured=verdict.measured,
                )
            )
        )
    with st.container(border=True):
        text, button = st.columns([6, 2], vertical_alignment="center")
        with text:
            html(
                f'<div class="ls-badges"><b>{isolated(name)}</b>{badges}</div>'
                f'<p class="ls-meta">{" · ".join(told)}</p>'
            )
        if is_administrator(page.user):
            _choice(page, made, found, button)
        if verdict is not None:
            with st.expander(_("Before and after"), expanded=made is found.versions[0]):
                _verdict(page, verdict)


def _choice(page: Page, made: Made, found: Training, where: object) -> None:
    """Accept, or go back to what the one in use was made from."""
    _ = page.gettext
    shipped = made.name == "shipped"
    if made.active and not shipped:
        label, done, name = _("Roll back"), _("The version before is in use again."), None
    elif not made.active:
        label, done, name = _("Use it"), _("In use from the reader's next turn on."), made.name
    else:
        return
    where.button(  # type: ignore[attr-defined]
        label,
        key=f"choose_{made.name}",
        width="stretch",
        disabled=found.running,
        on_click=_choose,
        args=(done, name),
    )


def _choose(done: str, name: str | None) -> None:
    def work(user: User) -> None:
        if name is None:
            data.desk().quality.roll_back(user)
        else:
            data.desk().quality.use(user, name)

    pages.act(done, work)


def _verdict(page: Page, found: Verdict) -> None:
    _ = page.gettext
    header = (
        _("Texts"), _("Question"), _("Language"), _("Count"), _("Before"), _("After"), _("Change"),
    )  # fmt: skip
    html(table(header, [_compared(page, score) for score in found.scores]))
    said = _(
        "F1 of a hundred on texts that taught nothing. In brackets: fewer than {fewest} texts, which judge nothing.",
        fewest=FEWEST,
    )
    html(f'<p class="ls-how">{safe(said)}</p>')
    if found.reasons:
        worse = _("Worse than chance explains, in the rows marked so: better leave it.")
        html(f'<p class="ls-muted">{safe(worse)}</p>')


def _compared(page: Page, score: Score) -> list[str]:
    _ = page.gettext
    few = score.count < FEWEST

    def shown(value: float) -> str:
        return safe(i18n.number(value, page.language, 1))

    change = score.after - score.before
    sign = "+" if change > 0 else ""
    mark = page.badge(_("worse"), "ls-bad") if score.worse else ""
    return [
        safe(page.label("texts", score.texts)),
        safe(page.label("question", score.question)),
        safe(_("all languages") if score.lang == "all" else page.language_name(score.lang)),
        safe(f"({score.count})" if few else i18n.number(score.count, page.language)),
        shown(score.before),
        shown(score.after),
        f"{sign}{shown(change)} {mark}",
    ]
