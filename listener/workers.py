"""Which process holds a row, and whether it still runs."""

from __future__ import annotations

import os
from datetime import datetime, timedelta


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
