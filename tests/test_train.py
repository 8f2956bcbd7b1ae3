"""Data parts, batches, losses and a whole training run on a toy encoder."""

from __future__ import annotations

import dataclasses
import json
import random
import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from safetensors.torch import load_file
from tokenizers import Tokenizer

from classifiers import batches, calibrate, cross_fit, dataset, encoder, evaluate, heads, train
from classifiers.dataset import Example
from classifiers.encoder import WINDOW
from classifiers.reader import Reader

RECIPE = batches.Recipe(
    pieces=60,
    repeats_own=150,
    joined=0.0,
    tokens=64,
    average=0.9,
    repeats_umsab=1,
    learning_rate=1e-3,
    head_rate=3e-2,
    word_dropout=0.0,
)
YES = ("they call me again and again", "stop calling my mother", "another sales call at night")
NO = ("i call them and nobody answers", "thank you for the help", "my parcel is late")


def example(text: str, *, harassment: bool, source: str = "own") -> Example:
    return Example(
        text=text,
        lang="en",
        source=source,
        sentiment="negative" if harassment else "neutral",
        complaint=harassment,
        category="harassment" if harassment else None,
        harassment=harassment,
    )


EXAMPLES = [example(text, harassment=True) for text in YES] + [
    example(text, harassment=False) for text in NO
]


