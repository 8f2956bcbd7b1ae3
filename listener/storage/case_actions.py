"""What people do with a case: give it to somebody, say how it stands, note, correct."""

from __future__ import annotations

from datetime import datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy.orm import Session

from listener.domain import CaseStatus, Resolution
from listener.errors import StorageError
from listener.storage import cases, mentions, readings
from listener.storage.readings import StoredReading
from listener.storage.tables import CaseRow

# The questions whose answers decide what a case is about.
_ABOUT = readings.DECIDING | {"category"}


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
    by: str,
    version: int,
    now: datetime,
) -> None:
    """Closing needs a resolution; a closed case that is opened again becomes the open one of its
    author and matter, unless another has become that meanwhile."""
    row = cases.hold(session, case_id, version)
    if status == CaseStatus.CLOSED and resolution is None:
        raise StorageError("a case is closed with a resolution: say how it ended")
    before = row.status
    if status == before and status != CaseStatus.CLOSED:
        return
    row.status = status
    row.resolution = resolution if status == CaseStatus.CLOSED else None
    row.closed_at = now if status == CaseStatus.CLOSED else None
    if status == CaseStatus.CLOSED:
        row.open_key = None
    elif before == CaseStatus.CLOSED:
        row.open_key = cases.key_if_free(session, row)
    cases.stamp(
        session, row, now, by, "status", {"from": before, "to": status, "resolution": resolution}
    )


def note(session: Session, case_id: int, text: str, *, by: str, now: datetime) -> None:
    """Notes never conflict: two people may write at once."""
    if not text.strip():
        raise StorageError("the note is empty")
    row = session.get_one(CaseRow, case_id)
    row.updated_at = now
    cases.log(session, case_id, now, by, "note", {"text": text.strip()[:10_000]})


def correct(
    session: Session,
    case_id: int,
    mention_id: int,
    question: str,
    value: Any,
    *,
    by: str,
    now: datetime,
) -> None:
    """Correct one label of a mention on this case; it wins over every model, for ever. Where it
    decides what the case is about, the mention waits to be followed again."""
    before = readings.load(session, [mention_id]).get(mention_id)
    readings.correct(session, mention_id, question, value, by=by, now=now)
    row = session.get_one(CaseRow, case_id)
    if question in _ABOUT:
        _about(session, row, readings.load(session, [mention_id])[mention_id])
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


def _about(session: Session, row: CaseRow, read: StoredReading) -> None:
    """The case's matter after a correction, unless another open case of the author has it."""
    if not read.complaint:
        return
    matter = "harassment" if read.harassment else read.category or "other"
    key = cases.open_key(row.brand, row.author_id, matter, row.first_mention_id)
    if matter == row.matter or cases.find_open(session, key) is not None:
        return
    row.matter = matter
    row.open_key = key if row.open_key else None
