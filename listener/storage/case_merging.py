"""Two cases that are one matter become one; a case that holds two matters becomes two. Every mention
stays on exactly one of them, where a person put it."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from datetime import datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy.orm import Session

from listener.domain import CaseStatus, Resolution
from listener.errors import CaseError
from listener.storage import case_tags, cases, mentions, readings
from listener.storage.case_summary import CaseSummary, summaries, summary
from listener.storage.database import insert_new
from listener.storage.tables import (
    AlertRow,
    CaseEvent,
    CaseMention,
    CaseRow,
    CaseTag,
    CrmWriteRow,
    MentionRow,
    PrivateLink,
    SuppressionRow,
)

_LEADING_HERE = (AlertRow, SuppressionRow, CrmWriteRow, PrivateLink)
_UNASKED = {"decided": False, "reasons": ["not_asked:"], "candidates": []}


def merge(
    session: Session, case_id: int, into: int, *, by: str, version: int, now: datetime
) -> None:
    """Put all that is on one case on another that is open; the first is closed and leads there, and so
    does whatever its author writes next on its matter while the other is open. Raises CaseError where
    the two cannot be one."""
    if into == case_id:
        raise CaseError("a case is not merged with itself", key="case.merge_itself")
    locks = sorted((case_id, into))  # in one order, so that two merges cannot wait for each other
    there = {i: session.scalar(cases.locked(session, _by_id(i))) for i in locks}
    row, target = cases.hold(session, case_id, version), there[into]
    if target is None or target.brand != row.brand or target.invented != row.invented:
        raise CaseError(
            f"there is no case {into} of {row.brand} to merge case {case_id} with",
            key="case.merge_none",
            id=into,
        )
    for one in (target, row):
        if one.status == CaseStatus.CLOSED:
            raise CaseError(
                f"case {one.id} is closed: open it again first", key="case.merge_closed", id=one.id
            )
    moved = _move_mentions(session, case_id, into, None)
    notes = _copy_notes(session, case_id, into)
    for table in _LEADING_HERE:
        session.execute(sa.update(table).where(table.case_id == case_id).values(case_id=into))
    tags = case_tags.of(session, [case_id]).get(case_id, ())
    insert_new(session, CaseTag, [{"case_id": into, "tag": tag} for tag in tags])
    session.execute(sa.delete(CaseTag).where(CaseTag.case_id == case_id))
    _take_over(session, target, row)
    session.execute(
        sa.update(CaseRow).where(CaseRow.merged_into == case_id).values(merged_into=into)
    )
    key = row.open_key
    cases.close(session, row, Resolution.MERGED, now)
    # Still the open one of its author and matter, by way of the other.
    row.open_key, row.merged_into = key, into
    cases.stamp(session, row, now, by, "merged", {"into": into})
    told = {"case": case_id, "mentions": moved, "notes": notes}
    cases.stamp(session, target, now, by, "merged_here", told)


def others_of_author(
    session: Session, case: CaseSummary, author_id: int | None
) -> list[CaseSummary]:
    """The open cases of the same author and brand, the most urgent first."""
    if author_id is None:
        return []
    rows = session.execute(
        summaries()
        .where(
            CaseRow.author_id == author_id,
            CaseRow.brand == case.brand,
            CaseRow.invented == case.invented,
            CaseRow.status != CaseStatus.CLOSED,
            CaseRow.id != case.id,
        )
        .order_by(CaseRow.score.desc(), CaseRow.id)
        .limit(20)
    )
    return [summary(tuple(row)) for row in rows]


def split(
    session: Session,
    case_id: int,
    chosen: Collection[int],
    *,
    by: str,
    version: int,
    now: datetime,
) -> int:
    """A new case with the chosen mentions; some must stay. Returns its id. It begins as urgent as the
    old one and is judged by its own mentions at the next turn."""
    row = cases.hold(session, case_id, version)
    there = _mentions(session, case_id)
    picked = [m for m in there if m.id in chosen]
    left = [m for m in there if m.id not in chosen]
    if len(picked) != len(set(chosen)) or not picked or not left:
        raise CaseError(
            f"choose some of the posts of case {case_id}, and leave some", key="case.split"
        )
    first = picked[0]
    read = readings.load(session, [first.id]).get(first.id)
    complains = read is not None and read.complaint
    matter = "harassment" if read is not None and read.harassment else None
    category = read.category if read is not None and complains else None
    same = first.author_id == row.author_id
    new = CaseRow(
        brand=row.brand,
        author_id=first.author_id,
        matter=matter or category or row.matter,
        lang=read.lang if read is not None else row.lang,
        status=CaseStatus.OPEN if row.owner else CaseStatus.NEW,
        score=row.score,
        level=row.level,
        priority_reasons=row.priority_reasons,
        queue=row.queue,
        owner=row.owner,
        assigned_at=now if row.owner else None,
        route_reasons=row.route_reasons,
        due_at=row.due_at,
        opened_at=now,
        updated_at=now,
        first_mention_id=first.id,
        last_mention_id=picked[-1].id,
        crm=row.crm if same else None,
        customer_ref=row.customer_ref if same else None,
        match=row.match if same else _UNASKED,
        invented=row.invented,
    )
    session.add(new)
    session.flush()
    _move_mentions(session, case_id, new.id, [m.id for m in picked])
    _refer(row, left)
    new.open_key = cases.key_if_free(session, new)
    for mention in picked:
        mentions.follow_again(session, mention.id, row.brand)
    ids = [m.id for m in picked]
    data = {"mention": first.id, "matter": new.matter, "split_from": case_id}
    cases.log(session, new.id, now, by, "opened", data)
    cases.stamp(session, row, now, by, "split_off", {"case": new.id, "mentions": ids})
    return new.id


def _by_id(case_id: int) -> sa.Select[Any]:
    return sa.select(CaseRow).where(CaseRow.id == case_id)


def _mentions(session: Session, case_id: int) -> Sequence[MentionRow]:
    """Oldest first."""
    return session.scalars(
        sa.select(MentionRow)
        .join(CaseMention, CaseMention.mention_id == MentionRow.id)
        .where(CaseMention.case_id == case_id)
        .order_by(MentionRow.published_at, MentionRow.id)
    ).all()


def _move_mentions(
    session: Session, source: int, target: int, only: Collection[int] | None
) -> list[int]:
    chosen = [CaseMention.case_id == source]
    if only is not None:
        chosen.append(CaseMention.mention_id.in_(only))
    ids = list(
        session.scalars(sa.delete(CaseMention).where(*chosen).returning(CaseMention.mention_id))
    )
    rows = [{"case_id": target, "mention_id": i, "by_person": True} for i in sorted(ids)]
    insert_new(session, CaseMention, rows)
    return sorted(ids)


def _copy_notes(session: Session, source: int, target: int) -> int:
    """Colleagues' notes stand where the work goes on, with their own author and time."""
    notes = session.scalars(
        sa.select(CaseEvent)
        .where(CaseEvent.case_id == source, CaseEvent.kind == "note")
        .order_by(CaseEvent.id)
    ).all()
    for note in notes:
        cases.log(session, target, note.at, note.actor, "note", {**note.data, "case": source})
    return len(notes)


def _take_over(session: Session, target: CaseRow, row: CaseRow) -> None:
    """What makes a case urgent, late or unanswered does so on the case that it becomes part of."""
    if row.score > target.score:
        target.score, target.level = row.score, row.level
        target.priority_reasons = row.priority_reasons
    target.due_at = min(target.due_at, row.due_at)
    target.awaits_answer = target.awaits_answer or row.awaits_answer
    target.snoozed_until = None
    if target.author_id != row.author_id:
        return
    if target.customer_ref is None and row.customer_ref is not None:
        target.crm, target.customer_ref, target.match = row.crm, row.customer_ref, row.match
    last = session.get_one(MentionRow, target.last_mention_id)
    other = session.get_one(MentionRow, row.last_mention_id)
    if (other.published_at, other.id) > (last.published_at, last.id):
        target.last_mention_id = other.id


def _refer(row: CaseRow, left: Sequence[MentionRow]) -> None:
    """The first and the last mention of a case among those that are left: of its author, if any."""
    own = [m for m in left if m.author_id == row.author_id] or list(left)
    ids = {m.id for m in left}
    if row.first_mention_id not in ids:
        row.first_mention_id = own[0].id
    if row.last_mention_id not in ids:
        row.last_mention_id = own[-1].id
