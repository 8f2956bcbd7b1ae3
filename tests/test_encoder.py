"""The base encoder's file, the cut vocabulary, the windows, and the graph against PyTorch."""

from __future__ import annotations

import itertools
import json
import struct
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from classifiers import base_encoder, encoder, heads, onnx_graph, quantise
from classifiers.encoder import PieceSplitter, Window, deciding, plain, sentences
from classifiers.reader import Reader

WEIGHTS = Path(encoder.__file__).parent / "weights"


def pack_q4(values: np.ndarray, scale: float) -> bytes:
    """Whole blocks of 32 whole numbers -8..7 as the file holds them."""
    raw = b""
    for block in (values + 8).astype(np.uint8).reshape(-1, 32):
        raw += np.float16(scale).tobytes() + (block[:16] | (block[16:] << 4)).tobytes()
    return raw


@given(st.lists(st.integers(-8, 7), min_size=32, max_size=32), st.sampled_from([0.5, 0.125, 2.0]))
def test_four_bit_blocks_come_back_as_they_were(values: list[int], scale: float) -> None:
    wanted = np.array(values, np.float32) * scale
    got = base_encoder.dequantise_q4(pack_q4(np.array(values), scale), 32)
    assert np.array_equal(got, wanted)


def write_q4(path: Path) -> np.ndarray:
    """A file with one float32 tensor and one four-bit tensor; returns the latter's values."""
    numbers = np.arange(64) % 16 - 8
    plain_values = np.array([1.5, -2.5], np.float32)
    head = b"E5S1" + struct.pack("<I", 1) + struct.pack("<7if", 2, 0, 1, 4, 32, 8, 1, 1e-12)
    head += struct.pack("<i", 32) + struct.pack("<5i", 2, 0, 2, 1, 3)
    blob = b"ab"
    head += struct.pack("<Q", len(blob)) + struct.pack("<3I", 0, 1, 2)
    head += struct.pack("<2f", -1.0, -2.0) + blob + struct.pack("<iI", 0, 3) + b"map"
    head += struct.pack("<i", 2)
    entries = [
        ("emb.ln.w", 0, 2, plain_values.tobytes()),
        ("emb.word", 1, 64, pack_q4(numbers, 0.25)),
    ]
    place = len(head) + sum(2 + len(name) + 21 for name, *_ in entries)
    body = b""
    for name, kind, count, raw in entries:
        head += struct.pack("<H", len(name)) + name.encode()
        head += struct.pack("<BIQQ", kind, count, place + len(body), len(raw))
        body += raw
    path.write_bytes(head + body)
    return numbers * 0.25


def test_reads_the_four_bit_file(tmp_path: Path) -> None:
    wanted = write_q4(tmp_path / "e5.bin")
    geometry, tensors = base_encoder.read_q4(tmp_path / "e5.bin")
    assert (geometry.hidden, geometry.vocab, geometry.ffn) == (2, 32, 4)
    assert tensors["emb.ln.w"].tolist() == [1.5, -2.5]
    assert np.array_equal(tensors["emb.word"], wanted)
    shaped = base_encoder.to_bert(geometry, tensors)
    assert shaped["embeddings.word_embeddings.weight"].shape == (32, 2)


def test_a_foreign_file_is_refused_by_its_first_bytes(tmp_path: Path) -> None:
    (tmp_path / "x.bin").write_bytes(b"GGUF and so on")
    with pytest.raises(ValueError, match="GGUF"):
        base_encoder.read_q4(tmp_path / "x.bin")


def test_kept_pieces_are_the_seen_ones_then_the_likeliest() -> None:
    vocab = [("<s>", 0.0), ("<pad>", 0.0), ("</s>", 0.0), ("<unk>", 0.0)]
    vocab += [(f"p{i}", -float(i)) for i in range(4, 20)]
    assert base_encoder.keep_pieces(vocab, {18, 19}, 8) == [0, 1, 2, 3, 4, 5, 18, 19]


def test_trimming_renumbers_pieces_and_special_tokens() -> None:
    tokenizer: dict[str, Any] = {
        "added_tokens": [{"id": 0, "content": "<s>"}, {"id": 9, "content": "<mask>"}],
        "model": {"vocab": [["<s>", 0], ["a", -1], ["b", -2], ["c", -3], ["<mask>", 0]]},
    }
    trimmed = base_encoder.trim_tokenizer(tokenizer, [0, 2, 4])
    assert [piece for piece, _ in trimmed["model"]["vocab"]] == ["<s>", "b", "<mask>"]
    assert [token["id"] for token in trimmed["added_tokens"]] == [0, 2]
    assert tokenizer["model"]["vocab"][1] == ["a", -1]


def test_links_are_read_alike_and_lead_back_to_their_place() -> None:
    text = "Oye @movistar_es mira https://ejemplo.es/a?b=1 basta"
    read = plain(text)
    assert read.text == "Oye @movistar_es mira http basta"
    for word in ("Oye", "mira", "basta"):
        at = read.original(read.text.index(word))
        assert text[at : at + len(word)] == word


