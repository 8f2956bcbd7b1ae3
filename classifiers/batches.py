"""What a training run reads, in which order: recipe, schedule, and padded batches with their weights."""

from __future__ import annotations

import math
import random
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

import torch
from tokenizers import Encoding, Tokenizer

from classifiers import dataset, heads
from classifiers.dataset import Example
from classifiers.encoder import OVERLAP, WINDOW, PlainText, plain
from classifiers.reading import Span


@dataclass(frozen=True, slots=True)
class Recipe:
    """Everything that a run depends on besides its data."""

    seed: int = 1
    runs: int = 1
    pieces: int = 84_000
    repeats_umsab: float = 5.0
    repeats_own: float = 4.0
    joined: float = 0.2  # posts made of two own ones, as a share of the own posts
    repeats_cfpb: float = 1.0
    repeats_telecom: float = 1.0
    repeats_read: float = 4.0  # of those two sets, the texts whose harassment was read
    folds: int = 3  # parts for softening UMSAB's labels; below 2 they stay as they are
    fold_epochs: float = 4.0
    tokens: int = 1536  # pieces in a batch
    learning_rate: float = 1.5e-4
    head_rate: float = 1e-3
    embedding_rate: float = 0.0  # 0: word embeddings stay as they are
    layer_decay: float = 0.95
    weight_decay: float = 0.01
    warm_up: float = 0.06
    dropout: float = 0.1
    word_dropout: float = 0.05
    label_smoothing: float = 0.05
    average: float = 0.995  # decay of the running mean of the weights
    threads: int = 2


# Loss weights by source: sentiment, complaint, harassment, category. Weak labels count little.
LOSS_WEIGHTS: dict[str, tuple[float, float, float, float]] = {
    "own": (0.15, 1.0, 1.5, 1.0),
    "umsab": (1.5, 0.05, 0.03, 0.0),
    "cfpb_narratives_en": (0.0, 0.2, 1.0, 0.3),
    "telecom_tweets_fr": (0.0, 0.5, 1.0, 0.0),
    "more": (1.0, 1.0, 1.0, 1.0),  # what whoever trains adds
}
# A "no" that was set because no word of contact occurs is easy and was not read.
UNREAD_NO = 0.2
# From so many characters on a text may not fit a window, and which one to read is told by the places
# of its facts, so it stays as it is.
LONG = 700
# How the sets say that somebody judged whether a text tells of harassment.
READ = ("read", "source")


def loss_weights(example: Example) -> tuple[float, float, float, float]:
    """What an example's four answers count in the loss."""
    feeling, complaint, harassment, kind = LOSS_WEIGHTS[example.source]
    if example.kind == "no_contact_words":
        harassment *= UNREAD_NO
    return feeling, complaint, harassment, kind


@dataclass(frozen=True, slots=True)
class Batch:
    """Padded piece numbers (B, T), their mask, labels (B, 4) with -1 for none, the chance of
    each sentiment (B, 3) with 0 where only the label is known, and loss weights; facts (B, FACTS) and tags (B, T, TAGS) as 0 and 1, with -1 where nobody said."""

    ids: torch.Tensor
    mask: torch.Tensor
    labels: torch.Tensor
    feelings: torch.Tensor
    weights: torch.Tensor
    facts: torch.Tensor
    tags: torch.Tensor


def schedule(examples: Sequence[Example], recipe: Recipe, rng: random.Random) -> list[Example]:
    """The texts of a whole run in order: every source as often as the recipe says, well mixed."""
    repeats = {
        "own": recipe.repeats_own,
        "umsab": recipe.repeats_umsab,
        "cfpb_narratives_en": recipe.repeats_cfpb,
        "telecom_tweets_fr": recipe.repeats_telecom,
        "more": recipe.repeats_own,
        "read": recipe.repeats_read,
    }

    def group(example: Example) -> str:
        return "read" if example.kind in READ else example.source

    # Each repeat of each source is spread over its own stretch of the run, so that no text comes
    # twice in quick succession.
    placed: list[tuple[float, Example]] = []
    for source, times in repeats.items():
        own = [e for e in examples if group(e) == source]
        for turn in range(math.ceil(times)):
            part = own if times >= turn + 1 else rng.sample(own, int(len(own) * (times - turn)))
            placed += [((turn + rng.random()) / math.ceil(times), example) for example in part]
    own = [e for e in examples if e.source == "own"]
    by_lang: dict[str, list[Example]] = {}
    for example in own:
        by_lang.setdefault(example.lang, []).append(example)
    for one in rng.choices(own, k=int(len(own) * recipe.joined)):
        two = rng.choice(by_lang[one.lang])
        if two is not one:
            placed.append((rng.random(), dataset.join(one, two)))
    return [example for _, example in sorted(placed, key=lambda pair: pair[0])]


