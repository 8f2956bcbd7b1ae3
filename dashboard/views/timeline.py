"""What was done on a case: who, when, what, the newest first."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from typing import Any

from dashboard import pages
from dashboard.marking import isolated, safe, safe_url
from dashboard.pages import Page, html
from listener import i18n
from listener.facts import FACTS, FLAGS
from listener.storage.case_detail import TimelineEntry

_SHOWN = 200


def show(page: Page, entries: Sequence[TimelineEntry]) -> None:
    steps = "".join(
        f"<li><time>{safe(page.when(e.at))} · {isolated(pages.person(e.actor))}</time>"
        f"{event(page, e)}</li>"
        for e in reversed(entries[-_SHOWN:])
    )
    html(f'<ol class="ls-steps">{steps}</ol>')


def event(page: Page, entry: TimelineEntry) -> str:
    """What happened, as HTML: every value is escaped on its way in."""
    told = _TELLS.get(entry.kind)
    if told is None:
        return safe(page.label("event", entry.kind))
    return told(page, entry, entry.data)


def answer(page: Page, question: str, value: Any) -> str:
    """An answer to a question, or a fact, in words."""
    if question not in FACTS:
        return page.label(question, value)
    if question in FLAGS:
        return page.label("claim", bool(value))
    if value in (None, [], ()):
        return page.gettext("not said")
    if question == "numbers":
        return ", ".join(str(n["text"]) for n in value)
    if question == "channels":
        return ", ".join(page.label("channel", c) for c in value)
    return i18n.number(value, page.language)


def _opened(page: Page, _entry: TimelineEntry, given: Mapping[str, Any]) -> str:
    _ = page.gettext
    if origin := given.get("split_from"):
        return safe(_("opened the case with posts of case {id}", id=origin))
    before = given.get("previous_case")
    return safe(
        _("opened the case, after case {id}", id=before) if before else _("opened the case")
    )


def _assigned(page: Page, entry: TimelineEntry, given: Mapping[str, Any]) -> str:
    _ = page.gettext
    to, by = given.get("to"), given.get("from")
    if to is None:
        return safe(_("gave the case back"))
    if to == entry.actor:
        return safe(_("took the case"))
    return safe(_("gave the case to")) + f" {isolated(to)}" + (f" ({isolated(by)} →)" if by else "")


def _handed_over(page: Page, _entry: TimelineEntry, given: Mapping[str, Any]) -> str:
    _ = page.gettext
    if to := given.get("to"):
        words = safe(_("gave the case to")) + f" {isolated(to)}"
    else:
        words = safe(_("gave the case back"))
    if given.get("queue") != given.get("from_queue"):
        words += " · " + safe(_("Queue")) + f": {isolated(page.label('queue', given.get('queue')))}"
    return words + _words(given.get("message"))


def _status(page: Page, _entry: TimelineEntry, given: Mapping[str, Any]) -> str:
    words = page.gettext(
        "set the status to: {status}", status=page.label("status", given.get("to"))
    )
    if given.get("resolution"):
        words += f" ({page.label('resolution', given['resolution'])})"
    return safe(words) + _words(given.get("reason"))


def _note(page: Page, _entry: TimelineEntry, given: Mapping[str, Any]) -> str:
    origin = given.get("case")
    where = safe(page.gettext("Case {id}", id=origin)) + ": " if origin else ""
    return f'<div class="ls-text">{where}{isolated(given.get("text", ""))}</div>'


def _corrected(page: Page, _entry: TimelineEntry, given: Mapping[str, Any]) -> str:
    question = str(given.get("question"))
    kind = "fact" if question in FACTS else "question"
    return safe(
        page.gettext(
            "corrected {question}: {before} → {after}",
            question=page.label(kind, question),
            before=answer(page, question, given.get("from")),
            after=answer(page, question, given.get("to")),
        )
    )


def _customer(page: Page, _entry: TimelineEntry, given: Mapping[str, Any]) -> str:
    _ = page.gettext
    if given.get("to") is None:
        return safe(_("said that none of the candidates is the author"))
    return safe(_("said who the author is:")) + f" {isolated(given['to'])}"


def _routed(page: Page, _entry: TimelineEntry, given: Mapping[str, Any]) -> str:
    _ = page.gettext
    queue = page.label("queue", given.get("queue"))
    owner = given.get("owner") or _("nobody yet")
    return safe(_("sent it to the queue {queue}; owner: {owner}", queue=queue, owner=owner))


def _raised(page: Page, _entry: TimelineEntry, given: Mapping[str, Any]) -> str:
    before, after = (page.label("level", given.get(key)) for key in ("from", "to"))
    said = page.gettext("raised the urgency: {before} → {after}", before=before, after=after)
    return safe(said)


def _phone_left(page: Page, _entry: TimelineEntry, given: Mapping[str, Any]) -> str:
    number = given.get("phone", "")
    return safe(page.gettext("received a phone by the private link: {phone}", phone=number))


def _answered(page: Page, entry: TimelineEntry, given: Mapping[str, Any]) -> str:
    return safe(page.label("event", entry.kind)) + link(page, str(given.get("url") or ""))


def _snoozed(page: Page, _entry: TimelineEntry, given: Mapping[str, Any]) -> str:
    until = page.when(_moment(given.get("until")))
    return safe(page.gettext("put it off until {moment}", moment=until))


def _woken(page: Page, entry: TimelineEntry, given: Mapping[str, Any]) -> str:
    why = given.get("why")
    because = f" ({safe(page.label('event', why))})" if why else ""
    return safe(page.label("event", entry.kind)) + because


def _tagged(page: Page, entry: TimelineEntry, given: Mapping[str, Any]) -> str:
    return f"{safe(page.label('event', entry.kind))}: {isolated(given.get('tag', ''))}"


def _moved(page: Page, entry: TimelineEntry, given: Mapping[str, Any]) -> str:
    other = given.get("into") or given.get("case")
    return f"{safe(page.label('event', entry.kind))}: {safe(page.gettext('Case {id}', id=other))}"


def link(page: Page, url: str) -> str:
    """A link to a reply, as HTML; nothing where there is none."""
    sound = safe_url(url) if url else None
    if not sound:
        return ""
    words = safe(page.gettext("Open the reply"))
    return f' · <a href="{sound}" target="_blank" rel="noopener noreferrer">{words}</a>'


def _words(text: Any) -> str:
    return f'<div class="ls-text">{isolated(text)}</div>' if text else ""


def _moment(text: Any) -> datetime | None:
    return datetime.fromisoformat(text) if text else None


_TELLS: Mapping[str, Callable[[Page, TimelineEntry, Mapping[str, Any]], str]] = {
    "opened": _opened,
    "raised": _raised,
    "assigned": _assigned,
    "handed_over": _handed_over,
    "status": _status,
    "note": _note,
    "corrected": _corrected,
    "customer": _customer,
    "routed": _routed,
    "phone_left": _phone_left,
    "answered": _answered,
    "answered_by_brand": _answered,
    "snoozed": _snoozed,
    "woken": _woken,
    "tagged": _tagged,
    "untagged": _tagged,
    "merged": _moved,
    "merged_here": _moved,
    "split_off": _moved,
}
