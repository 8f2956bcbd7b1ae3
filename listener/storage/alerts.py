"""Alerts and the outbox. An alert and its notifications are written in one commit; a
notification is claimed, transmitted and recorded in commits of its own, so that a crash at any
moment leaves a state that says what happened."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any
from uuid import uuid4

import sqlalchemy as sa
from sqlalchemy.orm import Session

from listener.domain import Alert, AlertKind, HookEvent, NotificationStatus, Reason
from listener.errors import sentence
from listener.storage import outbox, webhooks
from listener.storage.database import insert_new
from listener.storage.tables import AlertRow, NotificationRow

_S = NotificationStatus


@dataclass(frozen=True, slots=True)
class Recipient:
    address: str
    language: str
    time_zone: str = "UTC"


@dataclass(frozen=True, slots=True)
class StoredAlert:
    id: int
    key: str
    kind: str
    brand: str | None
    case_id: int | None
    subject: Mapping[str, Any]
    reasons: tuple[Reason, ...]
    raised_at: datetime
    ended_at: datetime | None
    invented: bool
    silence_id: int | None = None  # what muted it when it was raised

    @property
    def source(self) -> str | None:
        """The subscription that it is about."""
        found = self.subject.get("source")
        return str(found) if found else None

    @property
    def number(self) -> str | None:
        found = self.subject.get("number")
        return str(found) if found else None

    def as_raised(self) -> Alert:
        return Alert(
            AlertKind(self.kind), self.key, self.brand, self.subject, self.reasons, self.case_id
        )


@dataclass(frozen=True, slots=True)
class StoredNotification:
    id: int
    alert_id: int
    notifier: str
    recipient: str
    language: str
    time_zone: str
    message_id: str
    status: str
    attempts: int
    next_attempt_at: datetime
    claimed_by: str | None
    claimed_at: datetime | None
    sent_at: datetime | None
    last_error: str | None


def reason_to_json(reason: Reason) -> dict[str, Any]:
    return {"key": reason.key, "values": dict(reason.values), "points": reason.points}


def reason_from_json(data: Mapping[str, Any]) -> Reason:
    return Reason(data["key"], data.get("values", {}), data.get("points", 0))


def raise_alert(
    session: Session,
    alert: Alert,
    recipients: Sequence[Recipient],
    *,
    notifier: str,
    domain: str,
    now: datetime,
    invented: bool = False,
    silence_id: int | None = None,
) -> int | None:
    """Store an alert and one pending notification per recipient; None when it stood already.

    Nobody is written to about invented mentions, nor while a silence holds. What is found again when
    the silence is over, and still lasts, is written then.
    """
    new = insert_new(
        session,
        AlertRow,
        [
            {
                "key": alert.key,
                "kind": alert.kind.value,
                "brand": alert.brand,
                "case_id": alert.case_id,
                "subject": dict(alert.subject),
                "reasons": [reason_to_json(r) for r in alert.reasons],
                "raised_at": now,
                "invented": invented,
                "silence_id": silence_id,
            }
        ],
        returning=AlertRow.id,
    )
    told = not invented and silence_id is None
    alert_id = int(new[0]) if new else (_muted_before(session, alert.key) if told else None)
    if told and alert_id is not None:
        if new or recipients:
            _tell(session, alert_id, alert, now)
        insert_new(
            session,
            NotificationRow,
            [
                {
                    "alert_id": alert_id,
                    "notifier": notifier,
                    "recipient": person.address,
                    "language": person.language,
                    "time_zone": person.time_zone,
                    "message_id": f"<{uuid4().hex}.{alert_id}@{domain}>",
                    "status": _S.PENDING,
                    "attempts": 0,
                    "next_attempt_at": now,
                }
                for person in {p.address.casefold(): p for p in recipients}.values()
            ],
        )
    return alert_id if new else None


def _muted_before(session: Session, key: str) -> int | None:
    """The alert of this key, when a silence kept it from everybody and it is not over."""
    return session.scalar(
        sa.select(AlertRow.id).where(
            AlertRow.key == key,
            AlertRow.silence_id.is_not(None),
            AlertRow.ended_at.is_(None),
            AlertRow.invented.is_(False),
            ~sa.exists().where(NotificationRow.alert_id == AlertRow.id),
        )
    )


def _tell(session: Session, alert_id: int, alert: Alert, now: datetime) -> None:
    told = {
        "id": alert_id,
        "kind": alert.kind.value,
        "brand": alert.brand,
        "case_id": alert.case_id,
        "raised_at": now.isoformat(),
    }
    webhooks.tell(session, HookEvent.ALERT_RAISED, alert.brand, {"alert": told}, now)
    if alert.kind is AlertKind.PROMISE_BROKEN:
        webhooks.tell(session, HookEvent.PROMISE_BROKEN, alert.brand, {"alert": told}, now)


def end_alerts(session: Session, key_prefix: str, now: datetime) -> None:
    """Mark alerts as over: the source answers again."""
    session.execute(
        sa.update(AlertRow)
        .where(AlertRow.key.startswith(key_prefix, autoescape=True), AlertRow.ended_at.is_(None))
        .values(ended_at=now)
    )


class State(StrEnum):
    """What a list of alerts may be narrowed to."""

    LASTING = "lasting"
    MUTED = "muted"
    UNDELIVERED = "undelivered"  # some message about it failed, or may not have arrived


@dataclass(frozen=True, slots=True)
class AlertFilter:
    """What to list; what is empty is not asked for."""

    kind: str | None = None
    brand: str | None = None
    number: str | None = None
    source: str | None = None  # a subscription
    state: State | None = None


def recent(
    session: Session,
    wanted: AlertFilter = AlertFilter(),
    *,
    brands: Sequence[str] | None = None,
    limit: int = 200,
    offset: int = 0,
) -> list[StoredAlert]:
    """The newest first; with `brands`, those of these brands and those of no brand."""
    query = sa.select(AlertRow).where(*_wanted(wanted, brands))
    query = query.order_by(AlertRow.id.desc()).limit(limit).offset(offset)
    return [of_row(row) for row in session.scalars(query)]


def count(session: Session, wanted: AlertFilter, *, brands: Sequence[str] | None = None) -> int:
    query = sa.select(sa.func.count()).select_from(AlertRow).where(*_wanted(wanted, brands))
    return session.scalar(query) or 0


def _wanted(
    wanted: AlertFilter, brands: Sequence[str] | None
) -> tuple[sa.ColumnElement[bool], ...]:
    found: list[sa.ColumnElement[bool]] = []
    if brands:
        found.append(sa.or_(AlertRow.brand.is_(None), AlertRow.brand.in_(brands)))
    if wanted.kind:
        found.append(AlertRow.kind == wanted.kind)
    if wanted.brand:
        found.append(AlertRow.brand == wanted.brand)
    for name, value in (("number", wanted.number), ("source", wanted.source)):
        if value:
            found.append(AlertRow.subject[name].as_string() == value)
    if wanted.state is State.LASTING:
        found.append(AlertRow.ended_at.is_(None))
    elif wanted.state is State.MUTED:
        found.append(AlertRow.silence_id.is_not(None))
    elif wanted.state is State.UNDELIVERED:
        unsure = sa.exists().where(
            NotificationRow.alert_id == AlertRow.id,
            NotificationRow.status.in_([_S.FAILED, _S.IN_DOUBT]),
        )
        found.append(unsure)
    return tuple(found)


def get(session: Session, alert_id: int) -> StoredAlert | None:
    row = session.get(AlertRow, alert_id)
    return of_row(row) if row else None


def notification(session: Session, notification_id: int) -> StoredNotification | None:
    row = session.get(NotificationRow, notification_id)
    return _notification(row) if row else None


def notifications_of(session: Session, alert_ids: Sequence[int]) -> list[StoredNotification]:
    rows = session.scalars(
        sa.select(NotificationRow)
        .where(NotificationRow.alert_id.in_(alert_ids))
        .order_by(NotificationRow.id)
    )
    return [_notification(row) for row in rows]


# ---------------------------------------------------------------------------- the outbox


def claim_next(session: Session, worker: str, now: datetime) -> StoredNotification | None:
    """Take the next notification that is due, for this worker alone."""
    row = outbox.claim_next(session, NotificationRow, worker, now)
    return _notification(row) if row else None


def transmitting(session: Session, notification_id: int, worker: str) -> bool:
    """False when the worker no longer holds it: somebody took it for dead. Then it must not
    transmit, because another does."""
    return _move(session, notification_id, _S.CLAIMED, worker=worker, status=_S.TRANSMITTING)


def sent(session: Session, notification_id: int, worker: str, now: datetime) -> bool:
    return _release(session, notification_id, worker, status=_S.SENT, sent_at=now, last_error=None)


def postponed(
    session: Session,
    notification_id: int,
    worker: str,
    error: str,
    *,
    next_attempt_at: datetime | None,
) -> bool:
    """Not delivered: tried again at that time, or failed for good when there is none."""
    again = {"next_attempt_at": next_attempt_at} if next_attempt_at else {}
    return _release(
        session,
        notification_id,
        worker,
        status=_S.PENDING if next_attempt_at else _S.FAILED,
        last_error=error,
        **again,
    )


def in_doubt(session: Session, notification_id: int, worker: str, error: str) -> bool:
    return _release(session, notification_id, worker, status=_S.IN_DOUBT, last_error=error)


def give_back(session: Session, held: StoredNotification, now: datetime) -> str | None:
    """Release what a dead worker held, in the state in which it left it: tried again when nothing
    was handed over, in doubt otherwise. None when it has moved on meanwhile: the worker lives."""
    doubtful = held.status == _S.TRANSMITTING
    values: dict[str, Any] = (
        {
            "status": _S.IN_DOUBT,
            "last_error": str(
                sentence(
                    "the service stopped between handing the message over and hearing the answer"
                )
            ),
        }
        if doubtful
        else {
            "status": _S.PENDING,
            "next_attempt_at": now,
            "last_error": str(sentence("the service stopped before sending")),
        }
    )
    moved = _move(session, held.id, held.status, worker=held.claimed_by, claimed_by=None, **values)
    return str(values["status"]) if moved else None


def claimed(session: Session) -> list[StoredNotification]:
    """What some worker holds at this moment; after a crash, what it left behind."""
    rows = session.scalars(
        sa.select(NotificationRow).where(NotificationRow.status.in_([_S.CLAIMED, _S.TRANSMITTING]))
    )
    return [_notification(row) for row in rows]


def send_again(session: Session, notification_id: int, now: datetime) -> bool:
    """A person's decision to transmit a failed or doubtful notification once more."""
    return _move(
        session,
        notification_id,
        _S.FAILED,
        _S.IN_DOUBT,
        status=_S.PENDING,
        next_attempt_at=now,
        attempts=0,
    )


