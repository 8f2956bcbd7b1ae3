"""What was done that stands on no case: to accounts, and what was erased; nothing of a person."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy.orm import Session

from listener.storage.tables import AuditEntry

KINDS = (
    *("user_added", "user_changed", "user_disabled", "user_enabled", "user_unlocked", "user_link"),
    *("token_added", "token_revoked", "webhook_added", "webhook_removed"),
    "erased",
)


@dataclass(frozen=True, slots=True)
class Entry:
    at: datetime
    actor: str
    kind: str
    data: Mapping[str, Any]


def log(session: Session, at: datetime, actor: str, kind: str, data: Mapping[str, Any]) -> None:
    session.add(AuditEntry(at=at, actor=actor, kind=kind, data=dict(data)))


def latest(session: Session, *, limit: int = 50) -> list[Entry]:
    """The newest first."""
    rows = session.scalars(sa.select(AuditEntry).order_by(AuditEntry.id.desc()).limit(limit))
    return [Entry(row.at, row.actor, row.kind, row.data) for row in rows]
