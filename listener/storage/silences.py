"""Silences: who muted which alerts, why, until when, and who ended it early. Nothing is deleted: a
muted alert points at the silence that muted it."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy.orm import Session

from listener.domain import AlertKind, Scope, Silence
from listener.storage.tables import SilenceRow


def add(
    session: Session, scope: Scope, *, until: datetime, reason: str, by: str, now: datetime
) -> int:
    row = SilenceRow(
        kind=scope.kind.value if scope.kind else None,
        brand=scope.brand,
        number=scope.number,
        source=scope.source,
        case_id=scope.case_id,
        until=until,
        reason=reason,
        by_user=by,
        at=now,
    )
    session.add(row)
    session.flush()
    return row.id


def active(session: Session, now: datetime) -> list[Silence]:
    rows = session.scalars(sa.select(SilenceRow).where(*_active(now)))
    return [_silence(row) for row in rows]


def get(session: Session, silence_id: int) -> Silence | None:
    row = session.get(SilenceRow, silence_id)
    return _silence(row) if row else None


def several(session: Session, ids: Sequence[int]) -> dict[int, Silence]:
    rows = session.scalars(sa.select(SilenceRow).where(SilenceRow.id.in_(ids)))
    return {row.id: _silence(row) for row in rows}


def listed(
    session: Session, now: datetime, *, brands: Sequence[str] = (), over: bool, limit: int = 100
) -> list[Silence]:
    """Those that hold (the first to end first), or those that are over (the last first). With
    `brands`, those of these brands and those of no brand."""
    query = sa.select(SilenceRow).limit(limit)
    if brands:
        query = query.where(sa.or_(SilenceRow.brand.is_(None), SilenceRow.brand.in_(brands)))
    if over:
        ended = sa.func.coalesce(SilenceRow.ended_at, SilenceRow.until)
        query = query.where(sa.not_(sa.and_(*_active(now)))).order_by(ended.desc(), SilenceRow.id)
    else:
        query = query.where(*_active(now)).order_by(SilenceRow.until, SilenceRow.id)
    return [_silence(row) for row in session.scalars(query)]


def end(session: Session, silence_id: int, *, by: str, now: datetime) -> bool:
    """False when it is over already."""
    ended = session.execute(
        sa.update(SilenceRow)
        .where(SilenceRow.id == silence_id, *_active(now))
        .values(ended_at=now, ended_by=by)
    )
    return bool(ended.rowcount)  # type: ignore[attr-defined]


def _active(now: datetime) -> tuple[sa.ColumnElement[bool], ...]:
    return (SilenceRow.ended_at.is_(None), SilenceRow.until > now)


def _silence(row: Any) -> Silence:
    return Silence(
        id=row.id,
        scope=Scope(
            AlertKind(row.kind) if row.kind else None,
            row.brand,
            row.number,
            row.source,
            row.case_id,
        ),
        until=row.until,
        reason=row.reason,
        by=row.by_user,
        at=row.at,
        ended_at=row.ended_at,
        ended_by=row.ended_by,
    )
