"""Retraining as a process of its own, one at a time: started from the dashboard, watched by its state
and its log, whoever started it.

    var/weights/training.lock   held by the process that trains, as long as it lives
    var/weights/training.json   how it goes, and how the last one ended
    var/weights/training.log    what it printed
"""

from __future__ import annotations

import fcntl
import json
import os
import subprocess
import sys
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, dataclass, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from listener.errors import ListenerError
from listener.settings import Settings

LOCK, STATE, LOG = "training.lock", "training.json", "training.log"
_LOG_SHOWN = 20_000  # bytes from the end
# What trains loads its libraries before it takes its place.
_BEGINS = timedelta(minutes=2)


@dataclass(frozen=True, slots=True)
class Progress:
    """`state`: running, done, failed (`error` says why), or died: it ended without a word."""

    state: str
    by: str
    started_at: datetime
    pid: int
    what: str = ""
    done: int = 0
    total: int = 0
    ended_at: datetime | None = None
    version: str = ""
    error: str = ""


class AlreadyTraining(ListenerError):
    """One training at a time: two would read the same corrections and fight for the processors."""

    retry = True

    def __init__(self) -> None:
        super().__init__("the reader is being trained already; wait until that training has ended")


@contextmanager
def alone(home: Path) -> Iterator[None]:
    """Hold the one place there is for a training. Raises AlreadyTraining when it is taken; a
    process that is killed gives it back."""
    with (home / LOCK).open("a") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            raise AlreadyTraining from None
        yield


def is_free(home: Path) -> bool:
    try:
        with alone(home):
            return True
    except AlreadyTraining:
        return False


# ---------------------------------------------------------------------------- state


def progress(home: Path, now: datetime | None = None) -> Progress | None:
    """How the training goes, or how the last one ended; None when there was none. One that says that
    it runs and holds no place is only believed while it may still be loading."""
    found = _stored(home)
    if found is None:
        return None
    if found.state == "running" and is_free(home):
        begins = (now or datetime.now(UTC)) - found.started_at < _BEGINS
        if not (begins and _runs(found.pid)):
            return replace(found, state="died")
    return found


def is_running(home: Path) -> bool:
    how = progress(home)
    return not is_free(home) or (how is not None and how.state == "running")


def _stored(home: Path) -> Progress | None:
    try:
        said = json.loads((home / STATE).read_text(encoding="utf-8"))
        return Progress(**{**said, **_moments(said)})
    except (OSError, ValueError, TypeError, KeyError):
        return None


def _moments(said: Mapping[str, Any]) -> dict[str, datetime | None]:
    ended = said.get("ended_at")
    return {
        "started_at": datetime.fromisoformat(said["started_at"]),
        "ended_at": datetime.fromisoformat(ended) if ended else None,
    }


def tell(home: Path, how: Progress) -> None:
    """Replaced in one step: who reads sees the old or the new, never half of one."""
    shown = asdict(how)
    for name in ("started_at", "ended_at"):
        shown[name] = shown[name].isoformat() if shown[name] else None
    scratch = home / f"{STATE}.{os.getpid()}"
    scratch.write_text(json.dumps(shown), encoding="utf-8")
    scratch.replace(home / STATE)


def log(home: Path) -> str:
    """The end of what the last training printed."""
    try:
        with (home / LOG).open("rb") as file:
            file.seek(0, os.SEEK_END)
            file.seek(max(0, file.tell() - _LOG_SHOWN))
            return file.read().decode("utf-8", "replace")
    except FileNotFoundError:
        return ""


def _runs(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        pass
    return True


@dataclass
class Note:
    """What a training tells of itself while it runs."""

    home: Path
    how: Progress
    _told_at: float = 0.0

    def progress(self, what: str, done: int, total: int) -> None:
        """Once a second, and at each end: a file a step would slow the training down."""
        self.how = replace(self.how, what=what, done=done, total=total)
        if done >= total or time.monotonic() - self._told_at >= 1.0:
            self._told_at = time.monotonic()
            tell(self.home, self.how)

    def made(self, version: str) -> None:
        self.how = replace(self.how, version=version)


@contextmanager
def told(home: Path, *, by: str, now: datetime) -> Iterator[Note]:
    """The state of this process's training, from its beginning to its end; to be called alone."""
    note = Note(home, Progress("running", by, now, os.getpid()))
    tell(home, note.how)
    try:
        yield note
    except BaseException as error:
        why = str(error) if isinstance(error, ListenerError) else f"{type(error).__name__}: {error}"
        tell(home, replace(note.how, state="failed", ended_at=datetime.now(UTC), error=why[:2000]))
        raise
    tell(home, replace(note.how, state="done", ended_at=datetime.now(UTC)))


# ---------------------------------------------------------------------------- start


def start(settings: Settings, home: Path, *, by: str, now: datetime) -> int:
    """Begin a training that outlives whoever started it, and keeps what it makes without putting it
    to use. Gives its process id. Raises AlreadyTraining."""
    return launch(
        [sys.executable, "-m", "listener", "retrain", "--keep", "--by", by],
        home,
        {
            "LISTENER_CONFIG": str(settings.folder.resolve()),
            "LISTENER_VAR": str(settings.var.resolve()),
            "LISTENER_DATABASE_URL": settings.database_url,
        },
        by=by,
        now=now,
    )


def launch(
    command: list[str], home: Path, environment: Mapping[str, str], *, by: str, now: datetime
) -> int:
    if is_running(home):
        raise AlreadyTraining
    # Until the process speaks for itself this one does.
    before = Progress("running", by, now, os.getpid())
    tell(home, before)
    with (home / LOG).open("wb") as output:
        process = subprocess.Popen(
            command,
            env={**os.environ, **environment},
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )

    def end() -> None:
        code = process.wait()
        if _stored(home) == before:
            tell(home, replace(before, state="failed", error=f"it ended at once, with code {code}"))

    # Somebody must hear of its end, or it stays in the list of processes and seems to run.
    threading.Thread(target=end, name="training", daemon=True).start()
    return process.pid
