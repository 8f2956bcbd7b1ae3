"""Tokens of the API. They are made and judged in listener/api_tokens.py."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

import sqlalchemy as sa
from sqlalchemy.orm import Session

from listener.storage.tables_api import ApiTokenRow


@dataclass(frozen=True, slots=True)
class StoredToken:
    id: int
    name: str
    username: str
    scopes: tuple[str, ...]
    made_by: str
    made_at: datetime
    expires_at: datetime
    revoked_at: datetime | None
    used_at: datetime | None


def add(
    session: Session,
    *,
    token_hash: str,
    username: str,
    name: str,
    scopes: Sequence[str],
    by: str,
    now: datetime,
    expires_at: datetime,
) -> int:
    row = ApiTokenRow(
        name=name,
        username=username,
        token_hash=token_hash,
        scopes=list(scopes),
        made_by=by,
        made_at=now,
        expires_at=expires_at,
    )
    session.add(row)
    session.flush()
    return row.id


def find(session: Session, token_hash: str) -> StoredToken | None:
    row = session.scalar(sa.select(ApiTokenRow).where(ApiTokenRow.token_hash == token_hash))
    return _token(row) if row else None


def everyone(session: Session) -> list[StoredToken]:
    """The newest first."""
    return [
        _token(row) for row in session.scalars(sa.select(ApiTokenRow).order_by(-ApiTokenRow.id))
    ]


def revoke(session: Session, token_id: int, now: datetime) -> bool:
    """False where there is no such token, or it was revoked before."""
    done = session.scalars(
        sa.update(ApiTokenRow)
        .where(ApiTokenRow.id == token_id, ApiTokenRow.revoked_at.is_(None))
        .values(revoked_at=now)
        .returning(ApiTokenRow.id)
    ).first()
    return done is not None


def touch(session: Session, token_id: int, now: datetime) -> None:
    session.execute(sa.update(ApiTokenRow).where(ApiTokenRow.id == token_id).values(used_at=now))


def _token(row: ApiTokenRow) -> StoredToken:
    return StoredToken(
        id=row.id,
        name=row.name,
        username=row.username,
        scopes=tuple(row.scopes),
        made_by=row.made_by,
        made_at=row.made_at,
        expires_at=row.expires_at,
        revoked_at=row.revoked_at,
        used_at=row.used_at,
    )
