"""Others who say this: the posts whose embedding lies nearest to that of a post or of a sentence.

The embeddings that the reader stored are kept in memory as one matrix: the newest MOST posts (two
bytes a value: 150 megabytes for 200,000 posts of width 384), filled at the first question and then
only added to. Every row is compared, block by block; no approximation. What was erased or read anew
meanwhile is seen when the nearest are looked up in the database, which has the last word.

Only what the same encoder made can be compared. Retraining here keeps the encoder, so that its
revisions are one family; weights of another origin are another.
"""

from __future__ import annotations

import threading
from collections.abc import Collection, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from listener.storage import Database, vectors

MOST = 200_000
_BLOCK = 16_384
_OVERLAP = 1_000  # ids that are looked at once more for what was read late
_SPARE = 8  # so many times more candidates than are wanted, because some are not to be shown

Vector = NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class Near:
    """(mention, cosine), the nearest first; how many posts were compared, of how many that are kept,
    and which reader's they are."""

    found: tuple[tuple[int, float], ...]
    compared: int
    kept: int
    model: str


@dataclass(slots=True)
class _Rows:
    """The first `used` rows of each array count; `brands` has one bit for each brand."""

    ids: NDArray[np.int64]
    matrix: NDArray[np.float16]
    models: NDArray[np.int32]
    brands: NDArray[np.uint64]
    used: int = 0


@dataclass
class Likeness:
    """One matrix of a process; may be asked by several threads."""

    db: Database
    weights: Path  # where retraining keeps its versions, which tell what belongs to one family
    most: int = MOST
    _rows: _Rows | None = None
    _last: int = 0
    _models: list[str] = field(default_factory=list)
    _brands: list[str] = field(default_factory=list)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def near(
        self, vector: Vector, model: str, *, brands: Collection[str] = (), wanted: int = 20
    ) -> Near:
        """The posts nearest to a vector that a reader of revision `model` made, of the brands (empty:
        of all); some more than `wanted`, because the caller leaves some out."""
        with self._lock:
            self._refresh(len(vector))
            rows = self._rows
            if rows is None:
                return Near((), 0, 0, model)
            related = family(self.weights, model)
            same = [n for n, name in enumerate(self._models) if origin(name) in related]
            mask = sum(
                1 << n for n, name in enumerate(self._brands) if not brands or name in brands
            )
            used = rows.used
        fits = np.isin(rows.models[:used], same)
        if brands:
            fits &= (rows.brands[:used] & np.uint64(mask)) != 0
        chosen = np.flatnonzero(fits)
        scores = _cosines(rows.matrix, chosen, vector)
        most = min(len(chosen), wanted * _SPARE)
        best = np.argpartition(-scores, most - 1)[:most] if most else np.empty(0, np.int64)
        best = best[np.argsort(-scores[best], kind="stable")]
        found = tuple((int(rows.ids[chosen[i]]), float(scores[i])) for i in best)
        return Near(found, len(chosen), used, model)

    def _refresh(self, width: int) -> None:
        """Add what was read since the last time; begin anew when the matrix is full."""
        with self.db.read() as session:
            newest = vectors.newest_id(session)
            if self._rows is not None and newest <= self._last:
                return
            grown = (self._rows.used if self._rows else 0) + newest - self._last
            if self._rows is None or grown > len(self._rows.ids):
                # A quarter of the room stays free, so that this is rare.
                self._last = max(0, newest - self.most * 3 // 4)
                self._rows = _empty(min(self.most, max(1024, 2 * (newest - self._last))), width)
            rows, seen = self._rows, dict[int, int]()
            # Workers side by side do not finish in the order of the ids.
            begin = max(0, self._last - _OVERLAP) if rows.used else self._last
            known = set(rows.ids[: rows.used][rows.ids[: rows.used] > begin].tolist())
            for mention_id, brand in vectors.brands(session, begin, newest):
                seen[mention_id] = seen.get(mention_id, 0) | 1 << _place(self._brands, brand)
            for stored in vectors.between(session, begin, newest):
                vector = np.frombuffer(stored.embedding, np.float16)
                full = rows.used == len(rows.ids)
                if full or len(vector) != width or stored.mention_id in known:
                    continue
                at = rows.used
                rows.ids[at], rows.matrix[at] = stored.mention_id, vector
                rows.models[at] = _place(self._models, stored.model)
                rows.brands[at] = seen.get(stored.mention_id, 0)
                rows.used = at + 1
            self._last = newest


def family(weights: Path, model: str) -> frozenset[str]:
    """The revisions whose encoder is that of `model`: those that retraining made one from another."""
    from classifiers.versions import versions

    made = {v.revision: v.parent for v in versions(weights)}

    def root(revision: str) -> str:
        known = {revision}
        while (parent := made.get(revision)) and parent not in known:
            revision = parent
            known.add(revision)
        return revision

    first = root(origin(model))
    return frozenset({first, origin(model), *(name for name in made if root(name) == first)})


def origin(model: str) -> str:
    """Our own reader's revision, where another model answers one of the questions beside it."""
    return model.partition("+")[0]


def as_vector(embedding: bytes | Sequence[float] | NDArray[np.floating]) -> Vector:
    """float32 of length one, so that a product is a cosine."""
    if isinstance(embedding, bytes):
        values = np.frombuffer(embedding, np.float16).astype(np.float32)
    else:
        values = np.asarray(embedding, np.float32)
    return values / max(float(np.linalg.norm(values)), 1e-9)


def _cosines(matrix: NDArray[np.float16], rows: NDArray[np.intp], vector: Vector) -> Vector:
    scores = np.empty(len(rows), np.float32)
    for start in range(0, len(rows), _BLOCK):
        part = rows[start : start + _BLOCK]
        scores[start : start + len(part)] = matrix[part].astype(np.float32) @ vector
    return scores


def _empty(size: int, width: int) -> _Rows:
    return _Rows(
        np.zeros(size, np.int64),
        np.zeros((size, width), np.float16),
        np.zeros(size, np.int32),
        np.zeros(size, np.uint64),
    )


def _place(names: list[str], name: str) -> int:
    """The name's place in the list; what would need a 65th bit shares the last."""
    if name not in names:
        names.append(name)
    return min(names.index(name), 63)
