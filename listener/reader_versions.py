"""The versions of the reader that retraining made here: what each was measured to be, which is in use,
and what people corrected since. Apart from the training, whose libraries a page need not load."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

from classifiers import dataset, versions
from classifiers.dataset import Example
from classifiers.judging import CORRECTED, Score, held_back, teaches
from listener.errors import ListenerError
from listener.reader import WEIGHTS
from listener.settings import Settings
from listener.storage import Database, readings

VERDICT = "verdict.json"


class NothingToLearn(ListenerError):
    """Nobody has corrected a reading yet, and no file of labelled texts was given."""

    def __init__(self) -> None:
        super().__init__(
            "there is nothing to learn from: nobody has corrected a reading yet, or too few (half of "
            "the corrections measure and do not teach). Correct some on their cases or in the review "
            "queue, or give files of labelled texts."
        )


@dataclass(frozen=True, slots=True)
class Verdict:
    """What is kept with a version: before and after, why it may not be used (nothing: it may), and
    how many texts taught and measured."""

    scores: tuple[Score, ...]
    reasons: tuple[str, ...]
    taught: int
    measured: int


def keep_verdict(
    folder: Path, scores: Sequence[Score], reasons: Sequence[str], examples: Sequence[Example]
) -> None:
    taught, measured = weigh(examples)
    said = Verdict(tuple(scores), tuple(reasons), taught, measured)
    (folder / VERDICT).write_text(json.dumps(asdict(said), indent=1), encoding="utf-8")


def weigh(examples: Sequence[Example]) -> tuple[int, int]:
    """(how many of these texts would teach, how many would measure)."""
    return sum(map(teaches, examples)), sum(map(held_back, examples))


def verdict(folder: Path) -> Verdict | None:
    """Of a version; None of those that ship, and of those made before verdicts were kept."""
    try:
        said = json.loads((folder / VERDICT).read_text(encoding="utf-8"))
        scores = tuple(Score(**score) for score in said["scores"])
        return Verdict(scores, tuple(said["reasons"]), said["taught"], said["measured"])
    except (OSError, ValueError, KeyError, TypeError):
        return None


def home_of(settings: Settings) -> Path:
    """Where versions lie. Raises ListenerError where the configuration fixes the weights."""
    if fixed := settings.listener.process.weights:
        raise ListenerError(
            "[process] weights in listener.toml fixes the reader to {weights}, so no other weights "
            "can be put to use; leave it empty to read with what `listener retrain` makes",
            weights=fixed,
        )
    home = settings.var / WEIGHTS
    home.mkdir(parents=True, exist_ok=True)
    return home


def corrections(db: Database) -> list[Example]:
    """What people corrected, each text with only the answers that they gave."""
    with db.read() as session:
        found = readings.corrected(session)
    return [
        Example(
            text=c.text,
            lang=c.lang,
            source=CORRECTED,
            facts=dataset.facts_said(c.text, c.facts) if c.facts else None,
            **c.answers,
        )
        for c in found
    ]


def use(settings: Settings, name: str) -> None:
    """Put a version to use. Raises ListenerError when it is not there."""
    home = home_of(settings)
    try:
        versions.use(home, None if name == "shipped" else name)
    except versions.NoSuchVersion as error:
        raise ListenerError(
            "there are no weights {name!r} in {folder}; there are: {known}",
            name=name,
            folder=home,
            known=_names(home),
        ) from error


def roll_back(settings: Settings) -> str:
    """Use what the version in use was made from; gives its name. Raises ListenerError."""
    home = home_of(settings)
    try:
        return versions.roll_back(home).name
    except versions.NoSuchVersion as error:
        current = next(v for v in versions.versions(home) if v.active)
        raise ListenerError(
            "{name} was made from {parent}, which is not here any more; choose with --use among: "
            "{known}",
            name=current.name,
            parent=current.parent,
            known=_names(home),
        ) from error


def _names(home: Path) -> str:
    return ", ".join(v.name for v in versions.versions(home))
