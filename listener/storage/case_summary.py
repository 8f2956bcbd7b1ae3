"""A case as one line: what the inbox lists, and what stands at the head of a case."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import sqlalchemy as sa

from listener.domain import Reason
from listener.storage.alerts import reason_from_json
from listener.storage.tables import AuthorRow, CaseMention, CaseRow, MentionRow


@dataclass(frozen=True, slots=True)
class CaseSummary:
    """A line of the inbox. `text` is the newest mention's (`mention_id`)."""

    id: int
    mention_id: int
    brand: str
    matter: str
    lang: str
    status: str
    level: str
    score: int
    priority_reasons: tuple[Reason, ...]
    queue: str
    owner: str | None
    due_at: datetime
    opened_at: datetime
    updated_at: datetime
    mentions: int
    author: str
    source: str
    site: str
    text: str
    published_at: datetime
    reach: int | None
    customer_ref: str | None
    invented: bool
    version: int
    answered_at: datetime | None = None  # the first answer
    awaits_answer: bool = True  # something that the author wrote has none yet
    snoozed_until: datetime | None = None
    merged_into: int | None = None


def summaries() -> sa.Select[Any]:
    """Rows for `summary`: the case, its newest mention, its author, how many mentions it has."""
    count = (
        sa.select(sa.func.count())
        .select_from(CaseMention)
        .where(CaseMention.case_id == CaseRow.id)
        .correlate(CaseRow)
        .scalar_subquery()
    )
    return (
        sa.select(CaseRow, MentionRow, AuthorRow, count.label("mention_count"))
        .join(MentionRow, MentionRow.id == CaseRow.last_mention_id)
        .outerjoin(AuthorRow, AuthorRow.id == CaseRow.author_id)
    )


def summary(found: Sequence[Any]) -> CaseSummary:
    row: CaseRow = found[0]
    mention: MentionRow = found[1]
    author: AuthorRow | None = found[2]
    count = int(found[3])
    return CaseSummary(
        id=row.id,
        mention_id=mention.id,
        brand=row.brand,
        matter=row.matter,
        lang=row.lang,
        status=row.status,
        level=row.level,
        score=row.score,
        priority_reasons=tuple(reason_from_json(r) for r in row.priority_reasons),
        queue=row.queue,
        owner=row.owner,
        due_at=row.due_at,
        opened_at=row.opened_at,
        updated_at=row.updated_at,
        mentions=count,
        author=author.handle if author else "",
        source=mention.source,
        site=mention.site,
        text=mention.text,
        published_at=mention.published_at,
        reach=mention.reach,
        customer_ref=row.customer_ref,
        invented=row.invented,
        version=row.version,
        answered_at=row.answered_at,
        awaits_answer=row.awaits_answer,
        snoozed_until=row.snoozed_until,
        merged_into=row.merged_into,
    )
