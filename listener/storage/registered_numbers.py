"""The registry of numbers that call in a brand's name, as it was imported."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, date, datetime, time, timedelta

import sqlalchemy as sa
from sqlalchemy.orm import Session

from listener.domain import CallerNumber, NumberKind
from listener.storage.tables import CrmNumber


def midnight(day: date | None, later: int = 0) -> datetime | None:
    """The registry knows days only: the beginning (UTC) of a day, or of one `later`."""
    return datetime.combine(day + timedelta(days=later), time(), UTC) if day else None


def imported(
    session: Session, brands: Sequence[str] | None = None, *, invented: bool | None = None
) -> list[CallerNumber]:
    """The numbers that were imported, of these brands or of all; with `invented`, those alone that
    are, or that are not."""
    query = sa.select(CrmNumber).order_by(
        CrmNumber.brand, CrmNumber.number, CrmNumber.valid_from_day
    )
    if brands is not None:
        query = query.where(CrmNumber.brand.in_(brands))
    if invented is not None:
        query = query.where(CrmNumber.invented.is_(invented))
    return [_number(row) for row in session.scalars(query)]


def _number(row: CrmNumber) -> CallerNumber:
    return CallerNumber(
        number=row.number,
        brand=row.brand,
        kind=NumberKind(row.kind),
        owner=row.owner,
        valid_from=midnight(_day(row.valid_from_day)),
        valid_to=midnight(_day(row.valid_to_day), 1),
    )


def _day(written: str) -> date | None:
    return date.fromisoformat(written) if written else None
