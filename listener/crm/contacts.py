"""What is the same in the contacts of every system: their order, clocks without a zone, durations,
and the codes by which it says how a call ended."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime, tzinfo
from zoneinfo import ZoneInfo

from listener.domain import ContactEvent, Disposition
from listener.settings import Settings

# "Held" says that somebody was spoken to, and nothing of how it ended.
_HELD = {"held": Disposition.NONE, "not held": Disposition.NO_ANSWER}


def in_order(events: Iterable[ContactEvent]) -> list[ContactEvent]:
    return sorted(events, key=lambda e: (e.at, e.event_id))


def in_utc(value: datetime | str, zone: tzinfo) -> datetime:
    """A time of a log; without a zone it is that of `zone`. Raises ValueError."""
    try:
        moment = value if isinstance(value, datetime) else datetime.fromisoformat(value)
        return (moment if moment.tzinfo else moment.replace(tzinfo=zone)).astimezone(UTC)
    except (OverflowError, TypeError):
        raise ValueError(f"{value!r} is no time") from None


def zone_of(name: str | None, settings: Settings) -> ZoneInfo:
    return ZoneInfo(name) if name else settings.listener.service.zone


def seconds_of(written: str, per_second: int = 1) -> int:
    """A duration that is written as a number; none is 0. Raises ValueError."""
    try:
        return round(max(0.0, float(written or 0)) / per_second)
    except OverflowError:
        raise ValueError("a call of endless duration") from None


def disposition_of(code: str, own: Mapping[str, Disposition]) -> Disposition | None:
    """Of a call's code by the configured ones, by whether it was held, or by our own names for it;
    None for a code that nobody has explained."""
    codes = _HELD | {c.casefold(): d for c, d in own.items()}
    if not code or code.casefold() in codes:
        return codes.get(code.casefold(), Disposition.NONE)
    plain = re.sub(r"[\s-]+", "_", code.casefold())
    return next((d for d in Disposition if d.value == plain), None)


def with_code(note: str, code: str) -> str:
    """A system's own code that stands for none of ours is kept in the note."""
    return f"{note} (code {code})".strip()
