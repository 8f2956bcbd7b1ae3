"""The configuration as documents: what is in force of each, the file or what somebody edited; out
to a folder, and in from one.

`listener export` gives back what was edited as files, `listener import-config` takes the files of a
folder; what an export cannot hold it says (`NOT_IN_IT`).
"""

from __future__ import annotations

import tomllib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from pathlib import Path
from typing import Any

from listener import settings_files as files
from listener.checks import check_queries
from listener.errors import ConfigError
from listener.in_force import texts
from listener.settings import Settings
from listener.settings_files import EDITED_TABLES
from listener.storage import Database, config_edits
from listener.storage.config_edits import Edit
from listener.toml_edits import Path as TomlPath
from listener.toml_edits import only, with_values

LISTENER = "listener.toml"
COMMAND_LINE = "command line"

NOT_IN_IT = (
    "passwords and tokens of services: they stand in the environment only",
    "the keys in var/ (cookies, phones, index): keep a copy of that folder apart",
    "accounts, sessions, mentions, cases, customers: they are in the database",
    "weights that `listener retrain` made: they are in var/",
)


@dataclass(frozen=True, slots=True)
class Document:
    """`text` is what is in force; `file` what its file says (None: there is none); `version` is
    that of the last edit, 0 where nobody edited it."""

    name: str
    text: str
    file: str | None
    version: int
    edit: Edit | None

    @property
    def overrides(self) -> bool:
        """Whether the file, if any, is not in force."""
        return self.edit is not None and self.edit.text is not None


def read(base: Path, name: str, edits: Mapping[str, Edit]) -> Document:
    """Raises ConfigError for a name that is not edited in the dashboard."""
    if not files.is_editable(name):
        raise files.not_edited(name)
    file, edit = editable_text(base, name), edits.get(name)
    text = edit.text if edit is not None and edit.text is not None else file or ""
    return Document(name, text, file, edit.version if edit else 0, edit)


def every(base: Path, edits: Mapping[str, Edit]) -> list[Document]:
    """Each document that the dashboard may hold, in their order."""
    names = dict.fromkeys([*files.document_names(base), *sorted(edits)])
    return [read(base, name, edits) for name in names if files.is_editable(name)]


def editable_text(base: Path, name: str) -> str | None:
    """What a file says of what may be edited in the dashboard; None where it is not there."""
    path = base / name
    if not path.exists():
        return None
    try:
        text = path.read_text(encoding="utf-8")
    except UnicodeDecodeError as error:
        raise files.not_utf8(path, error) from error
    return only(text, EDITED_TABLES) if name == LISTENER else text


def checked(settings: Settings, edited: Mapping[str, str]) -> Settings:
    """The settings with these edits, once they make sense. Raises ConfigError with file and place."""
    made = files.again(settings, edited, settings.edits)
    check_queries(made)
    return made


# ---------------------------------------------------------------------------- out


@dataclass(frozen=True, slots=True)
class Written:
    """A file of the export; `edited`: it says what somebody edited, not what the file said."""

    name: str
    edited: bool
    changed: bool  # against what was in the folder


def export(base: Path, edits: Mapping[str, Edit], to: Path, *, overwrite: bool) -> list[Written]:
    """Every document as a file of the folder `to`: a whole configuration.

    Raises ConfigError where a file there says something else and `overwrite` is not given."""
    texts_of = dict(whole(base, edits))
    differing = [n for n, text in texts_of.items() if (to / n).exists() and _read(to / n) != text]
    if differing and not overwrite:
        raise ConfigError(
            "{folder} holds {files} with other contents. Name an empty folder with --to, or add "
            "--overwrite.",
            folder=to,
            files=", ".join(differing),
        )
    written = []
    for name, text in texts_of.items():
        path = to / name
        new = not path.exists() or _read(path) != text
        if new:
            try:
                path.parent.mkdir(parents=True, exist_ok=True)
                path.write_text(text, encoding="utf-8")
            except OSError as error:
                raise ConfigError(
                    "cannot write {path}: {why}", path=path, why=error.strerror
                ) from error
        edit = edits.get(name)
        written.append(Written(name, edit is not None and edit.text is not None, new))
    return written


def variables(base: Path, edits: Mapping[str, Edit]) -> list[str]:
    """The environment variables that the documents name for their secrets."""
    found: set[str] = set()
    for _, text in whole(base, edits):
        found.update(_named(tomllib.loads(text)))
    return sorted(found)


def _named(value: Any, key: str = "") -> Iterator[str]:
    if isinstance(value, Mapping):
        for name, part in value.items():
            yield from _named(part, str(name))
    elif isinstance(value, list):
        for part in value:
            yield from _named(part, key)
    elif key.endswith("_env") and value:
        yield str(value)


def whole(base: Path, edits: Mapping[str, Edit]) -> Iterator[tuple[str, str]]:
    """(name, text) of every document as a whole file."""
    given = texts(edits)
    for name in dict.fromkeys([*files.document_names(base), *sorted(given)]):
        file = base / name
        text = _read(file) if file.exists() else None
        if name in given:
            told = given[name]
            if name == LISTENER:
                parts: dict[TomlPath, Any] = {(k,): v for k, v in tomllib.loads(told).items()}
                told = with_values(text or "", parts)
            yield name, told
        elif text is not None:
            yield name, text


def _read(path: Path) -> str:
    return path.read_text(encoding="utf-8", errors="replace")


# ---------------------------------------------------------------------------- in


class Taken(StrEnum):
    TAKEN = "taken"
    THE_FILE_AGAIN = "the file is in force again"
    UNCHANGED = "says what is in force"
    NOT_TAKEN = "stays a file: copy it into the configuration folder yourself"


def take(
    db: Database, base: Path, folder: Path, environ: Mapping[str, str], now: datetime
) -> dict[str, Taken]:
    """Put the documents of a folder in force, those alone that it holds. Where one says what the
    file of the configuration in use says, that file is in force again.

    Raises ConfigError where the folder, or what would then be in force, does not make sense."""
    files.load(folder, environ)
    result: dict[str, Taken] = {}
    with db.write() as session:
        edits = config_edits.in_force(session)
        wanted = dict(edits)
        changes: list[tuple[Document, str | None]] = []
        for name in files.document_names(folder):
            if not (folder / name).exists():
                continue
            if not files.is_editable(name):
                same = (base / name).exists() and _read(base / name) == _read(folder / name)
                result[name] = Taken.UNCHANGED if same else Taken.NOT_TAKEN
                continue
            document, text = read(base, name, edits), editable_text(folder, name) or ""
            if text == document.text:
                result[name] = Taken.UNCHANGED
                continue
            back = text == document.file
            result[name] = Taken.THE_FILE_AGAIN if back else Taken.TAKEN
            changes.append((document, None if back else text))
            wanted[name] = Edit(name, 0, None if back else text, COMMAND_LINE, now, "")
        check_queries(files.load(base, environ, edited=texts(wanted)))
        for document, put in changes:
            config_edits.add(
                session,
                document.name,
                put,
                after=document.version,
                by=COMMAND_LINE,
                now=now,
                note=f"from {folder}",
            )
    return result


def told(edits: Sequence[Edit]) -> list[str]:
    """Which documents stand in place of their files, by whom, since when."""
    return [
        f"{e.name}: edited by {e.by}, {e.at:%Y-%m-%d %H:%M} UTC (version {e.version})"
        for e in config_edits.overriding(edits)
    ]
