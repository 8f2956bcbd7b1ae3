"""Files that people bring: mentions (`listener import`) and the company's own records
(`listener crm import`). Streaming, in batches of one commit each, with a progress bar."""

from __future__ import annotations

import csv
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TextIO

from rich.console import Console
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    TaskID,
    TextColumn,
    TimeElapsedColumn,
)

from listener import pipeline
from listener.crm import csv_import
from listener.crm.csv_import import Refusal
from listener.domain import Mention, Problem
from listener.errors import ConfigError
from listener.pipeline import Road
from listener.settings import Settings
from listener.sources.files import read_file
from listener.spreadsheet import cell
from listener.storage import Database
from listener.storage.mentions import save_found, save_problems

_BATCH = 500
_SHOWN = 20


@dataclass
class Imported:
    file: str
    new: int = 0
    known: int = 0
    refused: int = 0
    reasons: Counter[str] = field(default_factory=Counter)
    notes: tuple[str, ...] = ()

    def to_json(self) -> dict[str, Any]:
        return {
            "file": self.file,
            "new": self.new,
            "already_there": self.known,
            "refused": self.refused,
            "reasons": dict(self.reasons.most_common()),
            "notes": list(self.notes),
        }


def mentions(road: Road, path: Path, rejects: Path | None, console: Console) -> Imported:
    """Every row becomes a mention, was there already, or is refused with line and reason; refused
    rows are kept in the database, too, and written to `rejects` (CSV) when asked for.

    Raises ImportError_ when the file cannot be read at all."""
    result = Imported(path.name)
    with ExitStack() as stack:
        writer = None
        if rejects is not None:
            sheet = stack.enter_context(_opened(rejects))
            writer = csv.writer(sheet)
            writer.writerow(["line", "reason", "excerpt"])
        bar = stack.enter_context(_bar(console))
        task = bar.add_task(path.name, total=None)
        rows = read_file(path, now=road.now(), default_tz=road.settings.listener.service.zone)
        for batch in _batches(rows):
            good = [item for item in batch if isinstance(item, Mention)]
            bad = [item for item in batch if isinstance(item, Problem)]
            with road.db.write() as session:
                saved = save_found(
                    session,
                    f"import:{path.name}"[:200],
                    pipeline.about(road, good, keep_all=True),
                    now=road.now(),
                )
                save_problems(session, f"import:{path.name}"[:300], bad, now=road.now())
            result.new += saved.new
            result.known += saved.known
            for problem in bad:
                _refuse(result, problem, writer, console)
            bar.advance(task, len(batch))
        result.notes = rows.notes
    if result.refused > _SHOWN:
        hint = "" if rejects else "; --rejects FILE writes them all"
        console.print(f"… and {result.refused - _SHOWN} more refused lines{hint}")
    return result


def crm(
    settings: Settings,
    db: Database,
    people: Path | None,
    events: Path | None,
    numbers: Path | None,
    mapping: Path | None,
    console: Console,
    *,
    rejects: Path | None = None,
) -> int:
    """Import what is given, people first, because events refer to them; prints what each column was
    taken for, one line a file and the first refused rows. `rejects` (CSV) gets every refused row
    with its file, line and reason. Returns how many rows were refused."""
    total = 0
    with ExitStack() as stack:
        writer = None
        if rejects is not None:
            writer = csv.writer(stack.enter_context(_opened(rejects)))
            writer.writerow(["file", "line", "reason", "excerpt"])
        for path, load in (
            (people, csv_import.import_people),
            (numbers, csv_import.import_numbers),
            (events, csv_import.import_events),
        ):
            if path is None:
                continue
            with _bar(console) as bar:
                task = bar.add_task(path.name, total=None)

                def told(
                    rows: int,
                    refused: Sequence[Refusal],
                    bar: Progress = bar,
                    task: TaskID = task,
                    path: Path = path,
                ) -> None:
                    bar.advance(task, rows)
                    for row in refused if writer is not None else ():
                        reason, excerpt = cell(row.reason), cell(row.excerpt)
                        writer.writerow([path.name, row.line, reason, excerpt])  # type: ignore[union-attr]

                report = load(db, settings, path, mapping=mapping, progress=told)
            total += len(report.refused)
            console.print(f"columns: {', '.join(report.columns)}", markup=False, soft_wrap=True)
            console.print(str(report), markup=False, soft_wrap=True)
            for problem in report.refused[:_SHOWN]:
                console.print(
                    f"  line {problem.line}: {problem.reason}", markup=False, soft_wrap=True
                )
            if len(report.refused) > _SHOWN:
                hint = "" if rejects else "; --rejects FILE writes them all"
                console.print(f"  … and {len(report.refused) - _SHOWN} more{hint}")
    return total


def _bar(console: Console) -> Progress:
    return Progress(
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
        console=console,
        transient=True,
        disable=not console.is_terminal,
    )


def _opened(rejects: Path) -> TextIO:
    try:
        return rejects.open("w", newline="", encoding="utf-8", errors="backslashreplace")
    except OSError as error:
        raise ConfigError(
            f"cannot write the refused lines to {rejects}: {error.strerror}. Nothing was imported; "
            "name a file in a folder that can be written to."
        ) from error


def _refuse(result: Imported, problem: Problem, writer: Any, console: Console) -> None:
    result.refused += 1
    result.reasons[problem.reason.split(":", 1)[0]] += 1
    if result.refused <= _SHOWN:
        console.print(f"line {problem.line}: {problem.reason}", markup=False, soft_wrap=True)
    if writer is not None:
        writer.writerow([problem.line, cell(problem.reason), cell(problem.excerpt)])


def _batches(rows: Iterable[Mention | Problem]) -> Iterator[list[Mention | Problem]]:
    batch: list[Mention | Problem] = []
    for row in rows:
        batch.append(row)
        if len(batch) >= _BATCH:
            yield batch
            batch = []
    if batch:
        yield batch
