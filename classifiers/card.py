"""The cards that ship with the reader, in their parts: what is asked, what it learnt from, what it
cannot do, and the figures of the last evaluation."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

FOLDER = Path(__file__).parent / "cards"
QUESTIONS = ("harassment", "complaint", "category", "sentiment", "language", "call_facts")
BEGIN, END = "<!-- figures -->", "<!-- end of figures -->"

# Where a card tells the quality per language: the beginning of the table's title, and its column.
_PER_LANGUAGE = {
    "harassment": ("Harassment, own test posts", "F1"),
    "complaint": ("Complaint and category, own test posts", "F1"),
    "category": ("Complaint and category, own test posts", "category right"),
    "sentiment": ("Sentiment, own posts", "macro-F1"),
    "language": ("Language, own posts", "right"),
}


@dataclass(frozen=True, slots=True)
class Table:
    """Figures as they are written; of some only the names of rows are words."""

    title: str
    header: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]


@dataclass(frozen=True, slots=True)
class Card:
    """One question's card. `before` and `after` are the prose around the figures, in Markdown;
    `model` is the revision that was measured."""

    question: str
    title: str
    before: str
    tables: tuple[Table, ...]
    after: str
    model: str


def read(question: str, folder: Path = FOLDER) -> Card:
    """Raises OSError when there is no such card, ValueError when it has no title."""
    text = (folder / f"{question}.md").read_text(encoding="utf-8")
    head, _, body = text.partition("\n")
    if not head.startswith("# "):
        raise ValueError(f"{question}.md does not begin with its title")
    before, _, rest = body.partition(BEGIN)
    figures, _, after = rest.partition(END)
    model = re.search(r"`(reader-[0-9a-f]+)`", figures)
    return Card(
        question,
        head.removeprefix("# ").strip(),
        before.strip(),
        tuple(_tables(figures)),
        after.strip(),
        model[1] if model else "",
    )


def _tables(figures: str) -> list[Table]:
    found = []
    for part in re.split(r"^### ", figures, flags=re.MULTILINE)[1:]:
        title, _, body = part.partition("\n")
        lines = [_cells(line) for line in body.splitlines() if line.startswith("|")]
        if len(lines) > 2:  # the second line only draws a rule
            found.append(Table(title.strip(), lines[0], tuple(lines[2:])))
    return found


def _cells(line: str) -> tuple[str, ...]:
    return tuple(cell.strip() for cell in line.strip().strip("|").split("|"))


@dataclass(frozen=True, slots=True)
class Score:
    """How good one answer is in one language ("all": over all), in hundredths, on so many texts."""

    question: str
    lang: str
    texts: int
    figure: str  # which figure: F1, macro-F1, right
    value: float


def scores(card: Card) -> list[Score]:
    """The scores per language that a card tells; of call facts none, they are scored by fact."""
    if card.question not in _PER_LANGUAGE:
        return []
    title, column = _PER_LANGUAGE[card.question]
    table = next((t for t in card.tables if t.title == title), None)
    if table is None or column not in table.header:
        return []
    at = table.header.index(column)
    return [
        Score(card.question, row[0], int(row[1]), column, float(row[at]))
        for row in table.rows
        if row[1].isdecimal() and re.fullmatch(r"\d+(\.\d+)?", row[at])
    ]
