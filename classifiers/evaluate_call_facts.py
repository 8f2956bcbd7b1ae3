"""Figures of the call facts against labelled posts.

    python -m classifiers.evaluate_call_facts FILE... [--part dev|test|all] [--errors FACT]

Parts are by hash of pair or id: below 15 of 100 is the test part, which no rule was written from.
"""

from __future__ import annotations

import argparse
import hashlib
import json
from collections import defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from .call_facts import extract
from .reading import CallFacts

FLAGS = ("opt_out", "off_hours", "churn_threat", "legal_threat")
EXACT = ("contact_count", "period_days", "channels")
FACTS = ("numbers", *EXACT, *FLAGS)
TEST_SHARE = 15


def is_test(row: dict[str, Any]) -> bool:
    key = str(row.get("pair") or row["id"])
    return int(hashlib.sha256(key.encode()).hexdigest(), 16) % 100 < TEST_SHARE


def posts(files: Iterable[Path], part: str) -> Iterator[dict[str, Any]]:
    """Harassment posts with facts of the part asked for."""
    for file in files:
        for line in file.read_text(encoding="utf-8").splitlines():
            row = json.loads(line)
            if row.get("facts") and (part == "all" or is_test(row) == (part == "test")):
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
    parser.add_argument("--part", choices=("dev", "test", "all"), default="all")
    parser.add_argument("--errors", choices=FACTS, help="print the posts where this fact is wrong")
    options = parser.parse_args()
    tallies: dict[tuple[str, str], Tally] = defaultdict(Tally)
    for row in posts(options.files, options.part):
        facts = extract(row["text"], lang=row["lang"])
        for fact in FACTS:
            right = judge(row, facts, fact, tallies[row["lang"], fact])
            judge(row, facts, fact, tallies["all", fact])
            if fact == options.errors and not right:
                _print_error(row, facts, fact)
    langs = [*sorted({lang for lang, _ in tallies} - {"all"}), "all"]
    print(f"{'fact':15}" + "".join(f"{lang:>8}" for lang in langs) + "   (F1, or share exact)")
    for fact in FACTS:
        values = [tallies[lang, fact] for lang in langs]
        figures = [t.share() if fact in EXACT else t.f1() for t in values]
        spans = f"   wrong spans {values[-1].wrong_spans} of {values[-1].spans}"
        print(f"{fact:15}" + "".join(f"{x:8.3f}" for x in figures) + spans * (fact != "numbers"))
    print("posts", {lang: tallies[lang, "numbers"].total for lang in langs})


def _print_error(row: dict[str, Any], facts: CallFacts, fact: str) -> None:
    gold = row["facts"]
    mine = [n.text for n in facts.numbers] if fact == "numbers" else getattr(facts, fact)
    spans = [row["text"][a:b] for a, b in facts.spans.get(fact, ())]
    print(f"{row['id']} want {gold[fact]} {gold.get(f'{fact}_span')!r} got {mine} {spans}")
    print("   ", row["text"].replace("\n", " / "))


if __name__ == "__main__":
    main()
