"""Rows that wait for a worker: taken one at a time, the one that has waited longest first, by one
worker alone."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any, TypeVar

import sqlalchemy as sa
from sqlalchemy.orm import Session

from listener.domain import NotificationStatus
from listener.storage.tables import Outgoing

# As WriteStatus has them.
PENDING, CLAIMED, FAILED = (
    NotificationStatus.PENDING,
    NotificationStatus.CLAIMED,
    NotificationStatus.FAILED,
)
Waiting = TypeVar("Waiting", bound=Outgoing)


def claim_next(
    session: Session, table: type[Waiting], worker: str, now: datetime
) -> Waiting | None:
    """The next row that is due, claimed for this worker."""
    due = (
        sa.select(table.id)
        .where(table.status == PENDING, table.next_attempt_at <= now)
        .order_by(table.next_attempt_at, table.id)
        .limit(1)
    )
    if session.get_bind().dialect.name == "postgresql":
        due = due.with_for_update(skip_locked=True)
    found = session.scalars(
        sa.update(table)
        .where(table.id == due.scalar_subquery(), table.status == PENDING)
        .values(status=CLAIMED, claimed_by=worker, claimed_at=now, attempts=table.attempts + 1)
        .returning(table.id)
    ).first()
    return session.get_one(table, found, populate_existing=True) if found is not None else None


def claimed(session: Session, table: type[Waiting]) -> Sequence[Waiting]:
    """What some worker holds at this moment; after a crash, what it left behind."""
    return session.scalars(sa.select(table).where(table.status == CLAIMED)).all()


def release(
    session: Session, table: type[Waiting], row_id: int, worker: str | None, **values: Any
) -> bool:
    """Write what became of a claimed row, which is nobody's then; False when the worker does not
    hold it any more."""
    released = session.scalars(
        sa.update(table)
        .where(table.id == row_id, table.status == CLAIMED, table.claimed_by == worker)
        .values(claimed_by=None, claimed_at=None, **values)
        .returning(table.id)
    ).first()
    return released is not None


def postpone(
    session: Session,
    table: type[Waiting],
    row_id: int,
    worker: str,
    error: str,
    *,
    next_attempt_at: datetime | None,
) -> bool:
    """Tried again at that time; given up where there is none."""
    again = {"next_attempt_at": next_attempt_at} if next_attempt_at else {}
    status = PENDING if next_attempt_at else FAILED
    return release(session, table, row_id, worker, status=status, last_error=error, **again)
