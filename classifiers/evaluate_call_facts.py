"""Figures of the call facts against labelled posts.

    python -m classifiers.evaluate_call_facts FILE... [--part dev|test|all] [--errors FACT] [--rules]

Each post is read as harassment, whatever the reader would say of it, so that only the facts are
measured; `--rules` leaves the encoder out.

Parts are those of dataset.part_of; no rule was written from the test part. `dev` is all the rest.
"""

from __future__ import annotations

import argparse
from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from . import dataset
from .call_facts import extract
from .reader import SHIPPED, Reader
from .reading import CallFacts

FLAGS = ("opt_out", "off_hours", "churn_threat", "legal_threat")
EXACT = ("contact_count", "period_days", "channels")
FACTS = ("numbers", *EXACT, *FLAGS)


def posts(files: Iterable[Path], part: str) -> Iterator[dict[str, Any]]:
    """Harassment posts with facts of the part asked for: test, validation, dev or all."""
    for file in files:
        for row in dataset.rows(file):
            if not row.get("facts"):
                continue
            mine = dataset.part_of(str(row.get("pair") or row["id"]))
            if part in ("all", mine) or (part == "dev" and mine != "test"):
                yield row


@dataclass(slots=True)
class Tally:
    """Right, wrongly found and missed, for F1; right of all, for exactness; wrong spans."""

    right: int = 0
    extra: int = 0
    missed: int = 0
    exact: int = 0
    total: int = 0
    spans: int = 0
    wrong_spans: int = 0

    def f1(self) -> float:
        both = 2 * self.right + self.extra + self.missed
        return 2 * self.right / both if both else 1.0

    def share(self) -> float:
        return self.exact / self.total if self.total else 1.0


def judge(row: dict[str, Any], facts: CallFacts, fact: str, tally: Tally) -> bool:
    """Counts one fact of one post; True when it is right."""
    gold = row["facts"]
    before = (tally.extra, tally.missed, tally.exact)
    tally.total += 1
    if fact == "numbers":
        mine, theirs = [n.text for n in facts.numbers], list(gold["numbers"])
        # "el mil cuatro" and "mil cuatro" are the same number written once
        theirs = [next((m for m in mine if m in t and len(t) - len(m) < 5), t) for t in theirs]
        right = sum(min(mine.count(n), theirs.count(n)) for n in set(mine))
        tally.right += right
        tally.extra += len(mine) - right
        tally.missed += len(theirs) - right
        tally.exact += sorted(mine) == sorted(theirs)
    elif fact in FLAGS:
        mine_flag, gold_flag = bool(getattr(facts, fact)), bool(gold[fact])
        tally.right += mine_flag and gold_flag
        tally.extra += mine_flag and not gold_flag
        tally.missed += gold_flag and not mine_flag
        tally.exact += mine_flag == gold_flag
    else:
        value = getattr(facts, fact)
        wanted = gold[fact]
        same = list(value) == sorted(wanted) if fact == "channels" else value == wanted
        tally.exact += same
        tally.right += same and value is not None
        tally.extra += not same and value is not None
        tally.missed += not same and wanted is not None
    _judge_span(row, facts, fact, tally)
    return (tally.extra, tally.missed) == before[:2] and tally.exact > before[2]


def _judge_span(row: dict[str, Any], facts: CallFacts, fact: str, tally: Tally) -> None:
    """A span is wrong when it shares no word with the labelled one of a fact both found."""
    wanted = row["facts"].get(f"{fact}_span")
    if not wanted or fact not in facts.spans:
        return
    at = row["text"].find(wanted)
    tally.spans += 1
    tally.wrong_spans += not any(a < at + len(wanted) and at < b for a, b in facts.spans[fact])


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("files", nargs="+", type=Path)
    parser.add_argument("--part", choices=("dev", "validation", "test", "all"), default="all")
    parser.add_argument("--errors", choices=FACTS, help="print the posts where this fact is wrong")
    parser.add_argument("--rules", action="store_true", help="the rules alone")
    parser.add_argument("--weights", type=Path, default=SHIPPED)
    options = parser.parse_args()
    rows = list(posts(options.files, options.part))
    reader = None if options.rules else Reader(options.weights, threads=2)
    tallies: dict[tuple[str, str], Tally] = defaultdict(Tally)
    for row, facts in zip(rows, _facts(rows, reader), strict=True):
        wrong = count(row, facts, tallies)
        if options.errors in wrong:
            _print_error(row, facts, options.errors)
    langs, lines = figures(tallies)
    print(f"{'fact':15}" + "".join(f"{lang:>8}" for lang in langs) + "   (F1, or share exact)")
    for fact, values, spans in lines:
        print(f"{fact:15}" + "".join(f"{x:8.3f}" for x in values) + f"   wrong spans {spans}")
    print("posts", {lang: tallies[lang, "numbers"].total for lang in langs})


def count(
    row: dict[str, Any], facts: CallFacts, tallies: dict[tuple[str, str], Tally]
) -> list[str]:
    """Counts every fact of one post; gives those that are wrong."""
    for fact in FACTS:
        judge(row, facts, fact, tallies["all", fact])
    return [f for f in FACTS if not judge(row, facts, f, tallies[row["lang"], f])]


def figures(
    tallies: dict[tuple[str, str], Tally],
) -> tuple[list[str], list[tuple[str, list[float], str]]]:
    """(the languages, and for each fact: its figure in each of them, and its wrong spans)."""
    langs = [*sorted({lang for lang, _ in tallies} - {"all"}), "all"]
    lines = []
    for fact in FACTS:
        values = [tallies[lang, fact] for lang in langs]
        total = tallies["all", fact]
        spans = "-" if fact == "numbers" else f"{total.wrong_spans} of {total.spans}"
        lines.append((fact, [t.share() if fact in EXACT else t.f1() for t in values], spans))
    return langs, lines


def measure(files: Iterable[Path], part: str, reader: Reader) -> dict[tuple[str, str], Tally]:
    """Tallies by language and fact over the posts of a part."""
    rows = list(posts(files, part))
    tallies: dict[tuple[str, str], Tally] = defaultdict(Tally)
    for row, facts in zip(rows, _facts(rows, reader), strict=True):
        count(row, facts, tallies)
    return tallies


def _facts(rows: Sequence[dict[str, Any]], reader: Reader | None) -> Iterator[CallFacts]:
    if reader is not None:
        langs = [row["lang"] for row in rows]
        yield from reader.facts([row["text"] for row in rows], langs=langs)
        return
    for row in rows:
        yield extract(row["text"], lang=row["lang"])


def _print_error(row: dict[str, Any], facts: CallFacts, fact: str) -> None:
    gold = row["facts"]
    mine = [n.text for n in facts.numbers] if fact == "numbers" else getattr(facts, fact)
    spans = [row["text"][a:b] for a, b in facts.spans.get(fact, ())]
    print(f"{row['id']} want {gold[fact]} {gold.get(f'{fact}_span')!r} got {mine} {spans}")
    print("   ", row["text"].replace("\n", " / "))


if __name__ == "__main__":
    main()
