"""Trains the small model that helps the language identifier with tweets.

    python -m classifiers.train_language --public DATA [--out classifiers/weights/language.npz]

Reads ``DATA/umsab/{train,val}.jsonl``. Rows labelled Hindi that hold no Hindi word (a third of
them: English written in India, and American tweets that got in) do not train it.
"""

from __future__ import annotations

import argparse
import json
from collections import Counter
from pathlib import Path

import numpy as np

from .language import LANGUAGES, MODEL_FILE, clean, grams, has_hindi_word, identify

FEATURES = 24_000


def rows(path: Path) -> list[tuple[str, str]]:
    """Text and language of each line, without the Hindi rows that are none."""
    found = []
    for line in path.read_text(encoding="utf-8").splitlines():
        row = json.loads(line)
        if row["lang"] != "hi" or has_hindi_word(clean(row["text"])):
            found.append((row["text"], row["lang"]))
    return found


def train(data: list[tuple[str, str]], out: Path) -> None:
    """Fits a linear model on n-grams of letters, keeps the strongest, stores them in 8 bits."""
    from scipy.sparse import csr_matrix  # type: ignore[import-untyped]
    from sklearn.linear_model import LogisticRegression  # type: ignore[import-untyped]

    counted = [Counter(grams(clean(text))) for text, _ in data]
    labels = np.array([LANGUAGES.index(lang) for _, lang in data])
    seen = Counter(gram for counter in counted for gram in counter)
    names = sorted(gram for gram, count in seen.items() if count >= 4)

    def matrix(names: list[str]) -> csr_matrix:
        index = {name: i for i, name in enumerate(names)}
        values, columns, starts = [], [], [0]
        for counter in counted:
            norm = sum(c * c for c in counter.values()) ** 0.5 or 1.0
            for gram, count in counter.items():
                if gram in index:
                    columns.append(index[gram])
                    values.append(count / norm)
            starts.append(len(columns))
        return csr_matrix((values, columns, starts), shape=(len(counted), len(names)))

    model = LogisticRegression(C=30, max_iter=300).fit(matrix(names), labels)
    strength = np.abs(model.coef_).max(axis=0) * np.sqrt([seen[n] for n in names])
    names = [names[i] for i in sorted(np.argsort(-strength, kind="stable")[:FEATURES])]
    model = LogisticRegression(C=30, max_iter=300).fit(matrix(names), labels)
    scale = float(np.abs(model.coef_).max()) / 127
    np.savez_compressed(
        out,
        grams=np.frombuffer("\n".join(names).encode(), dtype=np.uint8),
        weights=np.round(model.coef_.T / scale).astype(np.int8),
        scale=np.float32(scale),
        intercept=model.intercept_.astype(np.float32),
    )


def accuracy(data: list[tuple[str, str]]) -> dict[str, float]:
    """Share of texts read in their own language, per language and as a mean over texts."""
    right: Counter[str] = Counter()
    for text, lang in data:
        right[lang] += identify(text).lang == lang
    total = Counter(lang for _, lang in data)
    table = {lang: right[lang] / total[lang] for lang in sorted(total)}
    table["all"] = sum(right.values()) / len(data)
    return table


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--public", type=Path, required=True, help="folder that holds umsab/")
    parser.add_argument("--out", type=Path, default=MODEL_FILE)
    parser.add_argument("--evaluate", action="store_true", help="only measure, on val.jsonl")
    options = parser.parse_args()
    folder = options.public / "umsab"
    if not options.evaluate:
        train(rows(folder / "train.jsonl"), options.out)
    every = [
        (row["text"], row["lang"])
        for row in map(json.loads, (folder / "val.jsonl").read_text("utf-8").splitlines())
    ]
    for name, data in (
        ("rows as labelled", every),
        ("without Hindi rows that hold no Hindi", rows(folder / "val.jsonl")),
    ):
        print(name, {lang: round(value, 4) for lang, value in accuracy(data).items()})


if __name__ == "__main__":
    main()
