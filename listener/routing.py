"""Which team answers, who in it, and until when: config/rules/routing.toml applied. Pure.

The reasons' keys and values: `rule` (rule, queue and the conditions that held), `default_queue`
(queue), `fewest_open_cases` (owner, open_cases, of), `waited_longest` (owner, of), `nobody`
(queue, brand, lang), `due_working_hours` (level, hours, time_zone, holidays), `due_around_the_clock`
(level, hours), `no_working_hours` (level, hours).
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from listener.calendars import holidays_in
from listener.domain import PriorityLevel, Reason, Route
from listener.settings import QueueRule, RoutingRules, WorkingHours

_WEEKDAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
_LONGEST_WAIT = 400  # days without one open hour: then there are no working hours
_EARLY = datetime.min.replace(tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class CaseFacts:
    """What rules ask about. `lang` is "und" where there was nothing to tell it by."""

    brand: str
    lang: str
    category: str | None
    level: PriorityLevel


@dataclass(frozen=True, slots=True)
class Person:
    """Somebody who may get cases; empty `brands`, `languages` and `queues` mean all."""

    username: str
    name: str
    email: str = ""
    brands: tuple[str, ...] = ()
    languages: tuple[str, ...] = ()
    queues: tuple[str, ...] = ()
    open_cases: int = 0
    last_assigned_at: datetime | None = None
    disabled: bool = False


def route(case: CaseFacts, people: Sequence[Person], rules: RoutingRules, now: datetime) -> Route:
    """Queue, owner (None when nobody serves it) and due time, each with its reason."""
    queue, why_queue = _queue(case, rules)
    owner, why_owner = choose(case, queue, people)
    due_at, why_due = _due(case.level, rules, now)
    return Route(queue, owner, due_at, (why_queue, *why_owner, why_due))


def _queue(case: CaseFacts, rules: RoutingRules) -> tuple[str, Reason]:
    for number, rule in enumerate(rules.rules, start=1):
        if (held := _holds(rule, case)) is not None:
            return rule.queue, Reason("rule", {"rule": number, "queue": rule.queue, **held})
    return rules.default_queue, Reason("default_queue", {"queue": rules.default_queue})


def _holds(rule: QueueRule, case: CaseFacts) -> dict[str, Any] | None:
    """The conditions that the rule has and the case meets; None when it fails one."""
    held: dict[str, Any] = {}
    for key, wanted, actual in (
        ("brand", rule.brands, case.brand),
        ("lang", rule.languages, case.lang),
        ("category", rule.categories, case.category),
        ("level", rule.levels, case.level),
    ):
        if wanted and actual not in wanted:
            return None
        if wanted:
            held[key] = str(actual)
    return held


def choose(
    case: CaseFacts, queue: str, people: Sequence[Person]
) -> tuple[str | None, tuple[Reason, ...]]:
    """The person of the queue, brand and language with the fewest open cases; among equals who has
    waited longest for one (never having had any is longest), then by username."""
    able = [p for p in people if _serves(p, queue, case)]
    if not able:
        values = {"queue": queue, "brand": case.brand, "lang": case.lang}
        return None, (Reason("nobody", values),)
    fewest = min(p.open_cases for p in able)
    equals = [p for p in able if p.open_cases == fewest]
    first = min(equals, key=lambda p: (p.last_assigned_at or _EARLY, p.username))
    reasons = [
        Reason(
            "fewest_open_cases",
            {"owner": first.username, "open_cases": fewest, "of": len(able)},
        )
    ]
    if len(equals) > 1:
        reasons.append(Reason("waited_longest", {"owner": first.username, "of": len(equals)}))
    return first.username, tuple(reasons)


def _serves(person: Person, queue: str, case: CaseFacts) -> bool:
    return (
        not person.disabled
        and (not person.queues or queue in person.queues)
        and (not person.brands or case.brand in person.brands)
        and (not person.languages or case.lang == "und" or case.lang in person.languages)
    )


# ---------------------------------------------------------------------------- due times


def _due(level: PriorityLevel, rules: RoutingRules, now: datetime) -> tuple[datetime, Reason]:
    length = rules.due.get(level, max(rules.due.values(), default=timedelta(days=2)))
    values: dict[str, Any] = {"level": level.value, "hours": length / timedelta(hours=1)}
    if level in rules.around_the_clock:
        return now + length, Reason("due_around_the_clock", values)
    due = add_working_time(now, length, rules.working_hours)
    if due is None:
        return now + length, Reason("no_working_hours", values)
    hours = rules.working_hours
    place = {"time_zone": hours.time_zone, "holidays": hours.holidays}
    return due, Reason("due_working_hours", {**values, **place})


def add_working_time(start: datetime, length: timedelta, hours: WorkingHours) -> datetime | None:
    """The moment (UTC) at which `length` of open time has passed since `start`.

    With nothing left to wait in closed time it is the next opening, so that it is never inside
    closed time; the closing moment itself counts as open. None when the hours never open. An hour
    is sixty real minutes, on the days too on which the clocks change.
    """
    left = length
    at = start.astimezone(UTC)
    for opens, closes in _open_times(at, hours):
        begin = max(at, opens)
        if closes - begin >= left:
            return begin + left
        left -= closes - begin
        at = closes
    return None


def _open_times(start: datetime, hours: WorkingHours) -> Iterator[tuple[datetime, datetime]]:
    """Open times (UTC, in order, not overlapping) that end after `start`; ends when the hours stay
    closed for more than a year, or the calendar ends."""
    zone = ZoneInfo(hours.time_zone)
    day = start.astimezone(zone).date() - timedelta(days=1)  # last night's shift may still run
    last_end = start
    closed_days = 0
    while closed_days < _LONGEST_WAIT and day < date.max - timedelta(days=2):
        span = None if _is_holiday(day, hours.holidays) else _hours_of(day, hours)
        if span is not None:
            opens, closes = (_utc(day, span[0], zone), _closing(day, span, zone))
            opens = max(opens, last_end)
            if closes > opens or closes == opens == start:
                yield opens, closes
                last_end, closed_days = closes, -1
        closed_days += 1
        day += timedelta(days=1)


def _hours_of(day: date, hours: WorkingHours) -> tuple[time, time] | None:
    span: tuple[time, time] | None = getattr(hours, _WEEKDAYS[day.weekday()])
    return span


def _closing(day: date, span: tuple[time, time], zone: ZoneInfo) -> datetime:
    """A closing time that is not after the opening is the next day's: 22:00-06:00, 00:00-00:00."""
    return _utc(day if span[1] > span[0] else day + timedelta(days=1), span[1], zone)


def _utc(day: date, clock: time, zone: ZoneInfo) -> datetime:
    return datetime.combine(day, clock, zone).astimezone(UTC)


def _is_holiday(day: date, place: str) -> bool:
    return bool(place) and day in holidays_in(place, day.year)
