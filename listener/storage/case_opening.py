"""What the road does with cases: a mention opens one or joins one, and a broken promise makes one open
and urgent again."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy.orm import Session

from listener.domain import CaseStatus, CustomerMatch, Priority, PriorityLevel, Reason, Route
from listener.storage import case_answers, case_customers, cases
from listener.storage.alerts import reason_to_json
from listener.storage.cases import LISTENER, log
from listener.storage.database import insert_new
from listener.storage.tables import CaseMention, CaseRow, MentionRow

# The points of a broken promise: above everything that a post alone can reach.
BROKEN_SCORE = 200


def open_case(
    session: Session,
    *,
    key: str,
    brand: str,
    author_id: int | None,
    matter: str,
    lang: str,
    mention_id: int,
    priority: Priority,
    route: Route,
    match: CustomerMatch,
    previous_case: int | None,
    invented: bool,
    now: datetime,
) -> int:
    row = CaseRow(
        open_key=key,
        brand=brand,
        author_id=author_id,
        matter=matter,
        lang=lang,
        status=CaseStatus.NEW,
        score=priority.score,
        level=priority.level,
        priority_reasons=[reason_to_json(r) for r in priority.reasons],
        queue=route.queue,
        owner=route.owner,
        assigned_at=now if route.owner else None,
        route_reasons=[reason_to_json(r) for r in route.reasons],
        due_at=route.due_at,
        opened_at=now,
        updated_at=now,
        first_mention_id=mention_id,
        last_mention_id=mention_id,
        crm=match.customer.crm if match.customer else None,
        customer_ref=match.customer.ref if match.decided and match.customer else None,
        match=case_customers.match_to_json(match),
        invented=invented,
    )
    session.add(row)
    session.flush()
    session.add(CaseMention(case_id=row.id, mention_id=mention_id))
    log(
        session,
        row.id,
        now,
        LISTENER,
        "opened",
        {"mention": mention_id, "matter": matter, "previous_case": previous_case},
    )
    log(
        session,
        row.id,
        now,
        LISTENER,
        "routed",
        {"queue": route.queue, "owner": route.owner, "reasons": row.route_reasons},
    )
    return row.id


def add_mention(
    session: Session,
    case_id: int,
    mention_id: int,
    *,
    kind: str,
    now: datetime,
    priority: Priority | None = None,
    route: Route | None = None,
    match: CustomerMatch | None = None,
) -> bool:
    """Put a further mention on a case; a case never becomes less urgent by it, one that rises to a
    higher level is due when `route` says, if that is sooner, and one that waited for its author is
    open again when they write. `kind` is `again`, `repost` or `answered_by_brand`. False when it is on
    it already: then a person corrected what it says, and the case is judged by that."""
    new = insert_new(
        session,
        CaseMention,
        [{"case_id": case_id, "mention_id": mention_id}],
        returning=CaseMention.mention_id,
    )
    row = cases.lock(session, case_id)
    if not new:
        if priority is not None and route is not None:
            _judge_again(session, row, mention_id, priority, route, now)
        return False
    row.updated_at = now
    row.version += 1
    if kind == "again":
        row.last_mention_id = mention_id
        row.awaits_answer = row.awaits_answer or _unanswered(session, row, mention_id)
        wake(session, row, "again", now)
        if row.status == CaseStatus.PENDING:
            row.status = CaseStatus.OPEN
            data = {"from": CaseStatus.PENDING, "to": CaseStatus.OPEN, "resolution": None}
            log(session, case_id, now, LISTENER, "status", data)
    before = row.level
    if priority is not None and priority.score > row.score:
        row.score = priority.score
        row.level = priority.level
        row.priority_reasons = [reason_to_json(r) for r in priority.reasons]
    if match is not None:
        case_customers.learn(row, match)
    if kind == case_answers.SEEN:
        reply = session.get_one(MentionRow, mention_id)
        case_answers.seen_in_thread(session, row, reply, now)
        at = min(reply.published_at, now).isoformat()
        log(
            session,
            case_id,
            now,
            LISTENER,
            kind,
            {"mention": mention_id, "url": reply.url, "at": at},
        )
    else:
        log(session, case_id, now, LISTENER, kind, {"mention": mention_id})
    if row.level != before:
        _risen(session, row, before, route, now)
    return True


def _judge_again(
    session: Session, row: CaseRow, mention_id: int, priority: Priority, route: Route, now: datetime
) -> None:
    """A mention of the case says something else now; what other mentions made urgent stays so."""
    before = row.level
    alone = row.first_mention_id == mention_id == (row.last_mention_id or mention_id)
    if alone or priority.score > row.score:
        row.score = priority.score
        row.level = priority.level
        row.priority_reasons = [reason_to_json(r) for r in priority.reasons]
    if route.queue != row.queue:
        row.queue = route.queue
        row.owner = row.owner or route.owner
        row.route_reasons = [reason_to_json(r) for r in route.reasons]
        data = {"queue": row.queue, "owner": row.owner, "reasons": row.route_reasons}
        log(session, row.id, now, LISTENER, "routed", data)
    row.updated_at = now
    row.version += 1
    if row.level != before and priority.score >= row.score:
        _risen(session, row, before, route, now)


def _risen(session: Session, row: CaseRow, before: str, route: Route | None, now: datetime) -> None:
    """A higher level promises an answer sooner; the case says why on its timeline."""
    if route is not None and route.due_at < row.due_at:
        row.due_at = route.due_at
        # The last reason of a route is that of its due time.
        row.route_reasons = [*row.route_reasons[:-1], reason_to_json(route.reasons[-1])]
    data = {
        "from": before,
        "to": row.level,
        "due_at": row.due_at.isoformat(),
        "reasons": row.priority_reasons,
    }
    log(session, row.id, now, LISTENER, "raised", data)


def _unanswered(session: Session, row: CaseRow, mention_id: int) -> bool:
    """Whether the author wrote this after the answer that stands."""
    answer = case_answers.latest(session, row)
    return answer is None or session.get_one(MentionRow, mention_id).published_at > answer.at


def wake(session: Session, row: CaseRow, why: str, now: datetime) -> None:
    """A case that is locked comes back into the inbox before its time: something happened."""
    if row.snoozed_until is not None and row.snoozed_until > now:
        log(session, row.id, now, LISTENER, "woken", {"why": why})
    row.snoozed_until = None


def cases_of_mention(session: Session, mention_id: int, brand: str) -> list[int]:
    """The brand's cases that the mention is on."""
    return list(
        session.scalars(
            sa.select(CaseMention.case_id)
            .join(CaseRow, CaseRow.id == CaseMention.case_id)
            .where(CaseMention.mention_id == mention_id, CaseRow.brand == brand)
        )
    )


def promise_broken(
    session: Session,
    case_id: int,
    reason: Reason,
    data: Mapping[str, Any],
    *,
    due_at: datetime,
    now: datetime,
) -> str | None:
    """The case is open and urgent again; returns its owner."""
    row = cases.lock(session, case_id)
    if row.status == CaseStatus.CLOSED:
        row.open_key = cases.key_if_free(session, row)
        row.resolution = row.closed_at = None
    before, row.status = row.status, CaseStatus.OPEN
    row.awaits_answer = True
    wake(session, row, "promise_broken", now)
    row.level = PriorityLevel.URGENT
    row.score = max(row.score, BROKEN_SCORE)
    kept = [r for r in row.priority_reasons if r["key"] != reason.key]
    row.priority_reasons = [reason_to_json(replace(reason, points=BROKEN_SCORE)), *kept]
    row.due_at = due_at if before == CaseStatus.CLOSED else min(row.due_at, due_at)
    cases.stamp(session, row, now, LISTENER, "promise_broken", {"from": before, **data})
    return row.owner
