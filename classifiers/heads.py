"""From logits to answers: linear heads on pooled vectors, calibrated, made consistent.

What is pooled: the mean of the last layer, and a few views of it, each an average weighted by an
attention of its own, so that one sentence in a long post can speak for it.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float32]

SENTIMENTS = ("negative", "neutral", "positive")
CATEGORIES = (
    "harassment",
    "billing",
    "service_quality",
    "delivery",
    "customer_service",
    "product_quality",
    "privacy",
    "fraud",
    "cancellation",
    "other",
)
# Where each question's answers lie among the logits.
SENTIMENT = slice(0, 3)
COMPLAINT = 3
HARASSMENT = 4
CATEGORY = slice(5, 15)
# What a harassment complaint claims; the last six are the channels.
FACTS = (
    "opt_out",
    "off_hours",
    "churn_threat",
    "legal_threat",
    "contact_count",
    "period_days",
    "call",
    "sms",
    "whatsapp",
    "email",
    "visit",
    "other",
)
FACT = slice(15, 15 + len(FACTS))
WIDTH = FACT.stop
# What a piece of the text may be a part of.
TAGS = (
    "numbers",
    "contact_count",
    "period_days",
    "opt_out",
    "off_hours",
    "churn_threat",
    "legal_threat",
)
VIEWS = 4
QUESTIONS = ("sentiment", "complaint", "category", "harassment")


@dataclass(frozen=True, slots=True)
class Mix:
    """How the rules' word on a call fact and the encoder's logit make a chance."""

    rule: float
    encoder: float
    bias: float

    def chance(self, rule: bool, logit: float) -> float:
        return sigmoid(self.rule * rule + self.encoder * logit + self.bias)


@dataclass(frozen=True, slots=True)
class Calibration:
    """Temperatures, thresholds, abstain bands and mixes, all chosen on validation texts.

    `temperature[question]` has one number per language and "*" for the others. A yes/no question
    answers yes from `threshold[question]` on, and is uncertain inside `band[question]`
    (probabilities); the others are uncertain when their best answer stays below `band[question][1]`.
    """

    temperature: Mapping[str, Mapping[str, float]]
    threshold: Mapping[str, float]
    band: Mapping[str, tuple[float, float]]
    mix: Mapping[str, Mix]

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> Calibration:
        return cls(
            temperature=data["temperature"],
            threshold=data["threshold"],
            band={name: (float(low), float(high)) for name, (low, high) in data["band"].items()},
            mix={name: Mix(*map(float, weights)) for name, weights in data["mix"].items()},
        )

    def to_json(self) -> dict[str, Any]:
        return {
            "temperature": {k: dict(v) for k, v in self.temperature.items()},
            "threshold": dict(self.threshold),
            "band": {name: list(pair) for name, pair in self.band.items()},
            "mix": {name: [m.rule, m.encoder, m.bias] for name, m in self.mix.items()},
        }

    def heat(self, question: str, lang: str) -> float:
        by_lang = self.temperature[question]
        return by_lang.get(lang, by_lang["*"])


NEUTRAL_CALIBRATION = Calibration(
    temperature={question: {"*": 1.0} for question in QUESTIONS},
    threshold={"complaint": 0.5, "harassment": 0.5},
    band={
        "sentiment": (0.0, 0.5),
        "category": (0.0, 0.4),
        "complaint": (0.35, 0.65),
        "harassment": (0.35, 0.65),
    },
    mix={name: Mix(1.0, 1.0, -0.5) for name in FACTS},
)


@dataclass(frozen=True, slots=True)
class Answer:
    """What the heads say of one text, precedence applied."""

    sentiment: str
    complaint: bool
    category: str | None
    harassment: bool
    scores: dict[str, float]
    uncertain: tuple[str, ...]


def sigmoid(x: float) -> float:
    """1 / (1 + e^-x) without overflow."""
    return 1.0 / (1.0 + math.exp(-x)) if x >= 0 else math.exp(x) / (1.0 + math.exp(x))


def sigmoids(x: Floats) -> Floats:
    """`sigmoid` of every value."""
    return (1.0 / (1.0 + np.exp(-np.clip(x, -30, 30)))).astype(np.float32)


def softmax(x: Floats) -> Floats:
    """Over the last axis."""
    shifted = np.exp(x - x.max(axis=-1, keepdims=True))
    result: Floats = shifted / shifted.sum(axis=-1, keepdims=True)
    return result


def merge_windows(logits: Floats, lengths: Sequence[int]) -> tuple[Floats, dict[int, int]]:
    """(windows, WIDTH) logits of one text -> its own logits, and each yes/no question's window.

    A complaint anywhere in a long text is a complaint, so the yes/no questions and the facts take
    their highest window; the category is that window's; sentiment is the mean weighted by length.
    """
    if len(logits) == 1:
        return logits[0], {HARASSMENT: 0, COMPLAINT: 0}
    merged = np.average(logits, axis=0, weights=np.asarray(lengths)).astype(np.float32)
    harassed = int(logits[:, HARASSMENT].argmax())
    complained = int(logits[:, COMPLAINT].argmax())
    merged[HARASSMENT] = logits[harassed, HARASSMENT]
    merged[COMPLAINT] = logits[complained, COMPLAINT]
    merged[CATEGORY] = logits[complained, CATEGORY]
    merged[FACT] = logits[:, FACT].max(axis=0)
    return merged, {HARASSMENT: harassed, COMPLAINT: complained}


def answer(logits: Floats, lang: str, calibration: Calibration) -> Answer:
    """One text's logits (WIDTH) -> labels, probabilities, and which questions are in doubt."""
    feeling = softmax(logits[SENTIMENT] / calibration.heat("sentiment", lang))
    kind = softmax(logits[CATEGORY] / calibration.heat("category", lang))
    yes = {
        "complaint": sigmoid(float(logits[COMPLAINT]) / calibration.heat("complaint", lang)),
        "harassment": sigmoid(float(logits[HARASSMENT]) / calibration.heat("harassment", lang)),
    }
    harassment = yes["harassment"] >= calibration.threshold["harassment"]
    complaint = harassment or yes["complaint"] >= calibration.threshold["complaint"]
    category: str | None = None
    if harassment:
        category = "harassment"
    elif complaint:
        category = CATEGORIES[1 + int(kind[1:].argmax())]
    band = calibration.band
    uncertain = [q for q in ("harassment", "complaint") if band[q][0] <= yes[q] < band[q][1]]
    if harassment and "complaint" in uncertain:
        uncertain.remove("complaint")
    if float(feeling.max()) < band["sentiment"][1]:
        uncertain.append("sentiment")
    if complaint and not harassment and float(kind[1:].max()) < band["category"][1]:
        uncertain.append("category")
    scores = {name: float(p) for name, p in zip(SENTIMENTS, feeling, strict=True)}
    scores |= yes
    scores |= {f"category.{name}": float(p) for name, p in zip(CATEGORIES, kind, strict=True)}
    return Answer(
        sentiment=SENTIMENTS[int(feeling.argmax())],
        complaint=complaint,
        category=category,
        harassment=harassment,
        scores=scores,
        uncertain=tuple(uncertain),
    )
