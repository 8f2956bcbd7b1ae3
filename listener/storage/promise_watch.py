"""The watch over suppressions in effect: which are to be looked at, what came after them, what was
told already."""

from __future__ import annotations

from datetime import datetime

import sqlalchemy as sa
from sqlalchemy.orm import Session

from listener.domain import Direction
from listener.storage.database import insert_new
from listener.storage.suppressions import STANDS, Suppression, suppression_of
from listener.storage.tables import BrokenPromise, CrmEvent, SuppressedPhone, SuppressionRow


def to_watch(session: Session, before: datetime, *, crm: str, limit: int) -> list[Suppression]:
    """Those in effect for customers of a system that were not looked at since `before`."""
    query = (
        sa.select(SuppressionRow)
        .where(
            SuppressionRow.effective_at.is_not(None),
            STANDS,
            SuppressionRow.crm == crm,
            sa.or_(SuppressionRow.watched_at.is_(None), SuppressionRow.watched_at < before),
        )
        .order_by(SuppressionRow.watched_at, SuppressionRow.id)
        .limit(limit)
    )
    return [suppression_of(row) for row in session.scalars(query)]


def watched(session: Session, suppression_id: int, now: datetime, error: str | None) -> None:
    row = session.get_one(SuppressionRow, suppression_id)
    row.watched_at, row.watch_error = now, error


def local_events_after(session: Session) -> list[tuple[int, CrmEvent]]:
    """(suppression, event) of contacts in `local` later than the suppression took effect, by the
    customer or by their phone, that were not told yet. Two queries, each by an index."""
    told = sa.exists().where(
        BrokenPromise.suppression_id == SuppressionRow.id,
        BrokenPromise.what == "event:" + CrmEvent.event_id,
    )
    later = (
        SuppressionRow.effective_at.is_not(None),
        STANDS,
        CrmEvent.at > SuppressionRow.effective_at,
        CrmEvent.direction == Direction.OUT.value,
        ~told,
    )
    by_customer = (
        sa.select(SuppressionRow.id, CrmEvent)
        .join(CrmEvent, CrmEvent.customer_id == SuppressionRow.customer_ref)
        .where(*later)
    )
    by_phone = (
        sa.select(SuppressionRow.id, CrmEvent)
        .join(SuppressedPhone, SuppressedPhone.suppression_id == SuppressionRow.id)
        .join(CrmEvent, CrmEvent.customer_number == SuppressedPhone.number)
        .where(*later)
    )
    found: dict[tuple[int, str], CrmEvent] = {}
    for query in (by_customer, by_phone):
        for suppression_id, event in session.execute(query):
            found[suppression_id, event.event_id] = event
    return [(suppression_id, event) for (suppression_id, _), event in found.items()]


def broken(session: Session, suppression_id: int, what: str, at: datetime, now: datetime) -> bool:
    """Keep that a promise was broken; False when that is known."""
    new = insert_new(
        session,
        BrokenPromise,
        [{"suppression_id": suppression_id, "what": what[:300], "at": at, "found_at": now}],
        returning=BrokenPromise.what,
    )
    return bool(new)
