"""The unit of work: one author, one brand, one matter. Here is what every change of it goes through:
the key under which it is open, its lock, its version and its timeline.

Every change by a person names who, is refused when somebody else changed the case since it was
read (`version`), and stands on the timeline."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy.orm import Session

from listener.domain import CaseStatus, Reason, Resolution
from listener.errors import CaseError, StaleWrite, StorageError
from listener.storage import webhooks
from listener.storage.alerts import reason_from_json
from listener.storage.tables import CaseEvent, CaseMention, CaseRow, MentionRow

LISTENER = "listener"
"""The actor of what no person did."""


@dataclass(frozen=True, slots=True)
class OpenCase:
    """What deciding about a further mention of the same matter needs."""

    id: int
    mentions: int  # by its author: what others repeated or the brand answered is none
    owner: str | None
    reasons: tuple[Reason, ...]  # of its priority


# ---------------------------------------------------------------------------- which is open


def open_key(brand: str, author_id: int | None, matter: str, mention_id: int) -> str:
    """The same for every mention of one author on one matter; nobody's posts stay apart."""
    who = f"author:{author_id}" if author_id is not None else f"mention:{mention_id}"
    return hashlib.sha256(f"{brand}\0{who}\0{matter}".encode()).hexdigest()


def find_open(session: Session, key: str, besides: int | None = None) -> OpenCase | None:
    """The open case, held until the transaction ends: nobody closes it between the decision about
    a further mention and the mention. What was merged is found where it went. The mention `besides`
    is not counted."""
    row = session.scalar(locked(session, sa.select(CaseRow).where(CaseRow.open_key == key)))
    if row is not None and row.merged_into is not None:
        row = lock(session, row.merged_into)
    if row is None:
        return None
    return _open(session, row, besides)


def placed(session: Session, mention_id: int, brand: str) -> OpenCase | None:
    """The open case of the brand on which a person put the mention, held like that of `find_open`."""
    put = sa.select(CaseMention.case_id).where(
        CaseMention.mention_id == mention_id, CaseMention.by_person.is_(True)
    )
    row = session.scalar(
        locked(
            session,
            sa.select(CaseRow)
            .where(
                CaseRow.id.in_(put),
                CaseRow.brand == brand,
                CaseRow.status != CaseStatus.CLOSED,
            )
            .order_by(CaseRow.id.desc())
            .limit(1),
        )
    )
    return _open(session, row, mention_id) if row else None


def _open(session: Session, row: CaseRow, besides: int | None) -> OpenCase:
    count = session.scalar(
        sa.select(sa.func.count())
        .select_from(CaseMention)
        .join(MentionRow, MentionRow.id == CaseMention.mention_id)
        .where(
            CaseMention.case_id == row.id,
            MentionRow.author_id.is_not_distinct_from(row.author_id),
            MentionRow.id != (besides or 0),
        )
    )
    reasons = tuple(reason_from_json(r) for r in row.priority_reasons)
    return OpenCase(row.id, int(count or 0), row.owner, reasons)


def key_if_free(session: Session, row: CaseRow) -> str | None:
    """The key of a case that is open again; None where another has become the open one of its
    author and matter meanwhile."""
    key = open_key(row.brand, row.author_id, row.matter, row.first_mention_id)
    return None if find_open(session, key) else key


def previous(session: Session, brand: str, author_id: int | None, matter: str) -> int | None:
    """The newest closed case of the same author and matter."""
    if author_id is None:
        return None
    return session.scalar(
        sa.select(CaseRow.id)
        .where(
            CaseRow.brand == brand,
            CaseRow.author_id == author_id,
            CaseRow.matter == matter,
            CaseRow.status == CaseStatus.CLOSED,
            CaseRow.merged_into.is_(None),
        )
        .order_by(CaseRow.id.desc())
        .limit(1)
    )


def close(session: Session, row: CaseRow, resolution: Resolution, now: datetime) -> None:
    """A case that is locked ends: nothing waits any more, and the author's next post opens another,
    whichever of the cases that were merged into this one it would have joined."""
    row.status = CaseStatus.CLOSED
    row.resolution = resolution
    row.closed_at = now
    row.open_key = None
    row.snoozed_until = None
    row.awaits_answer = False
    session.execute(
        sa.update(CaseRow)
        .where(CaseRow.merged_into == row.id)
        .values(open_key=None)
        .execution_options(synchronize_session="fetch")
    )


# ---------------------------------------------------------------------------- changing one


def standing(session: Session, case_id: int) -> tuple[str, int]:
    """(brand, version). Raises StorageError where there is no such case."""
    found = session.execute(
        sa.select(CaseRow.brand, CaseRow.version).where(CaseRow.id == case_id)
    ).first()
    if found is None:
        raise StorageError("case {id} does not exist", id=case_id)
    return found.brand, found.version


def locked(session: Session, query: sa.Select[CaseRow]) -> sa.Select[CaseRow]:
    """For PostgreSQL, where two may write at once; what was loaded before the lock is stale."""
    if session.get_bind().dialect.name == "postgresql":
        return query.with_for_update().execution_options(populate_existing=True)
    return query


def lock(session: Session, case_id: int) -> CaseRow:
    """A case that is there, held until the transaction ends."""
    return session.scalars(locked(session, sa.select(CaseRow).where(CaseRow.id == case_id))).one()


def hold(session: Session, case_id: int, version: int) -> CaseRow:
    """Lock the case until the transaction ends. Raises StaleWrite when somebody changed it, with
    what they did since (`actor: kind`, oldest first), StorageError where there is none, and CaseError
    for one that was merged: all is done on the other."""
    row = session.scalar(locked(session, sa.select(CaseRow).where(CaseRow.id == case_id)))
    if row is None:
        raise StorageError("case {id} does not exist", id=case_id)
    if row.version != version:
        changed = _since(session, row, version)
        raise StaleWrite(
            "case {id} was changed meanwhile ({what}). Nothing was stored: look at it again, then "
            "decide.",
            changed=changed,
            id=case_id,
            what="; ".join(changed),
        )
    unmerged(row)
    return row


def unmerged(row: CaseRow) -> None:
    if row.merged_into is not None:
        raise CaseError(
            f"case {row.id} was merged into case {row.merged_into}: do it there",
            key="case.merged",
            id=row.merged_into,
        )


def _since(session: Session, row: CaseRow, version: int) -> tuple[str, ...]:
    """The newest events, as many as the case has gained versions: each has one that tells of it."""
    gained = max(1, min(row.version - version, 5))
    last = session.scalars(
        sa.select(CaseEvent)
        .where(CaseEvent.case_id == row.id, CaseEvent.kind != "note")
        .order_by(CaseEvent.id.desc())
        .limit(gained)
    ).all()
    return tuple(f"{e.actor}: {e.kind}" for e in reversed(last))


def changed(
    session: Session, case_id: int, now: datetime, by: str, kind: str, data: Mapping[str, Any]
) -> None:
    """Somebody did something about the case that is stored elsewhere."""
    stamp(session, lock(session, case_id), now, by, kind, data)


def stamp(
    session: Session, row: CaseRow, now: datetime, by: str, kind: str, data: Mapping[str, Any]
) -> None:
    """A new version of a case that is locked, with its event on the timeline."""
    row.updated_at = now
    row.version += 1
    log(session, row.id, now, by, kind, data)


def log(
    session: Session, case_id: int, at: datetime, actor: str, kind: str, data: Mapping[str, Any]
) -> None:
    session.add(CaseEvent(case_id=case_id, at=at, actor=actor, kind=kind, data=dict(data)))
    webhooks.of_case(session, case_id, kind, data, at)