def batches(
    run: Sequence[Example], tokenizer: Tokenizer, recipe: Recipe, rng: random.Random
) -> Iterator[tuple[float, Batch]]:
    """Batches of about `recipe.tokens` pieces and how much of the run is done, 0..1."""
    chunk = 1024
    for start in range(0, len(run), chunk):
        part = run[start : start + chunk]
        texts = [
            dataset.augment(e.text, rng)
            if e.source != "umsab" and len(e.text) < LONG and rng.random() < 0.5
            else e.text
            for e in part
        ]
        plains = [plain(text) for text in texts]
        encoded = [
            _window(one, source, example, rng)
            for one, source, example in zip(
                tokenizer.encode_batch([p.text for p in plains]), plains, part, strict=True
            )
        ]
        order = sorted(range(len(part)), key=lambda i: len(encoded[i].ids) + rng.random())
        groups: list[list[int]] = [[]]
        for index in order:
            if groups[-1] and (len(groups[-1]) + 1) * len(encoded[index].ids) > recipe.tokens:
                groups.append([])
            groups[-1].append(index)
        rng.shuffle(groups)
        for number, group in enumerate(groups):
            rows = [encoded[i].ids for i in group]
            # Where the text was changed, nobody knows any more which pieces say what.
            tags = [
                piece_tags(encoded[i].offsets, plains[i], part[i])
                if texts[i] == part[i].text
                else None
                for i in group
            ]
            yield (
                (start + len(part) * number / len(groups)) / len(run),
                collate(rows, [encoded[i].example for i in group], tags, recipe.word_dropout, rng),
            )


@dataclass(frozen=True, slots=True)
class _Pieces:
    """The pieces of a text that are read, where they lie, and what of its labels they can bear out."""

    ids: list[int]
    offsets: list[Span]
    example: Example


def _window(encoded: Encoding, source: PlainText, example: Example, rng: random.Random) -> _Pieces:
    """A text that is longer than a window: the one that tells most facts, or any one.

    What the window does not tell is not asked of it.
    """
    ids, offsets = encoded.ids, encoded.offsets
    if len(ids) <= WINDOW:
        return _Pieces(ids, offsets, example)
    room = WINDOW - 2
    starts = [*range(1, len(ids) - 1 - room, room - OVERLAP), len(ids) - 1 - room]
    spans = example.facts.spans if example.facts else ()

    def told(start: int) -> list[int]:
        first = _place(offsets[start], source)[0]
        last = _place(offsets[start + room - 1], source)[1]
        return [tag for tag, a, b in spans if first <= a and b <= last]

    best = max(starts, key=lambda start: (len(told(start)), rng.random()))
    if example.facts and len(told(best)) < len(spans):
        seen = {heads.TAGS[tag] for tag in told(best)}
        hidden = {heads.TAGS[tag] for tag, _, _ in spans} - seen
        said = tuple(
            None if name in hidden else value
            for name, value in zip(heads.FACTS, example.facts.said, strict=True)
        )
        example = replace(
            example,
            facts=replace(example.facts, said=said),
            harassment=example.harassment if seen else None,
            category=example.category if seen else None,
        )
    part = slice(best, best + room)
    return _Pieces(
        [ids[0], *ids[part], ids[-1]], [offsets[0], *offsets[part], offsets[-1]], example
    )


def piece_tags(
    offsets: Sequence[Span], source: PlainText, example: Example
) -> list[list[float]] | None:
    """For every piece and tag, whether the piece lies in such a passage; None where unknown."""
    if example.facts is None:
        return None
    spans = [_place(offset, source) for offset in offsets]
    rows = [[0.0] * len(heads.TAGS) for _ in spans]
    marks = [(*span, 1.0) for span in example.facts.spans]
    marks += [(*span, -1.0) for span in example.facts.unsure]
    for tag, start, end, mark in marks:
        for row, (a, b), (first, last) in zip(rows, spans, offsets, strict=True):
            if a < end and start < b and first < last:
                row[tag] = mark
    return rows


def _place(offset: Span, source: PlainText) -> Span:
    """Where a piece lies in the original text."""
    start, end = offset
    return source.original(start), source.original(max(start, end - 1)) + 1


def collate(
    rows: Sequence[Sequence[int]],
    examples: Sequence[Example],
    tags: Sequence[list[list[float]] | None],
    word_dropout: float,
    rng: random.Random,
) -> Batch:
    """Pad to the longest; a share of the pieces becomes unknown."""
    unknown, pad = 3, 1
    width = max(len(row) for row in rows)
    ids = torch.full((len(rows), width), pad)
    mask = torch.zeros((len(rows), width), dtype=torch.long)
    tagged = torch.full((len(rows), width, len(heads.TAGS)), -1.0)
    facts = torch.full((len(rows), len(heads.FACTS)), -1.0)
    for at, (row, example, mine) in enumerate(zip(rows, examples, tags, strict=True)):
        kept = [
            unknown if 0 < i < len(row) - 1 and rng.random() < word_dropout else piece
            for i, piece in enumerate(row)
        ]
        ids[at, : len(row)] = torch.tensor(kept)
        mask[at, : len(row)] = 1
        if mine is not None:
            tagged[at, : len(row)] = torch.tensor(mine)
        if example.facts is not None:
            said = [-1.0 if value is None else float(value) for value in example.facts.said]
            facts[at] = torch.tensor(said)
    return Batch(
        ids,
        mask,
        torch.tensor([dataset.labels(e) for e in examples]),
        torch.tensor([e.feeling or (0.0, 0.0, 0.0) for e in examples]),
        torch.tensor([loss_weights(e) for e in examples]),
        facts,
        tagged,
    )
