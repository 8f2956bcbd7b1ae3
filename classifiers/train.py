"""From labelled texts to the weights that ship, in one command and with fixed seeds.

    base encoder -> fewer pieces -> fine-tuning on every question at once -> int8 graph
                 -> temperatures, thresholds and abstain bands chosen on validation texts

`python -m classifiers.train --public FOLDER` where FOLDER holds the public sets.
"""

from __future__ import annotations

import argparse
import dataclasses
import json
import logging
import random
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from tokenizers import Tokenizer
from torch import nn
from torch.nn import functional
from transformers import BertConfig, BertModel

from classifiers import base_encoder, dataset, heads
from classifiers.dataset import Example
from classifiers.encoder import WINDOW, plain

log = logging.getLogger("classifiers.train")

Labels = tuple[int, int, int, int]


@dataclass(frozen=True, slots=True)
class Recipe:
    """Everything that a run depends on besides its data."""

    seed: int = 1
    pieces: int = 84_000
    repeats_umsab: int = 3
    repeats_own: int = 12
    joined: float = 1.0  # posts made of two own ones, as a share of the own posts
    repeats_cfpb: int = 1
    repeats_telecom: int = 1
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
    "own": (0.3, 1.0, 1.5, 1.0),
    "umsab": (1.0, 0.05, 0.03, 0.0),
    "cfpb_narratives_en": (0.0, 0.2, 1.0, 0.3),
    "telecom_tweets_fr": (0.0, 0.5, 1.0, 0.0),
}
# The running mean of the weights is brought up to date every so many steps.
MEAN_EVERY = 5
# A "no" that was set because no word of contact occurs is easy and was not read.
UNREAD_NO = 0.2


def loss_weights(example: Example) -> tuple[float, float, float, float]:
    """What an example's four answers count in the loss."""
    feeling, complaint, harassment, kind = LOSS_WEIGHTS[example.source]
    if example.kind == "no_contact_words":
        harassment *= UNREAD_NO
    return feeling, complaint, harassment, kind


class QuickDropout(nn.Module):
    """Dropout whose noise is cut out of one pool: on a CPU drawing it costs more than the layer."""

    def __init__(self, rate: float, pool: torch.Tensor) -> None:
        super().__init__()
        self.rate = rate
        self.pool = pool

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        if not self.training or self.rate == 0:
            return x
        count = x.numel()
        spare = len(self.pool) - count
        if spare <= 0:
            return functional.dropout(x, self.rate)
        start = int(torch.randint(spare, (1,)))
        return x * self.pool[start : start + count].view_as(x).to(x.dtype)


class Network(nn.Module):
    """The encoder, mean pooling over all pieces, and one linear layer for every question."""

    def __init__(self, folder: Path, recipe: Recipe) -> None:
        super().__init__()
        config = BertConfig.from_pretrained(
            folder, hidden_dropout_prob=0.0, attention_probs_dropout_prob=0.0
        )
        # Eager: on a CPU the fused attention's backward pass takes four times as long.
        self.bert = BertModel.from_pretrained(
            folder, config=config, add_pooling_layer=False, attn_implementation="eager"
        )
        self.heads = nn.Linear(config.hidden_size, heads.WIDTH)
        nn.init.normal_(self.heads.weight, std=0.02)
        nn.init.zeros_(self.heads.bias)
        keep = 1.0 - recipe.dropout
        pool = (torch.rand(1 << 23) < keep).to(torch.bfloat16) / keep
        for module in self.bert.modules():
            # Not inside the attention: there drawing would cost most.
            attends = hasattr(module, "query")
            if not attends and isinstance(getattr(module, "dropout", None), nn.Dropout):
                module.dropout = QuickDropout(recipe.dropout, pool)
        self.drop = QuickDropout(recipe.dropout, pool)

    def forward(self, ids: torch.Tensor, mask: torch.Tensor) -> torch.Tensor:
        """ids and mask (B, T) -> logits (B, WIDTH), float32."""
        hidden = self.bert(ids, attention_mask=mask).last_hidden_state.float()
        weight = mask.unsqueeze(-1).float()
        pooled = (hidden * weight).sum(1) / weight.sum(1)
        logits: torch.Tensor = self.heads(self.drop(pooled))
        return logits.float()


