"""Which account is whose at the company's provider: its `sub`, under the issuer that gave it."""

from __future__ import annotations

from datetime import datetime

import sqlalchemy as sa
from sqlalchemy.orm import Session

from listener.storage.tables import IdentityRow


def find(session: Session, issuer: str, subject: str) -> str | None:
    """The user name of who is called `subject` there."""
    row = session.get(IdentityRow, (issuer, subject))
    return row.username if row else None


def add(session: Session, issuer: str, subject: str, username: str, now: datetime) -> None:
    session.add(IdentityRow(issuer=issuer, subject=subject, username=username, created_at=now))


def is_company_account(session: Session, username: str) -> bool:
    """Whether somebody signs in with the company, so that no password of ours may open it."""
    found = sa.select(IdentityRow.subject).where(IdentityRow.username == username).limit(1)
    return session.scalar(found) is not None
