"""How often a token may ask: a bucket that fills evenly and holds what a minute allows. Pure but for
the store, which forgets the oldest first."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from datetime import datetime


@dataclass(frozen=True, slots=True)
class Bucket:
    """`left` requests at the moment `at`."""

    left: float
    at: datetime


def take(bucket: Bucket | None, per_minute: int, now: datetime) -> tuple[Bucket, int]:
    """(the bucket after this request, the seconds to wait: 0 where it may pass)."""
    if bucket is None:
        return Bucket(per_minute - 1, now), 0
    passed = max(0.0, (now - bucket.at).total_seconds())
    left = min(float(per_minute), bucket.left + passed * per_minute / 60)
    if left >= 1:
        return Bucket(left - 1, now), 0
    return Bucket(left, now), max(1, math.ceil((1 - left) * 60 / per_minute))


@dataclass
class Rates:
    per_minute: int
    most: int = 10_000
    _known: dict[str, Bucket] = field(default_factory=dict)

    def take(self, who: str, now: datetime) -> int:
        """The seconds that `who` has to wait; 0 where the request may pass."""
        bucket, wait = take(self._known.pop(who, None), self.per_minute, now)
        self._known[who] = bucket
        while len(self._known) > self.most:
            self._known.pop(next(iter(self._known)))
        return wait
