"""Temperatures, thresholds and abstain bands, chosen on validation texts with the weights as served.

Sentiment is fitted on UMSAB's validation part, per language; the other questions on the own posts'
validation part. No test text is looked at.
"""

from __future__ import annotations

import json
import logging
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from classifiers import dataset, heads
from classifiers.dataset import Example
from classifiers.encoder import CONFIG_FILE
from classifiers.heads import Calibration, Mix, sigmoid, softmax
from classifiers.reader import Reader
from classifiers.reading import CallFacts

log = logging.getLogger("classifiers.calibrate")

Floats = NDArray[np.float32]
# Fewest labelled texts from which a language gets a temperature of its own.
ENOUGH = 150
# Share of the validation texts nearest to the threshold that goes to a person.
ABSTAIN = 0.08


def text_logits(reader: Reader, texts: Sequence[str]) -> Floats:
    """(texts, WIDTH): every text's logits after merging windows, before calibration."""
    merged = [
        heads.merge_windows(np.stack([r.logits for r in results]), [len(w.ids) for w in windows])
        for windows, results in reader.encode(texts)
    ]
    return np.stack([logits for logits, _ in merged])


def fit_temperature(logits: Floats, labels: NDArray[np.int64]) -> float:
    """The temperature of the least negative log likelihood; (n,) logits are yes/no."""

    def cost(log_heat: float) -> float:
        scaled = logits / float(np.exp(log_heat))
        if logits.ndim == 1:
            return float(np.logaddexp(0, np.where(labels == 1, -scaled, scaled)).mean())
        chosen = softmax(scaled)[np.arange(len(labels)), labels]
        return float(-np.log(np.maximum(chosen, 1e-9)).mean())

    return round(float(np.exp(min(np.linspace(-1.5, 2.0, 141), key=cost))), 3)


def f1(said: NDArray[np.bool_], true: NDArray[np.bool_]) -> float:
    """F1 of the yes answers; 0 where there is none."""
    hits = float((said & true).sum())
    return 2 * hits / max(1.0, float(said.sum() + true.sum()))


def fit_threshold(
    chance: Floats,
    true: NDArray[np.bool_],
    score: Callable[[NDArray[np.bool_], NDArray[np.bool_]], float],
) -> float:
    """The probability around which, not just at which, the answers score best.

    The score is averaged over a stretch of 0.2 first: among a few hundred texts the single best
    point is chance.
    """
    reach = 10
    grid = np.arange(0.1, 0.9001, 0.01)
    around = np.pad(np.array([score(chance >= t, true) for t in grid]), reach, mode="edge")
    smooth = np.convolve(around, np.full(2 * reach + 1, 1 / (2 * reach + 1)), mode="valid")
    return round(float(grid[smooth >= smooth.max() - 1e-9].mean()), 3)


def macro_f1(said: NDArray[np.bool_], true: NDArray[np.bool_]) -> float:
    """Mean of the F1 of yes and of no."""
    return (f1(said, true) + f1(~said, ~true)) / 2


def band(chance: Floats, threshold: float) -> tuple[float, float]:
    """The probabilities around a threshold between which ABSTAIN of the texts lie."""
    middle = np.log(threshold / (1 - threshold))
    distance = np.abs(
        np.log(np.clip(chance, 1e-6, 1 - 1e-6) / np.clip(1 - chance, 1e-6, 1)) - middle
    )
    width = float(np.clip(np.quantile(distance, ABSTAIN), 0.1, 2.0))
    return round(sigmoid(middle - width), 3), round(sigmoid(middle + width), 3)


def _temperatures(
    logits: Floats, labels: NDArray[np.int64], langs: NDArray[np.str_]
) -> dict[str, float]:
    known = labels >= 0
    heat = {"*": fit_temperature(logits[known], labels[known])}
    for lang in sorted(set(langs)):
        mine = known & (langs == lang)
        if mine.sum() >= ENOUGH:
            heat[str(lang)] = fit_temperature(logits[mine], labels[mine])
    return heat


def fit_mix(said: NDArray[np.bool_], logits: Floats, true: NDArray[np.bool_]) -> Mix:
    """How far to believe the rules and how far the encoder, by logistic regression."""
    from sklearn.linear_model import LogisticRegression  # type: ignore[import-untyped]

    if true.all() or not true.any():
        return Mix(1.0, 1.0, -0.5)
    features = np.column_stack([said.astype(float), np.clip(logits, -8, 8)])
    fitted = LogisticRegression(C=1.0).fit(features, true)
    rule, encoder = fitted.coef_[0]
    return Mix(
        round(float(rule), 3), round(float(encoder), 3), round(float(fitted.intercept_[0]), 3)
    )


