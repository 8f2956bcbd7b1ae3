"""How each source is doing, what could not be read, and when each loop last ran."""

from __future__ import annotations

from collections.abc import Mapping

import streamlit as st

from dashboard import data
from dashboard.marking import isolated, safe, table
from dashboard.pages import Page, html
from listener import i18n
from listener.desk.watch import state_of
from listener.storage.health import SubscriptionHealth
from listener.storage.mentions import StoredReject

_STATES = {
    "ok": "ls-good",
    "failing": "ls-bad",
    "silent": "ls-wait",
    "waiting": "ls-wait",
    "off": "",
}


def show(page: Page) -> None:
    _ = page.gettext
    st.title(_("Sources"))
    found = data.desk().watch.sources(page.user)
    settings = data.settings()
    if found.subscriptions:
        header = (
            _("Source"), _("State"), _("Last answer"), _("Last new post"), _("Posts"), _("Unreadable"), _("Last error"),
        )  # fmt: skip
        rows = []
        for source in found.subscriptions:
            state = state_of(source, settings, page.now)
            badge = page.badge(page.label("state", state), _STATES[state])
            rows.append(
                (isolated(source.key), badge + _since(page, source, state), *_figures(page, source))
            )
        html(table(header, rows, first=True))
    else:
        said = _(
            "No source has been asked yet. They are named in config/sources.toml; `listener run` asks them."
        )
        html(f'<div class="ls-empty"><p>{safe(said)}</p></div>')
    _systems(page, found.systems)
    st.header(_("Loops"))
    html(
        table(
            (_("Loop"), _("Last start"), _("Last success"), _("What it did"), _("Last error")),
            [
                (
                    safe(page.label("loop", loop.name)),
                    safe(page.when(loop.started_at)),
                    safe(page.when(loop.succeeded_at)),
                    safe(_did(page, loop.last_counts)),
                    isolated(loop.last_error or "-"),
                )
                for loop in found.loops
            ],
        )
        if found.loops
        else f'<p class="ls-meta">{safe(_("No loop has run yet."))}</p>'
    )
    counts = found.counts
    st.header(_("What is stored"))
    shown = (
        "mentions",
        "pending",
        "failed",
        "duplicates",
        "cases",
        "alerts",
        "customers",
        "contact_events",
        "rejects",
    )
    html(
        table(
            [page.label("count", name) for name in shown],
            [[safe(i18n.number(counts[name], page.language)) for name in shown]],
        )
    )
    _rejects(page, found.rejects, bool(page.user.brands))


def _systems(page: Page, systems: Mapping[str, str]) -> None:
    """CRMs and diallers: whether they answered when they were last asked."""
    _ = page.gettext
    st.header(_("CRMs and diallers"))
    if not systems:
        st.caption(_("None is switched on: nobody is matched."))
        return
    rows = []
    for name, said in systems.items():
        state = "ok" if said == "ok" else "failing"
        badge = page.badge(page.label("state", state), _STATES[state])
        rows.append((isolated(name), badge, "-" if state == "ok" else isolated(said)))
    html(table((_("System"), _("State"), _("Last error")), rows, first=True))


def _since(page: Page, source: SubscriptionHealth, state: str) -> str:
    since = {
        "failing": source.failing_since,
        "silent": source.last_item_at or source.watched_since,
        "waiting": source.not_before,
    }.get(state)
    if since is None:
        return ""
    words = page.gettext(
        "until {moment}" if state == "waiting" else "since {moment}", moment=page.when(since)
    )
    return f'<br><span class="ls-meta">{safe(words)}</span>'


def _figures(page: Page, source: SubscriptionHealth) -> tuple[str, ...]:
    return (
        safe(page.when(source.last_success_at)),
        safe(page.when(source.last_item_at)),
        safe(i18n.number(source.items, page.language)),
        safe(i18n.number(source.problems, page.language)),
        isolated((source.last_error or "-")[:500]),
    )


def _did(page: Page, counts: object) -> str:
    if not isinstance(counts, dict):
        return "-"
    return ", ".join(f"{page.label('count', k)} {v}" for k, v in counts.items() if v) or "-"


def _rejects(page: Page, rejects: tuple[StoredReject, ...], restricted: bool) -> None:
    _ = page.gettext
    st.header(_("What could not be read"))
    if restricted:
        st.caption(_("Shown to those who see every brand."))
        return
    if not rejects:
        st.caption(_("Everything that came could be read."))
        return
    st.caption(_("The latest {count}; kept, with the reason.", count=len(rejects)))
    html(
        table(
            (_("When"), _("From"), _("Line"), _("Reason"), _("Beginning")),
            [
                (
                    safe(page.when(r.at)),
                    isolated(r.origin),
                    safe("-" if r.line is None else r.line),
                    isolated(r.reason[:300]),
                    isolated(r.excerpt[:160]),
                )
                for r in rejects
            ],
        )
    )
