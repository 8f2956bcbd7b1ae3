"""New heads on the encoder as it is, from people's corrections: minutes, no network, no encoder training.

    features of the own posts and of what was corrected -> heads near the old ones that fit both
        -> thresholds again -> before and after, per question and language -> worse or not

The encoder, its embeddings and the call facts stay as they were. Half of what was corrected is
held back (by the hash of its text), so that "better" is measured on corrections that taught nothing.
"""

from __future__ import annotations

import hashlib
import json
import shutil
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from classifiers import calibrate, dataset, evaluate, heads
from classifiers.batches import LOSS_WEIGHTS
from classifiers.dataset import Example
from classifiers.encoder import CONFIG_FILE, MODEL_FILE, TOKENIZER_FILE
from classifiers.judging import CORRECTED, OWN, Score, held_back, teaches
from classifiers.reader import Reader

Floats = NDArray[np.float32]
Progress = Callable[[str, int, int], None]
"""What is being done, how much of it is done, and how much there is."""

# A correction counts as much as so many of the posts that made the weights.
CORRECTION_WEIGHT = 5.0
# How hard the new heads are held to the old ones; and after how many steps they have settled.
HOLD, STEPS = 3e-3, 60
_CHUNK = 64


@dataclass(frozen=True, slots=True)
class Outcome:
    """New weights in a folder of their own, and whether they may be used: `reasons` says why not."""

    folder: Path
    revision: str
    scores: tuple[Score, ...]
    reasons: tuple[str, ...]


def retrain(
    old: Path,
    made: Path,
    corrections: Sequence[Example],
    *,
    now: datetime,
    own: dict[str, list[Example]] | None = None,
    progress: Progress = lambda *_: None,
    threads: int | None = None,
) -> Outcome:
    """New heads from the weights in `old`, written into the new folder `made`.

    Corrections know only what a person said; what they did not say is None. Raises ValueError when
    none of them teaches anything.
    """
    if not any(teaches(c) for c in corrections):
        raise ValueError("no correction teaches anything, so there is nothing to learn from")
    own = own or dataset.own_posts()
    reader = Reader(old, threads=threads)
    taught = [c for c in corrections if teaches(c)]
    rows = [*own["train"], *(replace(c, weight=CORRECTION_WEIGHT) for c in taught)]
    vectors = features(reader, rows, lambda done: progress("reading", done, len(rows)))
    weight, bias = fit(old, vectors, rows, lambda step: progress("fitting", step, STEPS))
    data = dataset.fingerprint(rows)
    write(old, made, weight, bias, data=data, now=now)
    _thresholds(made, Reader(made, threads=threads), own["validation"])
    return judge(old, made, corrections, own=own, progress=progress, threads=threads)


def judge(
    old: Path,
    made: Path,
    corrections: Sequence[Example],
    *,
    own: dict[str, list[Example]] | None = None,
    progress: Progress = lambda *_: None,
    threads: int | None = None,
) -> Outcome:
    """Old and new weights on the own validation posts and on the corrections that were held back."""
    own = own or dataset.own_posts()
    before, after = Reader(old, threads=threads), Reader(made, threads=threads)
    parts = ((OWN, own["validation"]), (CORRECTED, [c for c in corrections if held_back(c)]))
    scores: list[Score] = []
    for done, (name, texts) in enumerate(parts, 1):
        scores += compare(name, evaluate.answers(before, texts), evaluate.answers(after, texts))
        progress("comparing", done, len(parts))
    return Outcome(made, after.model, tuple(scores), tuple(reasons(scores)))


def features(reader: Reader, rows: Sequence[Example], done: Callable[[int], None]) -> Floats:
    """(rows, features): of each text the window that says most of a complaint."""
    found: list[Floats] = []
    for start in range(0, len(rows), _CHUNK):
        for _, results in reader.encode([row.text for row in rows[start : start + _CHUNK]]):
            best = max(results, key=lambda r: float(r.logits[heads.COMPLAINT]))
            found.append(best.features)
        done(min(start + _CHUNK, len(rows)))
    return np.stack(found)


