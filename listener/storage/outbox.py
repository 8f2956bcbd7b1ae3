"""Rows that wait for a worker: taken one at a time, the one that has waited longest first, by one
worker alone."""

from __future__ import annotations

from datetime import datetime
from typing import TypeVar

import sqlalchemy as sa
from sqlalchemy.orm import Session

from listener.domain import NotificationStatus
from listener.storage.tables import CrmWriteRow, NotificationRow
from listener.storage.tables_api import WebhookDeliveryRow

PENDING, CLAIMED = NotificationStatus.PENDING, NotificationStatus.CLAIMED  # as WriteStatus has them
Waiting = TypeVar("Waiting", CrmWriteRow, NotificationRow, WebhookDeliveryRow)


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
