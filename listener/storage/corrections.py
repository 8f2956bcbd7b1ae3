"""What people corrected: listed, taken back, and counted beside what the reader said."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy.orm import Session

from listener.errors import StorageError
from listener.storage import case_actions, cases, mentions, readings
from listener.storage.readings import DECIDING, LABELS
from listener.storage.tables import (
    CaseMention,
    CaseRow,
    Correction,
    MentionBrand,
    MentionRow,
    ReadingRow,
)


@dataclass(frozen=True, slots=True)
class StoredCorrection:
    """One answer of a person. `known`: what was said before was kept (`before`); `asked`: the
    reader had been in doubt."""

    id: int
    mention_id: int
    brand: str
    text: str
    lang: str
    question: str
    before: Any
    value: Any
    known: bool
    asked: bool
    by: str
    at: datetime
    undone_at: datetime | None
    undone_by: str | None
    invented: bool


def listed(
    session: Session,
    brands: Sequence[str],
    *,
    since: datetime | None = None,
    limit: int | None = None,
    offset: int = 0,
) -> list[StoredCorrection]:
    """What people said themselves (not what only followed from it), the newest first."""
    brand = sa.func.min(MentionBrand.brand)
    query = (
        sa.select(Correction, MentionRow.text, MentionRow.invented, ReadingRow.lang, brand)
        .join(MentionRow, MentionRow.id == Correction.mention_id)
        .join(ReadingRow, ReadingRow.mention_id == Correction.mention_id)
        .join(MentionBrand, MentionBrand.mention_id == Correction.mention_id)
        .where(*_said(brands))
        .group_by(Correction.id, MentionRow.id, ReadingRow.mention_id)
        .order_by(Correction.id.desc())
        .offset(offset)
    )
    if limit is not None:
        query = query.limit(limit)
    if since is not None:
        query = query.where(Correction.at >= since)
    return [
        StoredCorrection(
            id=row.id,
            mention_id=row.mention_id,
            brand=key,
            text=text,
            lang=lang,
            question=row.question,
            before=row.before,
            value=row.value,
            known=row.asked is not None,
            asked=bool(row.asked),
            by=row.by_user,
            at=row.at,
            undone_at=row.undone_at,
            undone_by=row.undone_by,
            invented=invented,
        )
        for row, text, invented, lang, key in session.execute(query)
    ]


def count(session: Session, brands: Sequence[str]) -> int:
    query = (
        sa.select(sa.func.count(sa.distinct(Correction.id)))
        .join(MentionBrand, MentionBrand.mention_id == Correction.mention_id)
        .where(*_said(brands))
    )
    return session.scalar(query) or 0


def _said(brands: Sequence[str]) -> tuple[sa.ColumnElement[bool], ...]:
    return (
        Correction.implied.is_(False),
        Correction.question.in_(LABELS),
        MentionBrand.brand.in_(brands),
    )


def undo(
    session: Session, correction_id: int, brands: Sequence[str], *, by: str, now: datetime
) -> None:
    """Take an answer back, with all that followed from it and was said in the same moment. What was
    said before holds again, and the reader reads the text once more. Raises StorageError when it is
    not there, not of these brands, or taken back already."""
    chosen = session.get(Correction, correction_id)
    ours = sa.select(MentionBrand.brand).where(
        MentionBrand.mention_id == (chosen.mention_id if chosen else None),
        MentionBrand.brand.in_(brands),
    )
    if chosen is None or session.scalar(ours.limit(1)) is None:
        raise StorageError("there is no correction {id} of yours", id=correction_id)
    mention_id = chosen.mention_id
    session.execute(
        sa.select(ReadingRow.mention_id)
        .where(ReadingRow.mention_id == mention_id)
        .with_for_update()
    )
    together = list(
        session.scalars(
            sa.select(Correction)
            .where(
                Correction.mention_id == mention_id,
                Correction.by_user == chosen.by_user,
                Correction.at == chosen.at,
                Correction.undone_at.is_(None),
            )
            .order_by(Correction.id)
        )
    )
    if chosen.id not in {row.id for row in together}:
        raise StorageError("this correction was taken back already: reload")
    for row in together:
        row.undone_at, row.undone_by = now, by
    session.flush()
    _restore(session, mention_id, [row.question for row in together])
    after = readings.load(session, [mention_id])[mention_id]
    told = {
        "mention": mention_id,
        "question": chosen.question,
        "from": chosen.value,
        "to": getattr(after, chosen.question),
    }
    on = sa.select(CaseMention.case_id).where(CaseMention.mention_id == mention_id)
    for case in session.scalars(sa.select(CaseRow).where(CaseRow.id.in_(on))).all():
        case_actions.about(session, case, after)
        cases.stamp(session, case, now, by, "corrected", told)
    mentions.follow_again(session, mention_id)


def _restore(session: Session, mention_id: int, questions: Sequence[str]) -> None:
    """The columns of the reading as if these answers had never been given."""
    reading = session.get_one(ReadingRow, mention_id)
    every = list(
        session.scalars(
            sa.select(Correction)
            .where(Correction.mention_id == mention_id, Correction.question.in_(LABELS))
            .order_by(Correction.id)
        )
    )
    for question in set(questions) & set(LABELS):
        said = [row for row in every if row.question == question]
        holding = [row for row in said if row.undone_at is None]
        if holding:
            setattr(reading, question, holding[-1].value)
        elif said[0].asked is not None:
            setattr(reading, question, said[0].before)
    settled = any(row.undone_at is None and row.question in DECIDING for row in every)
    reading.doubtful = not settled and bool(DECIDING & set(reading.uncertain))


# ---------------------------------------------------------------------------- counted


@dataclass(frozen=True, slots=True)
class Read:
    """How many posts in a language were read, and in how many the reader was in doubt whether there
    is a complaint or harassment."""

    lang: str
    count: int
    doubtful: int


def read(session: Session, brands: Sequence[str], *, start: datetime, end: datetime) -> list[Read]:
    """Of the posts published in [start, end), none invented, none twice, the most first."""
    told = sa.cast(ReadingRow.uncertain, sa.Text)
    doubtful = sa.or_(*(told.contains(f'"{question}"') for question in sorted(DECIDING)))
    ours = sa.exists().where(
        MentionBrand.mention_id == MentionRow.id,
        MentionBrand.brand.in_(brands),
        MentionBrand.muted.is_(False),
    )
    posts = sa.func.count()
    rows = session.execute(
        sa.select(
            ReadingRow.lang,
            posts,
            posts.filter(doubtful),
        )
        .join(MentionRow, MentionRow.id == ReadingRow.mention_id)
        .where(
            MentionRow.published_at >= start,
            MentionRow.published_at < end,
            MentionRow.invented.is_(False),
            MentionRow.duplicate_of.is_(None),
            ours,
        )
        .group_by(ReadingRow.lang)
        .order_by(posts.desc(), ReadingRow.lang)
    )
    return [Read(*row) for row in rows]
