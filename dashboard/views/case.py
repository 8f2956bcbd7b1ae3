"""One case: what was said and what it claims, who says it, what the log knows, what was done."""

from __future__ import annotations

from collections.abc import Callable

import streamlit as st

from dashboard import data, pages
from dashboard.marking import isolated, marked, marks_of, safe, safe_url, table
from dashboard.pages import Page, html, query_number
from dashboard.views import actions, causes, contacts, private_link, promise, reading, reply
from listener import i18n
from listener.desk.cases import CaseView
from listener.desk.rights import may_work
from listener.domain import CaseStatus
from listener.errors import NotAllowed, StorageError
from listener.storage.case_detail import CaseDetail, CaseMentionView, TimelineEntry

_SHOWN = 2500  # characters of a text before "show all"
_MOST_SHOWN = 100_000


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
    _head(page, view.detail)
    left, right = st.columns([5, 3], gap="large")
    with left:
        for mention in view.detail.mentions:
            _mention(page, view.detail, mention)
    with right:
        if may_work(page.user):
            actions.show(page, view.detail)
            reply.show(page, view.detail)
            contacts.match(page, view)
            private_link.show(page, view)
    if may_work(page.user):
        left, right = st.columns([5, 3], gap="large")
        with left:
            causes.show(page, view)
        with right:
            promise.show(page, view)
    contacts.show(page, view)
    left, right = st.columns(2, gap="large")
    with left:
        _why(page, view.detail)
    with right:
        _timeline(page, view)


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


def _mention(page: Page, detail: CaseDetail, mention: CaseMentionView) -> None:
    _ = page.gettext
    found = mention.reading
    marks = marks_of(found.facts, found.evidence) if found else []
    with st.container(border=True):
        html(_byline(page, mention))
        text = mention.text
        whole = len(text) <= _SHOWN or st.toggle(
            _("Show all {count} characters", count=i18n.number(len(text), page.language)),
            key=f"all_{mention.id}",
        )
        end = min(len(text), _MOST_SHOWN) if whole else _SHOWN
        body = marked(text, marks, page.marks(), end=end) + (" …" if end < len(text) else "")
        title = f"<p><b>{isolated(mention.title)}</b></p>" if mention.title else ""
        html(f'{title}<div class="ls-text">{body}</div>{_legend(page, marks)}')
        reading.show(page, detail, mention)


def _byline(page: Page, mention: CaseMentionView) -> str:
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


# ---------------------------------------------------------------------------- why, and what was done


def _why(page: Page, detail: CaseDetail) -> None:
    _ = page.gettext
    case = detail.summary
    with st.container(border=True):
        st.subheader(_("Why this priority"))
        rows = [
            (safe(page.explain(r)), safe(f"{r.points:+d}"))
            for r in case.priority_reasons
            if r.points
        ]
        rows.append((f"<b>{safe(_('Together'))}</b>", f"<b>{case.score}</b>"))
        html(table((_("Reason"), _("Points")), rows))
        routes = "".join(f"<li>{safe(page.explain(r))}</li>" for r in detail.route_reasons)
        html(
            f'<p class="ls-meta">{safe(_("Why this queue and person"))}</p>'
            f'<ul class="ls-reasons">{routes}</ul>'
        )


def _timeline(page: Page, view: CaseView) -> None:
    _ = page.gettext
    with st.container(border=True):
        st.subheader(_("What was done"))
        steps = "".join(
            f"<li><time>{safe(page.when(e.at))} · {isolated(pages.person(e.actor))}</time>"
            f"{_event(page, e)}</li>"
            for e in reversed(view.detail.timeline[-200:])
        )
        html(f'<ol class="ls-steps">{steps}</ol>')


def _event(page: Page, entry: TimelineEntry) -> str:
    """What happened, as HTML: every value is escaped on its way in."""
    _ = page.gettext
    given = entry.data

    def opened() -> str:
        before = given.get("previous_case")
        words = _("opened the case")
        return safe(words if not before else _("opened the case, after case {id}", id=before))

    def assigned() -> str:
        to, by = given.get("to"), given.get("from")
        if to is None:
            return safe(_("gave the case back"))
        if to == entry.actor:
            return safe(_("took the case"))
        who = isolated(to)
        return safe(_("gave the case to")) + f" {who}" + (f" ({isolated(by)} →)" if by else "")

    def status() -> str:
        words = _("set the status to: {status}", status=page.label("status", given.get("to")))
        if given.get("resolution"):
            words += f" ({page.label('resolution', given['resolution'])})"
        return safe(words)

    def note() -> str:
        return f'<div class="ls-text">{isolated(given.get("text", ""))}</div>'

    def corrected() -> str:
        question = str(given.get("question"))
        return safe(
            _(
                "corrected {question}: {before} → {after}",
                question=page.label("question", question),
                before=page.label(question, given.get("from")),
                after=page.label(question, given.get("to")),
            )
        )

    def customer() -> str:
        if given.get("to") is None:
            return safe(_("said that none of the candidates is the author"))
        return safe(_("said who the author is:")) + f" {isolated(given['to'])}"

    def routed() -> str:
        queue = page.label("queue", given.get("queue"))
        owner = given.get("owner") or _("nobody yet")
        return safe(_("sent it to the queue {queue}; owner: {owner}", queue=queue, owner=owner))

    def raised() -> str:
        before, after = (page.label("level", given.get(key)) for key in ("from", "to"))
        return safe(_("raised the urgency: {before} → {after}", before=before, after=after))

    def phone_left() -> str:
        number = given.get("phone", "")
        return safe(_("received a phone by the private link: {phone}", phone=number))

    known: dict[str, Callable[[], str]] = {
        "opened": opened,
        "raised": raised,
        "assigned": assigned,
        "status": status,
        "note": note,
        "corrected": corrected,
        "customer": customer,
        "routed": routed,
        "phone_left": phone_left,
    }
    if entry.kind in known:
        return known[entry.kind]()
    return safe(page.label("event", entry.kind))
