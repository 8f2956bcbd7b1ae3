"""Who has a case before them now: a row per user and case, written anew while the page is open."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

import sqlalchemy as sa
from sqlalchemy.orm import Session

from listener.storage.database import upsert
from listener.storage.tables import CaseViewer, UserRow

LASTS = timedelta(minutes=1)
"""After so long without a word from their page, somebody is gone."""


@dataclass(frozen=True, slots=True)
class Viewer:
    username: str
    name: str
    seen_at: datetime


def look(session: Session, case_id: int, username: str, now: datetime) -> None:
    row = {"case_id": case_id, "username": username, "seen_at": now}
    upsert(session, CaseViewer, [row], update=["seen_at"])


def leave(session: Session, case_id: int, username: str) -> None:
    session.execute(
        sa.delete(CaseViewer).where(CaseViewer.case_id == case_id, CaseViewer.username == username)
    )


def others(session: Session, case_id: int, besides: str, now: datetime) -> list[Viewer]:
    rows = session.execute(
        sa.select(CaseViewer.username, UserRow.name, CaseViewer.seen_at)
        .join(UserRow, UserRow.username == CaseViewer.username)
        .where(
            CaseViewer.case_id == case_id,
            CaseViewer.username != besides,
            CaseViewer.seen_at > now - LASTS,
            UserRow.disabled.is_(False),
        )
        .order_by(UserRow.name, CaseViewer.username)
    )
    return [Viewer(*row) for row in rows]


def gone_before(moment: datetime) -> sa.Delete:
    return sa.delete(CaseViewer).where(CaseViewer.seen_at < moment)