@given(st.text(max_size=200))
def test_every_place_of_the_plain_text_leads_into_the_original(text: str) -> None:
    read = plain(text)
    places = [read.original(at) for at in range(len(read.text))]
    assert places == sorted(places)
    assert all(0 <= at < max(1, len(text)) for at in places)


@given(st.text(alphabet="ab.!? \n1", max_size=80))
def test_sentences_lie_in_order_inside_the_extent(text: str) -> None:
    spans = sentences(text, (0, len(text)))
    assert all(a < b <= len(text) for a, b in spans)
    assert all(one[1] <= two[0] for one, two in itertools.pairwise(spans))


def test_a_full_stop_inside_a_number_ends_no_sentence() -> None:
    text = "Pago 10.50 euros. Me llama el 1.0.0.4 otra vez!"
    assert [text[a:b] for a, b in sentences(text, (0, len(text)))] == [
        "Pago 10.50 euros.",
        "Me llama el 1.0.0.4 otra vez!",
    ]


def test_the_sentence_that_says_it_alone_decides_with_those_near_it() -> None:
    spans = [(0, 13), (14, 35), (36, 44), (45, 60)]
    assert deciding(spans, [-2.0, 3.0, 0.5, 2.5]) == ((14, 35), (45, 60))


def test_where_no_sentence_says_it_alone_the_nearest_is_shown() -> None:
    assert deciding([(0, 5), (6, 9)], [-1.0, -0.5]) == ((6, 9),)


@pytest.fixture(scope="module")
def splitter() -> PieceSplitter:
    return PieceSplitter(WEIGHTS / encoder.TOKENIZER_FILE)


def test_long_texts_are_cut_into_overlapping_windows(splitter: PieceSplitter) -> None:
    text = " ".join(f"palabra{i}" for i in range(400))
    (windows,) = splitter([text])
    assert len(windows) > 2
    assert all(len(window.ids) <= encoder.WINDOW for window in windows)
    assert windows[0].extent[0] == 0
    assert windows[-1].extent[1] == len(text)
    for one, two in itertools.pairwise(windows):
        assert two.extent[0] < one.extent[1]


@settings(max_examples=60, deadline=None)
@given(st.text(st.characters(), max_size=300))
def test_any_unicode_is_cut_and_spans_stay_inside(splitter: PieceSplitter, text: str) -> None:
    (windows,) = splitter([text])
    assert windows
    for window in windows:
        assert len(window.ids) == len(window.spans)
        assert all(0 <= a <= b <= max(1, len(text)) for a, b in window.spans)


def test_graph_and_torch_agree_on_an_encoder_of_two_layers(tmp_path: Path) -> None:
    import onnx
    import torch
    from transformers import BertConfig, BertModel

    torch.manual_seed(3)
    config = BertConfig(
        vocab_size=50,
        hidden_size=24,
        num_hidden_layers=2,
        num_attention_heads=3,
        intermediate_size=48,
        max_position_embeddings=32,
    )
    bert = BertModel(config, add_pooling_layer=False).train(False)
    tensors = {name: value.numpy() for name, value in bert.state_dict().items()}
    rng = np.random.default_rng(3)
    shapes = {
        "views.weight": (heads.VIEWS, 24),
        "heads.weight": (heads.WIDTH, 24 * (1 + heads.VIEWS)),
        "heads.bias": (heads.WIDTH,),
        "tags.weight": (len(heads.TAGS), 24),
        "tags.bias": (len(heads.TAGS),),
    }
    held = {name: rng.normal(size=shape).astype(np.float32) for name, shape in shapes.items()}
    about = config.to_dict()
    widest = quantise.widest_inputs(bert, [[0, 7, 9, 30, 41, 2]])
    graph = onnx_graph.build(tensors, held, about, widest)
    onnx.save(graph, str(tmp_path / encoder.MODEL_FILE))
    (tmp_path / encoder.CONFIG_FILE).write_text(json.dumps({"encoder": about}))
    ids = (0, 7, 9, 30, 41, 2)
    window = Window(ids, ((0, 0),) * len(ids))
    (served,) = encoder.OnnxEngine(tmp_path, 1).run([window])
    (trained,) = encoder.TorchEngine(tmp_path, 1).run([window])
    assert np.allclose(served.logits, trained.logits, atol=0.3)
    assert np.allclose(served.tags, trained.tags, atol=0.15)
    assert np.allclose(served.features, trained.features, atol=0.15)
    assert served.pooled.shape == (24,)
    assert served.tags.shape == (len(ids), len(heads.TAGS))
    back = encoder.load_heads(tmp_path)
    assert all(np.array_equal(back[name], held[name]) for name in onnx_graph.HEADS)


def test_loads_as_a_sentence_transformers_model(tmp_path: Path) -> None:
    model = encoder.sentence_transformer(WEIGHTS, tmp_path)
    texts = ["me llaman otra vez del 1004", "ils m'appellent encore"]
    encoded = Reader(WEIGHTS, threads=1).encode(texts)
    ours = np.stack([results[0].pooled for _, results in encoded])
    ours /= np.linalg.norm(ours, axis=1, keepdims=True)
    theirs = model.encode(texts)
    assert (ours * theirs).sum(axis=1).min() > 0.97
