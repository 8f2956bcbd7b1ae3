"""How each subscription and each loop is doing."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy.orm import Session

from listener.errors import StorageError
from listener.storage.database import insert_new, upsert
from listener.storage.tables import CollectDay, LoopRow, Subscription


class CursorMoved(StorageError):
    """Another collector has stored this page already."""


@dataclass(frozen=True, slots=True)
class SubscriptionHealth:
    key: str
    source_name: str
    source_type: str
    cursor: str | None
    watched_since: datetime
    last_attempt_at: datetime | None
    last_success_at: datetime | None
    last_item_at: datetime | None
    not_before: datetime | None
    failures: int
    failing_since: datetime | None
    last_error: str | None
    items: int
    pages: int
    problems: int
    wanted_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class CollectedDay:
    """What a day (UTC) brought a subscription; `items` is None where it was not counted."""

    answers: int
    failures: int
    items: int | None
    last_error: str | None


@dataclass(frozen=True, slots=True)
class LoopHealth:
    name: str
    started_at: datetime | None
    finished_at: datetime | None
    succeeded_at: datetime | None
    last_error: str | None
    last_counts: Mapping[str, Any]


def watch(session: Session, keys: Sequence[tuple[str, str, str]], now: datetime) -> None:
    """Make sure that every (key, source name, source type) has its row."""
    insert_new(
        session,
        Subscription,
        [
            {
                "key": key,
                "source_name": name,
                "source_type": kind,
                "watched_since": now,
                "failures": 0,
                "items": 0,
                "pages": 0,
                "problems": 0,
            }
            for key, name, kind in keys
        ],
    )


def subscriptions(session: Session) -> list[SubscriptionHealth]:
    rows = session.scalars(sa.select(Subscription).order_by(Subscription.key))
    return [
        SubscriptionHealth(
            **{name: getattr(row, name) for name in SubscriptionHealth.__dataclass_fields__}
        )
        for row in rows
    ]


def answered_days(session: Session) -> frozenset[date]:
    """The days of UTC on which at least one subscription answered."""
    answered = sa.select(CollectDay.day).where(CollectDay.answers > 0).distinct()
    return frozenset(map(date.fromisoformat, session.scalars(answered)))


def collected_days(session: Session, first: date) -> dict[str, dict[date, CollectedDay]]:
    """From that day of UTC on, by subscription and day; days on which nothing was asked are not
    there."""
    found: dict[str, dict[date, CollectedDay]] = {}
    rows = session.scalars(sa.select(CollectDay).where(CollectDay.day >= first.isoformat()))
    for row in rows:
        day = CollectedDay(row.answers, row.failures, row.items, row.last_error)
        found.setdefault(row.subscription, {})[date.fromisoformat(row.day)] = day
    return found


def _count_day(session: Session, key: str, now: datetime, **more: Any) -> None:
    """Add to what the day has brought."""
    day = now.astimezone(UTC).date().isoformat()
    nothing = {"answers": 0, "failures": 0, "items": 0}
    insert_new(session, CollectDay, [{"subscription": key, "day": day, **nothing}])
    session.execute(
        sa.update(CollectDay)
        .where(CollectDay.subscription == key, CollectDay.day == day)
        .values(
            {
                name: value if name == "last_error" else getattr(CollectDay, name) + value
                for name, value in more.items()
            }
        )
    )


def move_cursor(
    session: Session, key: str, expected: str | None, new: str | None, now: datetime
) -> None:
    same = Subscription.cursor.is_(None) if expected is None else Subscription.cursor == expected
    values: dict[str, Any] = {"last_attempt_at": now}
    if new is not None:
        values["cursor"] = new
    result = session.execute(
        sa.update(Subscription).where(Subscription.key == key, same).values(**values)
    )
    if result.rowcount != 1:  # type: ignore[attr-defined]
        raise CursorMoved(f"{key}: another collector has read on; its pages stand")


def count_page(session: Session, key: str, *, items: int, problems: int, now: datetime) -> None:
    values: dict[str, Any] = {
        "pages": Subscription.pages + 1,
        "items": Subscription.items + items,
        "problems": Subscription.problems + problems,
    }
    if items:
        values["last_item_at"] = now
        _count_day(session, key, now, items=items)
    session.execute(sa.update(Subscription).where(Subscription.key == key).values(**values))


def succeeded(session: Session, key: str, now: datetime) -> None:
    _count_day(session, key, now, answers=1)
    session.execute(
        sa.update(Subscription)
        .where(Subscription.key == key)
        .values(
            last_attempt_at=now,
            last_success_at=now,
            failures=0,
            failing_since=None,
            last_error=None,
            not_before=None,
        )
    )


def failed(
    session: Session, key: str, error: str, now: datetime, *, not_before: datetime | None = None
) -> None:
    _count_day(session, key, now, failures=1, last_error=error)
    session.execute(
        sa.update(Subscription)
        .where(Subscription.key == key)
        .values(
            last_attempt_at=now,
            failures=Subscription.failures + 1,
            failing_since=sa.func.coalesce(Subscription.failing_since, now),
            last_error=error,
            not_before=not_before,
        )
    )


def want(session: Session, key: str, now: datetime) -> bool:
    """Have a subscription asked at the next turn, whatever its own turn; False when a server asked us
    to wait, or there is no such subscription."""
    wanted = session.execute(
        sa.update(Subscription)
        .where(
            Subscription.key == key,
            sa.or_(Subscription.not_before.is_(None), Subscription.not_before <= now),
        )
        .values(wanted_at=now)
    )
    return bool(wanted.rowcount)  # type: ignore[attr-defined]


def loop_started(session: Session, name: str, now: datetime) -> None:
    upsert(
        session,
        LoopRow,
        [{"name": name, "started_at": now, "last_counts": {}}],
        update=["started_at"],
    )


def loop_finished(
    session: Session, name: str, now: datetime, counts: Mapping[str, Any], error: str | None
) -> None:
    values: dict[str, Any] = {
        "finished_at": now,
        "last_counts": dict(counts),
        "last_error": error or None,
    }
    if error is None:
        values["succeeded_at"] = now
    session.execute(sa.update(LoopRow).where(LoopRow.name == name).values(**values))


def loops(session: Session) -> list[LoopHealth]:
    return [
        LoopHealth(**{name: getattr(row, name) for name in LoopHealth.__dataclass_fields__})
        for row in session.scalars(sa.select(LoopRow).order_by(LoopRow.name))
    ]
