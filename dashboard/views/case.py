"""One case: what was said and what it claims, what to do and to answer, who says it; beneath, one part at
a time, what explains it and what was done."""

from __future__ import annotations

from collections.abc import Callable

import streamlit as st

from dashboard import data, pages
from dashboard.marking import excerpt, isolated, marked, marks_of, safe, safe_url, table
from dashboard.pages import Page, html, query_number
from dashboard.views import (
    actions,
    alike,
    case_state,
    causes,
    contacts,
    notes,
    private_link,
    promise,
    reading,
    reply,
    timeline,
)
from listener import i18n, threads
from listener.desk.cases import CaseView
from listener.desk.rights import may_work
from listener.domain import CaseStatus
from listener.errors import NotAllowed, StorageError
from listener.storage.case_answers import SEEN
from listener.storage.case_detail import CaseDetail, CaseMentionView

_SHOWN = 2500  # characters of a text before "show all"
_MOST_SHOWN = 100_000
_QUOTED = 120  # characters of what is answered
_POSTS = 4  # of a case before "show the earlier ones"
_JOINED = ("again", "repost", SEEN)  # how a further post came onto the case


def show(page: Page) -> None:
    _ = page.gettext
    case_id = query_number("id")
    if case_id is None:
        st.title(_("Case"))
        st.info(_("Open a case from the inbox."))
        st.page_link(page.pages["inbox"], label=_("Inbox"), icon=":material/inbox:")
        return
    try:
        view = data.desk().cases.view(page.user, case_id)
    except (NotAllowed, StorageError) as refused:
        st.title(_("Case {id}", id=case_id))
        forbidden = isinstance(refused, NotAllowed)
        said = _("You may not see this case.") if forbidden else _("There is no such case.")
        st.error(said)
        st.page_link(page.pages["inbox"], label=_("Inbox"), icon=":material/inbox:")
        return
    detail = view.detail
    _head(page, detail)
    with st.container():
        case_state.show(page, detail)
    if may_work(page.user) and detail.summary.merged_into is None:
        left, right = st.columns([5, 3], gap="large")
        with left:
            _beneath(
                lambda: _conversation(page, detail),
                lambda: reply.show(page, detail),
                lambda: notes.show(page, detail),
            )
        with right:
            _beneath(
                lambda: actions.show(page, detail),
                lambda: contacts.match(page, view),
                lambda: private_link.show(page, view),
                lambda: promise.show(page, view),
            )
    else:
        _conversation(page, detail)
    _more(page, view)


def _beneath(*parts: Callable[[], None]) -> None:
    """Each part in a place of its own: as one grows, those beneath it are not drawn as new, which
    would close what somebody had opened and take the focus from where they type."""
    for part in parts:
        with st.container():
            part()


def _more(page: Page, view: CaseView) -> None:
    """What explains the case. Only the part that is open is made: the log of a person may be long."""
    _ = page.gettext
    parts: dict[str, Callable[[], None]] = {}
    if may_work(page.user) and view.detail.summary.matter == "harassment":
        parts[_("Why did we contact them again?")] = lambda: causes.show(page, view)
    parts |= {
        _("Contact history"): lambda: contacts.show(page, view),
        _("Others who say this"): lambda: alike.by_case(page, view.detail.summary.id),
        _("Why this priority"): lambda: _why(page, view.detail),
        _("What was done"): lambda: timeline.show(page, view.detail.timeline),
    }
    # Not by the version: what somebody reads stays open when they do something.
    tabs = st.tabs(list(parts), on_change="rerun", key=f"parts_{view.detail.summary.id}")
    for tab, part in zip(tabs, parts.values(), strict=True):
        if tab.open:
            with tab:
                part()


def _head(page: Page, detail: CaseDetail) -> None:
    _ = page.gettext
    case = detail.summary
    st.page_link(page.pages["inbox"], label=_("Inbox"), icon=":material/arrow_back:")
    st.title(_("Case {id}", id=case.id))
    badges = [
        page.level(case.level),
        page.badge(page.label("category", case.matter)),
        page.badge(page.label("status", case.status)),
        page.badge(page.brand(case.brand)),
        page.badge(page.language_name(case.lang)),
        page.invented(case.invented),
    ]
    closed = case.status == CaseStatus.CLOSED
    said = [
        page.due(case.due_at, closed=closed),
        safe(_("answer by {moment}", moment=page.when(case.due_at))),
        f"{safe(_('Owner'))}: {isolated(page.owner(case.owner))}",
        f"{safe(_('Queue'))}: {safe(page.label('queue', case.queue))}",
    ]
    if closed:
        ended = page.label("resolution", detail.resolution)
        said = [safe(_("closed on {moment}", moment=page.when(detail.closed_at))), safe(ended)]
    html(f'<div class="ls-badges">{"".join(badges)}</div><p class="ls-meta">{" · ".join(said)}</p>')


