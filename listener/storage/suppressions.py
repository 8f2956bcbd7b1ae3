"""Suppressions: approved, in effect once every system has taken them, lifted; and how the promise is
kept. The order and its writes (storage/crm_writes.py) are one commit."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

import sqlalchemy as sa
from sqlalchemy.orm import Session

from listener.domain import SuppressionStatus, WriteStatus
from listener.storage.crm_writes import KEY, SUPPRESS, Write, write_of
from listener.storage.tables import (
    BrokenPromise,
    CrmSuppression,
    CrmWriteRow,
    SuppressedPhone,
    SuppressionRow,
)

STANDS = SuppressionRow.status != SuppressionStatus.LIFTED


@dataclass(frozen=True, slots=True)
class Phone:
    """A phone as it is kept: its keyed index, and sealed."""

    index: str
    sealed: str


@dataclass(frozen=True, slots=True)
class Wanted:
    """What a person approved. `systems` are asked for every phone."""

    case_id: int | None
    brand: str
    author_id: int | None
    crm: str | None
    customer_ref: str | None
    phones: tuple[Phone, ...]
    systems: tuple[tuple[str, str | None], ...]  # (name, the customer's id there)
    reason: str
    approved_by: str
    complained_at: datetime
    invented: bool = False


@dataclass(frozen=True, slots=True)
class Suppression:
    id: int
    case_id: int | None
    brand: str
    author_id: int | None
    crm: str | None
    customer_ref: str | None
    status: str
    reason: str
    approved_by: str
    approved_at: datetime
    complained_at: datetime
    effective_at: datetime | None
    watched_at: datetime | None
    watch_error: str | None
    invented: bool
    writes: tuple[Write, ...] = ()
    broken: tuple[tuple[str, datetime], ...] = ()


def approve(session: Session, wanted: Wanted, now: datetime) -> int:
    """The suppression with one write for each system and phone; the one that stands already where
    the same case has one that was not lifted."""
    standing = of_case(session, wanted.case_id) if wanted.case_id is not None else None
    if standing is not None and standing.status != SuppressionStatus.LIFTED:
        return standing.id
    row = SuppressionRow(
        case_id=wanted.case_id,
        brand=wanted.brand,
        author_id=wanted.author_id,
        crm=wanted.crm,
        customer_ref=wanted.customer_ref,
        status=SuppressionStatus.PENDING,
        reason=wanted.reason,
        approved_by=wanted.approved_by,
        approved_at=now,
        complained_at=wanted.complained_at,
        invented=wanted.invented,
    )
    session.add(row)
    session.flush()
    for phone in wanted.phones:
        session.add(SuppressedPhone(suppression_id=row.id, number=phone.index, sealed=phone.sealed))
        for system, ref in wanted.systems:
            session.add(
                CrmWriteRow(
                    key=f"{KEY}{row.id}-{system}-{phone.index[:12]}",
                    kind=SUPPRESS,
                    system=system,
                    suppression_id=row.id,
                    case_id=wanted.case_id,
                    customer_ref=ref,
                    sealed=phone.sealed,
                    data={"reason": wanted.reason},
                    status=WriteStatus.PENDING,
                    next_attempt_at=now,
                )
            )
    session.flush()
    return row.id


def lift(session: Session, suppression_id: int) -> bool:
    """End the order and its watch: nothing more is written of it, and `local`, whose list has no
    page of its own, forgets the phones that no other order names. False when it was lifted before.
    """
    lifted = session.scalars(
        sa.update(SuppressionRow)
        .where(SuppressionRow.id == suppression_id, STANDS)
        .values(status=SuppressionStatus.LIFTED)
        .returning(SuppressionRow.id)
    ).first()
    if lifted is None:
        return False
    session.execute(
        sa.delete(CrmWriteRow).where(
            CrmWriteRow.suppression_id == suppression_id,
            CrmWriteRow.status.in_((WriteStatus.PENDING, WriteStatus.FAILED)),
        )
    )
    phones = sa.select(SuppressedPhone.number)
    still_named = phones.join(
        SuppressionRow, SuppressionRow.id == SuppressedPhone.suppression_id
    ).where(STANDS)
    session.execute(
        sa.delete(CrmSuppression).where(
            CrmSuppression.number.in_(phones.where(SuppressedPhone.suppression_id == lifted)),
            CrmSuppression.number.not_in(still_named),
            CrmSuppression.key.startswith(KEY),
        )
    )
    return True


def settle(session: Session, suppression_id: int) -> SuppressionStatus:
    """The suppression's state by its writes: in effect from the last of them on."""
    row = session.get_one(SuppressionRow, suppression_id)
    if row.status == SuppressionStatus.LIFTED:
        return SuppressionStatus.LIFTED
    states = session.execute(
        sa.select(CrmWriteRow.status, CrmWriteRow.done_at).where(
            CrmWriteRow.suppression_id == suppression_id
        )
    ).all()
    if all(s.status == WriteStatus.DONE for s in states):
        row.status = SuppressionStatus.IN_EFFECT
        row.effective_at = max((s.done_at for s in states), default=row.approved_at)
    elif any(s.status == WriteStatus.FAILED for s in states):
        row.status = SuppressionStatus.FAILED
    else:
        row.status = SuppressionStatus.PENDING
    return SuppressionStatus(row.status)


