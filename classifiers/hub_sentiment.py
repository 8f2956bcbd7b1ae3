"""Sentiment from a model of the hub instead of our own head, for who can spare the time: XLM-T
(`cardiffnlp/twitter-xlm-roberta-base-sentiment-multilingual`, 1.1 GB) reads tweets a little better
than the weights that ship, and is some twenty times slower.

Any text-classification model with three labels will do, named or in a folder. Everything else in a
reading stays ours.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from classifiers.encoder import MAX_CHARACTERS, plain
from classifiers.heads import SENTIMENTS
from classifiers.reader import Reader
from classifiers.reading import CallFacts, Reading

# LABEL_0 and so on: in the order that every sentiment model of this kind has.
_NUMBERED = {f"label_{number}": name for number, name in enumerate(SENTIMENTS)}
_BATCH = 32
_HANDLE = re.compile(r"(?<!\w)@\w+")
# Below this chance the best answer is in doubt; the other model was not calibrated by us.
_DOUBT = 0.5


class NoSentimentModel(RuntimeError):
    """The model is not there, or answers another question; the message says which, and what to do."""


class HubSentiment:
    """A reader whose sentiment comes from another model."""

    def __init__(self, reader: Reader, name: str) -> None:
        """`name`: a model of the hub, or a folder. Raises NoSentimentModel."""
        from transformers import pipeline

        make: Any = pipeline
        try:
            self._ask = make("text-classification", model=name, device="cpu", top_k=None)
        except (OSError, ValueError) as error:
            raise NoSentimentModel(
                f"the sentiment model {name!r} cannot be loaded: {error}. Check the name, the "
                "network, or the folder; leave [process] sentiment_model empty to read with the "
                "weights that ship."
            ) from error
        model = self._ask.model.config
        longest = int(getattr(model, "max_position_embeddings", 512)) - 2
        tokenizer = self._ask.tokenizer
        tokenizer.model_max_length = min(int(tokenizer.model_max_length), longest)
        labels = [str(label) for label in self._ask.model.config.id2label.values()]
        if sorted(_NUMBERED.get(label.lower(), label.lower()) for label in labels) != sorted(
            SENTIMENTS
        ):
            raise NoSentimentModel(
                f"{name!r} answers {', '.join(labels)} and not {', '.join(SENTIMENTS)}"
            )
        self._reader = reader
        self.model = f"{reader.model}+{Path(name).name[:40]}"

    def read(
        self,
        texts: Sequence[str],
        *,
        langs: Sequence[str | None] | None = None,
        countries: Sequence[str] = ("ES",),
    ) -> list[Reading]:
        """As `Reader.read`; a text without a letter keeps our own plain answer."""
        readings = self._reader.read(texts, langs=langs, countries=countries)
        asked = [i for i, text in enumerate(texts) if any(map(str.isalpha, text[:MAX_CHARACTERS]))]
        shown = [_HANDLE.sub("@user", plain(texts[i]).text) for i in asked]  # as XLM-T learnt them
        said = self._ask(shown, batch_size=_BATCH, truncation=True) if shown else []
        for i, answers in zip(asked, said, strict=True):
            scores = {
                _NUMBERED.get(a["label"].lower(), a["label"].lower()): float(a["score"])
                for a in answers
            }
            best = max(scores, key=lambda name: scores[name])
            others = tuple(q for q in readings[i].uncertain if q != "sentiment")
            readings[i] = replace(
                readings[i],
                sentiment=best,
                scores={**readings[i].scores, **scores},
                uncertain=(*others, "sentiment") if scores[best] < _DOUBT else others,
                model=self.model,
            )
        return readings

    def facts(
        self, texts: Sequence[str], *, langs: Sequence[str], countries: Sequence[str] = ("ES",)
    ) -> list[CallFacts]:
        """As `Reader.facts`: no sentiment in it."""
        return self._reader.facts(texts, langs=langs, countries=countries)
