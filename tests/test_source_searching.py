"""What a brand's query becomes for a service, and what people are told of the rest."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest
from fakes import FakeHttp

from listener import query
from listener.sources import SOURCES, mastodon
from listener.sources.searching import MAX_SEARCHES, Style, searches

NOW = datetime(2026, 11, 22, 12, 0, tzinfo=UTC)
NOTHING = {"posts": [], "hits": [], "statuses": [], "items": [], "version": "https://jsonfeed.org/"}
OPTIONS: dict[str, dict[str, Any]] = {
    "bluesky": {},
    "hackernews": {},
    "mastodon": {"server": "https://s.example", "search": True, "token_env": "TOKEN_OF_TEST"},
    "feed": {"url": "https://news.example/?q={query}"},
}


def agency(count: int) -> query.Query:
    """A brand with a long list of words."""
    return query.parse(" OR ".join(f"agencia{n}" for n in range(count)))


def test_every_alternative_is_searched() -> None:
    assert searches(agency(30), Style()) == tuple(f"agencia{n}" for n in range(30))
    assert len(searches(agency(150), Style())) == MAX_SEARCHES


def test_combinations_do_not_become_a_hundred_searches() -> None:
    sides = [" OR ".join(f"{side}{n}" for n in range(30)) for side in ("izquierda", "derecha")]
    wanted = query.parse(f"({sides[0]}) ({sides[1]})")
    assert len(searches(wanted, Style())) == 30


@pytest.mark.parametrize("name", OPTIONS)
def test_what_is_not_searched_is_told_once(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TOKEN_OF_TEST", "x")
    source = SOURCES[name]
    options = source.Options.model_validate(OPTIONS[name])
    http = FakeHttp(lambda *_: NOTHING).client()

    def read(count: int, cursor: str | None) -> tuple[str | None, list[str]]:
        told: list[str] = []
        for page in source.fetch(options, agency(count), cursor, http, NOW):
            told += [p.reason for p in source.parse(page).problems if "Not searched" in p.reason]
            cursor = page.cursor or cursor
        return cursor, told

    assert read(MAX_SEARCHES, None)[1] == []
    cursor, told = read(MAX_SEARCHES + 2, None)
    assert len(told) == 1
    assert "Not searched: agencia100, agencia101. Shorten" in told[0]
    cursor, again = read(MAX_SEARCHES + 2, cursor)
    assert again == []
    _, more = read(MAX_SEARCHES + 3, cursor)
    assert "agencia102." in more[0]


def test_the_notice_costs_no_search_its_place(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TOKEN_OF_TEST", "x")
    post = {
        "id": "1",
        "uri": "https://s.example/p/1",
        "created_at": NOW.isoformat(),
        "visibility": "public",
        "content": "agencia0",
        "account": {"acct": "rosa"},
    }
    http = FakeHttp(
        lambda _, params: {"statuses": [post] if params["offset"] == "0" else []}
    ).client()
    options = mastodon.Options.model_validate(OPTIONS["mastodon"])
    cursor = None
    for page in mastodon.fetch(options, agency(2), None, http, NOW):
        cursor = page.cursor or cursor
    pages = list(mastodon.fetch(options, agency(2), cursor, http, NOW))
    assert pages == []
    pages = list(mastodon.fetch(options, agency(MAX_SEARCHES + 1), cursor, http, NOW))
    assert "not_searched" in pages[0].meta
    # The two that were read before have nothing new; the others bring the post for themselves.
    assert [page.meta.get("search") for page in pages[1:3]] == ["agencia2", "agencia3"]
