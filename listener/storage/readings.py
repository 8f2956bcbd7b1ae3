"""What was read of a mention, and what people corrected. A correction wins for ever."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

import numpy as np
import sqlalchemy as sa
from sqlalchemy.orm import Session

from classifiers.dataset import LABELS as LABELS  # what a person may correct, and how
from classifiers.heads import CATEGORIES
from classifiers.reading import Reading
from listener import facts
from listener.errors import StorageError, said_by
from listener.storage.database import upsert
from listener.storage.tables import Correction, MentionRow, ReadingRow, ReportedNumber

# The questions that decide whether there is a case; who answers one settles the doubt about both.
DECIDING = frozenset({"complaint", "harassment"})


@dataclass(frozen=True, slots=True)
class StoredReading:
    """A reading as people see it: the model's labels with the corrections laid over them.
    `corrected` maps each corrected question to the name of who did it."""

    lang: str
    sentiment: str
    complaint: bool
    category: str | None
    harassment: bool
    scores: Mapping[str, float]
    uncertain: tuple[str, ...]
    facts: Mapping[str, Any]
    evidence: tuple[tuple[int, int], ...]
    model: str
    corrected: Mapping[str, str]


def save(session: Session, readings: Iterable[tuple[int, Reading]], now: datetime) -> None:
    rows: list[dict[str, Any]] = [
        {
            "mention_id": mention_id,
            "lang": r.lang[:10],
            "sentiment": r.sentiment,
            "complaint": r.complaint,
            "category": r.category,
            "harassment": r.harassment,
            "scores": {k: round(float(v), 4) for k, v in r.scores.items()},
            "uncertain": list(r.uncertain),
            "doubtful": bool(DECIDING & set(r.uncertain)),
            "facts": r.facts.to_json(),
            "evidence": [list(span) for span in r.evidence],
            "model": r.model,
            "read_at": now,
            "embedding": None
            if r.embedding is None
            else np.asarray(r.embedding, dtype=np.float16).tobytes(),
        }
        for mention_id, r in readings
    ]
    upsert(
        session, ReadingRow, rows, update=[k for k in rows[0] if k != "mention_id"] if rows else []
    )
    _correct_again(session, [row["mention_id"] for row in rows])


def _correct_again(session: Session, mention_ids: Sequence[int]) -> None:
    """Lay what people said over columns that a newer reading has just filled."""
    for start in range(0, len(mention_ids), 500):
        part = mention_ids[start : start + 500]
        said = session.execute(
            sa.select(Correction.mention_id, Correction.question, Correction.value)
            .where(
                Correction.mention_id.in_(part),
                Correction.question.in_((*LABELS, *facts.FACTS)),
                Correction.undone_at.is_(None),
            )
            .order_by(Correction.id)
        )
        for mention_id, question, value in said.all():
            if question in facts.FACTS:
                row = session.get_one(ReadingRow, mention_id, populate_existing=True)
                row.facts = facts.laid(row.facts, question, value)
                session.flush()
                continue
            settled = {"doubtful": False} if question in DECIDING else {}
            session.execute(
                sa.update(ReadingRow)
                .where(ReadingRow.mention_id == mention_id)
                .values({question: value, **settled})
            )


def load(session: Session, mention_ids: Sequence[int]) -> dict[int, StoredReading]:
    """Effective readings by mention."""
    found: dict[int, StoredReading] = {}
    for start in range(0, len(mention_ids), 500):
        part = mention_ids[start : start + 500]
        for row in session.scalars(sa.select(ReadingRow).where(ReadingRow.mention_id.in_(part))):
            found[row.mention_id] = StoredReading(
                lang=row.lang,
                sentiment=row.sentiment,
                complaint=row.complaint,
                category=row.category,
                harassment=row.harassment,
                scores=row.scores,
                uncertain=tuple(row.uncertain),
                facts=row.facts,
                evidence=tuple((a, b) for a, b in row.evidence),
                model=row.model,
                corrected={},
            )
        for correction in session.scalars(
            sa.select(Correction)
            .where(Correction.mention_id.in_(part), Correction.undone_at.is_(None))
            .order_by(Correction.id)
        ):
            if (reading := found.get(correction.mention_id)) is not None:
                found[correction.mention_id] = _overlay(
                    reading, correction.question, correction.value, correction.by_user
                )
    return found


@dataclass(frozen=True, slots=True)
class Corrected:
    """A text with what people said of it; questions that nobody answered are not in `answers`, nor
    facts in `facts`."""

    text: str
    lang: str
    answers: Mapping[str, Any]
    facts: Mapping[str, Any]


def corrected(session: Session) -> list[Corrected]:
    """Every mention that somebody corrected, oldest first, with the newest answer to each question;
    invented ones teach nothing and are left out. A category that only followed from another answer
    is the reader's own guess and teaches nothing either, unless it follows for certain."""
    found: dict[int, Corrected] = {}
    rows = session.execute(
        sa.select(
            Correction.mention_id,
            Correction.question,
            Correction.value,
            Correction.implied,
            MentionRow.text,
            ReadingRow.lang,
        )
        .join(MentionRow, MentionRow.id == Correction.mention_id)
        .join(ReadingRow, ReadingRow.mention_id == Correction.mention_id)
        .where(
            Correction.question.in_((*LABELS, *facts.FACTS)),
            Correction.undone_at.is_(None),
            MentionRow.invented.is_(False),
        )
        .order_by(Correction.id)
    )
    for mention_id, question, value, implied, text, lang in rows:
        if implied and question == "category" and value not in (None, "harassment"):
            continue
        known = found.get(mention_id) or Corrected(text, lang, {}, {})
        if question in facts.FACTS:
            found[mention_id] = replace(known, facts={**known.facts, question: value})
        else:
            found[mention_id] = replace(known, answers={**known.answers, question: value})
    return list(found.values())


