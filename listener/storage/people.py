"""Accounts, sessions and one-time links. Hashes and tokens are made in listener/accounts.py."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

import sqlalchemy as sa
from sqlalchemy.orm import Session

from listener.errors import StorageError
from listener.storage.tables import CaseRow, SessionRow, SetupLink, UserRow


@dataclass(frozen=True, slots=True)
class User:
    username: str
    name: str
    email: str
    role: str
    language: str
    time_zone: str
    brands: tuple[str, ...]
    languages: tuple[str, ...] = ()
    queues: tuple[str, ...] = ()
    password_hash: str | None = None
    failed_sign_ins: int = 0
    locked_until: datetime | None = None
    disabled: bool = False


@dataclass(frozen=True, slots=True)
class Workload:
    """How many cases of a person are not closed, and when they last got one."""

    open_cases: int
    last_assigned_at: datetime | None


def add(session: Session, user: User, now: datetime) -> None:
    if session.get(UserRow, user.username) is not None:
        raise StorageError(
            "there is a user {user} already; choose another name", user=user.username
        )
    session.add(
        UserRow(
            username=user.username,
            name=user.name,
            email=user.email,
            role=user.role,
            language=user.language,
            time_zone=user.time_zone,
            brands=list(user.brands),
            languages=list(user.languages),
            queues=list(user.queues),
            password_hash=user.password_hash,
            disabled=user.disabled,
            created_at=now,
        )
    )


def get(session: Session, username: str) -> User | None:
    row = session.get(UserRow, username)
    return _user(row) if row else None


def everyone(session: Session) -> list[User]:
    return [_user(row) for row in session.scalars(sa.select(UserRow).order_by(UserRow.username))]


def with_role(session: Session, role: str) -> list[str]:
    """The active accounts of a role, held until the commit: two of them cannot end each other."""
    rows = sa.select(UserRow.username).where(UserRow.role == role, UserRow.disabled.is_(False))
    return list(session.scalars(rows.order_by(UserRow.username).with_for_update()))


def update(session: Session, username: str, **changes: object) -> None:
    """Change columns of a user. Raises StorageError when there is no such user."""
    row = session.get(UserRow, username)
    if row is None:
        raise StorageError(
            "there is no user {user}; `listener user list` shows who there is", user=username
        )
    for name, value in changes.items():
        setattr(row, name, list(value) if isinstance(value, tuple) else value)


def workloads(session: Session) -> dict[str, Workload]:
    rows = session.execute(
        sa.select(
            CaseRow.owner,
            sa.func.count().filter(CaseRow.status != "closed"),
            sa.func.max(CaseRow.assigned_at),
        )
        .where(CaseRow.owner.is_not(None))
        .group_by(CaseRow.owner)
    )
    return {str(owner): Workload(count, at) for owner, count, at in rows}


# ---------------------------------------------------------------------------- sessions


@dataclass(frozen=True, slots=True)
class StoredSession:
    username: str
    created_at: datetime
    seen_at: datetime


def open_session(session: Session, token_hash: str, username: str, now: datetime) -> None:
    session.add(SessionRow(token_hash=token_hash, username=username, created_at=now, seen_at=now))


def find_session(session: Session, token_hash: str) -> StoredSession | None:
    row = session.get(SessionRow, token_hash)
    return StoredSession(row.username, row.created_at, row.seen_at) if row else None


def touch_session(session: Session, token_hash: str, now: datetime) -> None:
    session.execute(
        sa.update(SessionRow).where(SessionRow.token_hash == token_hash).values(seen_at=now)
    )


def close_session(session: Session, token_hash: str) -> None:
    session.execute(sa.delete(SessionRow).where(SessionRow.token_hash == token_hash))


def close_sessions_of(session: Session, username: str) -> None:
    session.execute(sa.delete(SessionRow).where(SessionRow.username == username))


# ---------------------------------------------------------------------------- one-time links


def add_link(session: Session, token_hash: str, username: str, expires_at: datetime) -> None:
    session.execute(
        sa.delete(SetupLink).where(SetupLink.username == username, SetupLink.used_at.is_(None))
    )
    session.add(SetupLink(token_hash=token_hash, username=username, expires_at=expires_at))


def use_link(session: Session, token_hash: str, now: datetime) -> str | None:
    """The user whose link this is, once, before it expires; None otherwise."""
    result = session.execute(
        sa.update(SetupLink)
        .where(
            SetupLink.token_hash == token_hash,
            SetupLink.used_at.is_(None),
            SetupLink.expires_at > now,
        )
        .values(used_at=now)
        .returning(SetupLink.username)
    )
    return result.scalar_one_or_none()


def link_is_open(session: Session, token_hash: str, now: datetime) -> bool:
    row = session.get(SetupLink, token_hash)
    return row is not None and row.used_at is None and row.expires_at > now


def _user(row: UserRow) -> User:
    return User(
        username=row.username,
        name=row.name,
        email=row.email,
        role=row.role,
        language=row.language,
        time_zone=row.time_zone,
        brands=tuple(row.brands),
        languages=tuple(row.languages),
        queues=tuple(row.queues),
        password_hash=row.password_hash,
        failed_sign_ins=row.failed_sign_ins,
        locked_until=row.locked_until,
        disabled=row.disabled,
    )
