"""What a text says of a brand. `load().read(texts)` asks every question in one pass:

sentiment    negative, neutral or positive
complaint    does something breach what the author expected of a company
category     of a complaint: what it is about
harassment   unwanted, repeated or intrusive contact by or for a company
facts        what a harassment complaint claims: numbers, counts, periods, refusals, threats
lang         the language, and `embedding`, a vector in which like texts lie close together

The package takes strings and knows nothing of where they come from.
"""

from __future__ import annotations

from pathlib import Path

from classifiers.reader import SHIPPED, ModelMissing, Reader
from classifiers.reading import CallFacts, NumberMention, Reading, Span

__all__ = ["CallFacts", "ModelMissing", "NumberMention", "Reader", "Reading", "Span", "load"]


def load(path: Path | None = None, *, threads: int | None = None) -> Reader:
    """The reader with the weights in `path`, by default those that ship with the package.

    `threads` texts are read at a time, by default one per core and at most four. Raises
    ModelMissing when the weights are not there.
    """
    return Reader(path or SHIPPED, threads=threads)