def fit_mixes(logits: Floats, rows: Sequence[Example]) -> dict[str, Mix]:
    """One mix for every call fact, on the posts that claim any."""
    from classifiers.call_facts import extract

    known = [i for i, row in enumerate(rows) if row.facts is not None]
    if not known:
        return dict(heads.NEUTRAL_CALIBRATION.mix)
    ruled = np.array([_ruled(extract(rows[i].text, lang=rows[i].lang)) for i in known])
    true = np.array([rows[i].facts.said for i in known])  # type: ignore[union-attr]
    return {
        name: fit_mix(ruled[:, column], logits[known, heads.FACT.start + column], true[:, column])
        for column, name in enumerate(heads.FACTS)
    }


def _ruled(facts: CallFacts) -> list[bool]:
    """The rules' word on every fact of heads.FACTS."""
    told = [
        facts.opt_out,
        facts.off_hours,
        facts.churn_threat,
        facts.legal_threat,
        facts.contact_count is not None,
        facts.period_days is not None,
    ]
    return [*told, *(name in facts.channels for name in heads.FACTS[len(told) :])]


def calibration(
    tweets: Floats, tweet_rows: Sequence[Example], posts: Floats, post_rows: Sequence[Example]
) -> Calibration:
    """Chosen from the logits of UMSAB's validation tweets and of the own validation posts."""
    labels = np.array([dataset.labels(e)[0] for e in tweet_rows])
    langs = np.array([e.lang for e in tweet_rows])
    heat = _temperatures(tweets[:, heads.SENTIMENT], labels, langs)
    feeling = softmax(tweets[:, heads.SENTIMENT] / heat["*"]).max(axis=1)
    doubt = (0.0, round(float(np.quantile(feeling, ABSTAIN)), 3))
    neutral = heads.NEUTRAL_CALIBRATION
    start = replace(
        neutral,
        temperature={**neutral.temperature, "sentiment": heat},
        band={**neutral.band, "sentiment": doubt},
        mix=fit_mixes(posts, post_rows),
    )
    return for_posts(posts, post_rows, start)


def for_posts(posts: Floats, rows: Sequence[Example], start: Calibration) -> Calibration:
    """`start` with what the own validation posts choose: complaint, harassment and category."""
    labels = np.array([dataset.labels(e) for e in rows])
    langs = np.array([e.lang for e in rows])
    heat = {
        "complaint": _temperatures(posts[:, heads.COMPLAINT], labels[:, 1], langs),
        "harassment": _temperatures(posts[:, heads.HARASSMENT], labels[:, 2], langs),
        "category": _temperatures(posts[:, heads.CATEGORY], labels[:, 3], langs),
    }
    thresholds: dict[str, float] = {}
    bands: dict[str, tuple[float, float]] = {}
    for question, column, score in (("complaint", 1, macro_f1), ("harassment", 2, f1)):
        index = heads.COMPLAINT if question == "complaint" else heads.HARASSMENT
        by_lang = heat[question]
        chance = np.array(
            [
                sigmoid(float(x) / by_lang.get(lang, by_lang["*"]))
                for x, lang in zip(posts[:, index], langs, strict=True)
            ],
            np.float32,
        )
        thresholds[question] = fit_threshold(chance, labels[:, column] == 1, score)
        bands[question] = band(chance, thresholds[question])
    kind = softmax(posts[:, heads.CATEGORY] / heat["category"]["*"])[labels[:, 3] >= 0].max(axis=1)
    bands["category"] = (0.0, round(float(np.quantile(kind, ABSTAIN)), 3))
    return replace(
        start,
        temperature={**start.temperature, **heat},
        threshold=thresholds,
        band={**start.band, **bands},
    )


def calibrate(folder: Path, public: Path, own: Sequence[Example], threads: int) -> Calibration:
    """Fit on the validation parts and write the result into the weights' config."""
    reader = Reader(folder, threads=threads)
    rows = [e for e in dataset.public_set(public, "umsab", "val") if e.sentiment is not None]
    fitted = calibration(
        text_logits(reader, [e.text for e in rows]),
        rows,
        text_logits(reader, [e.text for e in own]),
        own,
    )
    path = folder / CONFIG_FILE
    config = json.loads(path.read_text(encoding="utf-8"))
    config["calibration"] = fitted.to_json()
    path.write_text(json.dumps(config, indent=1) + "\n", encoding="utf-8")
    log.info("Thresholds %s, bands %s", fitted.threshold, fitted.band)
    return fitted
