"""Suppressions, the outbox to CRMs and diallers, and promises that were broken.

A suppression and its writes are one commit; a write is claimed, carried out and recorded in commits
of its own. Whoever carries it out looks first, so that a crash at any moment repeats it harmlessly.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import sqlalchemy as sa
from sqlalchemy.orm import Session

from listener.domain import Direction, SuppressionStatus, WriteStatus
from listener.storage import outbox
from listener.storage.database import insert_new
from listener.storage.tables import (
    BrokenPromise,
    CrmEvent,
    CrmSuppression,
    CrmWriteRow,
    SuppressedPhone,
    SuppressionRow,
)

SUPPRESS, RECORD = "suppress", "record"

# Of what we write into other systems; `local` tells by it what was imported from what is ours.
_KEY = "listener-"
_STANDS = SuppressionRow.status != SuppressionStatus.LIFTED


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
class Write:
    """One thing to write into one system."""

    id: int
    key: str
    kind: str
    system: str
    suppression_id: int | None
    case_id: int | None
    customer_ref: str | None
    sealed: str
    data: Mapping[str, Any]
    status: str
    attempts: int
    next_attempt_at: datetime
    claimed_by: str | None
    claimed_at: datetime | None
    done_at: datetime | None
    reference: str | None
    already: bool
    last_error: str | None


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


# ---------------------------------------------------------------------------- approved


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
                    key=f"{_KEY}{row.id}-{system}-{phone.index[:12]}",
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


def wish_record(
    session: Session,
    case_id: int,
    system: str,
    ref: str | None,
    data: Mapping[str, Any],
    now: datetime,
) -> bool:
    """A case to be noted in a system, once; False when that was wished before."""
    new = insert_new(
        session,
        CrmWriteRow,
        [
            {
                "key": f"{_KEY}case-{case_id}-{system}",
                "kind": RECORD,
                "system": system,
                "case_id": case_id,
                "customer_ref": ref,
                "sealed": "",
                "data": dict(data),
                "status": WriteStatus.PENDING,
                "attempts": 0,
                "next_attempt_at": now,
                "already": False,
            }
        ],
        returning=CrmWriteRow.id,
    )
    return bool(new)


# ---------------------------------------------------------------------------- lifted


def lift(session: Session, suppression_id: int) -> bool:
    """End the order and its watch: nothing more is written of it, and `local`, whose list has no
    page of its own, forgets the phones that no other order names. False when it was lifted before.
    """
    lifted = session.scalars(
        sa.update(SuppressionRow)
        .where(SuppressionRow.id == suppression_id, _STANDS)
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
    ).where(_STANDS)
    session.execute(
        sa.delete(CrmSuppression).where(
            CrmSuppression.number.in_(phones.where(SuppressedPhone.suppression_id == lifted)),
            CrmSuppression.number.not_in(still_named),
            CrmSuppression.key.startswith(_KEY),
        )
    )
    return True


# ---------------------------------------------------------------------------- the outbox


def claim_next(session: Session, worker: str, now: datetime) -> Write | None:
    row = outbox.claim_next(session, CrmWriteRow, worker, now)
    return _write(row) if row else None


def claimed(session: Session) -> list[Write]:
    query = sa.select(CrmWriteRow).where(CrmWriteRow.status == WriteStatus.CLAIMED)
    return [_write(row) for row in session.scalars(query)]


def give_back(session: Session, write: Write, now: datetime) -> None:
    """What a worker that no longer runs had claimed may be done; whoever is next looks first."""
    session.execute(
        sa.update(CrmWriteRow)
        .where(
            CrmWriteRow.id == write.id,
            CrmWriteRow.status == WriteStatus.CLAIMED,
            CrmWriteRow.claimed_by == write.claimed_by,
        )
        .values(status=WriteStatus.PENDING, next_attempt_at=now, claimed_by=None, claimed_at=None)
    )


def done(
    session: Session, write: Write, worker: str, *, reference: str, at: datetime, already: bool
) -> bool:
    """The receipt of a write; False when another worker holds it."""
    changed = session.scalars(
        sa.update(CrmWriteRow)
        .where(CrmWriteRow.id == write.id, CrmWriteRow.claimed_by == worker)
        .values(
            status=WriteStatus.DONE,
            done_at=at,
            reference=reference,
            already=already,
            last_error=None,
            claimed_by=None,
            claimed_at=None,
        )
        .returning(CrmWriteRow.id)
    ).first()
    return changed is not None


def postponed(
    session: Session, write: Write, worker: str, error: str, *, next_attempt_at: datetime | None
) -> None:
    """Tried again later; given up where `next_attempt_at` is None."""
    session.execute(
        sa.update(CrmWriteRow)
        .where(CrmWriteRow.id == write.id, CrmWriteRow.claimed_by == worker)
        .values(
            status=WriteStatus.PENDING if next_attempt_at else WriteStatus.FAILED,
            next_attempt_at=next_attempt_at or write.next_attempt_at,
            last_error=error[:2000],
            claimed_by=None,
            claimed_at=None,
        )
    )


def try_again(session: Session, write_id: int, now: datetime) -> bool:
    """A person lets a write that was given up be tried again."""
    changed = session.scalars(
        sa.update(CrmWriteRow)
        .where(CrmWriteRow.id == write_id, CrmWriteRow.status == WriteStatus.FAILED)
        .values(status=WriteStatus.PENDING, attempts=0, next_attempt_at=now)
        .returning(CrmWriteRow.suppression_id)
    ).all()
    for suppression_id in changed:
        if suppression_id is not None:
            settle(session, suppression_id)
    return bool(changed)


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


# ---------------------------------------------------------------------------- the watch


def to_watch(session: Session, before: datetime, *, crm: str, limit: int) -> list[Suppression]:
    """Those in effect for customers of a system that were not looked at since `before`."""
    query = (
        sa.select(SuppressionRow)
        .where(
            SuppressionRow.effective_at.is_not(None),
            _STANDS,
            SuppressionRow.crm == crm,
            sa.or_(SuppressionRow.watched_at.is_(None), SuppressionRow.watched_at < before),
        )
        .order_by(SuppressionRow.watched_at, SuppressionRow.id)
        .limit(limit)
    )
    return [_suppression(row) for row in session.scalars(query)]


def watched(session: Session, suppression_id: int, now: datetime, error: str | None) -> None:
    row = session.get_one(SuppressionRow, suppression_id)
    row.watched_at, row.watch_error = now, error


def local_events_after(session: Session) -> list[tuple[int, CrmEvent]]:
    """(suppression, event) of contacts in `local` later than the suppression took effect, by the
    customer or by their phone, that were not told yet. Two queries, each by an index."""
    told = sa.exists().where(
        BrokenPromise.suppression_id == SuppressionRow.id,
        BrokenPromise.what == "event:" + CrmEvent.event_id,
    )
    later = (
        SuppressionRow.effective_at.is_not(None),
        _STANDS,
        CrmEvent.at > SuppressionRow.effective_at,
        CrmEvent.direction == Direction.OUT.value,
        ~told,
    )
    by_customer = (
        sa.select(SuppressionRow.id, CrmEvent)
        .join(CrmEvent, CrmEvent.customer_id == SuppressionRow.customer_ref)
        .where(*later)
    )
    by_phone = (
        sa.select(SuppressionRow.id, CrmEvent)
        .join(SuppressedPhone, SuppressedPhone.suppression_id == SuppressionRow.id)
        .join(CrmEvent, CrmEvent.customer_number == SuppressedPhone.number)
        .where(*later)
    )
    found: dict[tuple[int, str], CrmEvent] = {}
    for query in (by_customer, by_phone):
        for suppression_id, event in session.execute(query):
            found[suppression_id, event.event_id] = event
    return [(suppression_id, event) for (suppression_id, _), event in found.items()]


def broken(session: Session, suppression_id: int, what: str, at: datetime, now: datetime) -> bool:
    """Keep that a promise was broken; False when that is known."""
    new = insert_new(
        session,
        BrokenPromise,
        [{"suppression_id": suppression_id, "what": what[:300], "at": at, "found_at": now}],
        returning=BrokenPromise.what,
    )
    return bool(new)


# ---------------------------------------------------------------------------- for people


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
            _STANDS,
        )
        .order_by(SuppressionRow.id.desc())
        .limit(1)
    )
    return _suppression(row) if row else None


def records_of_case(session: Session, case_id: int) -> list[Write]:
    query = (
        sa.select(CrmWriteRow)
        .where(CrmWriteRow.case_id == case_id, CrmWriteRow.kind == RECORD)
        .order_by(CrmWriteRow.id)
    )
    return [_write(row) for row in session.scalars(query)]


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
    return _suppression(row, tuple(_write(w) for w in writes), tuple((w, at) for w, at in told))


def _suppression(
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


def _write(row: CrmWriteRow) -> Write:
    return Write(
        id=row.id,
        key=row.key,
        kind=row.kind,
        system=row.system,
        suppression_id=row.suppression_id,
        case_id=row.case_id,
        customer_ref=row.customer_ref,
        sealed=row.sealed,
        data=row.data,
        status=row.status,
        attempts=row.attempts,
        next_attempt_at=row.next_attempt_at,
        claimed_by=row.claimed_by,
        claimed_at=row.claimed_at,
        done_at=row.done_at,
        reference=row.reference,
        already=row.already,
        last_error=row.last_error,
    )
