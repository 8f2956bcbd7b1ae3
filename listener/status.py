"""`listener status`: is everything well? Pure judgement over what storage says."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from datetime import datetime, timedelta
from typing import Any

from rich.console import Console
from rich.table import Table

from listener import alerting, config_documents, raising
from listener.pipeline import utc_now
from listener.settings import Schedule, Settings
from listener.storage import Database, config_edits, health, suppressions, trends
from listener.storage.config_edits import Edit
from listener.storage.health import LoopHealth, SubscriptionHealth
from listener.storage.suppressions import Kept

# A loop that is at work has this long before it counts as stuck.
LONGEST_RUN = timedelta(hours=6)
NO_RECIPIENT = (
    "alerts have no recipient: add an address to recipients in rules/alerts.toml, or an e-mail "
    "address to an administrator's account"
)


@dataclass(frozen=True, slots=True)
class Report:
    healthy: bool
    problems: tuple[str, ...]
    counts: dict[str, Any]
    notifications: dict[str, int]
    promise: Kept
    sources: tuple[SubscriptionHealth, ...]
    loops: tuple[LoopHealth, ...]
    edited: tuple[Edit, ...] = ()  # documents that stand in place of their files

    def to_json(self) -> dict[str, Any]:
        return {
            "healthy": self.healthy,
            "problems": list(self.problems),
            "queues": {
                "to_process": self.counts["pending"],
                "failed_mentions": self.counts["failed"],
                "notifications": self.notifications,
            },
            "counts": self.counts,
            "promise": asdict(self.promise),
            "sources": [asdict(s) for s in self.sources],
            "loops": [asdict(loop) for loop in self.loops],
            "edited": [
                {"name": e.name, "by": e.by, "at": e.at, "version": e.version} for e in self.edited
            ],
        }


def report(settings: Settings, db: Database, now: datetime | None = None) -> Report:
    at = now or utc_now()
    with db.read() as session:
        counts = trends.counts(session, "notification")
        sources = tuple(health.subscriptions(session))
        loops = tuple(health.loops(session))
        reached = bool(raising.standing_recipients(session, settings))
        kept = suppressions.kept(session)
        edited = tuple(config_edits.overriding(config_edits.in_force(session).values()))
    notifications = counts.pop("by_notification")
    problems = judge(settings, sources, loops, counts, notifications, at, reached=reached)
    problems += of_promise(kept)
    return Report(
        not problems, tuple(problems), counts, notifications, kept, sources, loops, edited
    )


def of_promise(kept: Kept) -> list[str]:
    """What is wrong with the promise, in words."""
    problems = []
    if kept.failed_writes:
        problems.append(
            f"{kept.failed_writes} writes to CRMs or diallers were given up; each case says why"
        )
    return problems


def judge(
    settings: Settings,
    sources: Sequence[SubscriptionHealth],
    loops: Sequence[LoopHealth],
    counts: dict[str, Any],
    notifications: dict[str, int],
    now: datetime,
    *,
    reached: bool = True,
) -> list[str]:
    """What is wrong, in words; an empty list is health. `reached` tells whether alerts without an
    owner have somebody to go to."""
    problems = []
    configured = {s.name: s for s in settings.sources if s.enabled}
    for source in sources:
        config = configured.get(source.source_name)
        if config is None:
            continue
        if source.failures:
            problems.append(
                f"source {source.key}: {source.failures} failures in a row: {source.last_error}"
            )
        for alert in alerting.source_trouble(source, config, settings.alerts, now):
            if alert.kind == "source_silent":
                since = source.last_item_at or source.watched_since
                problems.append(f"source {source.key}: silent since {_when(since)}")
    schedule = settings.listener.schedule
    for loop in loops:
        if loop.last_error:
            problems.append(f"loop {loop.name}: {loop.last_error}")
        if loop.started_at and is_late(loop, schedule, now):
            problems.append(
                f"loop {loop.name}: has not run since {loop.started_at:%Y-%m-%d %H:%M} UTC; "
                "is the service running?"
            )
    if counts["failed"]:
        problems.append(
            f"{counts['failed']} mentions could not be processed; `listener process --once "
            "--failed` tries them again"
        )
    for state in ("failed", "in_doubt"):
        if notifications.get(state):
            problems.append(f"{notifications[state]} notifications are {state.replace('_', ' ')}")
    if notifications.get("pending") and not settings.listener.email.enabled:
        problems.append(f"{notifications['pending']} notifications wait: [email] enabled is false")
    if settings.listener.email.enabled and not reached:
        problems.append(NO_RECIPIENT)
    return problems


def is_late(loop: LoopHealth, schedule: Schedule, now: datetime) -> bool:
    """Whether a loop has not begun for ten of its intervals, or is at work for too long."""
    if loop.started_at is None:
        return False
    at_work = not loop.finished_at or loop.finished_at < loop.started_at
    late = max(getattr(schedule, loop.name) * 10, timedelta(minutes=10))
    return now - loop.started_at > (LONGEST_RUN if at_work else late)


def loop_state(loop: LoopHealth, schedule: Schedule, now: datetime) -> str:
    """`ok`, `failing` or `late`."""
    if is_late(loop, schedule, now):
        return "late"
    return "failing" if loop.last_error else "ok"


def show(status: Report, out: Console) -> None:
    out.print("[green]healthy[/green]" if status.healthy else "[red]not healthy[/red]")
    for problem in status.problems:
        out.print(f"  • {problem}", markup=False)
    counts = ", ".join(f"{value} {name.replace('_', ' ')}" for name, value in status.counts.items())
    out.print(counts)
    kept = status.promise
    orders = ", ".join(f"{n} {state.replace('_', ' ')}" for state, n in kept.by_status.items())
    longest = f"{kept.longest}" if kept.longest is not None else "-"
    out.print(
        f"suppressions: {orders or 'none'}; contacts after one: {kept.contacts_after}; "
        f"longest from complaint to effect: {longest}"
    )
    for line in config_documents.told(status.edited):
        out.print(line, markup=False)
    table = Table("source", "last success", "last new item", "items", "failures", box=None)
    for source in status.sources:
        table.add_row(
            source.key,
            _when(source.last_success_at),
            _when(source.last_item_at),
            str(source.items),
            str(source.failures),
        )
    out.print(table)
    table = Table("loop", "last start", "last success", "did", box=None)
    for loop in status.loops:
        did = ", ".join(f"{k} {v}" for k, v in loop.last_counts.items() if v)
        table.add_row(loop.name, _when(loop.started_at), _when(loop.succeeded_at), did)
    out.print(table)


def _when(moment: datetime | None) -> str:
    return f"{moment:%Y-%m-%d %H:%M:%S} UTC" if moment else "never"
