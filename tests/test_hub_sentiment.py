"""Sentiment by another model: a tiny one, made here, in the hub's own form."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from transformers import (
    BertConfig,
    BertForSequenceClassification,
    PreTrainedTokenizerFast,
)

import classifiers
from classifiers.hub_sentiment import HubSentiment, NoSentimentModel
from classifiers.reader import SHIPPED, Reader
from listener import reader as door
from listener.errors import ReaderMissing


@pytest.fixture(scope="module")
def reader() -> Reader:
    return classifiers.load(threads=1)


def model(folder: Path, labels: dict[int, str]) -> str:
    """One that always gives its last label, whatever it is asked."""
    torch.manual_seed(1)
    config = BertConfig(
        vocab_size=90_000,
        hidden_size=8,
        num_hidden_layers=1,
        num_attention_heads=1,
        intermediate_size=8,
        id2label=labels,
        label2id={name: number for number, name in labels.items()},
    )
    made = BertForSequenceClassification(config)
    with torch.no_grad():
        made.classifier.weight.zero_()
        made.classifier.bias.copy_(torch.arange(len(labels)).float() * 3)
    made.save_pretrained(folder)
    PreTrainedTokenizerFast(
        tokenizer_file=str(SHIPPED / "tokenizer.json"), pad_token="<pad>"
    ).save_pretrained(folder)
    return str(folder)


NAMED = {0: "Negative", 1: "Neutral", 2: "Positive"}
NUMBERED = {0: "LABEL_0", 1: "LABEL_1", 2: "LABEL_2"}


@pytest.mark.parametrize("labels", [NAMED, NUMBERED])
def test_sentiment_is_the_other_models_and_the_rest_ours(
    reader: Reader, tmp_path: Path, labels: dict[int, str]
) -> None:
    texts = ["Me llaman seis veces al día y ya dije que no", "", "ok"]
    theirs = HubSentiment(reader, model(tmp_path, labels)).read(texts)
    ours = reader.read(texts)
    assert [r.sentiment for r in theirs] == ["positive", "neutral", "positive"]
    assert theirs[0].scores["positive"] > 0.9
    assert theirs[0].model.startswith(ours[0].model + "+")
    for one, two in zip(theirs, ours, strict=True):
        assert (one.harassment, one.category, one.facts) == (
            two.harassment,
            two.category,
            two.facts,
        )


def test_a_post_longer_than_the_model_reads_is_cut(reader: Reader, tmp_path: Path) -> None:
    long = "me llaman otra vez desde el 1004 y ya dije que no quiero nada " * 100
    [told] = HubSentiment(reader, model(tmp_path, NAMED)).read([long])
    assert told.sentiment == "positive"
    assert len(told.model) <= 80  # as the database stores it


def test_a_model_of_another_question_is_refused(reader: Reader, tmp_path: Path) -> None:
    with pytest.raises(NoSentimentModel, match="joy, anger"):
        HubSentiment(reader, model(tmp_path, {0: "joy", 1: "anger"}))


def test_a_model_that_is_not_there_says_what_to_do(tmp_path: Path) -> None:
    with pytest.raises(ReaderMissing, match="sentiment_model"):
        door.load(tmp_path, sentiment_model=str(tmp_path / "nothing"))