def correct(
    session: Session,
    mention_id: int,
    question: str,
    value: Any,
    *,
    by: str,
    now: datetime,
    asked: bool | None = None,
) -> None:
    """Lay a person's answer over the model's; `asked`: the reader was in doubt (by default: as the
    reading says). Raises StorageError for an impossible answer."""
    if question not in LABELS or value not in LABELS[question]:
        raise StorageError(
            "{value!r} is no answer to {question!r}; allowed: {known}",
            value=value,
            question=question,
            known=str(LABELS.get(question)),
        )
    if session.get(MentionRow, mention_id) is None:
        raise StorageError("mention {id} does not exist", id=mention_id)
    # The questions hang together (docs/labels.md): one answer settles what follows from it.
    implied: dict[str, Any] = {question: value}
    if question == "harassment" and value:
        implied |= {"complaint": True, "category": "harassment"}
    elif question == "category" and value is not None:
        implied |= {"complaint": True, "harassment": value == "harassment"}
    elif (question == "complaint" and not value) or (question == "category" and value is None):
        implied |= {"complaint": False, "category": None, "harassment": False}
    elif question == "harassment":
        current = load(session, [mention_id]).get(mention_id)
        if current is not None and current.category == "harassment":
            implied |= {"category": _next_category(current)}
    elif question == "complaint":
        current = load(session, [mention_id]).get(mention_id)
        if current is not None and current.category is None:
            # A complaint has one; the person may name it next.
            implied |= {"category": _next_category(current)}
    row = session.get(ReadingRow, mention_id)
    if asked is None and row is not None:
        asked = row.doubtful and question in DECIDING
    for name, answer in implied.items():
        session.add(
            Correction(
                mention_id=mention_id,
                question=name,
                value=answer,
                implied=name != question,
                by_user=by,
                at=now,
                before=getattr(row, name, None),
                asked=asked,
            )
        )
    if row is not None:
        # Trends count by these columns; the model's own answer stays in `scores`.
        for name, answer in implied.items():
            setattr(row, name, answer)
        if DECIDING & implied.keys():
            row.doubtful = False


def correct_fact(
    session: Session, mention_id: int, fact: str, answer: Any, *, by: str, now: datetime
) -> None:
    """Lay a person's word on one call fact over the reader's; it wins for ever, too. Raises
    StorageError for an impossible answer, and for a mention that was never read."""
    try:
        value = facts.checked(fact, answer)
    except facts.NoAnswer as error:
        raise StorageError(said_by(error)) from error
    row = session.get(ReadingRow, mention_id)
    if row is None:
        raise StorageError(
            "mention {id} has not been read yet: wait for the next turn", id=mention_id
        )
    row.facts = facts.laid(row.facts, fact, value)
    session.add(
        Correction(
            mention_id=mention_id, question=fact, value=value, implied=False, by_user=by, at=now
        )
    )
    if fact == "numbers":
        # Whoever is still named is reported again when the mention is followed.
        session.execute(sa.delete(ReportedNumber).where(ReportedNumber.mention_id == mention_id))


def _next_category(reading: StoredReading) -> str:
    """What the reader would call it, if it is a complaint and not harassment."""
    chances = {
        name: reading.scores.get(f"category.{name}", 0.0)
        for name in CATEGORIES
        if name != "harassment"
    }
    best = max(chances, key=lambda name: chances[name])
    return best if chances[best] > 0 else "other"


def _overlay(reading: StoredReading, question: str, value: Any, by: str) -> StoredReading:
    changes: dict[str, Any] = {"corrected": {**reading.corrected, question: by}}
    if question in LABELS:
        changes[question] = value
    return replace(reading, **changes)