# ---------------------------------------------------------------------------- what was said


def _conversation(page: Page, detail: CaseDetail) -> None:
    """Oldest first, answers under what they answer; of many posts the newest, and the others when
    they are asked for."""
    shown = detail.mentions
    earlier = len(shown) - _POSTS
    if earlier > 0 and not st.toggle(
        page.gettext("Show the {count} earlier posts", count=earlier),
        key=f"earlier_{detail.summary.id}",
    ):
        shown = shown[-_POSTS:]
    joined = {e.data.get("mention"): e.kind for e in detail.timeline if e.kind in _JOINED}
    above = None
    for mention, depth in threads.in_threads(shown):
        came = str(joined.get(mention.id, ""))
        with st.container(border=True, key=f"thread{depth}_{mention.id}"):
            html(_byline(page, mention, came))
            if mention.is_answer and (mention.answers is None or mention.answers != above):
                html(_answered(page, mention))
            _mention(page, detail, mention, came)
        above = mention.id


def _answered(page: Page, mention: CaseMentionView) -> str:
    """What a post answers, where that is not the one right above it."""
    _ = page.gettext
    there = mention.answered
    if there is None:
        words = safe(_("In answer to a post that is not here."))
        return f'<p class="ls-meta">{words}</p>'
    who = isolated(there.author) if there.author else safe(_("an unknown author"))
    link = pages.original(page, there.url)
    return (
        f'<p class="ls-meta ls-quoted">{safe(_("In answer to"))} <b>{who}</b>: '
        f"{excerpt(there.text, (), {}, _QUOTED)} {link}</p>"
    )


def _mention(page: Page, detail: CaseDetail, mention: CaseMentionView, joined: str) -> None:
    _ = page.gettext
    found = mention.reading
    marks = marks_of(found.facts, found.evidence) if found else []
    text = mention.text
    whole = len(text) <= _SHOWN or st.toggle(
        _("Show all {count} characters", count=i18n.number(len(text), page.language)),
        key=f"all_{mention.id}",
    )
    end = min(len(text), _MOST_SHOWN) if whole else _SHOWN
    body = marked(text, marks, page.marks(), end=end) + (" …" if end < len(text) else "")
    title = f"<p><b>{isolated(mention.title)}</b></p>" if mention.title else ""
    html(f'{title}<div class="ls-text">{body}</div>{_legend(page, marks)}')
    if joined != SEEN:  # what the brand says of itself claims nothing
        reading.show(page, detail, mention)


def _byline(page: Page, mention: CaseMentionView, joined: str) -> str:
    _ = page.gettext
    author = isolated(mention.author_name or mention.author or _("an unknown author"))
    if mention.author and mention.author_name:
        author += f" ({isolated(mention.author)})"
    if url := safe_url(mention.author_url):
        author = f'<a href="{url}" target="_blank" rel="noopener noreferrer">{author}</a>'
    parts = [
        author,
        isolated(mention.site or page.label("source", mention.source)),
        safe(page.when(mention.published_at)),
    ]
    if mention.followers is not None:
        count = i18n.number(mention.followers, page.language)
        parts.append(safe(_("followers: {count}", count=count)))
    if link := pages.original(page, mention.url):
        parts.append(link)
    if mention.duplicate_kind:
        parts.append(safe(page.label("duplicate", mention.duplicate_kind)))
    badge = page.invented(mention.invented)
    if joined:
        badge += page.badge(page.label("event", joined), "ls-good" if joined == SEEN else "")
    return f'<p class="ls-meta">{" · ".join(parts)} {badge}</p>'


def _legend(page: Page, marks: list[tuple[int, int, str]]) -> str:
    kinds = [kind for kind in page.marks() if any(k == kind for _, _, k in marks)]
    if not kinds:
        return ""
    items = "".join(
        f'<li><mark class="ls-m ls-{kind}">{safe(page.marks()[kind])}</mark></li>' for kind in kinds
    )
    words = safe(page.gettext("What the marks mean"))
    return f'<ul class="ls-legend" aria-label="{words}">{items}</ul>'


# ---------------------------------------------------------------------------- why


def _why(page: Page, detail: CaseDetail) -> None:
    _ = page.gettext
    case = detail.summary
    rows = [
        (safe(page.explain(r)), safe(f"{r.points:+d}")) for r in case.priority_reasons if r.points
    ]
    rows.append((f"<b>{safe(_('Together'))}</b>", f"<b>{case.score}</b>"))
    html(table((_("Reason"), _("Points")), rows))
    routes = "".join(f"<li>{safe(page.explain(r))}</li>" for r in detail.route_reasons)
    html(
        f'<p class="ls-meta">{safe(_("Why this queue and person"))}</p>'
        f'<ul class="ls-reasons">{routes}</ul>'
    )
