"""Which alerts are muted, and what may be. Pure.

A silence keeps e-mails back and nothing else: the alert is raised, stored and shown all the same,
with who muted it and until when. A broken promise is the one thing that this service is for, so a
silence of a brand, a number or a kind never covers it: it is muted for one case, by name, for a week
at most.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime, timedelta

from listener.domain import Alert, AlertKind, Scope, Silence
from listener.errors import SilenceRefused

# A silence that nobody remembers is a blind spot: it ends by itself.
LONGEST = timedelta(days=90)
LONGEST_OF_A_PROMISE = timedelta(days=7)
LONGEST_REASON = 500


def silenced(alert: Alert, silences: Iterable[Silence], now: datetime) -> Silence | None:
    """The silence that mutes the alert at this moment, of several the one that lasts longest."""
    holding = [s for s in silences if is_active(s, now) and covers(s.scope, alert)]
    return max(holding, key=lambda s: (s.until, s.id), default=None)


def is_active(silence: Silence, now: datetime) -> bool:
    return silence.ended_at is None and silence.at <= now < silence.until


def covers(scope: Scope, alert: Alert) -> bool:
    """Whether every condition of the scope holds for the alert."""
    if alert.kind is AlertKind.PROMISE_BROKEN and not _names_the_promise(scope):
        return False
    source = str(alert.subject.get("source", ""))
    return (
        scope != Scope()
        and scope.kind in (None, alert.kind)
        and scope.brand in (None, alert.brand)
        and scope.number in (None, str(alert.subject.get("number", "")))
        and (scope.source is None or source == scope.source or _of(scope.source, source))
        and scope.case_id in (None, alert.case_id)
    )


def _of(name: str, subscription: str) -> bool:
    return subscription.startswith(f"{name}/")


def _names_the_promise(scope: Scope) -> bool:
    return scope.kind is AlertKind.PROMISE_BROKEN and scope.case_id is not None


def offers(alert: Alert) -> tuple[Scope, ...]:
    """What can be muted from an alert, the narrowest first; none for a broken promise without its
    case."""
    brand, case_id = alert.brand, alert.case_id
    if alert.kind is AlertKind.PROMISE_BROKEN:
        return (Scope(alert.kind, brand, case_id=case_id),) if case_id is not None else ()
    found: list[Scope] = []
    if case_id is not None:
        found.append(Scope(brand=brand, case_id=case_id))
    if number := alert.subject.get("number"):
        found.append(Scope(brand=brand, number=str(number)))
    if source := alert.subject.get("source"):
        name = str(source).partition("/")[0]
        found += [Scope(source=str(source))] if name != source else []
        found.append(Scope(source=name))
    found.append(Scope(alert.kind, brand))
    if brand is not None:
        found.append(Scope(brand=brand))
    return tuple(found)


def check(scope: Scope, until: datetime, reason: str, now: datetime) -> None:
    """Raises SilenceRefused for what mutes everything, has no reason, or ends too early or late."""
    if scope == Scope():
        raise SilenceRefused(
            "a silence of everything would hide every alert: name a kind, a brand, a number, a "
            "source or a case",
            key="silence.everything",
        )
    promise = scope.kind is AlertKind.PROMISE_BROKEN
    if promise and scope.case_id is None:
        raise SilenceRefused(
            "a broken promise can be muted for one case only, never for all: name the case",
            key="silence.promise",
        )
    if not reason.strip():
        raise SilenceRefused(
            "say why, for those who wonder where the e-mails are", key="silence.reason"
        )
    if len(reason) > LONGEST_REASON:
        raise SilenceRefused(
            f"the reason has {len(reason)} characters; {LONGEST_REASON} are the most",
            key="silence.long",
            most=LONGEST_REASON,
        )
    longest = LONGEST_OF_A_PROMISE if promise else LONGEST
    if not now < until <= now + longest:
        raise SilenceRefused(
            f"a silence ends after now and within {longest.days} days, not at {until:%Y-%m-%d %H:%M}",
            key="silence.until",
            days=longest.days,
        )
