"""The door to `classifiers` from here: loaded once, at first use; what is missing is our error."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Protocol

from classifiers.reading import CallFacts, Reading
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


class ReadsFacts(Reads, Protocol):
    """... and of one that reads posts that are known to complain of being harassed."""

    def facts(
        self, texts: Sequence[str], *, langs: Sequence[str], countries: Sequence[str] = ("ES",)
    ) -> list[CallFacts]: ...


WEIGHTS = "weights"
"""The folder in `var` where `listener retrain` keeps what it made."""


def load(var: Path, weights: str = "", threads: int = 0, sentiment_model: str = "") -> ReadsFacts:
    """The reader from a folder of weights; empty: those that `listener retrain` made and put to
    use in `var`, or else those that ship. `sentiment_model` answers sentiment instead of our own
    head. Raises ReaderMissing."""
    import classifiers  # takes a second, and many commands read nothing
    from classifiers import versions
    from classifiers.hub_sentiment import HubSentiment

    folder = Path(weights) if weights else versions.active(var / WEIGHTS)
    with missing_is_told():
        own = classifiers.load(folder, threads=threads or None)
        return HubSentiment(own, sentiment_model) if sentiment_model else own


@contextmanager
def missing_is_told() -> Iterator[None]:
    """What the classifiers cannot load, as an error of ours."""
    import classifiers
    from classifiers.hub_sentiment import NoSentimentModel

    try:
        yield
    except (classifiers.ModelMissing, NoSentimentModel) as error:
        raise ReaderMissing(str(error)) from error


def configured(settings: Settings) -> ReadsFacts:
    """The reader that the configuration asks for. Raises ReaderMissing."""
    config = settings.listener.process
    return load(settings.var, config.weights, config.threads, config.sentiment_model)


def lazy(settings: Settings) -> Callable[[], Reads]:
    """A service that has nothing to read starts at once; one that is asked again takes up the weights
    that have been put to use in the meantime. What is in hand stays with the reader that has it."""
    lock = threading.Lock()
    loaded: dict[Path, Reads] = {}

    def get() -> Reads:
        with lock:
            folder = in_use(settings)
            if folder not in loaded:
                reader = configured(settings)
                loaded.clear()
                loaded[folder] = reader
            return loaded[folder]

    return get


def in_use(settings: Settings) -> Path:
    """The folder of the weights that a reader loaded now would have."""
    from classifiers import versions

    fixed = settings.listener.process.weights
    return Path(fixed) if fixed else versions.active(settings.var / WEIGHTS)
