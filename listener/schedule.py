"""Which loop runs how often, and nothing else. APScheduler never runs a loop beside itself."""

from __future__ import annotations

import time
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

import structlog
from apscheduler.executors.pool import ThreadPoolExecutor
from apscheduler.schedulers.background import BackgroundScheduler

from listener import pipeline, retention
from listener.errors import ListenerError
from listener.pipeline import Road
from listener.storage import health

log = structlog.get_logger()

LOOPS: dict[str, Callable[[Road], dict[str, Any]]] = {
    "collect": pipeline.collect,
    "process": pipeline.process,
    "deliver": pipeline.deliver,
    "forget": retention.forget,
}


def run_loop(
    road: Road, name: str, loop: Callable[[Road], dict[str, Any]] | None = None
) -> dict[str, Any]:
    """One run of a loop, recorded with its counts or its error for `listener status`.

    Raises what the loop raised, after recording it."""
    started = time.monotonic()
    with road.db.write() as session:
        health.loop_started(session, name, road.now())
    try:
        counts = (loop or LOOPS[name])(road)
    except Exception as error:
        _record(road, name, {}, f"{type(error).__name__}: {error}")
        raise
    _record(road, name, counts, None)
    if any(isinstance(value, int) and value for name, value in counts.items() if name != "asked"):
        log.info(name, seconds=round(time.monotonic() - started, 2), **counts)
    return counts


def start(newest: Callable[[], Road]) -> BackgroundScheduler:
    """Start the three loops, and the daily erasing; each begins at once. Each run asks for the road
    anew, because settings may have been edited; how often a loop runs stays as it was."""
    schedule = newest().settings.listener.schedule
    scheduler = BackgroundScheduler(
        executors={"default": ThreadPoolExecutor(len(LOOPS))}, timezone="UTC"
    )
    for name in LOOPS:
        interval: timedelta = getattr(schedule, name)
        scheduler.add_job(
            _guarded,
            "interval",
            args=(newest, name),
            seconds=interval.total_seconds(),
            id=name,
            max_instances=1,
            coalesce=True,
            misfire_grace_time=None,
            next_run_time=datetime.now(tz=scheduler.timezone),
        )
    scheduler.start()
    return scheduler


def _guarded(newest: Callable[[], Road], name: str) -> None:
    """A loop that fails is logged and runs again at its next turn."""
    try:
        road = newest()
        if not road.stop.is_set():
            run_loop(road, name)
    except ListenerError as error:
        log.error("loop failed", loop=name, error=str(error))
    except Exception as error:
        log.error("loop failed", loop=name, error=str(error), exc_info=True)


def _record(road: Road, name: str, counts: dict[str, Any], error: str | None) -> None:
    try:
        with road.db.write() as session:
            health.loop_finished(session, name, road.now(), counts, error)
    except ListenerError as problem:  # the database itself is what fails
        log.error("loop's result not recorded", loop=name, error=str(problem))
