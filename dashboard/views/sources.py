"""How each source is doing and what its last days brought, what could not be read, and when each loop
last ran."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import timedelta

import streamlit as st

from dashboard import data, pages
from dashboard.marking import isolated, safe, table
from dashboard.pages import Page, html
from dashboard.views import coverage, rejects
from listener import i18n
from listener.desk.rights import is_administrator
from listener.desk.watch import COVERED, Sources, is_wanted, state_of
from listener.storage.health import SubscriptionHealth
from listener.storage.people import User

_SHORT = timedelta(minutes=1)
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
    found = data.sources(page.user)
    asked = st.query_params.get("source", "")[:200]
    if asked:
        st.button(_("All sources"), key="sources_all", icon=":material/arrow_back:", on_click=_all)
        name = asked.partition("/")[0]
        _source(page, name, [s for s in found.subscriptions if s.source_name == name], found)
        return
    if found.subscriptions:
        html(coverage.legend(page))
        by_name: dict[str, list[SubscriptionHealth]] = {}
        for source in found.subscriptions:
            by_name.setdefault(source.source_name, []).append(source)
        for name, sources in by_name.items():
            _source(page, name, sources, found)
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
                    isolated(page.retold(loop.last_error) or "-"),
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
    rejects.show(page)


def _all() -> None:
    st.query_params.clear()


def _source(page: Page, name: str, sources: Sequence[SubscriptionHealth], found: Sources) -> None:
    """One source with its subscriptions: their health, their last days, their gaps."""
    _ = page.gettext
    if not sources:
        html(f'<p class="ls-meta">{safe(_("There is no such source any more."))}</p>')
        return
    settings = data.settings()
    kind = sources[0].source_type
    with st.container(border=True):
        html(
            f'<div class="ls-badges"><b>{isolated(name)}</b>{page.badge(page.label("source", kind))}</div>'
            + "".join(
                _subscription(page, s, found, state_of(s, settings, page.now)) for s in sources
            )
        )
        gaps = [g for s in sources for g in coverage.explained(page, s.key, found.coverage[s.key])]
        if gaps:
            shown = "".join(f"<li>{gap}</li>" for gap in gaps)
            html(f'<p class="ls-why">{safe(_("Gaps"))}</p><ul class="ls-reasons">{shown}</ul>')
        blind = page.label("cannot_see", kind)
        html(f'<p class="ls-how">{safe(_("It cannot see: {what}.", what=blind))}</p>')
        if is_administrator(page.user):
            _ask(page, sources)


def _subscription(page: Page, source: SubscriptionHealth, found: Sources, state: str) -> str:
    """What one subscription brought, and how it is, as HTML."""
    _ = page.gettext
    badge = page.badge(page.label("state", state), _STATES[state])
    facts = [
        f"{safe(_('Posts in {days} days', days=COVERED))}: {_volume(page, found.volume.get(source.key, {}))}",
        f"{safe(_('Last new post'))}: {safe(page.when(source.last_item_at))}",
        f"{safe(_('Last answer'))}: {safe(page.when(source.last_success_at))}",
        f"{safe(_('Unreadable'))}: {safe(i18n.number(source.problems, page.language))}",
    ]
    error = page.retold(source.last_error)[:500]
    return (
        f'<div class="ls-sub"><div class="ls-badges"><b>{_brand(page, source)}</b>{badge}'
        f"{_since(page, source, state)}</div>{coverage.strip(page, found.coverage[source.key])}"
        f'<p class="ls-meta">{" · ".join(facts)}</p>'
        + (f'<p class="ls-why">{isolated(error)}</p>' if error else "")
        + "</div>"
    )


def _brand(page: Page, source: SubscriptionHealth) -> str:
    brand = source.key.removeprefix(source.source_name).removeprefix("/")
    return safe(page.brand(brand)) if brand else safe(page.gettext("all brands"))


def _volume(page: Page, counts: Mapping[str, int]) -> str:
    parts = [
        f"{safe(page.brand(brand))} {safe(i18n.number(count, page.language))}"
        for brand, count in sorted(counts.items(), key=lambda item: -item[1])
    ]
    return ", ".join(parts) or "0"


def _ask(page: Page, sources: Sequence[SubscriptionHealth]) -> None:
    """Have it asked at the next turn, where its server does not want to be left alone."""
    _ = page.gettext
    wanted = [s for s in sources if is_wanted(s)]
    waits = [s for s in sources if s.not_before and s.not_before > page.now]
    free = [s.key for s in sources if s not in wanted and s not in waits]
    if waits:
        until = max(s.not_before for s in waits if s.not_before)
        st.caption(_("Its server asked to be left alone until {moment}.", moment=page.when(until)))
    if wanted:
        st.caption(_("Asked for: it is its turn next, within {time}.", time=page.span(max(data.settings().listener.schedule.collect, _SHORT))))  # fmt: skip
    if free:
        st.button(
            _("Ask again now"),
            key=f"ask_{sources[0].source_name}",
            icon=":material/refresh:",
            on_click=_want,
            args=(_("It is asked at the next turn."), free),
        )


def _want(done: str, keys: Sequence[str]) -> None:
    def work(user: User) -> None:
        for key in keys:
            data.desk().watch.ask_again(user, key)

    pages.act(done, work)


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
        rows.append((isolated(name), badge, "-" if state == "ok" else isolated(page.retold(said))))
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
    return f'<span class="ls-meta">{safe(words)}</span>'


def _did(page: Page, counts: object) -> str:
    if not isinstance(counts, dict):
        return "-"
    return ", ".join(f"{page.label('count', k)} {v}" for k, v in counts.items() if v) or "-"
