"""Reading a search that answers newest first, without losing what lies behind a stop.

A walk goes from the newest item down to the `floor`. After every page the cursor says how far down
we are; a walk that was cut short is finished from there before a new one begins. Servers index
late, so the next floor lies a little below the newest item: the items of that stretch are
remembered by id, each walk reads it again, and only pages with something new are passed on.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from typing import Any

from listener.domain import RawPage
from listener.sources.items import dict_of

OVERLAP = timedelta(minutes=30)
MAX_REMEMBERED = 400


@dataclass(frozen=True, slots=True)
class Walk:
    """`top` and `reached` are set while a walk is under way, and `resume` where the service can
    only be asked by place, not by time."""

    floor: datetime
    top: datetime | None = None
    reached: datetime | None = None
    resume: str | None = None
    seen: Mapping[str, datetime] = field(default_factory=dict)  # the newest stretch: id -> time

    def to_json(self) -> dict[str, Any]:
        return {
            "floor": self.floor.isoformat(),
            "top": self.top.isoformat() if self.top else None,
            "reached": self.reached.isoformat() if self.reached else None,
            "resume": self.resume,
            "seen": {name: int(when.timestamp()) for name, when in self.seen.items()},
        }


def walk_from(value: Any) -> Walk | None:
    """The walk that `to_json` wrote; None for anything else."""
    data = dict_of(value)
    floor = _time(data.get("floor"))
    if floor is None:
        return None
    seen = {
        str(name): datetime.fromtimestamp(seconds, UTC)
        for name, seconds in dict_of(data.get("seen")).items()
        if isinstance(seconds, int) and 0 <= seconds < 2**33
    }
    resume = data.get("resume")
    return Walk(
        floor,
        _time(data.get("top")),
        _time(data.get("reached")),
        resume if isinstance(resume, str) else None,
        seen,
    )


def _time(value: Any) -> datetime | None:
    try:
        when = datetime.fromisoformat(value)
    except (TypeError, ValueError):
        return None
    return when if when.tzinfo else when.replace(tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class Batch:
    """One answer: its page and the (id, time) of each item, newest first. `token` asks for the
    next older batch. Without one, `full` says that older items may exist all the same. `resume` is the
    token by which a later visit goes on, of services that do not heed `until`."""

    page: RawPage
    items: tuple[tuple[str, datetime], ...]
    token: str | None = None
    full: bool = False
    resume: str | None = None


# (since, until, token) -> batch. `until` and items at that very time are included.
Ask = Callable[[datetime, datetime | None, str | None], Batch]


def walk(
    state: Walk | None, *, first_floor: datetime, ask: Ask, max_requests: int
) -> Iterator[tuple[RawPage, Walk]]:
    """Pages with something new, each with the state to be saved with it."""
    left = max_requests
    current = state or Walk(first_floor)
    if current.reached is not None:
        for page, after in _down(current, ask, left):
            left -= 1
            current = after
            if page is not None:
                yield page, after
    if left > 0 and current.reached is None:
        for page, after in _down(current, ask, left):
            if page is not None:
                yield page, after


def _down(state: Walk, ask: Ask, max_requests: int) -> Iterator[tuple[RawPage | None, Walk]]:
    """One walk: (page or None where nothing is new, state) after each request."""
    since = state.floor
    until, token = state.reached, state.resume
    for _ in range(max_requests):
        batch = ask(since, until, token)
        fresh = [one for one in batch.items if one[0] not in state.seen]
        state = _after(state, batch)
        oldest = min((when for _, when in batch.items), default=None)
        more = batch.token is not None or (batch.full and bool(fresh))
        if oldest is None or oldest <= since or not more:
            state = replace(state, floor=_next_floor(state), top=None, reached=None, resume=None)
            yield (batch.page if fresh else None), state
            return
        if until is not None and oldest >= until and token is None:
            # More items at one very moment than an answer holds: go on behind that moment.
            oldest = until - timedelta(seconds=1)
        state = replace(state, reached=oldest, resume=batch.resume)
        yield (batch.page if fresh else None), state
        token = batch.token
        until = oldest if token is None else until


def _after(state: Walk, batch: Batch) -> Walk:
    if not batch.items:
        return state
    top = max(when for _, when in batch.items)
    top = max(top, state.top or top)
    near = {**state.seen, **dict(batch.items)}
    newest = sorted(near.items(), key=lambda one: one[1], reverse=True)[:MAX_REMEMBERED]
    seen = {name: when for name, when in newest if when >= top - OVERLAP}
    return replace(state, top=top, seen=seen)


def _next_floor(state: Walk) -> datetime:
    """Where the next walk ends: never lower than what we remember, or it would pass on the same
    pages for ever; where more than MAX_REMEMBERED items came, the stretch is shorter."""
    if state.top is None:
        return state.floor
    floor = max(state.floor, state.top - OVERLAP)
    if len(state.seen) >= MAX_REMEMBERED:
        floor = max(floor, min(state.seen.values()) + timedelta(seconds=1))
    return floor


def load_cursor(cursor: str | None) -> dict[str, Any]:
    """A cursor is a JSON object; one that cannot be read counts as none."""
    try:
        return dict_of(json.loads(cursor)) if cursor else {}
    except (ValueError, RecursionError):
        return {}


def dump_cursor(value: dict[str, Any]) -> str:
    return json.dumps(value, sort_keys=True, separators=(",", ":"))


def walk_searches(
    searches: Iterable[str],
    cursor: str | None,
    *,
    first_floor: datetime,
    ask: Callable[[str], Ask],
    max_requests: int,
    notice: RawPage | None = None,
    mark: Mapping[str, str] | None = None,
) -> Iterator[RawPage]:
    """One walk per search, all in one cursor; a search that is no longer made is forgotten. The
    `notice` of searching.py goes first, and `mark` stays in the cursor."""
    wanted = tuple(searches)
    saved = load_cursor(cursor)
    states = {name: saved[name] for name in wanted if name in saved} | dict(mark or {})
    if notice is not None:
        yield replace(notice, cursor=dump_cursor(states))
    for name in wanted:
        steps = walk(
            walk_from(states.get(name)),
            first_floor=first_floor,
            ask=ask(name),
            max_requests=max_requests,
        )
        for page, state in steps:
            states[name] = state.to_json()
            yield replace(page, cursor=dump_cursor(states))
