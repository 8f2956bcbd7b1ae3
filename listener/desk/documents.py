"""The configuration as people edit it: documents with their history, checked before they are stored."""

from __future__ import annotations

import io
import zipfile
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from difflib import unified_diff
from typing import Any

from sqlalchemy.orm import Session

from listener import config_documents
from listener.config_documents import Document
from listener.desk.office import Office
from listener.desk.rights import administrator
from listener.errors import ConfigError
from listener.in_force import texts
from listener.storage import config_edits
from listener.storage.config_edits import Edit
from listener.storage.people import User
from listener.toml_edits import Path, with_values

_LONGEST = 500_000  # characters of a document


@dataclass(frozen=True, slots=True)
class Version:
    """`changed` are the lines that it took out (-) and put in (+), compared with the one before."""

    edit: Edit
    changed: tuple[str, ...]


class DocumentDesk:
    """For administrators; what brand managers may edit of a brand is in brands.py."""

    def __init__(self, office: Office) -> None:
        self.office = office

    def every(self, user: User) -> list[Document]:
        administrator(user)
        with self.office.db.read() as session:
            edits = config_edits.in_force(session)
        return config_documents.every(self.office.settings.folder, edits)

    def read(self, user: User, name: str) -> Document:
        administrator(user)
        with self.office.db.read() as session:
            edits = config_edits.in_force(session)
        return config_documents.read(self.office.settings.folder, name, edits)

    def write(self, user: User, name: str, text: str, *, version: int, note: str = "") -> None:
        """A whole document. Raises ConfigError with the place of what is wrong, StaleSettings where
        somebody edited it after `version`."""
        administrator(user)
        self.change(user, name, lambda _: text.replace("\r\n", "\n"), version=version, note=note)

    def set(
        self, user: User, name: str, values: Mapping[Path, Any], *, version: int, note: str = ""
    ) -> None:
        """Some values of a document; its comments stay."""
        administrator(user)
        self.change(user, name, lambda text: with_values(text, values), version=version, note=note)

    def archive(self, user: User) -> bytes:
        """What `listener export` writes, as one zip file."""
        administrator(user)
        with self.office.db.read() as session:
            edits = config_edits.in_force(session)
        packed = io.BytesIO()
        with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as folder:
            for name, text in config_documents.whole(self.office.settings.folder, edits):
                folder.writestr(f"config/{name}", text)
        return packed.getvalue()

    def history(self, user: User, name: str) -> list[Version]:
        """Every version, the newest first; the oldest is compared with the file."""
        administrator(user)
        with self.office.db.read() as session:
            edits = config_edits.history(session, name)
        document = config_documents.read(self.office.settings.folder, name, {})
        of_file = document.file or ""
        if not edits:
            return []
        told = [of_file if edit.text is None else edit.text for edit in edits]
        return [
            Version(edit, _changed(before, now))
            for edit, now, before in zip(edits, told, [*told[1:], of_file], strict=True)
        ]

    def go_back(self, user: User, name: str, to: int, *, version: int) -> None:
        """Put an older version in force, as a new one; 0: the file."""
        administrator(user)
        with self.office.db.read() as session:
            found = {e.version: e.text for e in config_edits.history(session, name)}
        if to and to not in found:
            raise ConfigError("{name} has no version {version}", name=name, version=to)
        text = found[to] if to else None
        self._store(user, name, lambda _: text, version=version, note=f"as in {to}" if to else "")

    def change(
        self, user: User, name: str, make: Callable[[str], str], *, version: int, note: str = ""
    ) -> None:
        """What `make` makes of the text in force; rights are the caller's to check."""
        self._store(user, name, lambda text: make(text), version=version, note=note)

    def _store(
        self,
        user: User,
        name: str,
        make: Callable[[str], str | None],
        *,
        version: int,
        note: str,
    ) -> None:
        with self.office.db.write() as session:
            edits = config_edits.in_force(session)
            document = config_documents.read(self.office.settings.folder, name, edits)
            if document.version != version:
                raise config_edits.stale(name, document.edit)
            text = make(document.text)
            if text == document.text or (text is None and not document.overrides):
                return
            if text is not None and len(text) > _LONGEST:
                raise ConfigError(
                    "{name} is longer than {most} characters", name=name, most=_LONGEST
                )
            self._check(session, edits, name, text)
            config_edits.add(
                session,
                name,
                text,
                after=version,
                by=user.username,
                now=self.office.now(),
                note=note.strip()[:500],
            )

    def _check(
        self, session: Session, edits: Mapping[str, Edit], name: str, text: str | None
    ) -> None:
        wanted = texts(edits)
        wanted.pop(name, None)
        if text is not None:
            wanted[name] = text
        config_documents.checked(self.office.settings, wanted)


def _changed(before: str, now: str) -> tuple[str, ...]:
    lines = unified_diff(before.splitlines(), now.splitlines(), lineterm="", n=0)
    return tuple(line for line in lines if not line.startswith(("---", "+++", "@@")))
