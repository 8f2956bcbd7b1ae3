"""Training as a process of its own: one at a time, watched, and never lost without a word."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from browser import world as worlds

from classifiers.judging import Score
from classifiers.reader import SHIPPED
from listener import reader_versions, training
from listener.desk import Desk
from listener.errors import ListenerError, NotAllowed
from listener.reader_versions import NothingToLearn, Verdict
from listener.storage import people
from listener.storage.people import User
from listener.training import AlreadyTraining, Progress

# What a training does, without the hours: it holds the place, tells how it goes, and waits to be told
# how to end.
TRAINS = """
import sys, time
from datetime import UTC, datetime
from pathlib import Path
from listener import training
home, end = Path(sys.argv[1]), Path(sys.argv[2])
with training.alone(home), training.told(home, by="marta", now=datetime.now(UTC)) as note:
    print("reading what was corrected", flush=True)
    note.progress("reading", 1, 4)
    while not end.exists():
        time.sleep(0.05)
    if end.read_text() == "fail":
        raise ValueError("the disk is full")
    note.made("2026-11-25-abc")
"""


@pytest.fixture
def home(tmp_path: Path) -> Path:
    folder = tmp_path / "weights"
    folder.mkdir()
    return folder


@pytest.fixture
def launched(home: Path) -> Iterator[Callable[..., int]]:
    """Starts the process; whatever still runs is ended after the test."""
    pids: list[int] = []

    def launch(script: str = TRAINS) -> int:
        command = [sys.executable, "-c", script, str(home), str(home / "end")]
        pids.append(training.launch(command, home, {}, by="marta", now=datetime.now(UTC)))
        return pids[-1]

    yield launch
    for pid in pids:
        if training._runs(pid):
            os.kill(pid, signal.SIGKILL)


def until(home: Path, *, free: bool | None = None, state: str = "", what: str = "") -> Progress:
    """Waits until the training is so; the last look, when it never is."""
    for _ in range(400):
        found = training.progress(home)
        fits = found is not None and state in ("", found.state) and what in ("", found.what)
        if fits and free in (None, training.is_free(home)):
            break
        time.sleep(0.05)
    assert found is not None
    return found


def end(home: Path, how: str) -> None:
    scratch = home / "end.new"
    scratch.write_text(how)
    scratch.rename(home / "end")


def test_it_tells_how_it_goes_and_how_it_ended(home: Path, launched: Callable[..., int]) -> None:
    assert training.progress(home) is None
    pid = launched()
    running = until(home, free=False, what="reading")
    assert (running.state, running.by, running.pid) == ("running", "marta", pid)
    assert (running.done, running.total) == (1, 4)
    end(home, "well")
    done = until(home, free=True, state="done")
    assert (done.state, done.version, done.error) == ("done", "2026-11-25-abc", "")
    assert done.ended_at is not None
    assert training.log(home) == "reading what was corrected\n"


def test_there_are_never_two_at_once(home: Path, launched: Callable[..., int]) -> None:
    launched()
    with pytest.raises(AlreadyTraining):  # while it loads its libraries
        launched()
    until(home, free=False)
    with pytest.raises(AlreadyTraining):
        launched()
    with pytest.raises(AlreadyTraining), training.alone(home):
        pytest.fail("it came in")  # pragma: no cover
    end(home, "well")
    until(home, free=True, state="done")
    launched()
    assert until(home, free=True, state="done").state == "done"


def test_what_went_wrong_is_told(home: Path, launched: Callable[..., int]) -> None:
    launched()
    end(home, "fail")
    failed = until(home, free=True, state="failed")
    assert (failed.state, failed.error) == ("failed", "ValueError: the disk is full")
    assert "the disk is full" in training.log(home)


def test_a_killed_training_is_told_and_gives_its_place_back(
    home: Path, launched: Callable[..., int]
) -> None:
    pid = launched()
    until(home, free=False, what="reading")
    os.kill(pid, signal.SIGKILL)
    died = until(home, free=True, state="died")
    assert died.state == "died"
    launched()
    assert until(home, free=False, what="reading").state == "running"


def test_what_never_began_is_told(home: Path, launched: Callable[..., int]) -> None:
    launched("raise SystemExit(3)")
    failed = until(home, state="failed")
    assert failed.error == "it ended at once, with code 3"


def test_it_outlives_whoever_started_it(home: Path) -> None:
    starter = (
        "import sys; from pathlib import Path; from datetime import UTC, datetime; "
        "from listener import training; home = Path(sys.argv[1]); "
        "print(training.launch([sys.executable, '-c', sys.argv[2], str(home), str(home / 'end')], "
        "home, {}, by='marta', now=datetime.now(UTC)))"
    )
    shown = subprocess.run(
        [sys.executable, "-c", starter, str(home), TRAINS],
        capture_output=True, text=True, check=True,
    )  # fmt: skip
    running = until(home, free=False, what="reading")
    assert running.pid == int(shown.stdout)
    end(home, "well")
    assert until(home, free=True, state="done").state == "done"


def test_what_says_that_it_runs_and_does_not_stands_in_nobodys_way(
    home: Path, launched: Callable[..., int]
) -> None:
    """After a crash another process may have its number."""
    old = datetime.now(UTC) - timedelta(hours=1)
    training.tell(home, Progress("running", "marta", old, os.getpid()))
    found = training.progress(home)
    assert found is not None
    assert found.state == "died"
    launched()
    assert until(home, free=False, what="reading").state == "running"


@pytest.mark.parametrize("said", ["", "{", "[]", '{"state": "running"}', '{"x": 1}'])
def test_a_state_that_cannot_be_read_is_none(home: Path, said: str) -> None:
    (home / training.STATE).write_text(said)
    assert training.progress(home) is None


def test_a_long_log_shows_its_end(home: Path) -> None:
    (home / training.LOG).write_bytes(b"x" * 30_000 + b"the end")
    assert len(training.log(home)) == 20_000
    assert training.log(home).endswith("the end")


# ---------------------------------------------------------------------------- the desk


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[worlds.World]:
    made = worlds.build(tmp_path_factory.mktemp("training"))
    yield made
    made.db.close()


@pytest.fixture
def desk(world: worlds.World) -> Desk:
    return Desk(world.db, world.settings)


@pytest.fixture
def user(world: worlds.World) -> Callable[[str], User]:
    def find(name: str) -> User:
        with world.db.read() as session:
            found = people.get(session, name)
        assert found is not None
        return found

    return find


@pytest.mark.parametrize("who", ["ana", "berta", "marc"])
def test_only_administrators_train_choose_and_read_the_log(
    desk: Desk, user: Callable[[str], User], who: str
) -> None:
    quality = desk.quality
    for work in (
        lambda u: quality.train(u),
        lambda u: quality.use(u, "shipped"),
        lambda u: quality.roll_back(u),
        lambda u: quality.training_log(u),
    ):
        with pytest.raises(NotAllowed):
            work(user(who))
    assert [v.name for v in quality.training(user(who)).versions] == ["shipped"]


def test_with_nothing_corrected_nothing_is_begun(
    desk: Desk, user: Callable[[str], User], world: worlds.World
) -> None:
    found = desk.quality.training(user("admin"))
    assert (found.taught, found.measured, found.running, found.progress) == (0, 0, False, None)
    with pytest.raises(NothingToLearn):
        desk.quality.train(user("admin"))
    assert training.progress(world.settings.var / "weights") is None


def test_a_version_is_accepted_and_rolled_back(
    desk: Desk, user: Callable[[str], User], world: worlds.World
) -> None:
    admin = user("admin")
    home = reader_versions.home_of(world.settings)
    made = home / "2026-11-25-abc"
    made.mkdir()
    shipped = json.loads((SHIPPED / "config.json").read_text())
    config = {**shipped, "revision": "reader-abc", "started_from": shipped["revision"]}
    (made / "config.json").write_text(json.dumps(config | {"made_at": "2026-11-25T12:00:00+00:00"}))
    score = Score("own", "harassment", "es", 900, 94.1, 93.0)
    reader_versions.keep_verdict(made, [score], ["it fell"], [])
    newest, before = desk.quality.training(admin).versions
    assert (newest.name, newest.active, before.active) == ("2026-11-25-abc", False, True)
    assert newest.verdict == Verdict((score,), ("it fell",), 0, 0)
    assert before.verdict is None
    desk.quality.use(admin, "2026-11-25-abc")
    assert [v.active for v in desk.quality.training(admin).versions] == [True, False]
    assert desk.quality.roll_back(admin) == "shipped"
    assert [v.active for v in desk.quality.training(admin).versions] == [False, True]
    with pytest.raises(ListenerError, match="no weights 'gone'"):
        desk.quality.use(admin, "gone")


def test_where_the_configuration_fixes_the_weights_it_says_so(
    desk: Desk, user: Callable[[str], User], world: worlds.World
) -> None:
    listener = world.settings.listener
    fixed = listener.model_copy(
        update={"process": listener.process.model_copy(update={"weights": "/somewhere"})}
    )
    there = Desk(world.db, world.settings.model_copy(update={"listener": fixed}))
    found = there.quality.training(user("admin"))
    assert "fixes the reader to /somewhere" in str(found.trouble)
    assert found.versions == ()
    with pytest.raises(ListenerError, match="leave it empty"):
        there.quality.train(user("admin"))
