"""Short ways to make the things that many tests are about."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from sqlalchemy.orm import Session

from classifiers.reading import CallFacts, NumberMention, Reading
from listener.domain import (
    Author,
    CustomerMatch,
    Mention,
    Priority,
    PriorityLevel,
    RawPage,
    Reason,
    Route,
)
from listener.storage import case_opening, cases
from listener.storage.mentions import BrandHit, Found
from listener.storage.people import User
from listener.storage.tables import MentionRow

NOW = datetime(2026, 11, 20, 10, 30, tzinfo=UTC)  # a Friday, 11:30 in Madrid
NOBODY = CustomerMatch(False, None, 0.0, ())


@dataclass
class Clock:
    """Says what it is told."""

    at: datetime = NOW

    def __call__(self) -> datetime:
        return self.at

    def later(self, **units: float) -> None:
        self.at += timedelta(**units)


def mention(
    external_id: str, text: str = "Otra vez el 1004", author: str | None = "marta", **changes: Any
) -> Mention:
    fields: dict[str, Any] = {
        "source": "mastodon",
        "external_id": external_id,
        "text": text,
        "published_at": NOW - timedelta(hours=1),
        "author": Author(f"{author}@social.example") if author else None,
    }
    return Mention(**(fields | changes))


def found(
    external_id: str,
    text: str = "Otra vez el 1004",
    brands: Sequence[str] = ("movistar",),
    **kw: Any,
) -> Found:
    return Found(mention(external_id, text, **kw), tuple(BrandHit(b) for b in brands))


def page(body: bytes = b"[]", cursor: str | None = None, **changes: Any) -> RawPage:
    fields: dict[str, Any] = {
        "url": "https://social.example/api",
        "body": body,
        "content_type": "application/json",
        "fetched_at": NOW,
        "cursor": cursor,
    }
    return RawPage(**(fields | changes))


def priority(score: int = 80, level: PriorityLevel = PriorityLevel.URGENT) -> Priority:
    return Priority(score, level, (Reason("harassment", {}, score),))


def route(owner: str | None = "lucia", queue: str = "harassment") -> Route:
    return Route(
        queue, owner, NOW + timedelta(hours=1), (Reason("default_queue", {"queue": queue}),)
    )


def user(username: str, **changes: Any) -> User:
    """A community manager who sees every brand and serves every queue."""
    fields: dict[str, Any] = {
        "username": username,
        "name": username.title(),
        "email": f"{username}@example.org",
        "role": "community_manager",
        "language": "es",
        "time_zone": "Europe/Madrid",
        "brands": (),
    }
    return User(**(fields | changes))


def case_on(session: Session, mention_id: int, **changes: Any) -> int:
    """A new case of Movistar's harassment about a stored mention, by its author; nobody's yet."""
    values: dict[str, Any] = {
        "brand": "movistar",
        "author_id": session.get_one(MentionRow, mention_id).author_id,
        "matter": "harassment",
        "lang": "es",
        "mention_id": mention_id,
        "priority": priority(),
        "route": route(None),
        "match": NOBODY,
        "previous_case": None,
        "invented": False,
        "now": NOW,
        **changes,
    }
    of = (values["brand"], values["author_id"], values["matter"], mention_id)
    return case_opening.open_case(session, **{"key": cases.open_key(*of), **values})


def reading(
    *,
    complaint: bool = True,
    harassment: bool = False,
    category: str | None = None,
    sentiment: str = "negative",
    numbers: Sequence[str] = (),
    lang: str = "es",
    uncertain: Sequence[str] = (),
    **facts: Any,
) -> Reading:
    """As the real reader answers, with the labels that a test is about."""
    if category is None and complaint:
        category = "harassment" if harassment else "billing"
    return Reading(
        lang=lang,
        sentiment=sentiment,
        complaint=complaint,
        category=category,
        harassment=harassment,
        scores={"complaint": 0.9 if complaint else 0.1, "harassment": 0.9 if harassment else 0.1},
        uncertain=tuple(uncertain),
        facts=CallFacts(
            numbers=tuple(NumberMention(n, None, (0, len(n)), n) for n in numbers), **facts
        ),
        evidence=((0, 4),) if complaint else (),
        model="by-hand",
    )


class ByHand:
    """A reader whose answers a test wrote: the first key that stands in the text tells. One that
    is an exception is raised. A text without a key is no complaint."""

    model = "by-hand"

    def __init__(self, answers: Mapping[str, Reading | Exception]) -> None:
        self.answers = answers
        self.batches: list[list[str]] = []

    def read(
        self,
        texts: Sequence[str],
        *,
        langs: Sequence[str | None] | None = None,
        countries: Sequence[str] = ("ES",),
    ) -> list[Reading]:
        self.batches.append(list(texts))
        return [self._one(text) for text in texts]

    def _one(self, text: str) -> Reading:
        for key, answer in self.answers.items():
            if key in text:
                if isinstance(answer, Exception):
                    raise answer
                return answer
        return reading(complaint=False, sentiment="neutral")


def digest(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()