def fit(
    old: Path, vectors: Floats, rows: Sequence[Example], step: Callable[[int], None]
) -> tuple[Floats, Floats]:
    """Weights and biases of every answer; those of the call facts come back as they were."""
    import torch

    from classifiers.encoder import load_heads
    from classifiers.train import answer_loss

    held = load_heads(old)
    before, bias_before = (torch.from_numpy(held[f"heads.{n}"].copy()) for n in ("weight", "bias"))
    asked = slice(0, heads.FACT.start)
    weight = before[asked].clone().requires_grad_()
    bias = bias_before[asked].clone().requires_grad_()
    x = torch.from_numpy(vectors)
    labels = torch.tensor([dataset.labels(row) for row in rows])
    counted = torch.tensor([[row.weight * w for w in _loss_weights(row)] for row in rows])
    if not any(row.sentiment is not None for row in rows if row.source == CORRECTED):
        # It was learnt from tweets that are not here: only people's word may move it.
        labels[:, 0] = -1
    optimizer = torch.optim.LBFGS([weight, bias], max_iter=STEPS, line_search_fn="strong_wolfe")
    steps: Iterator[int] = iter(range(1, 10**6))

    def closure() -> torch.Tensor:
        optimizer.zero_grad()
        moved = ((weight - before[asked]) ** 2).sum() + ((bias - bias_before[asked]) ** 2).sum()
        value = answer_loss(x @ weight.T + bias, labels, counted, 0.0) + HOLD * moved
        torch.autograd.backward(value)
        step(min(next(steps), STEPS))
        return value

    optimizer.step(closure)  # type: ignore[no-untyped-call]
    before[asked], bias_before[asked] = weight.detach(), bias.detach()
    return before.numpy(), bias_before.numpy()


def _loss_weights(row: Example) -> tuple[float, float, float, float]:
    """What each answer of a text counts; a correction counts in full."""
    return LOSS_WEIGHTS["more" if row.source == CORRECTED else row.source]


def write(old: Path, made: Path, weight: Floats, bias: Floats, *, data: str, now: datetime) -> None:
    """The old weights with new heads, in a folder of their own."""
    import onnx

    from classifiers.onnx_graph import replace_heads

    made.mkdir(parents=True, exist_ok=True)
    model = onnx.load(str(old / MODEL_FILE))
    replace_heads(model, weight, bias)
    content = model.SerializeToString()
    (made / MODEL_FILE).write_bytes(content)
    shutil.copyfile(old / TOKENIZER_FILE, made / TOKENIZER_FILE)
    config = json.loads((old / CONFIG_FILE).read_text(encoding="utf-8"))
    config["started_from"] = config["revision"]
    config["revision"] = f"reader-{hashlib.sha256(content).hexdigest()[:12]}"
    config["data"] = {"sha256": data}
    config["made_at"] = now.isoformat(timespec="seconds")
    (made / CONFIG_FILE).write_text(json.dumps(config, indent=1) + "\n", encoding="utf-8")


def _thresholds(folder: Path, reader: Reader, posts: Sequence[Example]) -> None:
    """Chosen again for the heads that changed; sentiment's temperatures and the call facts' mixes
    stay, because what chose them is not here."""
    logits = calibrate.text_logits(reader, [e.text for e in posts])
    config = json.loads((folder / CONFIG_FILE).read_text(encoding="utf-8"))
    kept = heads.Calibration.from_json(config["calibration"])
    config["calibration"] = calibrate.for_posts(logits, posts, kept).to_json()
    (folder / CONFIG_FILE).write_text(json.dumps(config, indent=1) + "\n", encoding="utf-8")


def compare(
    name: str, before: Sequence[evaluate.Row], after: Sequence[evaluate.Row]
) -> Iterator[Score]:
    """Every question over all languages, and the two that open cases for each language."""
    for question in heads.QUESTIONS:
        langs = [lang for lang, _ in evaluate.by_language(before)]
        for lang in langs if question in ("complaint", "harassment") else ["all"]:
            chosen = [
                i
                for i, (example, _) in enumerate(before)
                if lang in ("all", example.lang) and _is_known(example, question)
            ]
            if chosen:
                yield Score(
                    name,
                    question,
                    lang,
                    len(chosen),
                    _f1([before[i] for i in chosen], question),
                    _f1([after[i] for i in chosen], question),
                )


def reasons(scores: Sequence[Score]) -> Iterator[str]:
    """Why the new weights may not be used; nothing when they may."""
    for score in scores:
        if score.worse:
            yield (
                f"{score.question} on {score.texts} texts ({score.lang}, {score.count}) would fall "
                f"from {score.before:.1f} to {score.after:.1f}"
            )


def _is_known(example: Example, question: str) -> bool:
    if question == "category":
        return bool(example.complaint) and example.category is not None
    return getattr(example, question) is not None


def _f1(rows: Sequence[evaluate.Row], question: str) -> float:
    """Yes/no: F1 of yes, or the share right where no text is a yes; otherwise macro over the answers
    that occur."""
    true = np.array([str(getattr(e, question)) for e, _ in rows])
    said = np.array([str(getattr(a, question)) for _, a in rows])
    if question in ("complaint", "harassment"):
        if not (true == "True").any():
            return 100 * float((true == said).mean())
        return 100 * calibrate.f1(said == "True", true == "True")
    return 100 * float(np.mean([calibrate.f1(said == v, true == v) for v in sorted(set(true))]))
