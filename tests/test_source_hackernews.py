"""Hacker News: a model of Algolia's search with its limit of 1,000 hits."""

from __future__ import annotations

import random
import re
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from fakes import FakeHttp
from hypothesis import given, settings
from hypothesis import strategies as st

from listener import query
from listener.domain import RawPage
from listener.errors import SourceError
from listener.sources import hackernews
from listener.sources.hackernews import Options

NOW = datetime(2026, 11, 22, 12, 0, tzinfo=UTC)
WANTED = query.parse("movistar")


class Algolia:
    """search_by_date: newest first, pages, no hit beyond the first `reach`."""

    def __init__(self, reach: int = 1000) -> None:
        self.items: list[tuple[int, int]] = []  # (created_at_i, objectID)
        self.reach = reach

    def answer(self, _: str, params: dict[str, str]) -> Any:
        low = int(re.search(r"created_at_i>=(\d+)", params["numericFilters"])[1])  # type: ignore[index]
        high = re.search(r"created_at_i<=(\d+)", params["numericFilters"])
        top = int(high[1]) if high else 10**12
        found = sorted((i for i in self.items if low <= i[0] <= top), reverse=True)
        found = found[: self.reach]
        size, page = int(params["hitsPerPage"]), int(params["page"])
        hits = [
            {"objectID": str(n), "created_at_i": at, "author": "x", "comment_text": f"movistar {n}"}
            for at, n in found[page * size : (page + 1) * size]
        ]
        return {"hits": hits, "page": page, "nbPages": -(-len(found) // size)}


class Reader:
    def __init__(self, service: Algolia, **options: Any) -> None:
        self.fake = FakeHttp(service.answer)
        self.options = Options(**options)
        self.cursor: str | None = None
        self.found: set[str] = set()
        self.pages: list[RawPage] = []

    def read(self, now: datetime = NOW, *, stop_after: int | None = None) -> int:
        pages = 0
        steps = hackernews.fetch(self.options, WANTED, self.cursor, self.fake.client(), now)
        for page in steps:
            self.found |= {m.external_id for m in hackernews.parse(page).mentions}
            self.cursor = page.cursor or self.cursor
            self.pages.append(page)
            pages += 1
            if pages == stop_after:
                break
        return pages


@settings(max_examples=15, deadline=None)
@given(
    max_requests=st.integers(3, 9),
    visits=st.lists(st.tuples(st.integers(0, 900), st.sampled_from([None, 1])), max_size=3),
    seed=st.integers(0, 1000),
)
def test_nothing_is_lost_beyond_the_thousand(
    max_requests: int, visits: list[tuple[int, int | None]], seed: int
) -> None:
    service = Algolia(reach=400)
    reader = Reader(service, max_requests=max_requests)
    chance = random.Random(seed)
    at, number = int(NOW.timestamp()), 0
    for count, stop_after in visits:
        for _ in range(count):
            number += 1
            at += chance.choice([0, 1, 30])
            service.items.append((at, number))
        reader.read(datetime.fromtimestamp(at, UTC), stop_after=stop_after)
    now = datetime.fromtimestamp(at, UTC)
    for _ in range(10):
        reader.read(now)
    assert len(reader.found) == number
    assert reader.read(now) == 0


def test_quiet_days_cost_one_request() -> None:
    reader = Reader(Algolia())
    for day in range(5):
        assert reader.read(NOW + timedelta(days=day)) == 0
    assert len(reader.fake.asked) == 5


def test_exact_words_are_asked_for() -> None:
    reader = Reader(Algolia())
    reader.read()
    _, params = reader.fake.asked[0]
    assert params["query"] == "movistar"
    assert params["typoTolerance"] == "false"
    assert params["tags"] == "(story,comment)"
    with pytest.raises(SourceError, match="needs a brand"):
        list(hackernews.fetch(Options(), None, None, reader.fake.client(), NOW))


def test_an_item_that_is_indexed_late_is_found() -> None:
    service = Algolia()
    reader = Reader(service)
    service.items = [(int(NOW.timestamp()), 1)]
    reader.read()
    service.items.append((int(NOW.timestamp()) - 600, 2))
    assert reader.read() == 1
    assert reader.found == {"1", "2"}
