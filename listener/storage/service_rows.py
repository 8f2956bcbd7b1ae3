"""What the service figures are made of: how long cases waited for an answer, what became of suppressions."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

import sqlalchemy as sa
from sqlalchemy.orm import Session

from listener.domain import Resolution, SuppressionStatus
from listener.service_figures import Asked, Kept
from listener.storage.tables import BrokenPromise, CaseRow, MentionRow, SuppressionRow

_NOT_ASKED = (
    Resolution.MISREAD,
    Resolution.NOT_OURS,
    Resolution.IMPOSTOR,
    Resolution.NO_REPLY_NEEDED,
)
"""How cases end that nobody had to answer."""


def asked(
    session: Session,
    brands: Sequence[str],
    *,
    start: datetime,
    end: datetime,
    langs: Sequence[str] = (),
    invented: bool = False,
) -> list[Asked]:
    """The cases opened in [start, end) that somebody had to answer."""
    query = (
        sa.select(MentionRow.published_at, CaseRow.answered_at, CaseRow.due_at, CaseRow.closed_at)
        .join(MentionRow, MentionRow.id == CaseRow.first_mention_id)
        .where(
            CaseRow.brand.in_(brands),
            CaseRow.opened_at >= start,
            CaseRow.opened_at < end,
            sa.or_(CaseRow.resolution.is_(None), CaseRow.resolution.not_in(_NOT_ASKED)),
        )
    )
    if langs:
        query = query.where(CaseRow.lang.in_(langs))
    if not invented:
        query = query.where(CaseRow.invented.is_(False))
    return [Asked(*row) for row in session.execute(query)]


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