@pytest.fixture(scope="module")
def toy(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A one-layer encoder and a tokenizer of the words above, as `small_encoder` would leave them."""
    from tokenizers import models, pre_tokenizers, processors
    from transformers import BertConfig, BertModel

    folder = tmp_path_factory.mktemp("toy")
    words = sorted({f"▁{word}" for text in (*YES, *NO) for word in text.split()})
    vocab = [("<s>", 0.0), ("<pad>", 0.0), ("</s>", 0.0), ("<unk>", 0.0)]
    tokenizer = Tokenizer(models.Unigram(vocab + [(w, -5.0) for w in words], 3, False))
    tokenizer.pre_tokenizer = pre_tokenizers.Metaspace()
    tokenizer.post_processor = processors.TemplateProcessing(
        single="<s> $A </s>", special_tokens=[("<s>", 0), ("</s>", 2)]
    )
    tokenizer.save(str(folder / "tokenizer.json"))
    torch.manual_seed(0)
    config = BertConfig(
        vocab_size=len(vocab) + len(words),
        hidden_size=32,
        num_hidden_layers=1,
        num_attention_heads=2,
        intermediate_size=64,
        max_position_embeddings=64,
    )
    BertModel(config, add_pooling_layer=False).save_pretrained(folder)
    return folder


def trained(toy: Path) -> train.Network:
    torch.manual_seed(RECIPE.seed)
    tokenizer = Tokenizer.from_file(str(toy / "tokenizer.json"))
    network = train.Network(toy, RECIPE)
    run = batches.schedule(EXAMPLES, RECIPE, random.Random(RECIPE.seed))
    train.fine_tune(network, run, tokenizer, RECIPE)
    return network


def test_from_texts_to_weights_that_read(toy: Path, tmp_path: Path) -> None:
    network = trained(toy)
    train.export(network, toy, tmp_path, RECIPE, YES, {"data": {}})
    reader = Reader(tmp_path, threads=1)
    said = reader.answer([*YES, *NO], ["en"] * 6)
    assert [a.harassment for a in said] == [True] * 3 + [False] * 3
    config = json.loads((tmp_path / "config.json").read_text())
    assert config["revision"] == reader.model
    assert config["recipe"]["seed"] == RECIPE.seed


def test_the_same_seed_gives_the_same_weights(toy: Path) -> None:
    one, two = (trained(toy).state_dict() for _ in range(2))
    assert all(torch.equal(one[name], two[name]) for name in one)


def test_weights_are_the_mean_of_runs_that_are_kept(
    toy: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    recipe = dataclasses.replace(RECIPE, runs=2, repeats_own=40)
    network = train.train_runs(toy, None, EXAMPLES, recipe, tmp_path)
    one, two = (load_file(path) for path in sorted(tmp_path.glob("run-*.safetensors")))
    name = "heads.weight"
    assert not torch.equal(one[name], two[name])
    assert torch.allclose(network.state_dict()[name], (one[name] + two[name]) / 2)
    monkeypatch.setattr(train, "train_once", lambda *_: pytest.fail("the runs are there already"))
    again = train.train_runs(toy, None, EXAMPLES, recipe, tmp_path)
    assert torch.equal(again.state_dict()[name], network.state_dict()[name])


def test_calibration_is_written_and_read_back(toy: Path, tmp_path: Path) -> None:
    train.export(trained(toy), toy, tmp_path, RECIPE, YES, {})
    public = tmp_path / "public"
    (public / "umsab").mkdir(parents=True)
    rows = [{"text": e.text, "lang": "en", "sentiment": e.sentiment} for e in EXAMPLES]
    lines = "\n".join(json.dumps(row) for row in rows)
    (public / "umsab" / "val.jsonl").write_text(lines, encoding="utf-8")
    fitted = calibrate.calibrate(tmp_path, public, EXAMPLES, 1)
    assert Reader(tmp_path, threads=1).calibration == fitted
    low, high = fitted.band["harassment"]
    assert low < fitted.threshold["harassment"] < high


def test_own_posts_keep_pairs_together_and_leave_a_test_part() -> None:
    parts = dataset.own_posts()
    pairs = {name: {e.pair for e in rows if e.pair} for name, rows in parts.items()}
    assert not pairs["train"] & pairs["test"]
    assert not pairs["train"] & pairs["validation"]
    total = sum(map(len, parts.values()))
    assert 0.10 < len(parts["test"]) / total < 0.20
    assert 0.06 < len(parts["validation"]) / total < 0.14
    assert {e.lang for e in parts["test"]} == {"es", "en", "pt", "fr", "it", "de"}


def test_no_set_that_may_not_train_gives_training_texts(tmp_path: Path) -> None:
    for name in (*dataset.TRAINING_SETS, *evaluate.OTHER_WORLD):
        (tmp_path / name).mkdir()
        row = {"text": f"text of {name}", "lang": "en", "harassment": True, "complaint": True}
        row["sentiment"] = "negative"
        (tmp_path / name / "train.jsonl").write_text(json.dumps(row) + "\n")
    sources = {e.source for e in dataset.training_examples(tmp_path, EXAMPLES)}
    assert sources == {"own", *dataset.TRAINING_SETS}


def test_line_separators_inside_a_post_do_not_cut_its_row(tmp_path: Path) -> None:
    (tmp_path / "s").mkdir()
    row = json.dumps({"text": "one\u2028two", "lang": "en"}, ensure_ascii=False)
    (tmp_path / "s" / "train.jsonl").write_text(row, encoding="utf-8")
    (read,) = dataset.public_set(tmp_path, "s")
    assert read.text == "one\u2028two"


def test_the_schedule_holds_every_text_as_often_as_the_recipe_says() -> None:
    rows = [*EXAMPLES, example("weather", harassment=False, source="umsab")]
    recipe = dataclasses.replace(RECIPE, joined=0.5)
    run = batches.schedule(rows, recipe, random.Random(0))
    assert run.count(EXAMPLES[0]) == 150
    assert run.count(rows[-1]) == 1
    assert len(run) == 6 * 150 + 1 + 3


def test_unknown_answers_train_nothing() -> None:
    silent = Example("x", "en", "umsab")
    batch = batches.collate([[0, 5, 2]], [silent], [None], 0.0, random.Random(0))
    logits, tags = torch.randn(1, heads.WIDTH), torch.randn(1, 3, len(heads.TAGS))
    assert train.loss(logits, tags, batch, 0.05).item() == 0.0


@pytest.mark.parametrize(
    ("index", "better"), [(heads.HARASSMENT, 5.0), (heads.COMPLAINT, 5.0), (0, 5.0), (5, 5.0)]
)
def test_every_known_answer_pulls_its_own_logit(index: int, better: float) -> None:
    batch = batches.collate([[0, 5, 2]], [EXAMPLES[0]], [None], 0.0, random.Random(0))
    logits, tags = torch.zeros(1, heads.WIDTH), torch.zeros(1, 3, len(heads.TAGS))
    before = train.loss(logits, tags, batch, 0.05)
    logits[0, index] = better
    assert train.loss(logits, tags, batch, 0.05) < before


def test_of_a_long_text_that_window_is_read_which_tells_most(toy: Path) -> None:
    tokenizer = Tokenizer.from_file(str(toy / "tokenizer.json"))
    word = YES[0].split()[0]
    text = " ".join([word] * 300 + ["six"] + [word] * 300)
    at = text.index("six")
    claims = tuple(name == "contact_count" for name in heads.FACTS)
    count = heads.TAGS.index("contact_count")
    recipe = dataclasses.replace(RECIPE, repeats_own=1, joined=0.0, word_dropout=0.0)

    def read(spans: tuple[tuple[int, int, int], ...]) -> batches.Batch:
        told = dataset.Facts(claims, spans)
        row = dataclasses.replace(example(text, harassment=True), facts=told)
        rng = random.Random(2)  # whose first word is not to change the text
        run = [(done, batch) for done, batch in batches.batches([row], tokenizer, recipe, rng)]
        return run[0][1]

    whole = read(((count, at, at + 3),))
    assert whole.ids.shape[1] == WINDOW
    assert whole.tags[0, :, count].sum() == 1
    assert whole.facts[0].tolist() == [float(claim) for claim in claims]
    assert whole.labels[0, 2] == 1
    # No window holds both ends of the text: what the other one tells is not asked.
    refused = heads.TAGS.index("opt_out")
    parts = read(((count, 0, 3), (refused, len(text) - 4, len(text))))
    asked = dict(zip(heads.FACTS, parts.facts[0].tolist(), strict=True))
    assert [asked["contact_count"], asked["opt_out"]].count(-1.0) == 1
    assert parts.labels[0, 2] == 1
    # What the last word tells is told by the last window.
    last = read(((refused, len(text) - len(word), len(text)),))
    assert last.tags[0, -2, refused] == 1


def test_words_that_stand_there_twice_are_no_place() -> None:
    told = {**TOLD, "numbers": ["1004"]}
    facts = dataset.facts_of("I rang 1004. Then 1004 called six times, I said no", told)
    number = heads.TAGS.index("numbers")
    assert not any(tag == number for tag, _, _ in facts.spans)
    assert [(a, b) for tag, a, b in facts.unsure if tag == number] == [(7, 11), (18, 22)]


def test_softened_labels_lie_between_the_label_and_what_others_say() -> None:
    tweet = Example("so so", "en", "umsab", sentiment="neutral")
    soft = cross_fit.soften(tweet, [0.2, 0.2, 0.6])
    assert soft.feeling == pytest.approx((0.1, 0.6, 0.3))
    batch = batches.collate([[0, 5, 2]], [soft], [None], 0.0, random.Random(0))
    tags = torch.zeros(1, 3, len(heads.TAGS))
    logits = torch.zeros(1, heads.WIDTH)
    logits[0, heads.SENTIMENT] = torch.tensor([0.1, 0.6, 0.3]).log()
    least = train.loss(logits, tags, batch, 0.05)
    logits[0, heads.SENTIMENT] = torch.tensor([0.0, 4.0, 0.0])
    assert train.loss(logits, tags, batch, 0.05) > least


def test_tweets_are_judged_by_models_that_have_not_seen_them(
    toy: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    tweets = [
        Example(text, "en", "umsab", sentiment=name)
        for text, name in zip([*YES, *NO], ["negative"] * 3 + ["positive"] * 3, strict=True)
    ]
    recipe = dataclasses.replace(RECIPE, folds=2, fold_epochs=30)
    learnt: list[set[str]] = []

    def listen(network: Any, run: Any, *rest: Any) -> None:
        learnt.append({e.text for e in run})

    asked: list[set[str]] = []
    say = cross_fit._say

    def ask(network: Any, tokenizer: Any, texts: Any) -> Any:
        asked.append(set(texts))
        return say(network, tokenizer, texts)

    monkeypatch.setattr(train, "fine_tune", listen)
    monkeypatch.setattr(cross_fit, "_say", ask)
    soft = cross_fit.soften_tweets(toy, tweets, recipe, tmp_path)
    assert all(e.feeling is not None and sum(e.feeling) == pytest.approx(1.0) for e in soft)
    assert asked[0] | asked[1] == {e.text for e in tweets}
    assert all(not known & judged for known, judged in zip(learnt, asked, strict=True))
    assert all(learnt)
    monkeypatch.setattr(train, "fine_tune", lambda *_: pytest.fail("the chances are kept"))
    assert cross_fit.soften_tweets(toy, tweets, recipe, tmp_path) == soft


TOLD = {
    "numbers": ["1004"],
    "contact_count": 6,
    "contact_count_span": "six times",
    "period_days": None,
    "period_days_span": None,
    "opt_out": True,
    "opt_out_span": "I said no",
    "off_hours": False,
    "off_hours_span": None,
    "channels": ["call", "sms"],
    "churn_threat": False,
    "churn_threat_span": None,
    "legal_threat": False,
    "legal_threat_span": None,
}
CLAIM = "http://x.example 1004 rang six times and I said no"


def test_facts_become_answers_and_places() -> None:
    facts = dataset.facts_of(CLAIM, TOLD)
    said = dict(zip(heads.FACTS, facts.said, strict=True))
    assert {name for name, yes in said.items() if yes} == {
        "opt_out",
        "contact_count",
        "call",
        "sms",
    }
    parts = {(heads.TAGS[tag], CLAIM[a:b]) for tag, a, b in facts.spans}
    assert parts == {
        ("numbers", "1004"),
        ("contact_count", "six times"),
        ("opt_out", "I said no"),
    }


def test_pieces_are_tagged_where_the_original_text_says_so() -> None:
    claim = Example(CLAIM, "en", "own", harassment=True, facts=dataset.facts_of(CLAIM, TOLD))
    read = encoder.plain(CLAIM)  # the link is shorter there
    words = [(m.start(), m.end()) for m in re.finditer(r"\S+", read.text)]
    rows = batches.piece_tags([(0, 0), *words, (0, 0)], read, claim)
    assert rows is not None
    tagged = {
        name: " ".join(
            read.text[a:b] for (a, b), row in zip(words, rows[1:-1], strict=True) if row[tag]
        )
        for tag, name in enumerate(heads.TAGS)
    }
    assert tagged["numbers"] == "1004"
    assert tagged["contact_count"] == "six times"
    assert tagged["opt_out"] == "I said no"
    assert not any(rows[0])
    assert not any(rows[-1])


@pytest.mark.parametrize("what", ["facts", "tags"])
def test_what_a_post_claims_pulls_its_own_logits(what: str) -> None:
    facts = dataset.facts_of(CLAIM, TOLD)
    claim = Example(CLAIM, "en", "own", harassment=True, facts=facts)
    rows = [[0.0] * len(heads.TAGS), [1.0] + [0.0] * 6, [0.0] * len(heads.TAGS)]
    batch = batches.collate([[0, 5, 2]], [claim], [rows], 0.0, random.Random(0))
    logits, tags = torch.zeros(1, heads.WIDTH), torch.zeros(1, 3, len(heads.TAGS))
    before = train.loss(logits, tags, batch, 0.05)
    if what == "facts":
        logits[0, heads.FACT.start + heads.FACTS.index("opt_out")] = 4.0
    else:
        tags[0, 1, heads.TAGS.index("numbers")] = 4.0
    assert train.loss(logits, tags, batch, 0.05) < before


def test_a_joined_post_keeps_the_claims_of_the_one_that_makes_them() -> None:
    claim = Example(CLAIM, "en", "own", harassment=True, facts=dataset.facts_of(CLAIM, TOLD))
    rain = Example("Nice rain today.", "en", "own", complaint=False, harassment=False)
    both = dataset.join(rain, claim)
    assert both.facts is not None
    tag, start, end = both.facts.spans[0]
    assert (heads.TAGS[tag], both.text[start:end]) == ("numbers", "1004")
    assert dataset.join(claim, claim).facts is None


@pytest.mark.parametrize(
    ("line", "why"),
    [
        ("{", "not JSON"),
        ("[]", "no `text`"),
        ('{"text": " "}', "no `text`"),
        ('{"text": "hola"}', "no label"),
        ('{"text": "hola", "harassment": "yes"}', "'yes' is no harassment; allowed: True, False"),
        ('{"text": "hola", "category": "noise"}', "is no category"),
        ('{"text": "hola", "complaint": 1}', "1 is no complaint"),
        ('{"text": "hola", "complaint": false, "harassment": true}', "says that it is none"),
        ('{"text": "hola", "category": "billing", "harassment": true}', "contradict"),
    ],
)
def test_a_wrong_line_of_labelled_texts_is_named(tmp_path: Path, line: str, why: str) -> None:
    file = tmp_path / "more.jsonl"
    file.write_text('{"text": "basta", "complaint": true}\n' + line + "\n", encoding="utf-8")
    with pytest.raises(ValueError, match="line 2") as raised:
        dataset.labelled(file, "more")
    assert why in str(raised.value)


def test_labelled_texts_know_only_what_they_say(tmp_path: Path) -> None:
    file = tmp_path / "more.jsonl"
    file.write_text('{"text": "basta", "lang": "es", "complaint": true}\n', encoding="utf-8")
    [read] = dataset.labelled(file, "more")
    assert read == Example("basta", "es", "more", complaint=True)


def test_an_unread_no_counts_less_than_one_that_was_read() -> None:
    read = Example("x", "fr", "telecom_tweets_fr", harassment=False, kind="read")
    unread = Example("x", "fr", "telecom_tweets_fr", harassment=False, kind="no_contact_words")
    assert batches.loss_weights(unread)[2] < batches.loss_weights(read)[2]


def test_lower_layers_learn_more_slowly(toy: Path) -> None:
    network = train.Network(toy, RECIPE)
    groups = train.parameter_groups(network, RECIPE)
    rates = [group["lr"] for group in groups]
    assert min(rates) < RECIPE.learning_rate < max(rates)
    assert not network.bert.embeddings.word_embeddings.weight.requires_grad


@given(st.text(max_size=120), st.integers(0, 10_000))
def test_augmenting_is_repeatable_and_never_empty(text: str, seed: int) -> None:
    one = dataset.augment(text, random.Random(seed))
    assert one
    assert one == dataset.augment(text, random.Random(seed))


def test_temperature_cools_what_is_too_sure() -> None:
    rng = np.random.default_rng(1)
    true = rng.random(4000) < 0.5
    honest = np.where(rng.random(4000) < 0.8, true, ~true)
    logits = np.where(honest, 6.0, -6.0).astype(np.float32)
    heat = calibrate.fit_temperature(logits, true.astype(np.int64))
    assert 3.5 < heat < 5.5  # a logit of 1.39 is what 80 % deserve


def test_threshold_is_the_middle_of_the_best_stretch() -> None:
    chance = np.array([0.1, 0.2, 0.7, 0.9], np.float32)
    true = np.array([False, False, True, True])
    assert calibrate.fit_threshold(chance, true, calibrate.f1) == pytest.approx(0.45, abs=0.02)


def test_calibration_error_of_a_sure_and_wrong_reader_is_one() -> None:
    assert evaluate.calibration_error([0.999] * 5, [False] * 5) == pytest.approx(0.999)
    assert evaluate.calibration_error([0.5, 0.5], [True, False]) == 0.0


def test_a_pair_counts_only_when_both_posts_are_right() -> None:
    said = [
        heads.Answer("neutral", yes, "harassment" if yes else None, yes, {}, ())
        for yes in (True, False, True, True)
    ]
    rows = [
        (Example("t", "es", "own", harassment=true, pair=pair), one)
        for (true, pair), one in zip(
            [(True, "a"), (False, "a"), (True, "b"), (False, "b")], said, strict=True
        )
    ]
    assert evaluate.pairs_right(rows) == 0.5


def test_a_harassment_post_joined_with_a_bill_is_harassment() -> None:
    called = example("they call me again", harassment=True)
    bill = Example(
        "my bill is wrong",
        "en",
        "own",
        sentiment="negative",
        complaint=True,
        category="billing",
        harassment=False,
    )
    both = dataset.join(bill, called)
    assert (both.harassment, both.complaint, both.category) == (True, True, "harassment")
    assert both.text == "my bill is wrong they call me again"
    plain = dataset.join(bill, Example("nice day", "en", "own", "neutral", False, None, False))
    assert (plain.harassment, plain.category, plain.sentiment) == (False, "billing", None)


def test_the_cards_take_the_tables_between_their_marks(tmp_path: Path) -> None:
    card = tmp_path / "harassment.md"
    card.write_text(f"# Card\n{evaluate.BEGIN}\nold\n{evaluate.END}\nKnown failures\n")
    table = evaluate.Table("F1", ("language", "F1"), (("es", "93.0"),))
    for _ in range(2):
        evaluate.write_cards(tmp_path, "reader-1", {"harassment": [table]})
    text = card.read_text()
    assert "old" not in text
    assert text.count("| es | 93.0 |") == 1
    assert text.endswith("Known failures\n")
    assert "reader-1" in text
