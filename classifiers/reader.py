"""The reader: texts in, readings out, the same for a text alone, in a batch, or in any order."""

from __future__ import annotations

import json
import os
import unicodedata
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Literal

import numpy as np

from classifiers import heads
from classifiers.encoder import (
    CONFIG_FILE,
    FORMAT,
    MAX_CHARACTERS,
    MODEL_FILE,
    TOKENIZER_FILE,
    Encoded,
    Engine,
    OnnxEngine,
    PieceSplitter,
    TorchEngine,
    Window,
    deciding,
    sentences,
)
from classifiers.fact_choice import Hints
from classifiers.heads import Calibration
from classifiers.reading import CallFacts, Reading, Span

SHIPPED = Path(__file__).parent / "weights"
# Call facts are claims about contacts; a text with less than this chance of harassment has none.
FACTS_FROM = 0.2

Extract = Callable[..., CallFacts]
Identify = Callable[[str], str]


class ModelMissing(RuntimeError):
    """The weights are not where they should be; the message says where, why, and what to do."""


def _identify(text: str) -> str:
    from classifiers.language import identify

    return identify(text).lang


def _extract(text: str, lang: str, countries: Sequence[str], hints: Hints) -> CallFacts:
    from classifiers.call_facts import extract

    return extract(text, lang=lang, countries=countries, hints=hints)


def hints(
    windows: Sequence[Window], results: Sequence[Encoded], logits: heads.Floats, said: Calibration
) -> Hints:
    """What the encoder says of a text's call facts; where windows overlap, the surer one."""
    chances: dict[Span, heads.Floats] = {}
    for window, result in zip(windows, results, strict=True):
        told = heads.sigmoids(result.tags)
        for span, row in zip(window.spans[1:-1], told[1:-1], strict=True):
            before = chances.get(span)
            chances[span] = row if before is None else np.maximum(before, row)
    spans = sorted(chances)
    return Hints(
        dict(zip(heads.FACTS, map(float, logits[heads.FACT]), strict=True)),
        spans,
        np.array([chances[s] for s in spans], np.float32).reshape(-1, len(heads.TAGS)),
        said.mix,
    )


def _merged(
    text: str, windows: list[Window], results: list[Encoded]
) -> tuple[heads.Floats, dict[int, int]]:
    lengths = [len(window.ids) for window in windows]
    logits, decided = heads.merge_windows(np.stack([r.logits for r in results]), lengths)
    if not any(unicodedata.category(letter)[0] in "LNS" for letter in text[:MAX_CHARACTERS]):
        # No letter, number or symbol: no evidence for anything, so the plainest answer.
        logits = np.full(heads.WIDTH, -9.0, np.float32)
        logits[heads.SENTIMENTS.index("neutral")] = 9.0
    return logits, decided


