"""Whether the machine itself is well: sources, loops, CRMs."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from listener import coverage
from listener.coverage import Day
from listener.desk.office import Office
from listener.desk.rights import administrator
from listener.errors import NotAllowed, StorageError
from listener.settings import Settings
from listener.storage import health, mentions, trends
from listener.storage.health import LoopHealth, SubscriptionHealth
from listener.storage.mentions import StoredReject
from listener.storage.people import User

COVERED = 30
"""So many days the coverage ledger goes back."""


@dataclass(frozen=True, slots=True)
class Sources:
    """`coverage`: the last days of each subscription; `volume`: how many posts of each brand came by
    it in that time; `systems`: CRMs and diallers, `ok` or why one is left alone."""

    subscriptions: tuple[SubscriptionHealth, ...]
    coverage: Mapping[str, tuple[Day, ...]]
    volume: Mapping[str, Mapping[str, int]]
    loops: tuple[LoopHealth, ...]
    counts: Mapping[str, Any]
    systems: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Rejects:
    """A page of what could not be read; `origins`: how many there are, by subscription or file."""

    found: tuple[StoredReject, ...]
    origins: Mapping[str, int]


class WatchDesk:
    """Health is everybody's; administrators have a source asked out of turn."""

    def __init__(self, office: Office) -> None:
        self.office = office

    def sources(self, user: User) -> Sources:
        now = self.office.now()
        first = now.astimezone(UTC).date() - timedelta(days=COVERED - 1)
        with self.office.db.read() as session:
            watched = health.subscriptions(session)
            days = health.collected_days(session, first)
            return Sources(
                tuple(watched),
                {s.key: coverage.ledger(s, days.get(s.key, {}), now, COVERED) for s in watched},
                mentions.volume(session, now - timedelta(days=COVERED), user.brands),
                tuple(health.loops(session)),
                trends.counts(session, "notification"),
                self.office.systems.state(),
            )

    def rejects(
        self, user: User, *, origin: str | None = None, limit: int = 25, offset: int = 0
    ) -> Rejects:
        """What could not be read, the latest first. It may hold other brands' texts, so that only
        those who see every brand see it."""
        if user.brands:
            raise NotAllowed("refused items may be of brands that you do not see")
        with self.office.db.read() as session:
            found = mentions.rejects(session, origin=origin, limit=limit, offset=offset)
            return Rejects(tuple(found), mentions.reject_origins(session))

    def ask_again(self, user: User, key: str) -> None:
        """Have a subscription asked at the next turn of the loop. Raises StorageError where its server
        asked us to wait."""
        administrator(user)
        with self.office.db.write() as session:
            if not health.want(session, key, self.office.now()):
                raise StorageError(
                    "{source} is not asked now: there is no such source, or its server asked us to "
                    "wait; the page Sources says until when",
                    source=key,
                )


def is_wanted(source: SubscriptionHealth) -> bool:
    """Whether somebody wants it asked, and it was not yet."""
    asked = source.last_attempt_at
    return source.wanted_at is not None and (asked is None or source.wanted_at > asked)


def state_of(source: SubscriptionHealth, settings: Settings, now: datetime) -> str:
    """`ok`, `failing`, `silent`, `waiting` (not asked yet, or asked to wait) or `off`."""
    config = next((s for s in settings.sources if s.name == source.source_name), None)
    if config is None or not config.enabled:
        return "off"
    if source.failures:
        return "failing"
    if source.last_attempt_at is None or (source.not_before and source.not_before > now):
        return "waiting"
    since = source.last_item_at or source.watched_since
    quiet = config.silent_after > timedelta(0) and now - since > config.silent_after
    return "silent" if quiet else "ok"
