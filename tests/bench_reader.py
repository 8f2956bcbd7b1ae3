"""The reader's speed beside the stock way to do such a thing, in one run, as ratios.

The stock way is the text-classification pipeline of transformers with a model of XLM-R-base's size
(random weights: speed does not ask what they say), in float32 as it comes.
"""

from __future__ import annotations

import json
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import psutil

from classifiers import load
from classifiers.encoder import PieceSplitter
from classifiers.reader import SHIPPED

THREADS = 2
POST = (
    "Otra vez el 1004. Me habéis llamado 9 veces en dos semanas, la última a las 22:30, y ya os he "
    "dicho tres veces que no me interesa. Mañana os denuncio a Consumo y me doy de baja."
)


def tweets(public: Path | None, count: int) -> list[str]:
    """UMSAB's training tweets, a spread of all languages; invented posts where there is no UMSAB."""
    own = SHIPPED.parent / "data" / "posts_es.jsonl"
    file = public / "umsab" / "train.jsonl" if public else own
    texts = [json.loads(line)["text"] for line in file.read_text("utf-8").split("\n") if line]
    return texts[:: max(1, len(texts) // count)][:count]


def rate(work: Callable[[Sequence[str]], object], texts: Sequence[str]) -> float:
    """Texts per second."""
    start = time.perf_counter()
    work(texts)
    return len(texts) / (time.perf_counter() - start)


def stock(texts: Sequence[str]) -> dict[str, float]:
    """Texts per second of the pipeline: called on a list, and at its best."""
    import torch
    from transformers import (
        PreTrainedTokenizerFast,
        XLMRobertaConfig,
        XLMRobertaForSequenceClassification,
        pipeline,
    )

    torch.set_num_threads(THREADS)
    config = XLMRobertaConfig(vocab_size=250_002, max_position_embeddings=514, num_labels=3)
    fast: Any = PreTrainedTokenizerFast
    tokenizer = fast(
        tokenizer_file=str(SHIPPED / "tokenizer.json"),
        pad_token="<pad>",
        model_max_length=512,
    )
    model = XLMRobertaForSequenceClassification(config).train(False)
    ask: Any = pipeline("text-classification", model=model, tokenizer=tokenizer, device="cpu")
    ask(list(texts[:4]))
    some = list(texts[:: max(1, len(texts) // 200)])[:200]
    more = sorted(texts[:: max(1, len(texts) // 640)][:640], key=len)
    return {
        "on_a_list": rate(lambda t: ask(list(t), truncation=True), some),
        "length_sorted_batches_of_64": rate(
            lambda t: ask(list(t), batch_size=64, truncation=True), more
        ),
    }


def ceiling() -> float:
    """Multiply-adds per second of int8 matrix products of the encoder's widest shape, both cores."""
    import onnxruntime
    from onnx import TensorProto, helper, numpy_helper

    rows, width, out = 128, 384, 1536
    weight = np.random.default_rng(1).integers(-127, 127, (width, out)).astype(np.int8)
    nodes = [
        helper.make_node("DynamicQuantizeMatMul", ["x", "w", "s"], ["y"], domain="com.microsoft")
    ]
    graph = helper.make_graph(
        nodes,
        "one",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, [1, rows, width])],
        [helper.make_tensor_value_info("y", TensorProto.FLOAT, [1, rows, out])],
        [
            numpy_helper.from_array(weight, "w"),
            numpy_helper.from_array(np.full(out, 0.01, np.float32), "s"),
        ],
    )
    opsets = [helper.make_opsetid("", 21), helper.make_opsetid("com.microsoft", 1)]
    model = helper.make_model(graph, opset_imports=opsets)
    model.ir_version = 10
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = THREADS
    session = onnxruntime.InferenceSession(model.SerializeToString(), options)
    x = np.random.default_rng(2).normal(size=(1, rows, width)).astype(np.float32)
    turns = 400
    session.run(None, {"x": x})
    start = time.perf_counter()
    for _ in range(turns):
        session.run(None, {"x": x})
    return turns * rows * width * out / (time.perf_counter() - start)


def work_per_text(texts: Sequence[str]) -> float:
    """Multiply-adds of the encoder's matrices for the average text; attention left out (below 2 %)."""
    encoder = json.loads((SHIPPED / "config.json").read_text())["encoder"]
    hidden, ffn = encoder["hidden_size"], encoder["intermediate_size"]
    per_piece = encoder["num_hidden_layers"] * (4 * hidden * hidden + 2 * hidden * ffn)
    split = PieceSplitter(SHIPPED / "tokenizer.json")
    pieces = [sum(len(w.ids) for w in windows) for windows in split(list(texts))]
    return float(np.mean(pieces)) * per_piece


def alone(count: int = 200) -> float:
    """Median milliseconds for one post, read by itself."""
    reader = load(threads=THREADS)
    times = []
    for number in range(count):
        start = time.perf_counter()
        reader.read([f"{POST} ({number})"])
        times.append(time.perf_counter() - start)
    return 1000 * statistics.median(times)


def cold_start() -> tuple[float, float]:
    """(seconds from nothing to the first answer in a new process, its peak megabytes while it then
    reads 2,000 posts)."""
    code = (
        "import classifiers, sys\n"
        "reader = classifiers.load(threads=2)\n"
        f"reader.read([{POST!r}])\n"
        "print('read', flush=True)\n"
        f"reader.read([{POST!r} + str(n) for n in range(2000)])\n"
    )
    start = time.perf_counter()
    process = subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE)
    assert process.stdout is not None
    process.stdout.readline()
    first = time.perf_counter() - start
    watched, peak = psutil.Process(process.pid), 0
    while process.poll() is None:
        try:
            peak = max(peak, watched.memory_info().rss)
        except psutil.Error:
            break
        time.sleep(0.02)
    process.wait()
    return first, peak / 1e6


def measure(public: Path | None) -> dict[str, Any]:
    texts = tweets(public, 2_000)
    reader = load(threads=THREADS)
    reader.read(texts[:32])
    ours = rate(reader.read, texts)
    theirs = stock(texts)
    again = rate(reader.read, texts)
    best = max(ours, again)
    first, peak = cold_start()
    limit = ceiling() / work_per_text(texts)
    return {
        "texts": len(texts),
        "texts_per_second": [round(ours, 1), round(again, 1)],
        "stock_pipeline": {name: round(value, 1) for name, value in theirs.items()},
        "times_the_pipeline_on_a_list": round(best / theirs["on_a_list"], 1),
        "times_its_best_way": round(best / theirs["length_sorted_batches_of_64"], 1),
        "limit_of_int8_products_texts_per_second": round(limit, 1),
        "share_of_that_limit": round(best / limit, 2),
        "one_post_median_ms": round(alone(), 1),
        "cold_start_seconds": round(first, 2),
        "peak_mb": round(peak),
    }
