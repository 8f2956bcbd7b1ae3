"""A real browser on the real dashboard, which runs as a process of its own on a free port."""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterator
from typing import Any

import pytest
from chromium import launched
from served import Served

from browser import world as worlds

_PAGES = pytest.StashKey[list[Any]]()


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(
    item: pytest.Item, call: pytest.CallInfo[None]
) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Of a test that failed: what its pages showed, as somebody who listens hears them."""
    report = yield
    if call.when == "call" and report.failed:
        for page in item.stash.get(_PAGES, []):
            report.sections.append((f"page {page.url}", _shown(page)))
    return report


def _shown(page: Any) -> str:
    try:
        app = page.locator("[data-testid=stApp]")
        state = app.get_attribute("data-test-script-state", timeout=1000) if app.count() else "none"
        heard = page.locator("body").aria_snapshot(timeout=5000)
    except Exception as error:  # closed or crashed: that is what there is to say of it
        return repr(error)
    return f"script state: {state}\n{heard[:8000]}"


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
    pages = request.node.stash.setdefault(_PAGES, [])
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
        pages.append(page)
        own = (url, "data:", "blob:", *([also] if also else []))
        page.on("request", lambda r: outside.append(r.url) if not r.url.startswith(own) else 0)
        return page

    yield make
    for context in contexts:
        context.close()
    assert outside == []
