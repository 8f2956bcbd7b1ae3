"""Whether a case has been answered: by whom, when, and where it stands. Two people cannot answer the
same case, and the first answer stays the first."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from urllib.parse import urlsplit

import sqlalchemy as sa
from sqlalchemy.orm import Session

from listener.domain import CaseStatus
from listener.errors import CaseError
from listener.storage import cases
from listener.storage.tables import CaseEvent, CaseRow, MentionRow

ANSWERED, WITHDRAWN, SEEN = "answered", "answer_withdrawn", "answered_by_brand"


@dataclass(frozen=True, slots=True)
class Answer:
    """The answer that stands on a case; `url` is empty where nobody said where it is. `in_thread`:
    nobody marked it, the source shows it."""

    by: str
    at: datetime
    url: str
    in_thread: bool


def mark(session: Session, case_id: int, *, url: str, by: str, version: int, now: datetime) -> None:
    """A person has answered. Raises CaseError where somebody did so before, with who and when, and for
    an address that is none."""
    row = cases.lock(session, case_id)
    standing = latest(session, row)
    if not row.awaits_answer and standing is not None:
        raise CaseError(
            f"case {case_id} has been answered already, by {standing.by} on "
            f"{standing.at:%Y-%m-%d %H:%M} UTC. Nothing was changed.",
            key="case.answered",
            who=standing.by,
            at=standing.at,
        )
    row = cases.hold(session, case_id, version)
    address = url.strip()
    if address and not _is_web(address):
        raise CaseError(
            "this is no address of the web: paste the whole link of the reply, or leave it empty",
            key="case.answer_link",
        )
    _answered(row, by, now)
    if row.status == CaseStatus.NEW:
        row.status = CaseStatus.OPEN
    cases.stamp(session, row, now, by, ANSWERED, {"url": address, "at": now.isoformat()})


def withdraw(session: Session, case_id: int, *, by: str, version: int, now: datetime) -> None:
    """The mark was a mistake: the case waits for an answer again. What the thread shows stays."""
    row = cases.hold(session, case_id, version)
    standing = latest(session, row)
    if row.awaits_answer or standing is None or standing.in_thread:
        raise CaseError(f"case {case_id} has no mark to take back", key="case.no_answer")
    row.awaits_answer = True
    if row.answered_at == standing.at:
        row.answered_at = row.answered_by = None
    cases.stamp(session, row, now, by, WITHDRAWN, {})


def seen_in_thread(session: Session, row: CaseRow, reply: MentionRow, now: datetime) -> None:
    """One of the brand's own accounts replied in public; `row` is locked, and its timeline told. The
    answer is as old as the reply, and settles what was written before it."""
    at = min(reply.published_at, now)
    last = session.get_one(MentionRow, row.last_mention_id)
    if at >= last.published_at or row.last_mention_id == reply.id:
        _answered(row, cases.LISTENER, at)
    elif row.answered_at is None:
        row.answered_at, row.answered_by = at, cases.LISTENER


def latest(session: Session, row: CaseRow) -> Answer | None:
    """The newest answer that was not taken back."""
    events = session.scalars(
        sa.select(CaseEvent)
        .where(CaseEvent.case_id == row.id, CaseEvent.kind.in_((ANSWERED, WITHDRAWN, SEEN)))
        .order_by(CaseEvent.id)
    )
    standing: list[Answer] = []
    for event in events:
        if event.kind != WITHDRAWN:
            standing.append(_answer(event.actor, event.at, event.kind, event.data))
        elif standing:
            standing.pop()
    if standing:
        return standing[-1]
    if row.answered_at and row.answered_by:  # closed as answered
        return Answer(row.answered_by, row.answered_at, "", False)
    return None


def _answer(actor: str, at: datetime, kind: str, data: Mapping[str, Any]) -> Answer:
    told = data.get("at")
    when = datetime.fromisoformat(told) if told else at
    return Answer(actor, when, data.get("url", ""), kind == SEEN)


def _answered(row: CaseRow, by: str, at: datetime) -> None:
    row.awaits_answer = False
    row.snoozed_until = None
    if row.answered_at is None:
        row.answered_at, row.answered_by = at, by


def _is_web(address: str) -> bool:
    try:
        parts = urlsplit(address)
    except ValueError:
        return False
    known = parts.scheme.lower() in ("http", "https") and bool(parts.hostname)
    return known and len(address) <= 2000 and address.isprintable() and " " not in address
