"""What is worth an e-mail. Pure: facts and `now` in, alerts out; the key of an alert is the same
however often the same thing is found again, so that storage keeps it once."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from listener.domain import Alert, AlertKind, NumberKind, Priority, PriorityLevel, Reason
from listener.errors import kept
from listener.settings import AlertRules, SourceConfig
from listener.storage.health import SubscriptionHealth

_ORDER = list(PriorityLevel)  # urgent first


@dataclass(frozen=True, slots=True)
class NumberReport:
    """A complaint that names a number: who wrote it and when."""

    mention_id: int
    author: str
    published_at: datetime


def severe_harassment(
    *,
    case_id: int,
    brand: str,
    brand_name: str,
    matter: str,
    priority: Priority,
    published_at: datetime,
    rules: AlertRules,
    now: datetime,
) -> Alert | None:
    """One alert per case, when it reaches the level."""
    rule = rules.severe_harassment
    severe = _ORDER.index(priority.level) <= _ORDER.index(rule.level)
    if not rule.enabled or matter != "harassment" or not severe:
        return None
    if now - published_at > rules.newer_than:
        return None
    return Alert(
        kind=AlertKind.SEVERE_HARASSMENT,
        key=f"severe:{case_id}",
        brand=brand,
        subject={"brand": brand_name, "level": priority.level.value},
        reasons=(
            Reason("alert_level", {"level": priority.level.value, "score": priority.score}),
            *priority.reasons,
        ),
        case_id=case_id,
    )


def number_complaints(
    *,
    brand: str,
    brand_name: str,
    number: str,
    reports: Sequence[NumberReport],
    last_raised_at: datetime | None,
    rules: AlertRules,
    now: datetime,
) -> Alert | None:
    """n different authors about one number within the window; once per window and number.

    One person who writes ten times is one person: counting posts would let anybody ring the bell.
    """
    rule = rules.number_complaints
    if not rule.enabled:
        return None
    if last_raised_at is not None and now - last_raised_at < rule.window:
        return None
    fresh, people = _within(reports, rule.window, now)
    if people < rule.count:
        return None
    window = duration_words(rule.window)
    subject = {"brand": brand_name, "number": number, "count": people, "window": window}
    return Alert(
        kind=AlertKind.NUMBER_COMPLAINTS,
        # The newest complaint names the moment: a crash between two attempts finds the same key.
        key=f"number:{brand}:{number}:{max(fresh)}",
        brand=brand,
        subject={**subject, "mentions": fresh},
        reasons=(Reason("alert_number", {"count": people, "number": number, "window": window}),),
    )


def unknown_number(
    *,
    brand: str,
    brand_name: str,
    number: str,
    kind: NumberKind,
    in_log: bool,
    reports: Sequence[NumberReport],
    last_raised_at: datetime | None,
    rules: AlertRules,
    now: datetime,
) -> Alert | None:
    """n different authors about a number that calls in the brand's name and is in no registry on
    the day (`kind`); once per window and number. `in_log`: we have called from it all the same."""
    rule = rules.unknown_number
    if not rule.enabled or kind is not NumberKind.UNKNOWN:
        return None
    if last_raised_at is not None and now - last_raised_at < rule.window:
        return None
    fresh, people = _within(reports, rule.window, now)
    if people < rule.count:
        return None
    told = {"number": number, "count": people, "window": duration_words(rule.window)}
    return Alert(
        kind=AlertKind.UNKNOWN_NUMBER,
        key=f"unknown:{brand}:{number}:{max(fresh)}",
        brand=brand,
        subject={"brand": brand_name, **told, "mentions": fresh},
        reasons=(
            Reason("alert_unknown_number", told),
            Reason("number_in_log") if in_log else Reason("number_not_in_log"),
        ),
    )


def _within(
    reports: Sequence[NumberReport], window: timedelta, now: datetime
) -> tuple[list[int], int]:
    """(the mentions of the window in order, by how many people)."""
    fresh = [r for r in reports if timedelta(0) <= now - r.published_at <= window]
    return sorted(r.mention_id for r in fresh), len({r.author for r in fresh})


def source_trouble(
    health: SubscriptionHealth, config: SourceConfig, rules: AlertRules, now: datetime
) -> tuple[Alert, ...]:
    """A source that fails again and again, or that gives nothing new for too long.

    Failing comes first: a source that cannot be asked is not silent."""
    if rules.source_failing.enabled and health.failures >= rules.source_failing.failures:
        since = health.failing_since or now
        return (
            Alert(
                kind=AlertKind.SOURCE_FAILING,
                key=f"failing:{health.key}:{since.isoformat()}",
                brand=None,
                subject={"source": health.key},
                reasons=(
                    Reason(
                        "alert_failing",
                        {
                            "failures": health.failures,
                            "since": since.isoformat(timespec="minutes"),
                            "error": kept(health.last_error or ""),
                        },
                    ),
                ),
            ),
        )
    since = health.last_item_at or health.watched_since
    if (
        rules.source_silent.enabled
        and config.silent_after > timedelta(0)
        and health.last_success_at is not None
        and now - since > config.silent_after
    ):
        return (
            Alert(
                kind=AlertKind.SOURCE_SILENT,
                key=f"silent:{health.key}:{since.isoformat()}",
                brand=None,
                subject={"source": health.key},
                reasons=(
                    Reason(
                        "alert_silent",
                        {
                            "since": since.isoformat(timespec="minutes"),
                            "expected": duration_words(config.silent_after),
                        },
                    ),
                ),
            ),
        )
    return ()


def duration_words(span: timedelta) -> str:
    """`24 h`, `7 d`, `90 s`: units that Spanish and English share."""
    seconds = int(span.total_seconds())
    for size, unit in ((86400, "d"), (3600, "h"), (60, "min")):
        if seconds >= 2 * size and seconds % size == 0:
            return f"{seconds // size} {unit}"
        if seconds == size and unit != "d":
            return f"1 {unit}"
    return "24 h" if seconds == 86400 else f"{seconds} s"
