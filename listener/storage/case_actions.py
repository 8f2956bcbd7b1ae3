"""What people do with a case: give it to somebody, say how it stands, note, correct."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

import sqlalchemy as sa
from sqlalchemy.orm import Session

from listener.domain import CaseStatus, Resolution
from listener.errors import CaseError, StorageError
from listener.storage import cases, mentions, readings
from listener.storage.readings import StoredReading
from listener.storage.tables import CaseRow

# The questions whose answers decide what a case is about.
_ABOUT = readings.DECIDING | {"category"}
LONGEST_SNOOZE = timedelta(days=180)


def assign(
    session: Session, case_id: int, owner: str | None, *, by: str, version: int, now: datetime
) -> None:
    """Give a case to a person, to nobody, or take it (owner == by)."""
    row = cases.hold(session, case_id, version)
    before = row.owner
    row.owner = owner
    row.assigned_at = now if owner else None
    if row.status == CaseStatus.NEW and owner == by:
        row.status = CaseStatus.OPEN
    cases.stamp(session, row, now, by, "assigned", {"from": before, "to": owner})


def claim(
    session: Session, case_id: int, *, by: str, version: int, instead_of: str | None, now: datetime
) -> None:
    """Take a case that is nobody's, mine, or that of `instead_of`, as the claimer saw it. Of two who
    claim at once one gets it; the other is told who has it (CaseError)."""
    row = cases.lock(session, case_id)
    if row.owner not in (None, by, instead_of):
        raise CaseError(
            f"case {case_id} is {row.owner}'s now: nothing was changed",
            key="case.taken",
            who=row.owner,
            at=row.assigned_at or row.updated_at,
        )
    assign(session, case_id, by, by=by, version=version, now=now)


def hand_over(
    session: Session,
    case_id: int,
    *,
    to: str | None,
    queue: str | None,
    message: str,
    by: str,
    version: int,
    now: datetime,
) -> None:
    """Give a case to a person (`to`), or to whoever of another queue takes it, with a word to them."""
    row = cases.hold(session, case_id, version)
    _not_closed(row)
    data = {
        "from": row.owner,
        "to": to,
        "from_queue": row.queue,
        "queue": queue or row.queue,
        "message": _words(message, 2000),
    }
    row.owner = to
    row.assigned_at = now if to else None
    row.queue = queue or row.queue
    cases.stamp(session, row, now, by, "handed_over", data)


def release(session: Session, owner: str, now: datetime) -> None:
    """Take the open cases from somebody who does not work here any more."""
    mine = sa.select(CaseRow).where(CaseRow.owner == owner, CaseRow.status != CaseStatus.CLOSED)
    for row in session.scalars(cases.locked(session, mine)):
        row.owner = None
        row.assigned_at = None
        cases.stamp(session, row, now, cases.LISTENER, "assigned", {"from": owner, "to": None})


def set_status(
    session: Session,
    case_id: int,
    status: CaseStatus,
    *,
    resolution: Resolution | None = None,
    reason: str = "",
    by: str,
    version: int,
    now: datetime,
) -> None:
    """Closing needs a resolution, and `other` its reason in words; a closed case that is opened again
    becomes the open one of its author and matter, unless another has become that meanwhile."""
    row = cases.hold(session, case_id, version)
    if status == CaseStatus.CLOSED and resolution in (None, Resolution.MERGED):
        raise StorageError("a case is closed with a resolution: say how it ended")
    said = _words(reason, 2000)
    if resolution == Resolution.OTHER and status == CaseStatus.CLOSED and not said:
        raise CaseError("say in words how the case ended", key="case.say_how")
    before = row.status
    if status == before and status != CaseStatus.CLOSED:
        return
    if status == CaseStatus.CLOSED and resolution is not None:
        if resolution == Resolution.ANSWERED and row.answered_at is None:
            row.answered_at, row.answered_by = now, by
        cases.close(session, row, resolution, now)
    else:
        row.status = status
        row.resolution = row.closed_at = None
    if status != CaseStatus.CLOSED and before == CaseStatus.CLOSED:
        row.open_key = cases.key_if_free(session, row)
        row.awaits_answer = row.answered_at is None
    data = {"from": before, "to": status, "resolution": row.resolution}
    cases.stamp(session, row, now, by, "status", data | ({"reason": said} if said else {}))


def snooze(
    session: Session, case_id: int, until: datetime, *, by: str, version: int, now: datetime
) -> None:
    """Out of the inbox until a moment, or until something happens on the case (`case_opening`)."""
    row = cases.hold(session, case_id, version)
    _not_closed(row)
    if not now < until <= now + LONGEST_SNOOZE:
        raise CaseError(
            f"{until:%Y-%m-%d %H:%M} UTC is no moment to wait for: name one to come, at most "
            f"{LONGEST_SNOOZE.days} days from now",
            key="case.snooze_until",
            days=LONGEST_SNOOZE.days,
        )
    row.snoozed_until = until
    cases.stamp(session, row, now, by, "snoozed", {"until": until.isoformat()})


def wake(session: Session, case_id: int, *, by: str, version: int, now: datetime) -> None:
    """Back into the inbox before its time."""
    row = cases.hold(session, case_id, version)
    if row.snoozed_until is None:
        return
    row.snoozed_until = None
    cases.stamp(session, row, now, by, "woken", {})


def _not_closed(row: CaseRow) -> None:
    if row.status == CaseStatus.CLOSED:
        raise CaseError(f"case {row.id} is closed: open it again first", key="case.closed")


def _words(text: str, most: int) -> str:
    return text.strip()[:most]


def note(session: Session, case_id: int, text: str, *, by: str, now: datetime) -> None:
    """Notes never conflict: two people may write at once."""
    if not text.strip():
        raise StorageError("the note is empty")
    row = session.get_one(CaseRow, case_id)
    cases.unmerged(row)
    row.updated_at = now
    cases.log(session, case_id, now, by, "note", {"text": _words(text, 10_000)})


def correct(
    session: Session,
    case_id: int,
    mention_id: int,
    question: str,
    value: Any,
    *,
    by: str,
    version: int,
    now: datetime,
) -> None:
    """Correct one label of a mention on this case; it wins over every model, for ever. Where it
    decides what the case is about, the mention waits to be followed again."""
    row = cases.hold(session, case_id, version)
    before = readings.load(session, [mention_id]).get(mention_id)
    readings.correct(session, mention_id, question, value, by=by, now=now)
    if question in _ABOUT:
        about(session, row, readings.load(session, [mention_id])[mention_id])
        mentions.follow_again(session, mention_id, row.brand)
    cases.stamp(
        session,
        row,
        now,
        by,
        "corrected",
        {
            "mention": mention_id,
            "question": question,
            "from": getattr(before, question, None),
            "to": value,
        },
    )


def correct_fact(
    session: Session,
    case_id: int,
    mention_id: int,
    fact: str,
    answer: Any,
    *,
    by: str,
    version: int,
    now: datetime,
) -> None:
    """Correct what a mention claims; priority, numbers and causes follow."""
    row = cases.hold(session, case_id, version)
    before = readings.load(session, [mention_id]).get(mention_id)
    readings.correct_fact(session, mention_id, fact, answer, by=by, now=now)
    mentions.follow_again(session, mention_id, row.brand)
    was = before.facts.get(fact) if before is not None else None
    data = {"mention": mention_id, "question": fact, "from": was, "to": answer}
    cases.stamp(session, row, now, by, "corrected", data)


def about(session: Session, row: CaseRow, read: StoredReading) -> None:
    """The case's matter after a correction, unless another open case of the author has it."""
    if not read.complaint:
        return
    matter = "harassment" if read.harassment else read.category or "other"
    key = cases.open_key(row.brand, row.author_id, matter, row.first_mention_id)
    if matter == row.matter or cases.find_open(session, key) is not None:
        return
    row.matter = matter
    row.open_key = key if row.open_key else None
