"""`listener retrain`: what people corrected teaches the reader, and only a better one is put to use.

A new version lies in `var/weights` beside those before it, with its table of before and after; once
it is put to use the service reads with it from its next turn on. `--rollback` takes it back.
"""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from datetime import datetime
from pathlib import Path

from rich.console import Console
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    TaskID,
    TextColumn,
    TimeElapsedColumn,
)
from rich.table import Table

from classifiers import dataset, versions
from classifiers.dataset import LABELS, Example
from classifiers.judging import CORRECTED, FEWEST, Score, held_back, teaches
from classifiers.retrain import Outcome, judge, retrain
from classifiers.versions import Version
from listener import reader, training
from listener.errors import ImportError_, ListenerError
from listener.reader_versions import NothingToLearn, corrections, home_of, keep_verdict
from listener.settings import Settings
from listener.storage import Database

SCRATCH = ".scratch-"


def run(
    settings: Settings,
    db: Database,
    files: Sequence[Path],
    *,
    now: datetime,
    told: Console,
    public: Path | None = None,
    force: bool = False,
    install: bool = True,
    by: str = "listener retrain",
) -> bool:
    """Retrain, show before and after, and use the new weights unless they are worse; with `install`
    false they are kept, and a person decides.

    The heads alone, in minutes; with `public`, the folder of the public sets, the whole encoder and
    what it says of call facts, in hours. Raises AlreadyTraining.
    """
    home = home_of(settings)
    with training.alone(home), training.told(home, by=by, now=now) as note:
        name, outcome = _make(settings, db, files, home, note, now=now, told=told, public=public)
    told.print(table(outcome.scores))
    if not install:
        told.print(f"{name} is kept in {home} and not used", markup=False, soft_wrap=True)
        return not outcome.reasons
    return _install(home, name, outcome, told, force=force)


def _make(
    settings: Settings,
    db: Database,
    files: Sequence[Path],
    home: Path,
    note: training.Note,
    *,
    now: datetime,
    told: Console,
    public: Path | None,
) -> tuple[str, Outcome]:
    """The new version's name, and how it compares."""
    examples = [*corrections(db), *(example for file in files for example in labelled(file))]
    if not any(map(teaches if public is None else _teaches, examples)):
        raise NothingToLearn
    old = versions.active(home)
    _sweep(home)
    with (
        tempfile.TemporaryDirectory(dir=home, prefix=SCRATCH) as scratch,
        reader.missing_is_told(),
    ):
        made = Path(scratch) / "made"
        if public is not None:
            _fine_tune(settings, old, made, examples, public)
        with _progress(told) as bar:
            tasks: dict[str, TaskID] = {}

            def progress(what: str, done: int, total: int) -> None:
                if what not in tasks:
                    tasks[what] = bar.add_task(what, total=total)
                bar.update(tasks[what], completed=done, total=total)
                note.progress(what, done, total)

            if public is None:
                outcome = retrain(old, made, examples, now=now, progress=progress)
            else:
                outcome = judge(old, made, examples, progress=progress)
        name = f"{now:%Y-%m-%d}-{outcome.revision.removeprefix('reader-')}"
        keep_verdict(outcome.folder, outcome.scores, outcome.reasons, examples)
        versions.keep(home, outcome.folder, name)
        note.made(name)
    return name, outcome


def _sweep(home: Path) -> None:
    """What a training that was killed left behind: people's texts must not lie about."""
    for left in home.glob(f"{SCRATCH}*"):
        shutil.rmtree(left, ignore_errors=True)


def _fine_tune(
    settings: Settings, old: Path, made: Path, examples: Sequence[Example], public: Path
) -> None:
    """The whole encoder, in a process of its own. Raises ListenerError when it does not end well."""
    more = made.with_suffix(".jsonl")
    with more.open("w", encoding="utf-8") as lines:
        for example in examples:
            if _teaches(example) and example.text.strip():
                said = {q: getattr(example, q) for q in LABELS if getattr(example, q) is not None}
                row = {"text": example.text, "lang": example.lang, **said}
                if example.facts is not None:
                    row["facts"] = dataset.facts_to_json(example.facts)
                lines.write(json.dumps(row) + "\n")
    command = [
        *(sys.executable, "-m", "classifiers.train", "--public", str(public)),
        *("--start", str(old), "--out", str(made), "--more", str(more)),
        *("--cache", str(settings.var / "encoder")),
    ]
    code = subprocess.run(command, check=False).returncode
    if code:
        raise ListenerError(
            "the training ended with exit code {code}; nothing was changed", code=code
        )


def _teaches(example: Example) -> bool:
    """Call facts, too, teach the encoder."""
    return teaches(example) or (example.facts is not None and not held_back(example))


def _install(home: Path, name: str, outcome: Outcome, told: Console, *, force: bool) -> bool:
    for reason in outcome.reasons:
        told.print(f"worse: {reason}", markup=False)
    if outcome.reasons and not force:
        told.print(
            f"{name} is kept in {home} and not used. Use it all the same: listener retrain --use "
            f"{name}",
            markup=False,
            soft_wrap=True,
        )
        return False
    versions.use(home, name)
    told.print(
        f"{name} is in use from the service's next turn on; back: listener retrain --rollback",
        markup=False,
        soft_wrap=True,
    )
    return True


def labelled(file: Path) -> list[Example]:
    """Labelled texts of a JSONL file. Raises ImportError_ with the line and the reason."""
    try:
        return dataset.labelled(file, CORRECTED)
    except (OSError, ValueError) as error:
        raise ImportError_(str(error)) from error


def table(scores: Sequence[Score]) -> Table:
    """Before and after, F1 x 100; what has too few texts to judge by is told in brackets."""
    shown = Table("texts", "question", "language", "count", "before", "after", "change", box=None)
    for score in scores:
        few = score.count < FEWEST
        style = "red" if score.worse else "dim" if few else None
        shown.add_row(
            score.texts,
            score.question,
            score.lang,
            f"({score.count})" if few else str(score.count),
            f"{score.before:.1f}",
            f"{score.after:.1f}",
            f"{score.after - score.before:+.1f}",
            style=style,
        )
    return shown


def show(settings: Settings, told: Console) -> None:
    """Every version with what it was made from and which one is in use."""
    shown = Table("", "version", "revision", "made from", "data", box=None)
    for version in versions.versions(home_of(settings)):
        shown.add_row(*_row(version))
    told.print(shown)


def _row(version: Version) -> tuple[str, ...]:
    mark = "in use" if version.active else ""
    data = (version.data or "")[:12]
    return (mark, version.name, version.revision, version.parent or "", data)


def _progress(told: Console) -> Progress:
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn())
    return Progress(*columns, TimeElapsedColumn(), console=told)
