"""The settings in force: the files, and what people edited in the dashboard in their place.

`load()` is what every command begins with. `InForce` keeps what a long-lived process makes of the
settings (the loops' road, the desk), and makes it anew when somebody has edited them since: no
restart, and a run that has begun ends with the settings that it began with.
"""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Generic, TypeVar

import sqlalchemy as sa
import structlog

from listener import settings_files as files
from listener.errors import ConfigError
from listener.settings import Settings
from listener.storage import Database, config_edits
from listener.storage.config_edits import Edit

log = structlog.get_logger()
T = TypeVar("T")
_TABLE = "config_edits"


def load(folder: Path | str | None = None, environ: Mapping[str, str] | None = None) -> Settings:
    """The files of the folder, with what was edited in the database laid over them. A database that
    is not there yet, or has no such table yet, holds no edits.

    Raises ConfigError as `settings_files.load` does, StorageError where the database cannot be asked."""
    env = os.environ if environ is None else environ
    edits, count = stored(env)
    try:
        return files.load(folder, env, edited=texts(edits), edits=count)
    except ConfigError as error:
        raise _told(error, edits) from error


def texts(edits: Mapping[str, Edit]) -> dict[str, str]:
    return {name: edit.text for name, edit in edits.items() if edit.text is not None}


def read(db: Database) -> tuple[dict[str, Edit], int]:
    """(the last edit of each document that was ever edited; how many edits there were)."""
    with db.read() as session:
        return config_edits.in_force(session), config_edits.count(session)


def stored(environ: Mapping[str, str] = os.environ) -> tuple[dict[str, Edit], int]:
    """`read` of the database that the environment names; nothing where it is not there yet."""
    url = files.database_url(environ)
    parsed = sa.engine.make_url(url) if url.startswith("sqlite") else None
    if parsed is not None and not Path(parsed.database or "").is_file():
        return {}, 0  # looking must not make a database
    db = Database(url)
    try:
        return read(db) if db.has_table(_TABLE) else ({}, 0)
    finally:
        db.close()


def _told(error: ConfigError, edits: Mapping[str, Edit]) -> ConfigError:
    """With who edited what, where an edit may be at fault, and the way out."""
    standing = config_edits.overriding(edits.values())
    if not standing:
        return error
    who = "; ".join(f"{e.name} by {e.by}, {e.at:%Y-%m-%d %H:%M} UTC" for e in standing)
    return ConfigError(
        f"{error}\nEdited in the dashboard, in place of their files: {who}. `listener import-config "
        "FOLDER` puts the files of a folder in force instead."
    )


class InForce(Generic[T]):
    """What `make` makes of the settings, anew when they were edited. Asks the database at most
    every `patience` seconds. Edits that cannot be read (a file was broken meanwhile) are logged, and
    what there was stays."""

    def __init__(
        self,
        db: Database,
        settings: Settings,
        make: Callable[[Settings], T],
        *,
        patience: float = 0.0,
    ) -> None:
        self._db = db
        self._settings = settings
        self._make = make
        self._made = make(settings)
        self._edits = settings.edits
        self._patience = patience
        self._asked = 0.0
        self._lock = threading.Lock()

    def __call__(self) -> T:
        with self._lock:
            now = time.monotonic()
            if self._asked and now - self._asked < self._patience:
                return self._made
            with self._db.read() as session:
                count = config_edits.count(session)
            self._asked = now
            if count != self._edits:
                self._renew()
            return self._made

    def look_again(self) -> None:
        """Ask the database at the next call, whatever the patience."""
        self._asked = 0.0

    def _renew(self) -> None:
        edits, count = read(self._db)
        self._edits = count
        try:
            self._settings = files.again(self._settings, texts(edits), count)
        except ConfigError as error:
            log.error("edited settings not taken", error=str(_told(error, edits)))
            return
        self._made = self._make(self._settings)
        log.info("settings renewed", edits=count)