@dataclass(frozen=True, slots=True)
class Batch:
    """Padded piece numbers (B, T), their mask, labels (B, 4) with -1 for none, and loss weights."""

    ids: torch.Tensor
    mask: torch.Tensor
    labels: torch.Tensor
    weights: torch.Tensor


def schedule(examples: Sequence[Example], recipe: Recipe, rng: random.Random) -> list[Example]:
    """The texts of a whole run in order: every source as often as the recipe says, well mixed."""
    repeats = {
        "own": recipe.repeats_own,
        "umsab": recipe.repeats_umsab,
        "cfpb_narratives_en": recipe.repeats_cfpb,
        "telecom_tweets_fr": recipe.repeats_telecom,
    }
    # Each repeat of each source is spread over its own stretch of the run, so that no text comes
    # twice in quick succession.
    placed: list[tuple[float, Example]] = []
    for source, times in repeats.items():
        own = [e for e in examples if e.source == source]
        for turn in range(times):
            placed += [((turn + rng.random()) / times, example) for example in own]
    own = [e for e in examples if e.source == "own"]
    for number in range(int(len(own) * recipe.joined)):
        one = own[number % len(own)]
        two = rng.choice([e for e in own if e.lang == one.lang])
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
            dataset.augment(e.text, rng) if e.source != "umsab" and rng.random() < 0.5 else e.text
            for e in part
        ]
        encoded = tokenizer.encode_batch([plain(text).text for text in texts])
        order = sorted(range(len(part)), key=lambda i: len(encoded[i].ids) + rng.random())
        groups: list[list[int]] = [[]]
        for index in order:
            if groups[-1] and (len(groups[-1]) + 1) * len(encoded[index].ids) > recipe.tokens:
                groups.append([])
            groups[-1].append(index)
        rng.shuffle(groups)
        for number, group in enumerate(groups):
            rows = [encoded[i].ids for i in group]
            yield (
                (start + len(part) * number / len(groups)) / len(run),
                collate(rows, [part[i] for i in group], recipe.word_dropout, rng),
            )


def collate(
    rows: Sequence[Sequence[int]],
    examples: Sequence[Example],
    word_dropout: float,
    rng: random.Random,
) -> Batch:
    """Pad to the longest; a share of the pieces becomes unknown."""
    unknown, pad = 3, 1
    width = max(len(row) for row in rows)
    ids = torch.full((len(rows), width), pad)
    mask = torch.zeros((len(rows), width), dtype=torch.long)
    for at, row in enumerate(rows):
        kept = [
            unknown if 0 < i < len(row) - 1 and rng.random() < word_dropout else piece
            for i, piece in enumerate(row)
        ]
        ids[at, : len(row)] = torch.tensor(kept)
        mask[at, : len(row)] = 1
    return Batch(
        ids,
        mask,
        torch.tensor([dataset.labels(e) for e in examples]),
        torch.tensor([loss_weights(e) for e in examples]),
    )


def loss(logits: torch.Tensor, batch: Batch, smoothing: float) -> torch.Tensor:
    """The mean over the batch of every known answer's weighted loss."""

    def choice(part: slice, column: int) -> torch.Tensor:
        target = batch.labels[:, column]
        each = functional.cross_entropy(
            logits[:, part], target, ignore_index=-1, reduction="none", label_smoothing=smoothing
        )
        return (each * batch.weights[:, column]).sum()

    def yes_no(index: int, column: int) -> torch.Tensor:
        target = batch.labels[:, column]
        soft = target.clamp(min=0).float() * (1 - smoothing) + smoothing / 2
        each = functional.binary_cross_entropy_with_logits(logits[:, index], soft, reduction="none")
        return (each * batch.weights[:, column] * (target >= 0)).sum()

    total = (
        choice(heads.SENTIMENT, 0)
        + yes_no(heads.COMPLAINT, 1)
        + yes_no(heads.HARASSMENT, 2)
        + choice(heads.CATEGORY, 3)
    )
    return total / len(logits)


def parameter_groups(network: Network, recipe: Recipe) -> list[dict[str, Any]]:
    """Rates that fall from the top layer to the embeddings; no decay on biases and norms."""
    layers = network.bert.config.num_hidden_layers
    groups: list[dict[str, Any]] = []
    for name, parameter in network.named_parameters():
        if "word_embeddings" in name:
            parameter.requires_grad = recipe.embedding_rate > 0
            continue
        if name.startswith("heads"):
            rate = recipe.head_rate
        elif ".layer." in name:
            depth = layers - int(name.split(".layer.")[1].split(".")[0]) - 1
            rate = recipe.learning_rate * recipe.layer_decay**depth
        else:
            rate = recipe.learning_rate * recipe.layer_decay**layers
        decay = 0.0 if parameter.dim() == 1 else recipe.weight_decay
        groups.append(
            {"params": [parameter], "lr": rate, "initial_lr": rate, "weight_decay": decay}
        )
    return groups


