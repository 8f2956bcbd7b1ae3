"""One pass of the encoder per text: features, the logits of every question, and tags of the pieces.

Two engines give the same answers: ONNX Runtime on int8 (what serves) and PyTorch on the same
values multiplied out (for training on, and to check the other). Texts are run one by one, never
padded, so an answer depends on its own text alone.
"""

from __future__ import annotations

import json
import re
from bisect import bisect_right
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np
from numpy.typing import NDArray
from tokenizers import Tokenizer

from classifiers.base_encoder import SPECIAL
from classifiers.heads import VIEWS, softmax
from classifiers.reading import Span

if TYPE_CHECKING:
    from sentence_transformers import SentenceTransformer

Floats = NDArray[np.float32]

MODEL_FILE, TOKENIZER_FILE, CONFIG_FILE = "reader.onnx", "tokenizer.json", "config.json"
# What the graph answers; weights of another format were made by another version of this package.
FORMAT = 2
WINDOW, OVERLAP = 256, 64
# About 4,500 words; what lies beyond is not read, so that a hostile text costs a bounded time.
MAX_CHARACTERS = 30_000
MAX_PIECES = 9_000
# A run without spaces longer than any word is cut: the tokenizer's time grows with its square.
_LONG_RUN = re.compile(r"\S{400}")

_LINK = re.compile(r"https?://\S+|www\.\S+")
_UNREADABLE = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\ud800-\udfff]")


@dataclass(frozen=True, slots=True)
class PlainText:
    """A text as the encoder reads it, with the way back to the original's code points."""

    text: str
    starts: tuple[int, ...]
    shifts: tuple[int, ...]

    def original(self, at: int) -> int:
        """Code point `at` of this text -> the place in the original that it came from."""
        return at + self.shifts[bisect_right(self.starts, at) - 1]


def plain(text: str) -> PlainText:
    """Links become `http`, as in the tweets that the encoder learnt from; handles stay.

    A handle is often the only word that says which company it was.
    """
    text = _UNREADABLE.sub(" ", text[:MAX_CHARACTERS])
    pieces: list[str] = []
    starts, shifts = [0], [0]
    at = length = 0
    for found in _LINK.finditer(text):
        name = "http"
        pieces += (text[at : found.start()], name)
        length += found.start() - at + len(name)
        at = found.end()
        starts.append(length)
        shifts.append(at - length)
    pieces.append(text[at:])
    return PlainText("".join(pieces), tuple(starts), tuple(shifts))


@dataclass(frozen=True, slots=True)
class Window:
    """Up to WINDOW pieces of one text, specials included; spans lie in the original text."""

    ids: tuple[int, ...]
    spans: tuple[Span, ...]

    @property
    def extent(self) -> Span:
        """From the first to the last piece that is no special one; (0, 0) when there is none."""
        inner = self.spans[1:-1]
        return (inner[0][0], inner[-1][1]) if inner else (0, 0)


