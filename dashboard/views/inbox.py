"""The cases by urgency, with the reasons as words."""

from __future__ import annotations

import streamlit as st

from dashboard import data, pages
from dashboard.marking import excerpt, isolated, marks_of, safe
from dashboard.pages import Page
from listener.desk.cases import InboxLine
from listener.desk.rights import is_administrator, may_work
from listener.domain import CaseStatus, PriorityLevel
from listener.i18n import number
from listener.storage.case_search import MOST, CaseFilter

_SIZE = 20
_NOT_CLOSED = tuple(s.value for s in CaseStatus if s is not CaseStatus.CLOSED)


def show(page: Page) -> None:
    _ = page.gettext
    st.title(_("Inbox"))
    wanted = _filters(page)
    position = st.session_state.get("inbox_offset", 0)
    lines, total = data.desk().cases.inbox(page.user, wanted, limit=_SIZE, offset=position)
    if not lines and position:
        st.session_state["inbox_offset"] = 0
        st.rerun()
    if not total:
        _nothing(page, wanted)
        return
    st.html(f'<p class="ls-meta">{safe(_how_many(page, total))}</p>')
    for line in lines:
        _line(page, line)
    pages.paging(page, "inbox_offset", position, _SIZE, min(total, MOST))


def _how_many(page: Page, total: int) -> str:
    _ = page.gettext
    if total > MOST:
        return _(
            "More than {count} cases: the first {count} are listed. Filter or search to see others.",
            count=number(MOST, page.language),
        )
    return _("Cases: {count}, the most urgent first", count=total)


def _filters(page: Page) -> CaseFilter:
    _ = page.gettext
    there = data.filters(page.user.brands, page.user)
    mine = may_work(page.user)
    left, middle, right = st.columns([3, 4, 2], vertical_alignment="bottom")
    search = left.text_input(
        _("Search in texts and authors"),
        key="inbox_search",
        on_change=_first,
        max_chars=200,
        persist_state="session",
    )
    owners = ["all", "mine", "unassigned"] if mine else ["all", "unassigned"]
    owner = middle.segmented_control(
        _("Owner"),
        owners,
        default="all",
        required=True,
        format_func=lambda o: page.label("owner", o),
        key="inbox_owner",
        on_change=_first,
        persist_state="session",
    )
    with right.popover(_("More filters"), icon=":material/tune:", width="stretch"):
        status = st.multiselect(
            _("Status"),
            [s.value for s in CaseStatus],
            default=_NOT_CLOSED,
            format_func=lambda s: page.label("status", s),
            key="inbox_status",
            placeholder=_("any"),
            on_change=_first,
            persist_state="session",
        )

        def choose(name: str, options: tuple[str, ...], words: str, kind: str) -> tuple[str, ...]:
            def shown(value: str) -> str:
                if kind == "brand":
                    return page.brand(value)
                return page.language_name(value) if kind == "lang" else page.label(kind, value)

            key = f"inbox_{name}"
            return tuple(
                st.multiselect(
                    words,
                    options,
                    format_func=shown,
                    key=key,
                    on_change=_first,
                    placeholder=_("any"),
                    persist_state="session",
                )
            )

        levels = choose("levels", tuple(p.value for p in PriorityLevel), _("Priority"), "level")
        brands = choose("brands", there["brands"], _("Brand"), "brand")
        queues = choose("queues", there["queues"], _("Queue"), "queue")
        matters = choose("matters", there["matters"], _("Category"), "category")
        languages = choose("languages", there["languages"], _("Language"), "lang")
        sources = choose("sources", there["sources"], _("Source"), "source")
    return CaseFilter(
        brands=brands,
        statuses=tuple(status) or tuple(s.value for s in CaseStatus),
        queues=queues,
        levels=levels,
        matters=matters,
        languages=languages,
        sources=sources,
        owner=page.user.username if owner == "mine" else None,
        unassigned=owner == "unassigned",
        search=search or "",
    )


def _first() -> None:
    st.session_state["inbox_offset"] = 0


def _line(page: Page, line: InboxLine) -> None:
    _ = page.gettext
    case = line.case
    reading = line.reading
    marks = marks_of(reading.facts, ()) if reading else []
    badges = [
        page.level(case.level),
        page.badge(page.label("category", case.matter)),
        page.badge(page.label("status", case.status)),
        page.invented(case.invented),
    ]
    reasons = " · ".join(safe(page.explain(r)) for r in case.priority_reasons)
    said = [
        f"<b>{safe(page.brand(case.brand))}</b>",
        safe(page.language_name(case.lang)),
        isolated(case.site or page.label("source", case.source)),
        isolated(case.author) if case.author else safe(_("an unknown author")),
    ]
    if case.reach:
        said.append(safe(_("reach {count}", count=number(case.reach, page.language))))
    if case.mentions > 1:
        said.append(safe(_("{count} posts", count=case.mentions)))
    closed = case.status == CaseStatus.CLOSED
    work = [
        page.due(case.due_at, closed=closed),
        safe(_("waiting for {time}", time=page.span(page.now - case.opened_at))),
        f"{safe(_('Owner'))}: {isolated(page.owner(case.owner))}",
        f"{safe(_('Queue'))}: {safe(page.label('queue', case.queue))}",
    ]
    with st.container(border=True):
        text, link = st.columns([6, 1], vertical_alignment="center")
        with text:
            st.html(
                '<div class="ls-row">'
                f'<div class="ls-badges">{"".join(badges)}</div>'
                f'<p class="ls-text">{excerpt(case.text, marks, page.marks())}</p>'
                f'<p class="ls-why">{reasons}</p>'
                f'<p class="ls-meta">{" · ".join(said)}<br>{" · ".join(work)}</p></div>'
            )
        pages.case_link(page, case.id, link)


def _nothing(page: Page, wanted: CaseFilter) -> None:
    """An empty list says why, and what to do next."""
    _ = page.gettext
    counts = data.counts()
    if counts["cases"] or wanted.search:
        st.html(f'<div class="ls-empty"><p>{safe(_("No case fits these filters."))}</p></div>')
        return
    if counts["mentions"]:
        lines = [
            _("No complaint needs an answer."),
            _(
                "Posts collected: {count}. Waiting to be read: {pending}.",
                count=counts["mentions"],
                pending=counts["pending"],
            ),
        ]
    else:
        lines = [
            _("Nothing has been collected yet."),
            _(
                "Connect a source in config/sources.toml, import a file with `listener import`, or "
                "load the invented sample for a first look."
            ),
        ]
    st.html('<div class="ls-empty">' + "".join(f"<p>{safe(line)}</p>" for line in lines) + "</div>")
    left, middle, right = st.columns(3)
    left.page_link(
        page.pages["sources"], label=_("Look at the sources"), icon=":material/rss_feed:"
    )
    if is_administrator(page.user) and not counts["mentions"]:
        middle.button(
            _("Load the invented sample"),
            type="primary",
            on_click=pages.act,
            args=(_("The invented sample is loaded; its posts are read next."), _load_sample),
        )
    right.page_link(page.pages["settings"], label=_("Settings"), icon=":material/settings:")


def _load_sample(user: object) -> None:
    data.desk().setup.load_sample(user)  # type: ignore[arg-type]
