"""Whether the machine itself is well: sources, loops, CRMs."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from listener.desk.office import Office
from listener.settings import Settings
from listener.storage import health, mentions, trends
from listener.storage.health import LoopHealth, SubscriptionHealth
from listener.storage.mentions import StoredReject
from listener.storage.people import User


@dataclass(frozen=True, slots=True)
class Sources:
    subscriptions: tuple[SubscriptionHealth, ...]
    loops: tuple[LoopHealth, ...]
    rejects: tuple[StoredReject, ...]
    counts: Mapping[str, Any]
    systems: Mapping[str, str]  # CRMs and diallers: `ok`, or why one is left alone


class WatchDesk:
    """Health is everybody's."""

    def __init__(self, office: Office) -> None:
        self.office = office

    def sources(self, user: User) -> Sources:
        """Health is everybody's; refused items may hold other brands' texts, so that only those
        who see every brand see them."""
        with self.office.db.read() as session:
            return Sources(
                tuple(health.subscriptions(session)),
                tuple(health.loops(session)),
                () if user.brands else tuple(mentions.rejects(session, limit=50)),
                trends.counts(session, "notification"),
                self.office.systems.state(),
            )


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
