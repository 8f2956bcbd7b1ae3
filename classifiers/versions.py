"""The weights that a user's own retraining made, beside those that ship: kept, chosen, taken back.

FOLDER/
  active               the name of the version in use; absent: the weights that ship
  2026-11-25-a1b2c3/   reader.onnx, tokenizer.json, config.json (with the hash of its data)
"""

from __future__ import annotations

import json
import shutil
from dataclasses import dataclass
from pathlib import Path

from classifiers.encoder import CONFIG_FILE
from classifiers.reader import SHIPPED

ACTIVE = "active"


class NoSuchVersion(ValueError):
    """A version that is not there; the message names those that are."""


@dataclass(frozen=True, slots=True)
class Version:
    """One set of weights. `parent` is the revision that it was made from, `data` the SHA-256 of
    the texts and labels that made it."""

    name: str
    folder: Path
    revision: str
    parent: str | None
    data: str | None
    made_at: str
    active: bool


def active(folder: Path) -> Path:
    """Where the weights in use lie: those of a version, or the ones that ship."""
    name = _active_name(folder)
    return folder / name if name else SHIPPED


def versions(folder: Path) -> list[Version]:
    """The ones that ship, then every version made here, oldest first; what cannot be read is left
    out."""
    current = active(folder)
    made = [_described(path.parent, current) for path in folder.glob(f"*/{CONFIG_FILE}")]
    shipped = _described(SHIPPED, current)
    known = sorted((v for v in made if v is not None), key=lambda v: (v.made_at, v.name))
    return [*([shipped] if shipped else []), *known]


def keep(folder: Path, made: Path, name: str) -> Path:
    """Move new weights to their place; they are not in use yet. The same weights made again are
    those that are there."""
    folder.mkdir(parents=True, exist_ok=True)
    target = folder / name
    if _described(target, target) is None:
        shutil.rmtree(target, ignore_errors=True)
        shutil.move(made, target)
    return target


def use(folder: Path, name: str | None) -> Path:
    """From the next start on, read with this version; None: with the weights that ship.

    Raises NoSuchVersion. The pointer is replaced in one step: a crash leaves the old or the new.
    """
    if name is None:
        (folder / ACTIVE).unlink(missing_ok=True)
        return SHIPPED
    if not (folder / name / CONFIG_FILE).exists():
        there = ", ".join(v.name for v in versions(folder))
        raise NoSuchVersion(f"there are no weights {name!r} in {folder}; there are: {there}")
    scratch = folder / f"{ACTIVE}.new"
    scratch.write_text(name + "\n", encoding="utf-8")
    scratch.replace(folder / ACTIVE)
    return folder / name


def roll_back(folder: Path) -> Version:
    """Use again what the version in use was made from; gives what is in use then.

    Raises NoSuchVersion when that is not there any more.
    """
    every = versions(folder)
    current = next(v for v in every if v.active)
    if current.folder == SHIPPED:
        return current
    before = next((v for v in every if v.revision == current.parent), None)
    if before is None:
        there = ", ".join(v.name for v in every)
        raise NoSuchVersion(
            f"{current.name} was made from {current.parent}, which is not here any more; choose with "
            f"--use among: {there}"
        )
    use(folder, None if before.folder == SHIPPED else before.name)
    return next(v for v in versions(folder) if v.active)


def _active_name(folder: Path) -> str:
    try:
        name = (folder / ACTIVE).read_text(encoding="utf-8").strip()
    except FileNotFoundError:
        return ""
    # Weights that somebody deleted must not stop the service: those that ship are always there.
    return name if name and (folder / name / CONFIG_FILE).exists() else ""


def _described(path: Path, current: Path) -> Version | None:
    try:
        config = json.loads((path / CONFIG_FILE).read_text(encoding="utf-8"))
        return Version(
            name="shipped" if path == SHIPPED else path.name,
            folder=path,
            revision=config["revision"],
            parent=config.get("started_from"),
            data=config.get("data", {}).get("sha256"),
            made_at=config.get("made_at", ""),
            active=path == current,
        )
    except (OSError, ValueError, KeyError):
        return None
