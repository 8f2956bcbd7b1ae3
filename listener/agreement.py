"""How often people agree with the reader. Pure, over the answers that they gave.

Two things are kept apart, because they mean different things. Asked: the reader was in doubt, and a
person settled it; the share that ends as the reader leant says how good its leaning is on the hardest
posts. Unasked: somebody came across a mistake; there a person answers only to change something, so
that nothing but the number of mistakes can be told, and it is a lower bound.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from zoneinfo import ZoneInfo

from listener.storage.corrections import StoredCorrection

FEWEST = 10  # of fewer answers no share is told


@dataclass(frozen=True, slots=True)
class Agreement:
    """Of so many answers to doubts, so many were as the reader leant; `changed`: mistakes that
    people found by themselves."""

    asked: int
    agreed: int
    changed: int

    @property
    def share(self) -> float | None:
        """None where there is too little to tell."""
        return self.agreed / self.asked if self.asked >= FEWEST else None


def first_answers(said: Iterable[StoredCorrection]) -> list[StoredCorrection]:
    """Of each post and question the answer that met the reader's own: the first that was not taken
    back, where it is known what the reader had said; nothing invented. Oldest first."""
    found: dict[tuple[int, str], StoredCorrection] = {}
    for answer in sorted(said, key=lambda c: c.id):
        if answer.undone_at is None and not answer.invented:
            found.setdefault((answer.mention_id, answer.question), answer)
    return [answer for answer in found.values() if answer.known]


def agreement(answers: Iterable[StoredCorrection]) -> Agreement:
    """Of first answers."""
    asked = agreed = changed = 0
    for answer in answers:
        same = answer.value == answer.before
        asked += answer.asked
        agreed += answer.asked and same
        changed += not answer.asked and not same
    return Agreement(asked, agreed, changed)


def by_week(
    answers: Sequence[StoredCorrection], zone: ZoneInfo, first: date, last: date
) -> list[tuple[date, Agreement]]:
    """Every week from the one of the first day to the one of the last, by its Monday."""
    monday, end = first - timedelta(days=first.weekday()), last - timedelta(days=last.weekday())
    weeks: dict[date, list[StoredCorrection]] = {}
    while monday <= end:
        weeks[monday] = []
        monday += timedelta(days=7)
    for answer in answers:
        day = answer.at.astimezone(zone).date()
        if (week := day - timedelta(days=day.weekday())) in weeks:
            weeks[week].append(answer)
    return [(week, agreement(found)) for week, found in weeks.items()]


def by_question(answers: Iterable[StoredCorrection]) -> list[tuple[str, str, Agreement]]:
    """(question, language, agreement), in order."""
    groups: dict[tuple[str, str], list[StoredCorrection]] = {}
    for answer in answers:
        groups.setdefault((answer.question, answer.lang), []).append(answer)
    return [
        (question, lang, agreement(found)) for (question, lang), found in sorted(groups.items())
    ]
