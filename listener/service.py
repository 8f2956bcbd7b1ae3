"""`listener run`: the scheduler with its three loops and the dashboard, until stopped."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from dataclasses import replace

import structlog

from listener import reader, schedule
from listener.checks import (
    check_company,
    check_crms,
    check_email,
    check_port,
    check_queries,
    check_sources,
)
from listener.httpclient import HttpClient
from listener.in_force import InForce
from listener.pipeline import Road
from listener.settings import Settings
from listener.storage import Database

log = structlog.get_logger()

# Seconds that the loops get to finish their commits, and the dashboard to close. Together below
# the ten after which container engines kill.
_PATIENCE = 8.0


def road(settings: Settings, db: Database) -> Road:
    """Everything that the loops need, once the configuration is known to make sense."""
    check_queries(settings)
    check_sources(settings)
    check_crms(settings)
    return Road(
        settings=settings,
        db=db,
        http=HttpClient(settings.listener.http),
        reader=reader.lazy(settings),
    )


def roads(settings: Settings, db: Database) -> InForce[Road]:
    """The same, made anew with the settings that people have edited since; the reader, the
    connections and the way to stop stay."""
    first = road(settings, db)
    return InForce(db, settings, lambda s: first if s is settings else replace(first, settings=s))


def run(settings: Settings, db: Database, *, dashboard: bool = True) -> int:
    """Block until SIGTERM or SIGINT; returns the exit code.

    The dashboard is a process of its own, so that a page never waits for the reader and a crash
    of one leaves the other. Raises PortInUse before anything is started."""
    config = settings.listener.dashboard
    check_email(settings)
    if dashboard:
        check_company(settings)
        check_port(config.host, config.port)
    newest = roads(settings, db)
    way = newest()
    for name in (signal.SIGTERM, signal.SIGINT):
        signal.signal(name, lambda *_: way.stop.set())
    page = _Dashboard(config.host, config.port) if dashboard else None
    if page:
        page.start()
    loops = schedule.start(newest)
    log.info("started", database=db.engine.url.render_as_string(hide_password=True))
    try:
        while not way.stop.wait(0.5):
            if page:
                page.keep_alive()
    finally:
        log.info("stopping")
        if page:
            page.terminate()
        waiting = not _finish(loops.shutdown)
        if page:
            page.stop()
        if waiting:
            _leave()
        way.http.close()
        db.close()
        log.info("stopped")
    return 0


def _finish(shutdown: Callable[[], None]) -> bool:
    """Wait for running loops, which end between two commits; not for ever, because one that is
    killed in the middle resumes just as well."""
    worker = threading.Thread(target=shutdown, daemon=True)
    worker.start()
    worker.join(_PATIENCE)
    return not worker.is_alive()


def _leave() -> None:
    """End although a loop waits for a server that does not answer: Python itself would wait for
    its threads. What the loop had not committed is done at the next start."""
    log.warning("a loop still waits for an answer; what it had begun is done at the next start")
    log.info("stopped")
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(0)


class _Dashboard:
    """The dashboard's process; started again, at growing intervals, should it end by itself."""

    def __init__(self, host: str, port: int) -> None:
        self.command = [
            sys.executable, "-m", "dashboard.server", "--host", host, "--port", str(port),
        ]  # fmt: skip
        self.process: subprocess.Popen[bytes] | None = None
        self.wait = 1.0
        self.not_before = 0.0

    def start(self) -> None:
        self.process = subprocess.Popen(
            self.command, env={**os.environ, "LISTENER_PARENT": str(os.getpid())}
        )

    def keep_alive(self) -> None:
        if self.process is None or self.process.poll() is None:
            return
        now = time.monotonic()
        if self.not_before == 0.0:
            log.error("dashboard ended", code=self.process.returncode, again_in=self.wait)
            self.not_before = now + self.wait
        elif now >= self.not_before:
            self.wait = min(self.wait * 2, 60.0)
            self.not_before = 0.0
            self.start()

    def terminate(self) -> None:
        if self.process is not None and self.process.poll() is None:
            self.process.terminate()

    def stop(self) -> None:
        if self.process is None or self.process.poll() is not None:
            return
        try:
            self.process.wait(_PATIENCE)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
