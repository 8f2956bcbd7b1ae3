"""`listener run` as a process: it ends when told, whatever hangs, and goes on after a crash of its
parts; the schedule records what every loop did."""

from __future__ import annotations

import signal
import socket
import subprocess
import time
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import psutil
import pytest
from builders import NOW
from command import LISTENER, Home
from servers import Answer, WebServer, free_port

from listener import pipeline, schedule
from listener.errors import StorageError
from listener.httpclient import HttpClient
from listener.pipeline import Road
from listener.settings import Http, ListenerFile, Schedule, Settings
from listener.storage import Database, health

FAST = {"collect": "1s", "process": "1s", "deliver": "1s"}


@pytest.fixture
def home(tmp_path: Path) -> Home:
    made = Home(tmp_path)
    made.write(
        "listener.toml",
        {
            "schedule": FAST,
            "dashboard": {"port": free_port()},
            "http": {"allow_private_addresses": True, "timeout": "60s"},
        },
    )
    return made


@contextmanager
def running(home: Home, *options: str) -> Iterator[tuple[subprocess.Popen[bytes], Path]]:
    log = home.folder / "service.log"
    with log.open("wb") as out:
        process = subprocess.Popen(
            [*LISTENER, "run", *options],
            cwd=home.folder,
            env=home.environment,
            stdin=subprocess.DEVNULL,
            stdout=out,
            stderr=out,
        )
    try:
        wait(lambda: "started" in log.read_text() or process.poll() is not None, log)
        yield process, log
    finally:
        if process.poll() is None:
            process.kill()
            process.wait()


def wait(until: Callable[[], bool], log: Path, at_most: float = 90) -> None:
    deadline = time.monotonic() + at_most
    while not until():
        assert time.monotonic() < deadline, log.read_text()[-2000:]
        time.sleep(0.1)


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_it_ends_when_told(home: Home, number: int) -> None:
    with running(home, "--no-dashboard") as (process, log):
        process.send_signal(number)
        assert process.wait(30) == 0
        assert log.read_text().rstrip().endswith("stopped")


def test_it_ends_although_a_source_hangs(home: Home) -> None:
    asked = []

    def hang(_: Any) -> Answer:
        asked.append(1)
        time.sleep(50)
        return Answer()

    with WebServer(hang) as server:
        home.write(
            "sources.toml",
            f'[[sources]]\nname = "slow"\ntype = "feed"\noptions = {{url = "{server.base_url}/f"}}\n',
        )
        with running(home, "--no-dashboard") as (process, log):
            wait(lambda: bool(asked), log)
            process.send_signal(signal.SIGTERM)
            assert process.wait(30) == 0  # within its patience; the request is not over


def test_a_dashboard_that_dies_comes_back_and_ends_with_the_service(home: Home) -> None:
    with running(home) as (process, log):
        port = _port(home)
        wait(lambda: _answers(port), log)
        [page] = psutil.Process(process.pid).children()
        page.kill()
        wait(
            lambda: (
                (new := psutil.Process(process.pid).children()) != [] and new[0].pid != page.pid
            ),
            log,
        )
        wait(lambda: _answers(port), log)
        assert "dashboard ended" in log.read_text()
        [page] = psutil.Process(process.pid).children()
        process.send_signal(signal.SIGTERM)
        assert process.wait(60) == 0
        assert not page.is_running()


def test_a_service_that_is_killed_leaves_no_dashboard_and_starts_again(home: Home) -> None:
    port = _port(home)
    for _ in range(2):
        with running(home) as (process, log):
            wait(lambda: _answers(port), log)
            [page] = psutil.Process(process.pid).children()
            process.kill()
            process.wait()
            gone, _ = psutil.wait_procs([page], timeout=30)
            assert gone == [page]
            wait(lambda: not _listens(port), log)


def _port(home: Home) -> int:
    return int(
        next(
            line.split("=")[1]
            for line in (home.config / "listener.toml").read_text().splitlines()
            if line.startswith("port")
        )
    )


def _answers(port: int) -> bool:
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/healthz", timeout=2) as answer:
            return bool(answer.status == 200)
    except OSError:
        return False


def _listens(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


# ---------------------------------------------------------------------------- the schedule


def road(db: Database) -> Road:
    def reader() -> Any:
        raise AssertionError("nothing is read here")

    settings = Settings(
        folder=Path("config"),
        database_url=db.url,
        var=Path("var"),
        listener=ListenerFile(schedule=Schedule(**FAST)),  # type: ignore[arg-type]
    )
    return Road(settings, db, HttpClient(Http()), reader, now=lambda: NOW)


def loops(db: Database) -> dict[str, health.LoopHealth]:
    with db.read() as session:
        return {loop.name: loop for loop in health.loops(session)}


def test_every_run_is_recorded_with_what_it_did(database: Database) -> None:
    schedule.run_loop(road(database), "collect", lambda _: {"new": 3})
    loop = loops(database)["collect"]
    assert (loop.started_at, loop.finished_at, loop.succeeded_at) == (NOW, NOW, NOW)
    assert (loop.last_counts, loop.last_error) == ({"new": 3}, None)


def test_a_loop_that_fails_is_recorded_and_its_error_goes_on(database: Database) -> None:
    way = road(database)
    schedule.run_loop(way, "deliver", lambda _: {"sent": 1})

    def broken(_: Road) -> dict[str, Any]:
        raise StorageError("the disk is full")

    with pytest.raises(StorageError):
        schedule.run_loop(way, "deliver", broken)
    loop = loops(database)["deliver"]
    assert loop.last_error == "StorageError: the disk is full"
    assert loop.succeeded_at == NOW
    schedule.run_loop(way, "deliver", lambda _: {})
    assert loops(database)["deliver"].last_error is None


def test_the_three_loops_run_at_once_and_again(sqlite_database: Database) -> None:
    way = road(sqlite_database)
    way.now = pipeline.utc_now
    made = schedule.start(lambda: way)
    starts: dict[str, set[Any]] = {name: set() for name in ("collect", "process", "deliver")}
    try:
        deadline = time.monotonic() + 30
        while time.monotonic() < deadline and any(len(seen) < 2 for seen in starts.values()):
            seen = loops(sqlite_database)
            for name in starts.keys() & seen.keys():
                starts[name].add(seen[name].started_at)
            time.sleep(0.1)
        assert all(len(seen) >= 2 for seen in starts.values()), loops(sqlite_database)
    finally:
        made.shutdown()
