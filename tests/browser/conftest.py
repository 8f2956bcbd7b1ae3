"""A real browser on the real dashboard, which runs as a process of its own on a free port."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from chromium import launched
from served import Served

from browser import world as worlds


# Of the package, not of the session: playwright keeps an event loop in this thread meanwhile, in
# which no other test could run one of its own.
@pytest.fixture(scope="package")
def chromium() -> Iterator[object]:
    with launched() as browser:
        yield browser


# Of the module: what one file's people do to cases is not what the next file counts.
@pytest.fixture(scope="module")
def served(chromium: object, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    made = Served(worlds.build(tmp_path_factory.mktemp("world")))
    yield made
    assert made.stop() == 0, made.log.read_text()
    made.world.db.close()


@pytest.fixture(scope="package")
def empty(chromium: object, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    """A dashboard over a database in which there are only accounts."""
    made = Served(worlds.build(tmp_path_factory.mktemp("empty"), filled=False))
    yield made
    made.stop()
    made.world.db.close()


@pytest.fixture
def opened(chromium, request: pytest.FixtureRequest) -> Iterator[Callable[..., object]]:  # type: ignore[no-untyped-def]
    """Opens browsers' pages of their own; whatever they ask of another host fails the test."""
    contexts = []
    outside: list[str] = []

    def make(
        url: str, *, locale: str = "es-ES", width: int = 1280, height: int = 900, also: str = ""
    ) -> object:
        context = chromium.new_context(
            viewport={"width": width, "height": height}, locale=locale, base_url=url
        )
        context.set_default_timeout(20_000)
        contexts.append(context)
        page = context.new_page()
        own = (url, "data:", "blob:", *([also] if also else []))
        page.on("request", lambda r: outside.append(r.url) if not r.url.startswith(own) else 0)
        return page

    yield make
    for context in contexts:
        context.close()
    assert outside == []


@pytest.fixture(scope="package")
def screenshots(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where tests leave pictures of what they saw; those of docs/ are test_screenshots.py's."""
    return tmp_path_factory.mktemp("screenshots")
