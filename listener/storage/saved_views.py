"""Views of the inbox under a name, and with which one somebody's inbox opens."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy.orm import Session

from listener.storage.database import upsert
from listener.storage.tables import DefaultView, SavedView


@dataclass(frozen=True, slots=True)
class StoredView:
    """`brand`: whose team sees it, too; None where it is its owner's alone."""

    id: int
    owner: str
    brand: str | None
    name: str
    wanted: Mapping[str, Any]


def visible(session: Session, username: str, brands: Sequence[str]) -> list[StoredView]:
    """The user's own views and those shared with the teams of the brands (none named: of all), by
    name."""
    shared = SavedView.brand.in_(brands) if brands else SavedView.brand.is_not(None)
    rows = session.scalars(
        sa.select(SavedView)
        .where(sa.or_(SavedView.owner == username, shared))
        .order_by(sa.func.lower(SavedView.name), SavedView.id)
    )
    return [_view(row) for row in rows]


def get(session: Session, view_id: int) -> StoredView | None:
    row = session.get(SavedView, view_id)
    return _view(row) if row else None


def save(
    session: Session,
    owner: str,
    name: str,
    wanted: Mapping[str, Any],
    *,
    brand: str | None,
    now: datetime,
) -> int:
    """Under a name that the owner has used before, in the place of what was there."""
    same = sa.select(SavedView).where(SavedView.owner == owner, SavedView.name == name)
    row = session.scalar(same)
    if row is None:
        row = SavedView(owner=owner, name=name, wanted={}, made_at=now)
        session.add(row)
    row.brand, row.wanted = brand, dict(wanted)
    session.flush()
    return row.id


def remove(session: Session, view_id: int) -> None:
    session.execute(sa.delete(DefaultView).where(DefaultView.view_id == view_id))
    session.execute(sa.delete(SavedView).where(SavedView.id == view_id))


def default(session: Session, username: str) -> int | None:
    return session.scalar(sa.select(DefaultView.view_id).where(DefaultView.username == username))


def open_with(session: Session, username: str, view_id: int | None) -> None:
    """None: with the plain inbox."""
    if view_id is None:
        session.execute(sa.delete(DefaultView).where(DefaultView.username == username))
        return
    row = {"username": username, "view_id": view_id}
    upsert(session, DefaultView, [row], update=["view_id"])


def _view(row: SavedView) -> StoredView:
    return StoredView(row.id, row.owner, row.brand, row.name, row.wanted)