class Reader:
    """Every question about a text in one pass of the encoder. Make one with `load`."""

    def __init__(
        self,
        folder: Path,
        *,
        threads: int | None = None,
        engine: Literal["onnx", "torch"] = "onnx",
    ) -> None:
        missing = [
            name
            for name in (MODEL_FILE, TOKENIZER_FILE, CONFIG_FILE)
            if not (folder / name).exists()
        ]
        if missing:
            raise ModelMissing(
                f"The reader's weights are incomplete: {folder} lacks {', '.join(missing)}, so no "
                "text can be read. Restore the folder from the repository, or make the weights "
                "with `make train`."
            )
        config = json.loads((folder / CONFIG_FILE).read_text(encoding="utf-8"))
        if config.get("format") != FORMAT:
            raise ModelMissing(
                f"The weights in {folder} have format {config.get('format', 1)}, and this version of "
                f"Listener reads format {FORMAT}. Go back to those that ship with it (`listener "
                "retrain --use shipped`), or make them again with `make train`."
            )
        self.model: str = config["revision"]
        self.calibration = heads.Calibration.from_json(config["calibration"])
        self._split = PieceSplitter(folder / TOKENIZER_FILE)
        cores = threads or min(4, os.cpu_count() or 1)
        self._engine: Engine = (
            OnnxEngine(folder, cores) if engine == "onnx" else TorchEngine(folder, cores)
        )

    def encode(self, texts: Sequence[str]) -> list[tuple[list[Window], list[Encoded]]]:
        """Every text's windows with the encoder's results for each, in the order given."""
        split = self._split(texts)
        flat = [window for windows in split for window in windows]
        results = iter(self._engine.run(flat))
        return [(windows, [next(results) for _ in windows]) for windows in split]

    def answer(self, texts: Sequence[str], langs: Sequence[str]) -> list[heads.Answer]:
        """What the heads alone say of texts in known languages, in the order given."""
        encoded = self.encode(texts)
        return [
            heads.answer(_merged(text, windows, results)[0], lang, self.calibration)
            for text, lang, (windows, results) in zip(texts, langs, encoded, strict=True)
        ]

    def facts(
        self, texts: Sequence[str], *, langs: Sequence[str], countries: Sequence[str] = ("ES",)
    ) -> list[CallFacts]:
        """The call facts of texts that are known to complain of harassment, in the order given."""
        return [
            _extract(
                text,
                lang,
                countries,
                hints(*parts, _merged(text, *parts)[0], self.calibration),
            )
            for text, lang, parts in zip(texts, langs, self.encode(texts), strict=True)
        ]

    def read(
        self,
        texts: Sequence[str],
        *,
        langs: Sequence[str | None] | None = None,
        countries: Sequence[str] = ("ES",),
    ) -> list[Reading]:
        """One reading per text, in the order given.

        `langs` (ISO 639-1) overrides what the text itself tells where it is not None; `countries`
        (ISO 3166) are tried in order for numbers written without a country code.
        """
        if langs is not None and len(langs) != len(texts):
            raise ValueError(f"{len(texts)} texts but {len(langs)} languages: give one for each")
        given = [
            lang or _identify(text)
            for text, lang in zip(texts, langs or [None] * len(texts), strict=True)
        ]
        encoded = self.encode(texts)
        merged = [_merged(text, *parts) for text, parts in zip(texts, encoded, strict=True)]
        said = [
            heads.answer(logits, lang, self.calibration)
            for (logits, _), lang in zip(merged, given, strict=True)
        ]
        evidence = self._evidence(texts, said, encoded, [decided for _, decided in merged])
        return [
            self._reading(text, lang, answer, shown, parts, logits, countries)
            for text, lang, answer, shown, parts, (logits, _) in zip(
                texts, given, said, evidence, encoded, merged, strict=True
            )
        ]

    def _evidence(
        self,
        texts: Sequence[str],
        said: Sequence[heads.Answer],
        encoded: Sequence[tuple[list[Window], list[Encoded]]],
        decided: Sequence[dict[int, int]],
    ) -> list[tuple[Span, ...]]:
        """For every complaint, the sentences of the deciding window that say it when read alone."""
        spans: list[list[Span]] = []
        columns: list[int] = []
        for text, answer, (windows, _), window_of in zip(
            texts, said, encoded, decided, strict=True
        ):
            column = heads.HARASSMENT if answer.harassment else heads.COMPLAINT
            columns.append(column)
            extent = windows[window_of[column]].extent
            spans.append(sentences(text, extent) if answer.complaint else [])
        alone = [
            text[a:b]
            for text, mine in zip(texts, spans, strict=True)
            if len(mine) > 1
            for a, b in mine
        ]
        results = iter(self._engine.run([windows[0] for windows in self._split(alone)]))
        chosen: list[tuple[Span, ...]] = []
        for mine, column in zip(spans, columns, strict=True):
            if len(mine) > 1:
                logits = [float(next(results).logits[column]) for _ in mine]
                chosen.append(deciding(mine, logits))
            else:
                chosen.append(tuple(mine))
        return chosen

    def _reading(
        self,
        text: str,
        lang: str,
        said: heads.Answer,
        evidence: tuple[Span, ...],
        encoded: tuple[list[Window], list[Encoded]],
        logits: heads.Floats,
        countries: Sequence[str],
    ) -> Reading:
        facts = CallFacts()
        windows, results = encoded
        # A person may call harassment what is in doubt, and will want to see the claims.
        doubtful = "complaint" in said.uncertain or "harassment" in said.uncertain
        if said.harassment or doubtful or said.scores["harassment"] >= FACTS_FROM:
            told = hints(windows, results, logits, self.calibration)
            facts = _extract(text, lang, countries, told)
        lengths = [len(window.ids) for window in windows]
        pooled = np.average([r.pooled for r in results], axis=0, weights=lengths)
        length = float(np.linalg.norm(pooled))
        return Reading(
            lang=lang,
            sentiment=said.sentiment,
            complaint=said.complaint,
            category=said.category,
            harassment=said.harassment,
            scores=said.scores,
            uncertain=said.uncertain,
            facts=facts,
            evidence=evidence,
            model=self.model,
            embedding=(pooled / max(length, 1e-9)).astype(np.float16),
        )