@dataclass(frozen=True, slots=True)
class Encoded:
    """One window's results: features (hidden * (1 + views)), logits (answers), and tags (pieces,
    tags) as logits."""

    features: Floats
    logits: Floats
    tags: Floats

    @property
    def pooled(self) -> Floats:
        """The mean of the last layer (hidden), in which like texts lie close together."""
        return self.features[: len(self.features) // (1 + VIEWS)]


class PieceSplitter:
    """The trimmed tokenizer: texts -> windows of piece numbers."""

    def __init__(self, path: Path) -> None:
        self._tokenizer = Tokenizer.from_file(str(path))
        self._tokenizer.no_truncation()
        self._tokenizer.no_padding()

    def __call__(self, texts: Sequence[str]) -> list[list[Window]]:
        """Each text's windows, at least one each, in the order of the text."""
        plains = [plain(text) for text in texts]
        shown = [_LONG_RUN.sub(lambda m: m[0][:-1] + " ", p.text) for p in plains]
        encodings = self._tokenizer.encode_batch(shown)
        return [self._windows(e.ids, e.offsets, p) for e, p in zip(encodings, plains, strict=True)]

    @staticmethod
    def _windows(ids: list[int], offsets: list[Span], source: PlainText) -> list[Window]:
        spans = [(source.original(a), source.original(max(a, b - 1)) + 1) for a, b in offsets]
        begin, end, body = ids[0], ids[-1], ids[1:-1][:MAX_PIECES]
        spans = spans[1:-1][:MAX_PIECES]
        room = WINDOW - 2
        windows: list[Window] = []
        for start in range(0, max(1, len(body) - OVERLAP), room - OVERLAP):
            part = slice(start, start + room)
            windows.append(
                Window((begin, *body[part], end), ((0, 0), *spans[part], (0, 0))),
            )
        return windows


class Engine(Protocol):
    """What turns windows into results."""

    def run(self, windows: Sequence[Window]) -> list[Encoded]: ...


class OnnxEngine:
    """ONNX Runtime on the shipped int8 graph, `threads` texts at a time, one core each."""

    def __init__(self, folder: Path, threads: int) -> None:
        import onnxruntime

        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = 1
        options.inter_op_num_threads = 1
        options.log_severity_level = 3
        # The graph is written as it should run; the optimiser would only fuse its norms into a
        # slower node, and take half a second for it.
        options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_DISABLE_ALL
        self._session = onnxruntime.InferenceSession(
            str(folder / MODEL_FILE), options, providers=["CPUExecutionProvider"]
        )
        self._pool = ThreadPoolExecutor(threads) if threads > 1 else None

    def _one(self, window: Window) -> Encoded:
        ids = np.asarray([window.ids], np.int64)
        outputs = self._session.run(["features", "logits", "tags"], {"ids": ids})
        return Encoded(*(output[0] for output in outputs))

    def run(self, windows: Sequence[Window]) -> list[Encoded]:
        """In the order given."""
        if self._pool is None or len(windows) == 1:
            return [self._one(window) for window in windows]
        return list(self._pool.map(self._one, windows))


class TorchEngine:
    """PyTorch in float32 on the shipped values; slower, and free of activation quantisation."""

    def __init__(self, folder: Path, threads: int) -> None:
        import torch

        torch.set_num_threads(threads)
        self._torch = torch
        self._model, self._heads = load_bert(folder)

    def run(self, windows: Sequence[Window]) -> list[Encoded]:
        """In the order given."""
        results: list[Encoded] = []
        with self._torch.inference_mode():
            for window in windows:
                hidden = self._model(self._torch.tensor([window.ids])).last_hidden_state[0].numpy()
                results.append(_apply(self._heads, hidden))
        return results


def _apply(held: Mapping[str, Floats], hidden: Floats) -> Encoded:
    """The heads on the last layer (pieces, hidden) of one window."""
    mean = hidden.mean(axis=0)
    share = softmax(held["views.weight"] @ hidden.T)
    features = np.concatenate([mean, (share @ hidden).ravel()])
    return Encoded(
        features,
        held["heads.weight"] @ features + held["heads.bias"],
        hidden @ held["tags.weight"].T + held["tags.bias"],
    )


def load_heads(folder: Path) -> dict[str, Floats]:
    """The tensors of the heads of the weights in `folder`, as onnx_graph.HEADS names them."""
    return _load(folder)[1]


def load_bert(folder: Path) -> tuple[Any, dict[str, Floats]]:
    """The shipped encoder as a transformers `BertModel`, and the tensors of its heads."""
    import torch
    from transformers import BertConfig, BertModel

    tensors, held, config = _load(folder)
    bert = BertModel(BertConfig(**config), add_pooling_layer=False)
    state = {name: torch.from_numpy(np.array(values)) for name, values in tensors.items()}
    bert.load_state_dict(state, strict=False)
    bert.train(False)
    return bert, held


def _load(folder: Path) -> tuple[dict[str, Floats], dict[str, Floats], dict[str, Any]]:
    """(the encoder's tensors, the heads', the encoder's config)."""
    import onnx

    from classifiers.onnx_graph import HEADS, read_back

    config = json.loads((folder / CONFIG_FILE).read_text(encoding="utf-8"))["encoder"]
    tensors = read_back(onnx.load(str(folder / MODEL_FILE)), config)
    held = {name: tensors.pop(name) for name in HEADS}
    return tensors, held, config


def sentence_transformer(folder: Path, target: Path) -> SentenceTransformer:
    """The shipped encoder as a sentence-transformers model, its files written into `target`."""
    from sentence_transformers import SentenceTransformer
    from sentence_transformers.sentence_transformer.modules import Normalize, Pooling, Transformer
    from transformers import PreTrainedTokenizerFast

    bert, _ = load_bert(folder)
    bert.save_pretrained(target)
    fast: Any = PreTrainedTokenizerFast
    begin, pad, end, unknown = SPECIAL
    marks = {"bos": begin, "cls": begin, "eos": end, "sep": end, "pad": pad, "unk": unknown}
    fast(
        tokenizer_file=str(folder / TOKENIZER_FILE),
        model_max_length=512,
        **{f"{name}_token": mark for name, mark in marks.items()},
    ).save_pretrained(target)
    words = Transformer(str(target), max_seq_length=WINDOW)
    pooling = Pooling(words.get_embedding_dimension(), pooling_mode="mean")
    return SentenceTransformer(modules=[words, pooling, Normalize()], device="cpu")


_SENTENCE = re.compile(r"[^\s.!?…。\n][^.!?…。\n]*(?:[.!?…。]+(?=\w)[^.!?…。\n]*)*[.!?…。]*")


def sentences(text: str, extent: Span) -> list[Span]:
    """Spans of the sentences of text[extent]; a full stop inside a word or number ends none."""
    start, end = extent
    return [
        (start + found.start(), start + found.start() + len(found[0].rstrip()))
        for found in _SENTENCE.finditer(text[start:end])
    ]


def deciding(spans: Sequence[Span], logits: Sequence[float]) -> tuple[Span, ...]:
    """The sentences that carry the answer: the best, and those that alone say nearly as much.

    `logits` are what each sentence, read alone, says to the question; order is kept.
    """
    level = max(max(logits) - 1.0, 0.0) if max(logits) > 0 else max(logits)
    return tuple(span for span, logit in zip(spans, logits, strict=True) if logit >= level)
