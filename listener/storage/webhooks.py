"""Webhooks and their outbox. An event and its deliveries are one commit; a delivery is claimed, sent and
recorded in commits of its own. A crash between sending and recording sends it again, under the same
id: whoever receives it tells by that.

What is told names no person: the brand, the case, the alert. The rest is asked for by the API."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import uuid4

import sqlalchemy as sa
from sqlalchemy.orm import Session

from listener.domain import CaseStatus, HookEvent, Role, WriteStatus
from listener.storage import outbox
from listener.storage.tables import CaseRow, UserRow
from listener.storage.tables_api import WebhookDeliveryRow, WebhookRow

PENDING, SENT, FAILED = WriteStatus.PENDING, "sent", WriteStatus.FAILED


@dataclass(frozen=True, slots=True)
class Webhook:
    id: int
    url: str
    events: tuple[str, ...]
    sealed_secret: str
    username: str
    made_at: datetime


@dataclass(frozen=True, slots=True)
class Delivery:
    id: int
    webhook_id: int
    event: str
    message_id: str
    brand: str | None
    body: Mapping[str, Any]
    made_at: datetime
    status: str
    attempts: int
    next_attempt_at: datetime
    claimed_by: str | None
    claimed_at: datetime | None
    sent_at: datetime | None
    last_error: str | None


def add(
    session: Session,
    *,
    url: str,
    events: Sequence[str],
    sealed_secret: str,
    username: str,
    now: datetime,
) -> Webhook:
    row = WebhookRow(
        url=url, events=list(events), sealed_secret=sealed_secret, username=username, made_at=now
    )
    session.add(row)
    session.flush()
    return _webhook(row)


def get(session: Session, webhook_id: int) -> Webhook | None:
    row = session.get(WebhookRow, webhook_id)
    return _webhook(row) if row else None


def everyone(session: Session) -> list[Webhook]:
    return [_webhook(row) for row in session.scalars(sa.select(WebhookRow).order_by(WebhookRow.id))]


def remove(session: Session, webhook_id: int) -> None:
    """With what it was still to be told."""
    session.execute(
        sa.delete(WebhookDeliveryRow).where(WebhookDeliveryRow.webhook_id == webhook_id)
    )
    session.execute(sa.delete(WebhookRow).where(WebhookRow.id == webhook_id))


def deliveries(session: Session, webhook_id: int, *, limit: int = 50) -> list[Delivery]:
    """The newest first."""
    rows = session.scalars(
        sa.select(WebhookDeliveryRow)
        .where(WebhookDeliveryRow.webhook_id == webhook_id)
        .order_by(WebhookDeliveryRow.id.desc())
        .limit(limit)
    )
    return [_delivery(row) for row in rows]


# ---------------------------------------------------------------------------- what is told


def tell(
    session: Session, event: HookEvent, brand: str | None, data: Mapping[str, Any], now: datetime
) -> None:
    """Whoever registered for the event and sees the brand is told by the next deliver loop."""
    registered = session.execute(
        sa.select(WebhookRow.id, WebhookRow.events, UserRow.brands)
        .join(UserRow, UserRow.username == WebhookRow.username)
        .where(UserRow.disabled.is_(False), UserRow.role == Role.ADMINISTRATOR)
    ).all()
    for webhook_id, events, brands in registered:
        if event in events and (brand is None or not brands or brand in brands):
            put(session, webhook_id, event, brand, data, now)


def put(
    session: Session,
    webhook_id: int,
    event: HookEvent,
    brand: str | None,
    data: Mapping[str, Any],
    now: datetime,
) -> Delivery:
    row = WebhookDeliveryRow(
        webhook_id=webhook_id,
        event=event,
        message_id=f"msg_{uuid4().hex}",
        brand=brand,
        body={"type": str(event), "timestamp": now.isoformat(), "data": dict(data)},
        made_at=now,
        status=PENDING,
        next_attempt_at=now,
    )
    session.add(row)
    session.flush()
    return _delivery(row)


def of_case(
    session: Session, case_id: int, kind: str, data: Mapping[str, Any], now: datetime
) -> None:
    """What stands on a case's timeline, told where it is an event of webhooks; invented cases are
    told to nobody."""
    event = {"opened": HookEvent.CASE_OPENED, "merged": HookEvent.CASE_CLOSED}.get(kind)
    if kind == "status" and data.get("to") == CaseStatus.CLOSED:
        event = HookEvent.CASE_CLOSED
    if event is None:
        return
    row = session.get_one(CaseRow, case_id)
    if row.invented:
        return
    told = {
        "id": row.id,
        "brand": row.brand,
        "matter": row.matter,
        "lang": row.lang,
        "status": row.status,
        "resolution": row.resolution,
        "level": row.level,
        "score": row.score,
        "queue": row.queue,
        "owner": row.owner,
        "due_at": row.due_at.isoformat(),
        "opened_at": row.opened_at.isoformat(),
        "closed_at": row.closed_at.isoformat() if row.closed_at else None,
        "version": row.version,
    }
    tell(session, event, row.brand, {"case": told}, now)


# ---------------------------------------------------------------------------- the outbox


def claim_next(session: Session, worker: str, now: datetime) -> Delivery | None:
    row = outbox.claim_next(session, WebhookDeliveryRow, worker, now)
    return _delivery(row) if row else None


def claimed(session: Session) -> list[Delivery]:
    return [_delivery(row) for row in outbox.claimed(session, WebhookDeliveryRow)]


def give_back(session: Session, left: Delivery, now: datetime) -> None:
    """What a worker that runs no more had claimed is sent again, under the same id."""
    outbox.release(
        session, WebhookDeliveryRow, left.id, left.claimed_by, status=PENDING, next_attempt_at=now
    )


def sent(session: Session, delivery_id: int, worker: str, now: datetime) -> None:
    outbox.release(
        session, WebhookDeliveryRow, delivery_id, worker, status=SENT, sent_at=now, last_error=None
    )


def postponed(
    session: Session, left: Delivery, worker: str, error: str, *, next_attempt_at: datetime | None
) -> None:
    """Tried again later, and with it all that waits for the same webhook, so that one which does not
    answer holds up no other; given up where `next_attempt_at` is None."""
    outbox.postpone(
        session, WebhookDeliveryRow, left.id, worker, error, next_attempt_at=next_attempt_at
    )
    if next_attempt_at is not None:
        session.execute(
            sa.update(WebhookDeliveryRow)
            .where(
                WebhookDeliveryRow.webhook_id == left.webhook_id,
                WebhookDeliveryRow.status == PENDING,
                WebhookDeliveryRow.next_attempt_at < next_attempt_at,
            )
            .values(next_attempt_at=next_attempt_at)
        )


def counts(session: Session) -> dict[str, int]:
    """How many deliveries are in each state."""
    rows = session.execute(
        sa.select(WebhookDeliveryRow.status, sa.func.count()).group_by(WebhookDeliveryRow.status)
    )
    return {str(row[0]): int(row[1]) for row in rows}


def settled_before(moment: datetime) -> sa.Delete:
    return sa.delete(WebhookDeliveryRow).where(
        WebhookDeliveryRow.made_at < moment, WebhookDeliveryRow.status.in_((SENT, FAILED))
    )


def _webhook(row: WebhookRow) -> Webhook:
    return Webhook(row.id, row.url, tuple(row.events), row.sealed_secret, row.username, row.made_at)


def _delivery(row: WebhookDeliveryRow) -> Delivery:
    return Delivery(**{name: getattr(row, name) for name in Delivery.__dataclass_fields__})