def get(session: Session, suppression_id: int) -> Suppression | None:
    row = session.get(SuppressionRow, suppression_id)
    return _whole(session, row) if row else None


def of_case(session: Session, case_id: int) -> Suppression | None:
    """The newest of the case."""
    row = session.scalar(
        sa.select(SuppressionRow)
        .where(SuppressionRow.case_id == case_id)
        .order_by(SuppressionRow.id.desc())
        .limit(1)
    )
    return _whole(session, row) if row else None


def of_author(session: Session, brand: str, author_id: int) -> Suppression | None:
    """The newest that is in effect for the public author of a brand's complaints."""
    row = session.scalar(
        sa.select(SuppressionRow)
        .where(
            SuppressionRow.brand == brand,
            SuppressionRow.author_id == author_id,
            SuppressionRow.effective_at.is_not(None),
            STANDS,
        )
        .order_by(SuppressionRow.id.desc())
        .limit(1)
    )
    return suppression_of(row) if row else None


@dataclass(frozen=True, slots=True)
class Kept:
    """How the promise is kept: orders by state, contacts after one, how long they took."""

    by_status: Mapping[str, int]
    contacts_after: int
    mentions_after: int
    longest: timedelta | None
    median: timedelta | None
    waiting_writes: int
    failed_writes: int


def kept(session: Session, brands: Sequence[str] = ()) -> Kept:
    """Invented ones are left out."""
    mine = [SuppressionRow.invented.is_(False)]
    if brands:
        mine.append(SuppressionRow.brand.in_(brands))
    states = session.execute(
        sa.select(SuppressionRow.status, sa.func.count())
        .where(*mine)
        .group_by(SuppressionRow.status)
    ).all()
    told = session.scalars(
        sa.select(BrokenPromise.what)
        .join(SuppressionRow, SuppressionRow.id == BrokenPromise.suppression_id)
        .where(*mine)
    ).all()
    times = sorted(
        row.effective_at - row.complained_at
        for row in session.scalars(
            sa.select(SuppressionRow).where(*mine, SuppressionRow.effective_at.is_not(None))
        )
        if row.effective_at is not None
    )
    writes: Iterable[tuple[str, int]] = (
        (str(row[0]), int(row[1]))
        for row in session.execute(
            sa.select(CrmWriteRow.status, sa.func.count()).group_by(CrmWriteRow.status)
        )
    )
    counted = dict(writes)
    return Kept(
        by_status={str(status): int(count) for status, count in states},
        contacts_after=sum(w.startswith("event:") for w in told),
        mentions_after=sum(w.startswith("mention:") for w in told),
        longest=times[-1] if times else None,
        median=times[len(times) // 2] if times else None,
        waiting_writes=counted.get(WriteStatus.PENDING, 0) + counted.get(WriteStatus.CLAIMED, 0),
        failed_writes=counted.get(WriteStatus.FAILED, 0),
    )


def _whole(session: Session, row: SuppressionRow) -> Suppression:
    writes = session.scalars(
        sa.select(CrmWriteRow).where(CrmWriteRow.suppression_id == row.id).order_by(CrmWriteRow.id)
    )
    told = session.execute(
        sa.select(BrokenPromise.what, BrokenPromise.at)
        .where(BrokenPromise.suppression_id == row.id)
        .order_by(BrokenPromise.at)
    )
    return suppression_of(row, tuple(write_of(w) for w in writes), tuple((w, at) for w, at in told))


def suppression_of(
    row: SuppressionRow,
    writes: tuple[Write, ...] = (),
    told: tuple[tuple[str, datetime], ...] = (),
) -> Suppression:
    return Suppression(
        id=row.id,
        case_id=row.case_id,
        brand=row.brand,
        author_id=row.author_id,
        crm=row.crm,
        customer_ref=row.customer_ref,
        status=row.status,
        reason=row.reason,
        approved_by=row.approved_by,
        approved_at=row.approved_at,
        complained_at=row.complained_at,
        effective_at=row.effective_at,
        watched_at=row.watched_at,
        watch_error=row.watch_error,
        invented=row.invented,
        writes=writes,
        broken=told,
    )
