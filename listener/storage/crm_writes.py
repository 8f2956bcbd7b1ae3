"""The outbox to CRMs and diallers: what a person approved, written once into each system.

A write is claimed, carried out and recorded in commits of its own. Whoever carries it out looks
first, so that a crash at any moment repeats it harmlessly.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy.orm import Session

from listener.domain import WriteStatus
from listener.storage import outbox
from listener.storage.database import insert_new
from listener.storage.tables import CrmWriteRow

SUPPRESS, RECORD = "suppress", "record"

# Of the keys of what we write; `local` tells by it what was imported from what is ours.
KEY = "listener-"


@dataclass(frozen=True, slots=True)
class Write:
    """One thing to write into one system."""

    id: int
    key: str
    kind: str
    system: str
    suppression_id: int | None
    case_id: int | None
    customer_ref: str | None
    sealed: str
    data: Mapping[str, Any]
    status: str
    attempts: int
    next_attempt_at: datetime
    claimed_by: str | None
    claimed_at: datetime | None
    done_at: datetime | None
    reference: str | None
    already: bool
    last_error: str | None


def wish_record(
    session: Session,
    case_id: int,
    system: str,
    ref: str | None,
    data: Mapping[str, Any],
    now: datetime,
) -> bool:
    """A case to be noted in a system, once; False when that was wished before."""
    new = insert_new(
        session,
        CrmWriteRow,
        [
            {
                "key": f"{KEY}case-{case_id}-{system}",
                "kind": RECORD,
                "system": system,
                "case_id": case_id,
                "customer_ref": ref,
                "sealed": "",
                "data": dict(data),
                "status": WriteStatus.PENDING,
                "attempts": 0,
                "next_attempt_at": now,
                "already": False,
            }
        ],
        returning=CrmWriteRow.id,
    )
    return bool(new)


def claim_next(session: Session, worker: str, now: datetime) -> Write | None:
    row = outbox.claim_next(session, CrmWriteRow, worker, now)
    return write_of(row) if row else None


def claimed(session: Session) -> list[Write]:
    return [write_of(row) for row in outbox.claimed(session, CrmWriteRow)]


def give_back(session: Session, write: Write, now: datetime) -> None:
    """What a worker that no longer runs had claimed may be done; whoever is next looks first."""
    outbox.release(
        session,
        CrmWriteRow,
        write.id,
        write.claimed_by,
        status=WriteStatus.PENDING,
        next_attempt_at=now,
    )


def done(
    session: Session, write: Write, worker: str, *, reference: str, at: datetime, already: bool
) -> bool:
    """The receipt of a write; False when another worker holds it."""
    return outbox.release(
        session,
        CrmWriteRow,
        write.id,
        worker,
        status=WriteStatus.DONE,
        done_at=at,
        reference=reference,
        already=already,
        last_error=None,
    )


def postponed(
    session: Session, write: Write, worker: str, error: str, *, next_attempt_at: datetime | None
) -> None:
    """Tried again later; given up where `next_attempt_at` is None."""
    outbox.postpone(session, CrmWriteRow, write.id, worker, error, next_attempt_at=next_attempt_at)


def try_again(session: Session, write_id: int, now: datetime) -> bool:
    """A person lets a write that was given up be tried again."""
    changed = session.scalars(
        sa.update(CrmWriteRow)
        .where(CrmWriteRow.id == write_id, CrmWriteRow.status == WriteStatus.FAILED)
        .values(status=WriteStatus.PENDING, attempts=0, next_attempt_at=now)
        .returning(CrmWriteRow.id)
    ).first()
    return changed is not None


def records_of_case(session: Session, case_id: int) -> list[Write]:
    query = (
        sa.select(CrmWriteRow)
        .where(CrmWriteRow.case_id == case_id, CrmWriteRow.kind == RECORD)
        .order_by(CrmWriteRow.id)
    )
    return [write_of(row) for row in session.scalars(query)]


def write_of(row: CrmWriteRow) -> Write:
    return Write(
        id=row.id,
        key=row.key,
        kind=row.kind,
        system=row.system,
        suppression_id=row.suppression_id,
        case_id=row.case_id,
        customer_ref=row.customer_ref,
        sealed=row.sealed,
        data=row.data,
        status=row.status,
        attempts=row.attempts,
        next_attempt_at=row.next_attempt_at,
        claimed_by=row.claimed_by,
        claimed_at=row.claimed_at,
        done_at=row.done_at,
        reference=row.reference,
        already=row.already,
        last_error=row.last_error,
    )
