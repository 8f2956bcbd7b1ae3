"""Mentions that were erased on request: known by a digest alone, and not stored again."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence

import sqlalchemy as sa
from sqlalchemy.orm import Session

from listener.storage.tables import ErasedItem

_PART = 500


def digest(source: str, external_id: str) -> str:
    return hashlib.sha256(f"{source}\0{external_id}".encode()).hexdigest()


def erased(session: Session, keys: Sequence[tuple[str, str]]) -> set[tuple[str, str]]:
    """Those of (source, external id) that were erased."""
    digests = {digest(source, external): (source, external) for source, external in keys}
    told = list(digests)
    found: set[tuple[str, str]] = set()
    for start in range(0, len(told), _PART):
        part = told[start : start + _PART]
        rows = session.scalars(sa.select(ErasedItem.digest).where(ErasedItem.digest.in_(part)))
        found.update(digests[row] for row in rows)
    return found
