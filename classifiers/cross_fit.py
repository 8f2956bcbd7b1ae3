"""UMSAB's labels of sentiment, softened by models that have not seen the text.

One annotator's word on a tweet is noisy, and a small model that reads it five times learns the noise.
So the tweets are cut into parts; for each a model learns from the others and says how likely each
sentiment is; what is taught afterwards lies halfway between that and the label.
"""

from __future__ import annotations

import dataclasses
import hashlib
import json
import logging
import random
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from tokenizers import Tokenizer

from classifiers import dataset, heads
from classifiers.batches import Recipe, schedule
from classifiers.dataset import Example, digest
from classifiers.encoder import WINDOW, plain

log = logging.getLogger("classifiers.train")

Chances = NDArray[np.float32]
# What the label keeps of its say.
LABEL_SHARE = 0.5


def part_of(text: str, folds: int) -> int:
    """Which part a text belongs to: fixed by its hash."""
    return int(digest(text), 16) % folds


def soften(example: Example, chances: Sequence[float]) -> Example:
    """The example with its sentiment as chances; one without a label stays as it is."""
    if example.sentiment is None:
        return example
    mixed = [(1 - LABEL_SHARE) * float(chance) for chance in chances]
    mixed[heads.SENTIMENTS.index(example.sentiment)] += LABEL_SHARE
    negative, neutral, positive = mixed
    return dataclasses.replace(example, feeling=(negative, neutral, positive))


def soften_tweets(
    folder: Path | None, examples: Sequence[Example], recipe: Recipe, cache: Path
) -> list[Example]:
    """All examples, those of UMSAB with softened sentiment. Each part's chances stay in `cache`.

    The models begin with the encoder in `folder`, which must not have seen the tweets; without one
    the labels stay as they are, unless an earlier run left its chances.
    """
    tweets = [e for e in examples if e.source == "umsab"]
    if recipe.folds < 2 or not tweets:
        return list(examples)
    mine = Recipe(seed=recipe.seed, repeats_umsab=recipe.fold_epochs, pieces=recipe.pieces)
    settings = [recipe.folds, dataclasses.asdict(mine)]
    parts = json.dumps([dataset.fingerprint(tweets), settings])
    key = hashlib.sha256(parts.encode()).hexdigest()[:12]
    found: dict[str, list[float]] = {}
    for fold in range(recipe.folds):
        kept = cache / f"sentiment-{key}-{fold}.json"
        if not kept.exists():
            if folder is None:
                log.info("UMSAB's labels stay as they are.")
                return list(examples)
            log.info("Sentiment, part %d of %d", fold + 1, recipe.folds)
            asked = [e for e in tweets if part_of(e.text, recipe.folds) == fold]
            learnt = [e for e in tweets if part_of(e.text, recipe.folds) != fold]
            said = _learn_and_say(folder, learnt, [e.text for e in asked], mine)
            rows = {digest(e.text): row.tolist() for e, row in zip(asked, said, strict=True)}
            scratch = kept.with_suffix(".part")
            scratch.write_text(json.dumps(rows), encoding="utf-8")
            scratch.replace(kept)
        found |= json.loads(kept.read_text(encoding="utf-8"))
    return [soften(e, found[digest(e.text)]) if e.source == "umsab" else e for e in examples]


def _learn_and_say(
    folder: Path, learnt: Sequence[Example], asked: Sequence[str], recipe: Recipe
) -> Chances:
    from classifiers.train import Network, fine_tune

    only = [dataclasses.replace(e, complaint=None, harassment=None) for e in learnt]
    torch.manual_seed(recipe.seed)
    network = Network(folder, recipe)
    tokenizer = Tokenizer.from_file(str(folder / "tokenizer.json"))
    tokenizer.enable_truncation(WINDOW)
    run = schedule(only, recipe, random.Random(recipe.seed))  # noqa: S311 - repeatable, not secret
    fine_tune(network, run, tokenizer, recipe)
    return _say(network, tokenizer, asked)


def _say(network: torch.nn.Module, tokenizer: Tokenizer, texts: Sequence[str]) -> Chances:
    """The chances of SENTIMENTS (texts, 3), one text at a time."""
    rows: list[Chances] = []
    with torch.inference_mode():
        for text in texts:
            ids = torch.tensor([tokenizer.encode(plain(text).text).ids])
            logits, _ = network(ids, torch.ones_like(ids))
            rows.append(logits[0, heads.SENTIMENT].softmax(0).numpy())
    return np.stack(rows)
