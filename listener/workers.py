"""Which process holds a row, and whether it still runs."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator
from datetime import datetime, timedelta
from typing import Protocol, TypeVar


class Held(Protocol):
    @property
    def claimed_by(self) -> str | None: ...
    @property
    def claimed_at(self) -> datetime | None: ...


Row = TypeVar("Row", bound=Held)


def left_behind(held: Iterable[Row], me: str, now: datetime) -> Iterator[Row]:
    """Of the claimed rows of an outbox those whose worker runs no more."""
    for row in held:
        if not still_at_work(row.claimed_by, me, row.claimed_at, now):
            yield row


def still_at_work(worker: str | None, me: str, since: datetime | None, now: datetime) -> bool:
    """Names are host:pid. A worker on this machine is asked by its process id; one elsewhere is
    given ten minutes."""
    if worker == me:
        return False  # one deliver loop per process: what it holds now is left from before
    host, _, pid = (worker or "").rpartition(":")
    if host == me.rpartition(":")[0] and pid.isdigit():
        try:
            os.kill(int(pid), 0)
        except ProcessLookupError:
            return False
        except PermissionError:
            pass  # somebody else's process: ours, or one that got its number
    return since is not None and now - since < timedelta(minutes=10)
