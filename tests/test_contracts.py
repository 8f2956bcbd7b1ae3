"""What every module of a registry must keep; a new one is covered the day it lands."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
import stamina
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import ValidationError
from recorded import Recorded, recorded, written
from servers import Answer, WebServer

from listener import query
from listener.domain import Parsed, RawPage
from listener.errors import ConfigError, ListenerError
from listener.httpclient import HttpClient
from listener.settings import Http, SourceConfig
from listener.settings_files import load
from listener.sources import SOURCES, options_of

ROOT = Path(__file__).parent.parent
NOW = datetime(2026, 11, 22, 12, 0, tzinfo=UTC)
PAGES = [page for name in SOURCES for page in recorded(name)]

# What a configuration has to say at least, pointing at a server of the test.
LEAST: dict[str, dict[str, Any]] = {
    "feed": {"url": "{server}/feed.xml"},
    "mastodon": {"server": "{server}", "tags": ["1004"]},
    "bluesky": {"service": "{server}"},
    "hackernews": {"service": "{server}"},
    "files": {"folder": "{folder}"},
}


def least_options(name: str, server: str, folder: Path) -> Any:
    given = {
        key: value.format(server=server, folder=folder) if isinstance(value, str) else value
        for key, value in LEAST[name].items()
    }
    return SOURCES[name].Options.model_validate(given)


@pytest.fixture(scope="module")
def http() -> Iterator[HttpClient]:
    with (
        stamina.set_testing(True, attempts=2),
        HttpClient(Http(per_host_interval="0s", allow_private_addresses=True)) as client,
    ):
        yield client


# ---------------------------------------------------------------------------- sources


@pytest.mark.parametrize("name", SOURCES)
def test_a_source_has_recorded_pages(name: str) -> None:
    assert recorded(name), f"put a page and its expected result into tests/data/{name}"


@pytest.mark.parametrize("page", PAGES, ids=lambda p: f"{p.source}-{p.name}")
def test_a_recorded_page_gives_what_is_expected(page: Recorded) -> None:
    parsed = SOURCES[page.source].parse(page.page)
    assert written(parsed) == {k: page.expected[k] for k in ("mentions", "problems")}
    assert SOURCES[page.source].parse(page.page) == parsed


@pytest.mark.parametrize("name", SOURCES)
def test_a_source_tells_what_people_must_know(name: str) -> None:
    module: Any = SOURCES[name]
    assert name == module.NAME
    for what in ("Sign-in", "imits", "Cannot see:"):
        assert what in module.__doc__, f"the docstring of {name} does not speak of {what}"
    assert isinstance(module.KEEP_UNMATCHED, bool)
    assert isinstance(module.MAY_MATCH, bool)


@pytest.mark.parametrize("name", SOURCES)
def test_documentation_names_a_source_and_its_options(name: str) -> None:
    text = (ROOT / "docs" / "sources.md").read_text(encoding="utf-8")
    assert f"`{name}`" in text
    section = re.split(r"\n## ", text)
    own = next((part for part in section if part.startswith(f"{name}\n")), "")
    missing = [o for o in SOURCES[name].Options.model_fields if f"`{o}`" not in own]
    assert not missing, f"docs/sources.md, section {name}, does not explain {missing}"


@pytest.mark.parametrize("name", SOURCES)
def test_options_are_checked_by_name(name: str) -> None:
    module = SOURCES[name]
    config = SourceConfig(name="x", type=name, options={"no_such_option": 1})
    with pytest.raises(ConfigError, match="source x: no_such_option: unknown key"):
        options_of(config)
    options = least_options(name, "http://127.0.0.1:1", Path("/nowhere"))
    with pytest.raises(ValidationError):
        setattr(options, next(iter(module.Options.model_fields)), "other")
    assert isinstance(module.needs_query(options), bool)


def test_an_unknown_type_of_source_is_told_with_the_nearest_one() -> None:
    with pytest.raises(ConfigError, match="there is no type 'mastodo'; did you mean mastodon"):
        options_of(SourceConfig(name="x", type="mastodo"))


def test_the_configuration_that_ships_is_valid() -> None:
    shipped = load(ROOT / "config", {})
    assert {s.type for s in shipped.sources} == set(SOURCES)
    for source in shipped.sources:
        options_of(source)


def check_bounds(parsed: Parsed) -> None:
    """What storage can hold: see listener/storage/tables.py."""
    for m in parsed.mentions:
        assert 0 < len(m.external_id) <= 600
        assert 0 < len(m.source) <= 40
        assert m.text.strip()
        assert m.published_at.utcoffset() is not None
        assert m.published_at.year >= 1990
        assert m.lang is None or re.fullmatch("[a-z]{2,3}", m.lang)
        assert m.reach is None or 0 <= m.reach < 2**31
        assert m.author is None or 0 < len(m.author.handle) <= 300
        assert m.author is None or m.author.followers is None or m.author.followers < 2**31
    whole = json.dumps(written(parsed), ensure_ascii=False)
    # Without escaped backslashes: an excerpt may quote the six characters of a NUL's escape.
    assert "\\u0000" not in whole.replace("\\\\", "")
    whole.encode("utf-8")  # a lone surrogate could not be stored
    assert all(p.reason for p in parsed.problems)


@pytest.mark.parametrize("name", SOURCES)
@settings(deadline=None)
@given(body=st.binary(max_size=400))
def test_any_bytes_can_be_parsed(name: str, body: bytes) -> None:
    meta = recorded(name)[0].page.meta
    page = RawPage("http://x.example/", body, "application/xml", NOW, meta=meta)
    check_bounds(SOURCES[name].parse(page))


@pytest.mark.parametrize("name", SOURCES)
@settings(max_examples=60, deadline=None)
@given(data=st.data())
def test_damaged_pages_can_be_parsed(name: str, data: st.DataObject) -> None:
    page = data.draw(st.sampled_from(recorded(name))).page
    body = bytearray(page.body)
    for _ in range(data.draw(st.integers(1, 6))):
        at = data.draw(st.integers(0, len(body)))
        length = data.draw(st.integers(0, 30))
        body[at : at + length] = data.draw(st.binary(max_size=12))
    cut = data.draw(st.integers(0, len(body)))
    for variant in (bytes(body), bytes(body[:cut])):
        check_bounds(
            SOURCES[name].parse(
                RawPage(page.url, variant, page.content_type, page.fetched_at, meta=page.meta)
            )
        )


_JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=4), inner),
    max_leaves=6,
)


def _paths(value: Any, path: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    found = [path] if path else []
    pairs = value.items() if isinstance(value, dict) else enumerate(value)
    for key, inner in pairs:
        found += _paths(inner, (*path, key)) if isinstance(inner, dict | list) else [(*path, key)]
    return found


_JSON_PAGES = [p for p in PAGES if p.page.body.lstrip()[:1] in b"[{" and p.source != "files"]


@pytest.mark.parametrize("page", _JSON_PAGES, ids=lambda p: f"{p.source}-{p.name}")
@settings(max_examples=60, deadline=None)
@given(data=st.data())
def test_values_of_another_kind_cost_at_most_their_item(
    page: Recorded, data: st.DataObject
) -> None:
    """A field may become anything: null, a list, a number of 40 digits."""
    value = json.loads(page.page.body)
    *parents, last = data.draw(st.sampled_from(_paths(value)))
    target = value
    for key in parents:
        target = target[key]
    target[last] = data.draw(_JSON)
    body = json.dumps(value).encode()
    changed = RawPage(page.page.url, body, page.page.content_type, NOW, meta=page.page.meta)
    check_bounds(SOURCES[page.source].parse(changed))


_NONSENSE = [
    *(b"", b"null", b"[]", b"{}", b"<html>404</html>", b"\xff\xfe\x00", b"[" * 5000),
    *(b'{"posts": 7, "hits": {}, "cursor": []}', b'[{"id": {}}, 5, null]', b'{"hits": [{}, 1]}'),
]


@pytest.mark.parametrize("name", SOURCES)
@pytest.mark.parametrize("cursor", [None, "", "{", "[]", '{"1004": 5}', '{"1004": {"floor": "x"}}'])
def test_nonsense_from_a_server_raises_our_errors_only(
    name: str, cursor: str | None, http: HttpClient, tmp_path: Path
) -> None:
    (tmp_path / "nonsense.csv").write_bytes(b"\x00\x01 nothing to see")
    wanted = query.parse("number:1004")
    with WebServer(lambda _: Answer()) as server:
        options = least_options(name, server.base_url, tmp_path)
        for body in _NONSENSE:
            server.answer = lambda _, body=body: Answer(body)
            try:
                for page in SOURCES[name].fetch(options, wanted, cursor, http, NOW):
                    check_bounds(SOURCES[name].parse(page))
            except ListenerError as error:
                assert "127.0.0.1" in str(error) or name in str(error)  # noqa: PT017


@pytest.mark.parametrize("name", [n for n in SOURCES if n != "files"])
def test_a_server_that_is_down_is_named_in_the_error(
    name: str, http: HttpClient, tmp_path: Path
) -> None:
    with WebServer(lambda _: Answer()) as server:
        gone = server.base_url
    options = least_options(name, gone, tmp_path)
    with pytest.raises(ListenerError, match=r"127\.0\.0\.1") as caught:
        list(SOURCES[name].fetch(options, query.parse("movistar"), None, http, NOW))
    assert caught.value.retry
