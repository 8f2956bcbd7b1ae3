"""An alert as the message that a person reads: pure, in their language and time zone (those stored
with the notification)."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from functools import lru_cache
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

from jinja2 import Environment, FileSystemLoader, StrictUndefined

from listener import i18n
from listener.domain import Message
from listener.storage.alerts import StoredAlert, StoredNotification
from listener.storage.case_detail import CaseDetail

_TEMPLATES = Path(__file__).parent / "templates"
_EXCERPT = 600


def render(
    alert: StoredAlert,
    notification: StoredNotification,
    case: CaseDetail | None,
    *,
    public_url: str,
    names_customer: bool,
) -> Message:
    """Subject, text and HTML. What people wrote stands in it as text, cut to a length at which
    a mail is still read; the page behind the link has the rest. `names_customer`: the recipient may
    learn who the author is in the CRM."""
    language, zone = notification.language, ZoneInfo(notification.time_zone)
    context: dict[str, Any] = {
        "_": lambda message, **values: i18n.text(message, language, values),
        "headline": headline(alert.kind, alert.subject, language),
        "reasons": [i18n.explain(r, language, zone) for r in alert.reasons],
        "raised": i18n.when(alert.raised_at, language, zone),
        "link": _link(alert, public_url),
        "alert_link": _alert_link(alert, public_url) if alert.case_id is not None else None,
        "case": _case(case, language, zone, names_customer) if case else None,
        "zone": notification.time_zone,
        "language": language,
    }
    return Message(
        message_id=notification.message_id,
        recipient=notification.recipient,
        subject=f"[Listener] {context['headline']}",
        text=_environment(False).get_template("alert.txt").render(context),
        html=_environment(True).get_template("alert.html").render(context),
    )


def headline(kind: str, subject: Mapping[str, Any], language: str) -> str:
    """The alert in one line, for subjects and lists."""
    shown = {
        name: _word(value, language) if name == "level" else value
        for name, value in subject.items()
    }
    return i18n.text(f"alert.{kind}", language, shown)


def _link(alert: StoredAlert, public_url: str) -> str:
    """Where the work is: the case, or else the alert itself."""
    if alert.case_id is not None:
        return f"{public_url.rstrip('/')}/case?id={alert.case_id}"
    return _alert_link(alert, public_url)


def _alert_link(alert: StoredAlert, public_url: str) -> str:
    return f"{public_url.rstrip('/')}/alerts?id={alert.id}"


def _case(case: CaseDetail, language: str, zone: ZoneInfo, names_customer: bool) -> dict[str, Any]:
    summary = case.summary
    match = (case.match if names_customer else None) or {}
    text = summary.text
    return {
        "id": summary.id,
        "author": summary.author,
        "source": summary.site or summary.source,
        "published": i18n.when(summary.published_at, language, zone),
        "text": text if len(text) <= _EXCERPT else text[:_EXCERPT].rstrip() + " …",
        "queue": _word(summary.queue, language),
        "owner": summary.owner,
        "due": _due(summary.due_at, language, zone),
        "customer": match.get("name") if match.get("decided") else None,
    }


def _word(value: object, language: str) -> str:
    """A word of ours in the reader's language; a queue that somebody named stays as it is."""
    return i18n.text(f"value.{value}", language).removeprefix("value.")


def _due(moment: datetime, language: str, zone: ZoneInfo) -> str:
    return i18n.when(moment, language, zone)


@lru_cache(maxsize=2)
def _environment(html: bool) -> Environment:
    return Environment(
        loader=FileSystemLoader(_TEMPLATES),
        autoescape=html,  # noqa: S701 - the plain text part is no HTML
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
