"""Scripted stories: a contact log and a post, and what a careful examiner expects of `diagnose`.

    python -m tests.stories FILE...    precision and recall of every cause and kind of breach

One JSON object a line: `people`, `events` and `numbers` as the rows of the CSV files, `ask` (customer
or phone), `post`, `now`, `expected`, `why`.
"""

from __future__ import annotations

import csv
import json
import sys
import tempfile
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from listener import inquiry
from listener.crm import csv_import, systems
from listener.domain import BreachKind, CauseKind
from listener.reader import ReadsFacts
from listener.settings import Settings
from listener.settings_files import load
from listener.storage import Database
from listener.times import parse_time

ROOT = Path(__file__).resolve().parent.parent
CAUSES = tuple(k.value for k in CauseKind)
BREACHES = tuple(k.value for k in BreachKind)


def read(files: Iterable[Path]) -> Iterator[dict[str, Any]]:
    for file in files:
        for line in file.read_text(encoding="utf-8").split("\n"):
            if line.strip():
                yield json.loads(line)


def tell(
    story: Mapping[str, Any], folder: Path, reader: Callable[[], ReadsFacts]
) -> dict[str, Any]:
    """What `listener diagnose --json` says of the story, by the import and the database."""
    settings = _settings(story, folder)
    db = Database(settings.database_url)
    db.upgrade()
    now = parse_time(story["now"])
    for name, importer in (
        ("people", csv_import.import_people),
        ("numbers", csv_import.import_numbers),
        ("events", csv_import.import_events),
    ):
        if story.get(name):
            file = folder / f"{name}.csv"
            _write(file, story[name])
            report = importer(db, settings, file)
            assert not report.refused, (story["id"], report.refused)
    post = None
    if story.get("post"):
        post = folder / "post.json"
        post.write_text(json.dumps(story["post"], ensure_ascii=False), encoding="utf-8")
    found = inquiry.inquire(
        db, settings, systems(settings, db), **story["ask"], post=post, reader=reader, now=now
    )
    db.close()
    return inquiry.to_json(found, "en", settings.listener.service.zone)


def _settings(story: Mapping[str, Any], folder: Path) -> Settings:
    """The shipped rules, and the story's brand, of which nothing else is known."""
    brand = {"query": story["brand"]["key"], **story["brand"]}
    shipped = load(ROOT / "config", {"LISTENER_VAR": str(folder)})
    from listener.settings import Brand

    return shipped.model_copy(update={"brands": (Brand.model_validate(brand),), "sources": ()})


def _write(file: Path, rows: Sequence[Mapping[str, Any]]) -> None:
    columns = list(dict.fromkeys(c for row in rows for c in row))
    with file.open("w", newline="", encoding="utf-8") as stream:
        writer = csv.DictWriter(stream, columns)
        writer.writeheader()
        writer.writerows(rows)


# ---------------------------------------------------------------------------- judged


@dataclass
class Score:
    right: Counter[str] = field(default_factory=Counter)
    extra: Counter[str] = field(default_factory=Counter)
    missed: Counter[str] = field(default_factory=Counter)

    def add(self, got: set[str], wanted: set[str]) -> None:
        self.right.update(got & wanted)
        self.extra.update(got - wanted)
        self.missed.update(wanted - got)

    def f1(self, name: str | None = None) -> float:
        counts = [
            sum(c.values()) if name is None else c[name]
            for c in (self.right, self.extra, self.missed)
        ]
        both = 2 * counts[0] + counts[1] + counts[2]
        return 2 * counts[0] / both if both else 1.0


@dataclass
class Result:
    causes: Score = field(default_factory=Score)
    breaches: Score = field(default_factory=Score)
    stories: int = 0
    claims: int = 0
    logged: int = 0
    harmful: list[str] = field(default_factory=list)
    undone: list[str] = field(default_factory=list)
    mistakes: list[str] = field(default_factory=list)

    def judge(self, story: Mapping[str, Any], told: Mapping[str, Any]) -> None:
        wanted = story["expected"]
        causes = {c["cause"] for c in told["causes"]}
        breaches = {b["kind"] for b in told["breaches"]}
        do = {s["action"] for s in told["next_best_action"]["do"]}
        self.stories += 1
        self.causes.add(causes, set(wanted["causes"]))
        self.breaches.add(breaches, set(wanted["breaches"]))
        self.claims += told["claimed"] == wanted["claimed"]
        self.logged += told["logged_in_period"] == wanted["logged_in_period"]
        self.harmful += [f"{story['id']}: {a}" for a in sorted(do & set(wanted["must_not_do"]))]
        self.undone += [f"{story['id']}: {a}" for a in sorted(set(wanted["must_do"]) - do)]
        for name, got, want in (
            ("causes", causes, set(wanted["causes"])),
            ("breaches", breaches, set(wanted["breaches"])),
        ):
            if got != want:
                self.mistakes.append(
                    f"{story['id']} {name}: extra {sorted(got - want)} missed {sorted(want - got)}"
                )
        for name, got_, want_ in (
            ("claimed", told["claimed"], wanted["claimed"]),
            ("logged", told["logged_in_period"], wanted["logged_in_period"]),
        ):
            if got_ != want_:
                self.mistakes.append(f"{story['id']} {name}: {got_}, not {want_}")

    def table(self) -> Iterator[str]:
        yield f"{'':24}precision  recall      F1  (right, extra, missed)"
        for title, score, names in (
            ("causes", self.causes, CAUSES),
            ("breaches", self.breaches, BREACHES),
        ):
            for name in (*names, None):
                right, extra, missed = (
                    sum(c.values()) if name is None else c[name]
                    for c in (score.right, score.extra, score.missed)
                )
                precision = right / (right + extra) if right + extra else 1.0
                recall = right / (right + missed) if right + missed else 1.0
                yield (
                    f"{name or 'all ' + title:24}{precision:9.2f}{recall:8.2f}"
                    f"{score.f1(name):8.2f}  ({right}, {extra}, {missed})"
                )
        yield f"stories {self.stories}, claims right {self.claims}, logged right {self.logged}"
        yield f"harmful actions proposed: {self.harmful or 'none'}"
        yield f"actions not proposed: {self.undone or 'none'}"


def run(stories: Iterable[Mapping[str, Any]], reader: Callable[[], ReadsFacts]) -> Result:
    result = Result()
    for story in stories:
        with tempfile.TemporaryDirectory() as folder:
            result.judge(story, tell(story, Path(folder), reader))
    return result


def main() -> None:
    from listener.reader import load as load_reader

    reader = load_reader(ROOT / "var", threads=2)
    result = run(read(Path(f) for f in sys.argv[1:]), lambda: reader)
    for line in (*result.mistakes, *result.table()):
        print(line)


if __name__ == "__main__":
    main()