def rate_at(done: float, warm_up: float) -> float:
    """Share of the full rate: up over the warm-up, then down to nothing in a straight line."""
    return done / warm_up if done < warm_up else (1.0 - done) / (1.0 - warm_up)


def fine_tune(
    network: Network, run: Sequence[Example], tokenizer: Tokenizer, recipe: Recipe
) -> None:
    """Train in place and leave the running mean of the weights in `network`."""
    rng = random.Random(recipe.seed)  # noqa: S311 - repeatable, not secret
    groups = parameter_groups(network, recipe)
    optimizers: list[Any] = [torch.optim.AdamW(groups, fused=True)]
    if recipe.embedding_rate:
        words = network.bert.embeddings.word_embeddings
        words.sparse = True
        group = {
            "params": [words.weight],
            "lr": recipe.embedding_rate,
            "initial_lr": recipe.embedding_rate,
        }
        optimizers.append(torch.optim.SparseAdam([group]))
    dense = [group["params"][0] for group in groups]
    mean = [p.detach().clone() for p in dense]
    half = torch.cpu._is_avx512_bf16_supported()
    network.train()
    started, seen, total = time.monotonic(), 0, 0.0
    for step, (done, batch) in enumerate(batches(run, tokenizer, recipe, rng), 1):
        for optimizer in optimizers:
            for group in optimizer.param_groups:
                group["lr"] = group["initial_lr"] * rate_at(done, recipe.warm_up)
        with torch.autocast("cpu", torch.bfloat16, enabled=half):
            logits = network(batch.ids, batch.mask)
        value = loss(logits, batch, recipe.label_smoothing)
        torch.autograd.backward(value)
        torch.nn.utils.clip_grad_norm_(dense, 1.0)
        for optimizer in optimizers:
            optimizer.step()
            optimizer.zero_grad()
        if step % MEAN_EVERY == 0:
            keep = min(recipe.average, step / (step + 100)) ** MEAN_EVERY
            torch._foreach_lerp_(mean, [p.detach() for p in dense], 1.0 - keep)
        seen += len(logits)
        total += value.item()
        if step % 100 == 0:
            speed = seen / (time.monotonic() - started)
            log.info("%3.0f %%  loss %.4f  %.0f texts/s", 100 * done, total / 100, speed)
            total = 0.0
    with torch.no_grad():
        for parameter, value in zip(dense, mean, strict=True):
            parameter.copy_(value)
    network.eval()


def small_encoder(
    cache: Path, examples: Sequence[Example], recipe: Recipe, hub_id: str | None
) -> Path:
    """The base encoder with fewer pieces: those that the training texts use, then the likeliest."""
    base = base_encoder.base_encoder(cache, hub_id=hub_id)
    whole = Tokenizer.from_file(str(base / "tokenizer.json"))
    whole.no_truncation()
    encoded = whole.encode_batch([plain(e.text).text for e in examples])
    seen = {piece for row in encoded for piece in row.ids}
    model = json.loads((base / "tokenizer.json").read_text(encoding="utf-8"))["model"]
    keep = base_encoder.keep_pieces([(p, s) for p, s in model["vocab"]], seen, recipe.pieces)
    log.info(
        "Keeping %d of %d pieces; the data uses %d.", len(keep), len(model["vocab"]), len(seen)
    )
    target = cache / "trimmed"
    base_encoder.trim(base, target, keep)
    return target


def continue_from(network: Network, folder: Path) -> None:
    """Take the shipped weights, int8 multiplied out, instead of the base encoder's."""
    from classifiers.encoder import load_bert

    bert, weight, bias = load_bert(folder)
    network.bert.load_state_dict(bert.state_dict())
    with torch.no_grad():
        network.heads.weight.copy_(torch.from_numpy(weight.copy()))
        network.heads.bias.copy_(torch.from_numpy(bias.copy()))


