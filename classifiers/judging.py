"""What new weights are judged by, before and after: apart from the training, so that a page can show
it without what trains."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass

from classifiers import dataset
from classifiers.dataset import Example

OWN, CORRECTED = "own", "corrected"
# Points of F1 that a question may always lose by chance; on few texts as many as its standard error.
TOLERANCE = 1.0
# Languages and answers with fewer texts than this are shown, and judge nothing.
FEWEST = 30


@dataclass(frozen=True, slots=True)
class Score:
    """F1 x 100 of one question before and after; macro over its answers where it has several."""

    texts: str  # "own" posts or "corrected" ones
    question: str
    lang: str
    count: int
    before: float
    after: float

    @property
    def worse(self) -> bool:
        share = self.before / 100
        chance = 100 * (share * (1 - share) / self.count) ** 0.5
        return self.count >= FEWEST and self.after < self.before - max(TOLERANCE, chance)


def held_back(example: Example) -> bool:
    """Whether a corrected text measures rather than teaches."""
    return hashlib.sha256(example.text.encode("utf-8", "replace")).digest()[0] % 2 == 0


def teaches(example: Example) -> bool:
    """Whether a corrected text says something and is not one of those that measure."""
    return not held_back(example) and any(label >= 0 for label in dataset.labels(example))
