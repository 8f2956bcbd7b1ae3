"""From labelled texts to the weights that ship, in one command and with fixed seeds.

    base encoder -> fewer pieces -> sentiment labels softened by models that did not see the text
                 -> fine-tuning on every question at once -> int8 graph
                 -> temperatures, thresholds and abstain bands chosen on validation texts

`python -m classifiers.train --public FOLDER` where FOLDER holds the public sets.
"""

from __future__ import annotations

import argparse
import dataclasses
import hashlib
import json
import logging
import random
import time
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import load_file, save_file
from tokenizers import Tokenizer
from torch import nn
from torch.nn import functional
from transformers import BertConfig, BertModel

from classifiers import base_encoder, dataset, heads
from classifiers.batches import LOSS_WEIGHTS, Batch, Recipe, batches, schedule
from classifiers.cross_fit import soften_tweets
from classifiers.dataset import Example
from classifiers.encoder import FORMAT, WINDOW, plain
from classifiers.quantise import widest_inputs

log = logging.getLogger("classifiers.train")


# Texts that show how wide the values between the layers become.
SAMPLE = 400
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
    """The encoder; the mean over all pieces and a few views beside it; one linear layer for every
    question, and one for what each piece is a part of."""

    def __init__(self, folder: Path, recipe: Recipe) -> None:
        super().__init__()
        config = BertConfig.from_pretrained(
            folder, hidden_dropout_prob=0.0, attention_probs_dropout_prob=0.0
        )
        # Eager: on a CPU the fused attention's backward pass takes four times as long.
        self.bert = BertModel.from_pretrained(
            folder, config=config, add_pooling_layer=False, attn_implementation="eager"
        )
        width = config.hidden_size
        self.views = nn.Linear(width, heads.VIEWS, bias=False)
        self.heads = nn.Linear(width * (1 + heads.VIEWS), heads.WIDTH)
        self.tags = nn.Linear(width, len(heads.TAGS))
        for layer in (self.views, self.heads, self.tags):
            nn.init.normal_(layer.weight, std=0.02)
        nn.init.zeros_(self.heads.bias)
        nn.init.constant_(self.tags.bias, -2.0)  # most pieces are part of nothing
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

    def forward(self, ids: torch.Tensor, mask: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """ids and mask (B, T) -> logits (B, WIDTH) and tags (B, T, TAGS), float32."""
        hidden = self.bert(ids, attention_mask=mask).last_hidden_state.float()
        with torch.autocast("cpu", enabled=False):
            share = mask.float() / mask.sum(1, keepdim=True)
            look = self.views(hidden).masked_fill(mask.unsqueeze(-1) == 0, -1e4)
            shares = torch.cat([share.unsqueeze(1), look.softmax(1).transpose(1, 2)], 1)
            features = (shares @ hidden).flatten(1)
            return self.heads(self.drop(features)), self.tags(self.drop(hidden))


# What a fact and a piece count beside a question about the whole text.
FACT_WEIGHT, TAG_WEIGHT = 0.4, 1.0
# A piece that is part of something is rare among those that are not.
TAG_YES = 3.0


def answer_loss(
    logits: torch.Tensor,
    labels: torch.Tensor,
    weights: torch.Tensor,
    smoothing: float,
    feelings: torch.Tensor | None = None,
) -> torch.Tensor:
    """The mean over texts of every known answer's weighted loss; -1 in `labels` is unknown.

    `feelings` (B, 3) are chances that stand in for the label of sentiment where they are not 0.
    """

    def choice(part: slice, column: int, asked: torch.Tensor | None = None) -> torch.Tensor:
        each = functional.cross_entropy(
            logits[:, part],
            labels[:, column],
            ignore_index=-1,
            reduction="none",
            label_smoothing=smoothing,
        )
        counted = weights[:, column] if asked is None else weights[:, column] * asked
        return (each * counted).sum()

    def yes_no(index: int, column: int) -> torch.Tensor:
        target = labels[:, column]
        soft = target.clamp(min=0).float() * (1 - smoothing) + smoothing / 2
        each = functional.binary_cross_entropy_with_logits(logits[:, index], soft, reduction="none")
        return (each * weights[:, column] * (target >= 0)).sum()

    def sentiment() -> torch.Tensor:
        if feelings is None:
            return choice(heads.SENTIMENT, 0)
        known = feelings.sum(1) > 0
        hard = choice(heads.SENTIMENT, 0, ~known)
        each = -(feelings * logits[:, heads.SENTIMENT].log_softmax(1)).sum(1)
        return hard + (each * weights[:, 0]).sum()

    total = (
        sentiment()
        + yes_no(heads.COMPLAINT, 1)
        + yes_no(heads.HARASSMENT, 2)
        + choice(heads.CATEGORY, 3)
    )
    return total / len(logits)


def loss(logits: torch.Tensor, tags: torch.Tensor, batch: Batch, smoothing: float) -> torch.Tensor:
    """The answers' loss, and that of the call facts and of the pieces that tell them."""
    each = functional.binary_cross_entropy_with_logits(
        logits[:, heads.FACT], batch.facts.clamp(min=0), reduction="none"
    )
    total = FACT_WEIGHT * (each * (batch.facts >= 0)).sum()
    known = batch.tags >= 0
    if known.any():
        target = batch.tags.clamp(min=0)
        each = functional.binary_cross_entropy_with_logits(tags, target, reduction="none")
        each = each * (1 + (TAG_YES - 1) * target) * known
        # The mean over a text's pieces, so that a long one counts no more than a short one.
        total = total + TAG_WEIGHT * (each.sum((1, 2)) / known[:, :, 0].sum(1).clamp(min=1)).sum()
    answers = answer_loss(logits, batch.labels, batch.weights, smoothing, batch.feelings)
    return answers + total / len(logits)


def parameter_groups(network: Network, recipe: Recipe) -> list[dict[str, Any]]:
    """Rates that fall from the top layer to the embeddings; no decay on biases and norms."""
    layers = network.bert.config.num_hidden_layers
    groups: list[dict[str, Any]] = []
    for name, parameter in network.named_parameters():
        if "word_embeddings" in name:
            parameter.requires_grad = recipe.embedding_rate > 0
            continue
        if name.startswith(("heads", "views", "tags")):
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
    started, seen, total, step = time.monotonic(), 0, 0.0, 0
    for step, (done, batch) in enumerate(batches(run, tokenizer, recipe, rng), 1):
        for optimizer in optimizers:
            for group in optimizer.param_groups:
                group["lr"] = group["initial_lr"] * rate_at(done, recipe.warm_up)
        with torch.autocast("cpu", torch.bfloat16, enabled=half):
            logits, tags = network(batch.ids, batch.mask)
        value = loss(logits, tags, batch, recipe.label_smoothing)
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
    keep = min(recipe.average, step / (step + 100)) ** (step % MEAN_EVERY)
    torch._foreach_lerp_(mean, [p.detach() for p in dense], 1.0 - keep)
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

    bert, held = load_bert(folder)
    network.bert.load_state_dict(bert.state_dict())
    own = dict(network.named_parameters())
    with torch.no_grad():
        for name, value in held.items():
            own[name].copy_(torch.from_numpy(value.copy()))


def unpack(start: Path, cache: Path) -> Path:
    """The encoder folder that the weights in `start` belong to: their pieces, their config."""
    from classifiers.encoder import load_bert

    folder = cache / "continued"
    bert, _ = load_bert(start)
    bert.save_pretrained(folder)
    (folder / "tokenizer.json").write_bytes((start / "tokenizer.json").read_bytes())
    return folder


def export(
    network: Network,
    folder: Path,
    out: Path,
    recipe: Recipe,
    texts: Sequence[str],
    notes: dict[str, Any],
) -> None:
    """Write graph, tokenizer and config; calibration is neutral until `calibrate` has run.

    `texts` show how wide the values between the layers become.
    """
    import onnx

    from classifiers.onnx_graph import HEADS, build

    out.mkdir(parents=True, exist_ok=True)
    config = json.loads((folder / "config.json").read_text())
    tensors = {name: value.float().numpy() for name, value in network.bert.state_dict().items()}
    own = dict(network.named_parameters())
    answers = {name: own[name].detach().numpy() for name in HEADS}
    tokenizer = Tokenizer.from_file(str(folder / "tokenizer.json"))
    tokenizer.enable_truncation(WINDOW)
    rows = [tokenizer.encode(plain(text).text).ids for text in texts]
    model = build(tensors, answers, config, widest_inputs(network.bert, rows))
    data = model.SerializeToString()
    onnx.save(model, str(out / "reader.onnx"))
    (out / "tokenizer.json").write_bytes((folder / "tokenizer.json").read_bytes())
    about = {
        "revision": f"reader-{hashlib.sha256(data).hexdigest()[:12]}",
        "format": FORMAT,
        "base": base_encoder.HUB_ID,
        "encoder": config,
        "window": WINDOW,
        "recipe": dataclasses.asdict(recipe),
        "made_at": datetime.now(UTC).isoformat(timespec="seconds"),
        "calibration": heads.NEUTRAL_CALIBRATION.to_json(),
        **notes,
    }
    (out / "config.json").write_text(json.dumps(about, indent=1) + "\n", encoding="utf-8")


def sample(examples: Sequence[Example], recipe: Recipe) -> list[str]:
    """A few hundred of the texts, half of them own posts."""
    rng = random.Random(recipe.seed)  # noqa: S311 - repeatable, not secret
    own = [e.text for e in examples if e.source == "own"]
    others = [e.text for e in examples if e.source != "own"]
    return [t for part in (own, others) for t in rng.sample(part, min(len(part), SAMPLE // 2))]


def _arguments(argv: Sequence[str] | None) -> tuple[argparse.Namespace, Recipe]:
    parser = argparse.ArgumentParser(prog="python -m classifiers.train", description=__doc__)
    parser.add_argument("--public", type=Path, required=True, help="folder of the public sets")
    parser.add_argument("--own", type=Path, default=dataset.OWN_DATA, help="folder of own posts")
    parser.add_argument("--cache", type=Path, default=Path("var/encoder"))
    parser.add_argument("--out", type=Path, default=Path(__file__).parent / "weights")
    parser.add_argument("--start", type=Path, help="weights to train on from, not the base")
    parser.add_argument("--more", type=Path, action="append", default=[], help="labelled JSONL")
    parser.add_argument("--offline", action="store_true", help="do not ask the model hub")
    for field in dataclasses.fields(Recipe):
        kind = type(field.default)
        flag = "--" + field.name.replace("_", "-")
        parser.add_argument(flag, type=kind, default=field.default, help=f"{field.default}")
    given = parser.parse_args(argv)
    names = [field.name for field in dataclasses.fields(Recipe)]
    return given, Recipe(**{name: getattr(given, name) for name in names})


def train_once(
    folder: Path, start: Path | None, examples: Sequence[Example], recipe: Recipe, number: int
) -> Network:
    """One run. All runs begin with the same weights; each reads the texts in an order of its own."""
    torch.manual_seed(recipe.seed)
    network = Network(folder, recipe)
    if start:
        continue_from(network, start)
    mine = dataclasses.replace(recipe, seed=recipe.seed + number)
    torch.manual_seed(mine.seed)
    rng = random.Random(mine.seed)  # noqa: S311
    tokenizer = Tokenizer.from_file(str(folder / "tokenizer.json"))
    tokenizer.no_truncation()
    fine_tune(network, schedule(examples, mine, rng), tokenizer, mine)
    return network


def train_runs(
    folder: Path, start: Path | None, examples: Sequence[Example], recipe: Recipe, cache: Path
) -> Network:
    """The mean of the weights of `recipe.runs` runs: it reads better than any one of them.

    Each run is kept in `cache`, so that training which was broken off goes on with the next.
    """
    began = (start / "config.json").read_text(encoding="utf-8") if start else ""
    parts = [dataset.fingerprint(examples), dataclasses.asdict(recipe), began]
    key = hashlib.sha256(json.dumps(parts).encode()).hexdigest()[:12]
    states: list[dict[str, torch.Tensor]] = []
    for number in range(recipe.runs):
        kept = cache / f"run-{key}-{number}.safetensors"
        if not kept.exists():
            log.info("Run %d of %d", number + 1, recipe.runs)
            network = train_once(folder, start, examples, recipe, number)
            scratch = kept.with_suffix(".part")
            save_file({k: v.contiguous() for k, v in network.state_dict().items()}, scratch)
            scratch.replace(kept)
        states.append(load_file(kept))
    network = Network(folder, recipe)
    network.load_state_dict(
        {name: torch.stack([state[name] for state in states]).mean(0) for name in states[0]}
    )
    network.train(False)
    return network


def forget_runs(cache: Path) -> None:
    """Once the weights are written, the runs that they are the mean of are of no more use."""
    for kept in cache.glob("run-*.safetensors"):
        kept.unlink()


def main(argv: Sequence[str] | None = None) -> None:
    """The command line; prints what it does and how long it takes."""
    given, recipe = _arguments(argv)
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(message)s", datefmt="%H:%M:%S")
    logging.getLogger("httpx").setLevel(logging.WARNING)
    torch.set_num_threads(recipe.threads)
    started = time.monotonic()
    own = dataset.own_posts(given.own)
    examples = dataset.training_examples(given.public, own["train"])
    examples += [e for file in given.more for e in dataset.labelled(file, "more")]
    log.info("%d training texts, %d of them own posts", len(examples), len(own["train"]))
    if given.start:
        folder = unpack(given.start, given.cache)
    else:
        hub_id = None if given.offline else base_encoder.HUB_ID
        folder = small_encoder(given.cache, examples, recipe, hub_id)
    # Weights that are trained on have seen the tweets already and cannot judge their labels.
    fresh = None if given.start else folder
    softened = soften_tweets(fresh, examples, recipe, given.cache)
    network = train_runs(folder, given.start, softened, recipe, given.cache)
    notes = {
        "started_from": json.loads((given.start / "config.json").read_text())["revision"]
        if given.start
        else None,
        "data": {
            "sha256": dataset.fingerprint(examples),
            "texts": {source: sum(e.source == source for e in examples) for source in LOSS_WEIGHTS},
        },
    }
    export(network, folder, given.out, recipe, sample(examples, recipe), notes)
    from classifiers.calibrate import calibrate

    calibrate(given.out, given.public, own["validation"], recipe.threads)
    forget_runs(given.cache)
    log.info("%.0f minutes", (time.monotonic() - started) / 60)


if __name__ == "__main__":
    main()
