"""What the service figures are made of: how long cases waited for an answer, what became of suppressions."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

import sqlalchemy as sa
from sqlalchemy.orm import Session

from listener.domain import Outcome, Resolution, SuppressionStatus
from listener.storage.tables import BrokenPromise, CaseRow, MentionRow, SuppressionRow

_NOT_ASKED = (
    Resolution.MISREAD,
    Resolution.NOT_OURS,
    Resolution.IMPOSTOR,
    Resolution.NO_REPLY_NEEDED,
)
"""How cases end that nobody had to answer."""


@dataclass(frozen=True, slots=True)
class Asked:
    """A case that somebody had to answer."""

    outcome: Outcome
    opened_at: datetime
    wrote_at: datetime
    answered_at: datetime | None
    closed_at: datetime | None


@dataclass(frozen=True, slots=True)
class Kept:
    """`longest` from the complaint to the effect of the suppressions that took effect; `waiting`:
    when the earliest complaint was written whose suppression is not in effect."""

    suppressions: int
    contacts_after: int
    longest: timedelta | None
    waiting: datetime | None


@dataclass(frozen=True, slots=True)
class Opened:
    """Cases of these brands opened in [start, end) that somebody had to answer; `now` tells what is
    overdue, `outcome` None means any."""

    brands: Sequence[str]
    start: datetime
    end: datetime
    now: datetime
    langs: Sequence[str] = ()
    invented: bool = False
    outcome: Outcome | None = None


def asked(session: Session, wanted: Opened) -> list[Asked]:
    rows = session.execute(
        sa.select(
            _outcome(wanted.now),
            CaseRow.opened_at,
            MentionRow.published_at,
            CaseRow.answered_at,
            CaseRow.closed_at,
        )
        .join(MentionRow, MentionRow.id == CaseRow.first_mention_id)
        .where(*_conditions(wanted))
    )
    return [
        Asked(Outcome(outcome), opened, wrote, answered, closed)
        for outcome, opened, wrote, answered, closed in rows
    ]


def began(wanted: Opened) -> sa.Select[int, str]:
    """(mention, brand): the post with which each of the cases began."""
    return sa.select(CaseRow.first_mention_id, CaseRow.brand).where(*_conditions(wanted))


def written(session: Session, wanted: Opened) -> tuple[datetime, datetime] | None:
    """Between which moments those posts were published, both included."""
    first, last = session.execute(
        sa.select(sa.func.min(MentionRow.published_at), sa.func.max(MentionRow.published_at))
        .join(CaseRow, MentionRow.id == CaseRow.first_mention_id)
        .where(*_conditions(wanted))
    ).one()
    return None if first is None else (first, last)


def _outcome(now: datetime) -> sa.ColumnElement[str]:
    return sa.case(
        (CaseRow.answered_at <= CaseRow.due_at, Outcome.ON_TIME.value),
        (CaseRow.answered_at.is_not(None), Outcome.LATE.value),
        (CaseRow.due_at <= now, Outcome.OVERDUE.value),
        else_=Outcome.WAITING.value,
    )


def _conditions(wanted: Opened) -> list[sa.ColumnElement[bool]]:
    found: list[sa.ColumnElement[bool]] = [
        CaseRow.brand.in_(wanted.brands),
        CaseRow.opened_at >= wanted.start,
        CaseRow.opened_at < wanted.end,
        sa.or_(CaseRow.resolution.is_(None), CaseRow.resolution.not_in(_NOT_ASKED)),
    ]
    if wanted.langs:
        found.append(CaseRow.lang.in_(wanted.langs))
    if not wanted.invented:
        found.append(CaseRow.invented.is_(False))
    if wanted.outcome is not None:
        found.append(_outcome(wanted.now) == wanted.outcome.value)
    return found


def kept(
    session: Session,
    brands: Sequence[str],
    *,
    start: datetime,
    end: datetime,
    invented: bool = False,
) -> Kept:
    """Suppressions that took effect in [start, end), and contacts in that time after any."""
    of_brands = [SuppressionRow.brand.in_(brands)]
    if not invented:
        of_brands.append(SuppressionRow.invented.is_(False))
    took = session.execute(
        sa.select(SuppressionRow.complained_at, SuppressionRow.effective_at).where(
            *of_brands, SuppressionRow.effective_at >= start, SuppressionRow.effective_at < end
        )
    ).all()
    waiting = session.scalar(
        sa.select(sa.func.min(SuppressionRow.complained_at)).where(
            *of_brands,
            SuppressionRow.effective_at.is_(None),
            SuppressionRow.status != SuppressionStatus.LIFTED,
            SuppressionRow.approved_at < end,
        )
    )
    contacts = session.scalar(
        sa.select(sa.func.count())
        .select_from(BrokenPromise)
        .join(SuppressionRow, SuppressionRow.id == BrokenPromise.suppression_id)
        .where(
            *of_brands,
            BrokenPromise.at >= start,
            BrokenPromise.at < end,
            BrokenPromise.what.startswith("event:"),
        )
    )
    lengths = [effective - complained for complained, effective in took if effective]
    return Kept(len(took), int(contacts or 0), max(lengths, default=None), waiting)
