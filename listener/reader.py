"""The door to `classifiers` from here: loaded once, at first use; what is missing is our error."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Protocol

from classifiers.reading import Reading
from listener.errors import ReaderMissing
from listener.settings import Settings


class Reads(Protocol):
    """What the loops need of a reader; fakes in tests have it, too."""

    model: str

    def read(
        self,
        texts: Sequence[str],
        *,
        langs: Sequence[str | None] | None = None,
        countries: Sequence[str] = ("ES",),
    ) -> list[Reading]: ...


def load(weights: str = "", threads: int = 0) -> Reads:
    """The reader from a folder of weights (empty: those that ship). Raises ReaderMissing."""
    import classifiers  # takes a second, and many commands read nothing

    try:
        return classifiers.load(Path(weights) if weights else None, threads=threads or None)
    except classifiers.ModelMissing as error:
        raise ReaderMissing(str(error)) from error


def lazy(settings: Settings) -> Callable[[], Reads]:
    """A service that has nothing to read starts at once."""
    lock = threading.Lock()
    loaded: list[Reads] = []

    def get() -> Reads:
        with lock:
            if not loaded:
                config = settings.listener.process
                loaded.append(load(config.weights, config.threads))
            return loaded[0]

    return get
