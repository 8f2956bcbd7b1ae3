"""The serving network as an ONNX graph, written node by node from the fine-tuned tensors.

One text a run, no padding: activations are quantised by the range of that one text, so its answer
cannot depend on what else is in the batch. Matrices are int8 with one scale per output column,
word embeddings int8 with one scale per piece; everything else stays float32.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import TensorProto, helper, numpy_helper

from classifiers.quantise import channel_sizes, quantise_rows

Array = NDArray[Any]

CONTRIB = "com.microsoft"
OPSET = 21
WORD = "embeddings.word_embeddings.weight"
# Views (views, hidden), answers (answers, hidden * (1 + views)), tags (tags, hidden), and biases.
HEADS = ("views.weight", "heads.weight", "heads.bias", "tags.weight", "tags.bias")
TURNED = ("views.weight", "tags.weight")  # lie (hidden, out) in the graph


class _Graph:
    """Nodes and initialisers being gathered; names of intermediate values count upwards."""

    def __init__(self, widest: Mapping[str, Array]) -> None:
        self.widest = widest
        self.nodes: list[onnx.NodeProto] = []
        self.tensors: list[onnx.TensorProto] = []
        self.count = 0

    def constant(self, name: str, value: Array) -> str:
        self.tensors.append(numpy_helper.from_array(np.ascontiguousarray(value), name))
        return name

    def add(self, kind: str, inputs: list[str], domain: str = "", **attributes: Any) -> str:
        self.count += 1
        output = f"{kind}_{self.count}"
        self.nodes.append(helper.make_node(kind, inputs, [output], domain=domain, **attributes))
        return output

    def linear(self, x: str, name: str, weight: Array, bias: Array) -> str:
        """x (1, T, in) -> (1, T, out); `weight` lies (out, in) as in PyTorch."""
        size = channel_sizes(self.widest[name.replace(".qkv", ".query")], weight)
        x = self.add("Mul", [x, self.constant(f"{name}.smooth", 1 / size)])
        values, scale = quantise_rows(weight * size)
        inputs = [
            x,
            self.constant(f"{name}.int8", values.T),
            self.constant(f"{name}.scale", scale),
            "",
            self.constant(f"{name}.bias", bias),
        ]
        return self.add("DynamicQuantizeMatMul", inputs, CONTRIB)

    def norm(self, x: str, skip: str, name: str, tensors: Mapping[str, Array], eps: float) -> str:
        # Two nodes: the fused SkipLayerNormalization takes five times as long on a CPU.
        inputs = [
            self.add("Add", [x, skip]),
            self.constant(f"{name}.weight", tensors[f"{name}.weight"]),
            self.constant(f"{name}.bias", tensors[f"{name}.bias"]),
        ]
        return self.add("LayerNormalization", inputs, axis=-1, epsilon=eps)


def _embed(graph: _Graph, tensors: Mapping[str, Array], eps: float) -> str:
    values, scale = quantise_rows(tensors[WORD])
    table = graph.constant(f"{WORD}.int8", values)
    scales = graph.constant(f"{WORD}.scale", scale[:, None])
    word = graph.add("Cast", [graph.add("Gather", [table, "ids"])], to=TensorProto.FLOAT)
    word = graph.add("Mul", [word, graph.add("Gather", [scales, "ids"])])
    # All pieces are of type 0, so that row is folded into the positions.
    places = (
        tensors["embeddings.position_embeddings.weight"]
        + tensors["embeddings.token_type_embeddings.weight"][0]
    )
    table = graph.constant("embeddings.position_and_type", places[None].astype(np.float32))
    zero = graph.constant("zero", np.array([0], np.int64))
    axis = graph.constant("axis", np.array([1], np.int64))
    length = graph.add("Shape", ["ids"], start=1, end=2)
    position = graph.add("Slice", [table, zero, length, axis])
    return graph.norm(word, position, "embeddings.LayerNorm", tensors, eps)


def _layer(
    graph: _Graph, x: str, tensors: Mapping[str, Array], at: str, heads: int, eps: float
) -> str:
    parts = [f"{at}.attention.self.{name}" for name in ("query", "key", "value")]
    weight = np.concatenate([tensors[f"{part}.weight"] for part in parts])
    bias = np.concatenate([tensors[f"{part}.bias"] for part in parts])
    joined = graph.linear(x, f"{at}.attention.self.qkv", weight, bias)
    graph.count += 1
    split = [f"{name}_{graph.count}" for name in ("q", "k", "v")]
    graph.nodes.append(helper.make_node("Split", [joined], split, axis=-1, num_outputs=3))
    mixed = graph.add("MultiHeadAttention", split, CONTRIB, num_heads=heads)

    def dense(value: str, name: str) -> str:
        full = f"{at}.{name}"
        return graph.linear(value, full, tensors[f"{full}.weight"], tensors[f"{full}.bias"])

    mixed = dense(mixed, "attention.output.dense")
    x = graph.norm(mixed, x, f"{at}.attention.output.LayerNorm", tensors, eps)
    wide = graph.add("Gelu", [dense(x, "intermediate.dense")], CONTRIB)
    return graph.norm(dense(wide, "output.dense"), x, f"{at}.output.LayerNorm", tensors, eps)


def _pool(graph: _Graph, x: str, views: Array) -> str:
    """x (1, T, hidden) -> the mean over pieces, and the views after it (1, hidden * (1 + views))."""
    hidden = views.shape[1]
    mean = graph.add("ReduceMean", [x, "axis"], keepdims=0)
    look = graph.add("MatMul", [x, graph.constant("views.weight", views.T.astype(np.float32))])
    share = graph.add("Softmax", [graph.add("Transpose", [look], perm=[0, 2, 1])], axis=-1)
    seen = graph.add("MatMul", [share, x])
    flat = graph.constant("flat", np.array([1, len(views) * hidden], np.int64))
    return graph.add("Concat", [mean, graph.add("Reshape", [seen, flat])], axis=-1)


def build(
    tensors: Mapping[str, Array],
    heads: Mapping[str, Array],
    config: Mapping[str, Any],
    widest: Mapping[str, Array],
) -> onnx.ModelProto:
    """The model: `ids` (1, T) int64 -> `features` (1, hidden * (1 + views)), the mean first,
    `logits` (1, answers) and `tags` (1, T, tags), float32.

    `tensors` are those of a transformers `BertModel` without a pooler, `heads` what HEADS names,
    `config` the encoder's `config.json`, `widest` comes from `quantise.widest_inputs`.
    """
    graph = _Graph(widest)
    eps = float(config["layer_norm_eps"])
    x = _embed(graph, tensors, eps)
    for layer in range(config["num_hidden_layers"]):
        at = f"encoder.layer.{layer}"
        x = _layer(graph, x, tensors, at, config["num_attention_heads"], eps)
    features = _pool(graph, x, heads["views.weight"])
    graph.nodes.append(helper.make_node("Identity", [features], ["features"]))

    def constant(name: str, *, turned: bool = False) -> str:
        value = heads[name].astype(np.float32)
        return graph.constant(name, value.T if turned else value)

    answers = [features, constant("heads.weight"), constant("heads.bias")]
    graph.nodes.append(helper.make_node("Gemm", answers, ["logits"], transB=1))
    tagged = graph.add("MatMul", [x, constant("tags.weight", turned=True)])
    graph.nodes.append(helper.make_node("Add", [tagged, constant("tags.bias")], ["tags"]))
    shape = helper.make_tensor_value_info
    width, kinds = heads["heads.weight"].shape[1], len(heads["tags.bias"])
    made = helper.make_graph(
        graph.nodes,
        "reader",
        [shape("ids", TensorProto.INT64, [1, "pieces"])],
        [
            shape("features", TensorProto.FLOAT, [1, width]),
            shape("logits", TensorProto.FLOAT, [1, len(heads["heads.bias"])]),
            shape("tags", TensorProto.FLOAT, [1, "pieces", kinds]),
        ],
        graph.tensors,
    )
    opsets = [helper.make_opsetid("", OPSET), helper.make_opsetid(CONTRIB, 1)]
    model = helper.make_model(made, opset_imports=opsets, producer_name="listener")
    model.ir_version = 10
    return model


def replace_heads(model: onnx.ModelProto, weight: Array, bias: Array) -> None:
    """Other answers from the same encoder, in place: (answers, features) and (answers)."""
    new = {"heads.weight": weight, "heads.bias": bias}
    for tensor in model.graph.initializer:
        if tensor.name in new:
            value = np.ascontiguousarray(new[tensor.name], np.float32)
            if list(value.shape) != list(tensor.dims):
                raise ValueError(f"{tensor.name} is {list(tensor.dims)}, not {list(value.shape)}")
            tensor.CopyFrom(numpy_helper.from_array(value, tensor.name))


def read_back(model: onnx.ModelProto, config: Mapping[str, Any]) -> dict[str, NDArray[np.float32]]:
    """The tensors of a `BertModel`, and those that HEADS names, out of a graph of `build`.

    The int8 values are multiplied out, so the torch path computes with exactly what ships.
    """
    held = {t.name: numpy_helper.to_array(t) for t in model.graph.initializer}
    tensors: dict[str, NDArray[np.float32]] = {
        WORD: held[f"{WORD}.int8"].astype(np.float32) * held[f"{WORD}.scale"],
        "embeddings.position_embeddings.weight": held["embeddings.position_and_type"][0],
        "embeddings.token_type_embeddings.weight": np.zeros(
            (config["type_vocab_size"], config["hidden_size"]), np.float32
        ),
    }
    for name, value in held.items():
        base, _, kind = name.rpartition(".")
        if kind == "int8" and base != WORD:
            matrix = (value.astype(np.float32) * held[f"{base}.scale"]).T
            if (smooth := held.get(f"{base}.smooth")) is not None:
                matrix = matrix * smooth
            bias = held[f"{base}.bias"]
            if base.endswith(".qkv"):
                names = [f"{base[:-3]}{part}" for part in ("query", "key", "value")]
            else:
                names = [base]
            for part, rows, shift in zip(
                names, np.split(matrix, len(names)), np.split(bias, len(names)), strict=True
            ):
                tensors[f"{part}.weight"] = np.ascontiguousarray(rows)
                tensors[f"{part}.bias"] = np.ascontiguousarray(shift)
        elif "LayerNorm" in name or name in HEADS:
            tensors[name] = np.ascontiguousarray(value.T if name in TURNED else value)
    return tensors
