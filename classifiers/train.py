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
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from tokenizers import Tokenizer
from torch import nn
from torch.nn import functional
from transformers import BertConfig, BertModel

from classifiers import base_encoder, dataset, heads
from classifiers.batches import LOSS_WEIGHTS, Batch, Recipe, batches, schedule
from classifiers.dataset import Example
from classifiers.encoder import WINDOW, plain

log = logging.getLogger("classifiers.train")

Labels = tuple[int, int, int, int]


# From the base encoder the rates rise and fall three times: all sources, then mostly own posts.
# The first shipped weights were made in three such runs by hand, each from the int8 weights of the
# one before, while the posts grew (1,163, then 1,699, then 1,955 for training) and the first run
# still had Hindi, "@user" for every handle and heavier weak labels. One command from the base is
# the same plan on today's data, and has not been run to its end yet.
LATER_STAGES: tuple[dict[str, Any], ...] = (
    {"repeats_umsab": 1.0, "dropout": 0.05, "word_dropout": 0.03, "tokens": 1280},
    {
        "seed": 2,
        "learning_rate": 1e-4,
        "dropout": 0.05,
        "repeats_umsab": 0.4,
        "repeats_own": 4.0,
        "repeats_cfpb": 0.0,
        "repeats_telecom": 0.3,
        "joined": 0.3,
        "word_dropout": 0.03,
        "tokens": 1280,
    },
)

# The running mean of the weights is brought up to date every so many steps.
MEAN_EVERY = 5


class QuickDropout(nn.Module):
    """Dropout whose noise is cut out of one pool: on a CPU drawing it costs more than the layer."""

    def __init__(self) -> None:
        super().__init__()
        self.rate = 0.0
        self.pool = torch.empty(0)

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
        for module in self.bert.modules():
            # Not inside the attention: there drawing would cost most.
            attends = hasattr(module, "query")
            if not attends and isinstance(getattr(module, "dropout", None), nn.Dropout):
                module.dropout = QuickDropout()
        self.drop = QuickDropout()
        self.set_dropout(recipe.dropout)

    def set_dropout(self, rate: float) -> None:
        """The share of every layer's values that training sets to nothing from here on."""
        pool = (torch.rand(1 << 23) < 1.0 - rate).to(torch.bfloat16) / (1.0 - rate)
        for module in self.modules():
            if isinstance(module, QuickDropout):
                module.rate, module.pool = rate, pool

    def forward(self, ids: torch.Tensor, mask: torch.Tensor) -> torch.Tensor:
        """ids and mask (B, T) -> logits (B, WIDTH), float32."""
        hidden = self.bert(ids, attention_mask=mask).last_hidden_state.float()
        weight = mask.unsqueeze(-1).float()
        pooled = (hidden * weight).sum(1) / weight.sum(1)
        logits: torch.Tensor = self.heads(self.drop(pooled))
        return logits.float()


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
    network.set_dropout(recipe.dropout)
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
    network = Network(folder, recipe)
    stages = [recipe]
    if given.start:
        continue_from(network, given.start)
    else:
        stages += [dataclasses.replace(recipe, **changes) for changes in LATER_STAGES]
    for number, stage in enumerate(stages, 1):
        log.info("Stage %d of %d", number, len(stages))
        fine_tune(network, schedule(examples, stage, rng), tokenizer, stage)
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
