"""What the classifier says of a text: frozen values, in code points of the text given."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

Span = tuple[int, int]
"""Start and end in code points, half open, into the text given."""


@dataclass(frozen=True, slots=True)
class NumberMention:
    """A phone number as somebody wrote it.

    ``digits`` are the digits as dialled ("1004", "911234567"); ``e164`` is None for short codes,
    prefixes, and numbers that fit no numbering plan of the countries asked for.
    """

    text: str
    e164: str | None
    span: Span
    digits: str
    confidence: float = 1.0


@dataclass(frozen=True, slots=True)
class CallFacts:
    """What a complaint claims about the contacts; spans and confidence are keyed by fact name."""

    numbers: tuple[NumberMention, ...] = ()
    contact_count: int | None = None
    period_days: int | None = None
    opt_out: bool = False
    off_hours: bool = False
    channels: tuple[str, ...] = ()
    churn_threat: bool = False
    legal_threat: bool = False
    spans: Mapping[str, tuple[Span, ...]] = field(default_factory=dict)
    confidence: Mapping[str, float] = field(default_factory=dict)

    def to_json(self) -> dict[str, Any]:
        """The ``facts`` object of ``listener classify``."""
        return {
            "numbers": [
                {"text": n.text, "e164": n.e164, "span": list(n.span)} for n in self.numbers
            ],
            "contact_count": self.contact_count,
            "period_days": self.period_days,
            "opt_out": self.opt_out,
            "off_hours": self.off_hours,
            "channels": list(self.channels),
            "churn_threat": self.churn_threat,
            "legal_threat": self.legal_threat,
            "spans": {name: [list(s) for s in spans] for name, spans in self.spans.items()},
        }


@dataclass(frozen=True, slots=True)
class Reading:
    """Everything the reader says of one text. ``category`` is None exactly when no complaint."""

    lang: str
    sentiment: str
    complaint: bool
    category: str | None
    harassment: bool
    scores: Mapping[str, float]
    uncertain: tuple[str, ...]
    facts: CallFacts
    evidence: tuple[Span, ...]
    model: str
    embedding: npt.NDArray[np.floating[Any]] | None = None