def _release(session: Session, notification_id: int, worker: str, **values: Any) -> bool:
    return _move(
        session,
        notification_id,
        _S.CLAIMED,
        _S.TRANSMITTING,
        worker=worker,
        claimed_by=None,
        **values,
    )


def _move(
    session: Session,
    notification_id: int,
    *allowed: str,
    worker: str | None = None,
    **values: Any,
) -> bool:
    query = sa.update(NotificationRow).where(
        NotificationRow.id == notification_id, NotificationRow.status.in_(allowed)
    )
    if worker is not None:
        query = query.where(NotificationRow.claimed_by == worker)
    return bool(session.execute(query.values(**values)).rowcount)  # type: ignore[attr-defined]


def of_row(row: AlertRow) -> StoredAlert:
    return StoredAlert(
        id=row.id,
        key=row.key,
        kind=row.kind,
        brand=row.brand,
        case_id=row.case_id,
        subject=row.subject,
        reasons=tuple(reason_from_json(r) for r in row.reasons),
        raised_at=row.raised_at,
        ended_at=row.ended_at,
        invented=row.invented,
        silence_id=row.silence_id,
    )


def _notification(row: NotificationRow) -> StoredNotification:
    return StoredNotification(
        **{name: getattr(row, name) for name in StoredNotification.__dataclass_fields__}
    )