def unpack(start: Path, cache: Path) -> Path:
    """The encoder folder that the weights in `start` belong to: their pieces, their config."""
    from classifiers.encoder import load_bert

    folder = cache / "continued"
    bert, _, _ = load_bert(start)
    bert.save_pretrained(folder)
    (folder / "tokenizer.json").write_bytes((start / "tokenizer.json").read_bytes())
    return folder


def export(
    network: Network, folder: Path, out: Path, recipe: Recipe, notes: dict[str, Any]
) -> None:
    """Write graph, tokenizer and config; calibration is neutral until `calibrate` has run."""
    import onnx

    from classifiers.onnx_graph import build

    out.mkdir(parents=True, exist_ok=True)
    config = json.loads((folder / "config.json").read_text())
    tensors = {name: value.float().numpy() for name, value in network.bert.state_dict().items()}
    with torch.no_grad():
        model = build(tensors, network.heads.weight.numpy(), network.heads.bias.numpy(), config)
    data = model.SerializeToString()
    onnx.save(model, str(out / "reader.onnx"))
    (out / "tokenizer.json").write_bytes((folder / "tokenizer.json").read_bytes())
    import hashlib

    about = {
        "revision": f"reader-{hashlib.sha256(data).hexdigest()[:12]}",
        "base": base_encoder.HUB_ID,
        "encoder": config,
        "window": WINDOW,
        "recipe": dataclasses.asdict(recipe),
        "calibration": heads.NEUTRAL_CALIBRATION.to_json(),
        **notes,
    }
    (out / "config.json").write_text(json.dumps(about, indent=1) + "\n", encoding="utf-8")


def _arguments(argv: Sequence[str] | None) -> tuple[argparse.Namespace, Recipe]:
    parser = argparse.ArgumentParser(prog="python -m classifiers.train", description=__doc__)
    parser.add_argument("--public", type=Path, required=True, help="folder of the public sets")
    parser.add_argument("--own", type=Path, default=dataset.OWN_DATA, help="folder of own posts")
    parser.add_argument("--cache", type=Path, default=Path("var/encoder"))
    parser.add_argument("--out", type=Path, default=Path(__file__).parent / "weights")
    parser.add_argument("--start", type=Path, help="weights to train on from, not the base")
    parser.add_argument("--offline", action="store_true", help="do not ask the model hub")
    for field in dataclasses.fields(Recipe):
        kind = type(field.default)
        flag = "--" + field.name.replace("_", "-")
        parser.add_argument(flag, type=kind, default=field.default, help=f"{field.default}")
    given = parser.parse_args(argv)
    names = [field.name for field in dataclasses.fields(Recipe)]
    return given, Recipe(**{name: getattr(given, name) for name in names})


def main(argv: Sequence[str] | None = None) -> None:
    """The command line; prints what it does and how long it takes."""
    given, recipe = _arguments(argv)
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(message)s", datefmt="%H:%M:%S")
    logging.getLogger("httpx").setLevel(logging.WARNING)
    torch.manual_seed(recipe.seed)
    np.random.seed(recipe.seed)
    torch.set_num_threads(recipe.threads)
    own = dataset.own_posts(given.own)
    examples = dataset.training_examples(given.public, own["train"])
    log.info("%d training texts, %d of them own posts", len(examples), len(own["train"]))
    hub_id = None if given.offline else base_encoder.HUB_ID
    if given.start:
        folder = unpack(given.start, given.cache)
    else:
        folder = small_encoder(given.cache, examples, recipe, hub_id)
    tokenizer = Tokenizer.from_file(str(folder / "tokenizer.json"))
    tokenizer.enable_truncation(WINDOW)
    rng = random.Random(recipe.seed)  # noqa: S311
    run = schedule(examples, recipe, rng)
    network = Network(folder, recipe)
    if given.start:
        continue_from(network, given.start)
    fine_tune(network, run, tokenizer, recipe)
    notes = {
        "started_from": json.loads((given.start / "config.json").read_text())["revision"]
        if given.start
        else None,
        "data": {
            "sha256": dataset.fingerprint(examples),
            "texts": {source: sum(e.source == source for e in examples) for source in LOSS_WEIGHTS},
        },
    }
    export(network, folder, given.out, recipe, notes)
    from classifiers.calibrate import calibrate

    calibrate(given.out, given.public, own["validation"], recipe.threads)


if __name__ == "__main__":
    main()
