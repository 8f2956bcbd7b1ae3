"""What monitoring counts: rows by state, ages, failures."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy.orm import Session

from listener.domain import CaseStatus
from listener.storage import health, suppressions, webhooks
from listener.storage.tables import (
    AlertRow,
    CaseRow,
    CrmWriteRow,
    MentionRow,
    NotificationRow,
    Reject,
)


@dataclass(frozen=True, slots=True)
class Gauges:
    mentions: Mapping[str, int]
    cases: Mapping[str, int]
    overdue: Mapping[str, int]
    alerts: Mapping[str, int]
    outboxes: Mapping[str, Mapping[str, int]]
    suppressions: Mapping[str, int]
    contacts_after: int
    rejects: int
    source_failures: Mapping[str, int]
    loops_succeeded: Mapping[str, datetime | None]
    loops_failing: Mapping[str, int]


def read(session: Session, now: datetime) -> Gauges:
    def by(column: Any, *where: Any) -> dict[str, int]:
        query = sa.select(column, sa.func.count()).where(*where).group_by(column).order_by(column)
        return {str(row[0]): int(row[1]) for row in session.execute(query)}

    loops = health.loops(session)
    kept = suppressions.kept(session)
    return Gauges(
        mentions=by(MentionRow.state),
        cases=by(CaseRow.status),
        overdue=by(CaseRow.level, CaseRow.status != CaseStatus.CLOSED, CaseRow.due_at < now),
        alerts=by(AlertRow.kind, AlertRow.ended_at.is_(None)),
        outboxes={
            "email": by(NotificationRow.status),
            "crm": by(CrmWriteRow.status),
            "webhook": webhooks.counts(session),
        },
        suppressions=kept.by_status,
        contacts_after=kept.contacts_after,
        rejects=int(session.scalar(sa.select(sa.func.count()).select_from(Reject)) or 0),
        source_failures={s.key: s.failures for s in health.subscriptions(session)},
        loops_succeeded={loop.name: loop.succeeded_at for loop in loops},
        loops_failing={loop.name: int(bool(loop.last_error)) for loop in loops},
    )
