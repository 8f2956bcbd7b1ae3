"""Bluesky: recorded shapes, and a model of its search with its refusals."""

from __future__ import annotations

import random
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from fakes import FakeHttp, refused
from hypothesis import given, settings
from hypothesis import strategies as st
from servers import Asked, WebServer, answer_json

from listener import query
from listener.domain import Mention, Problem
from listener.errors import HttpStatus, MissingCredential, SourceError
from listener.httpclient import HttpClient
from listener.settings import Http
from listener.sources import bluesky
from listener.sources.bluesky import Options

NOW = datetime(2026, 11, 22, 12, 0, tzinfo=UTC)
WANTED = query.parse("number:1004")


def post(number: int, at: datetime, **more: Any) -> dict[str, Any]:
    return {
        "uri": f"at://did:plc:rosa/app.bsky.feed.post/{number}",
        "author": {"did": "did:plc:rosa", "handle": "rosa.example"},
        "record": {"text": f"1004, {number}", "createdAt": at.isoformat()},
        "indexedAt": at.isoformat(),
    } | more


class Search:
    """searchPosts as the public service behaves: newest first, `limit` at a time; signed out it
    refuses a cursor, and also an `until` when `strict`."""

    def __init__(self, *, signed_in: bool, strict: bool = False) -> None:
        self.posts: list[tuple[datetime, int]] = []
        self.signed_in, self.strict = signed_in, strict

    def answer(self, url: str, params: dict[str, str]) -> Any:
        if not self.signed_in and ("cursor" in params or (self.strict and "until" in params)):
            raise refused(url)
        since = datetime.fromisoformat(params["since"])
        until = datetime.fromisoformat(params.get("until", "2100-01-01T00:00:00Z"))
        found = sorted((p for p in self.posts if since <= p[0] < until), reverse=True)
        start, limit = int(params.get("cursor", "0")), int(params["limit"])
        answer = {"posts": [post(n, at) for at, n in found[start : start + limit]]}
        return answer | ({"cursor": str(start + limit)} if len(found) > start + limit else {})


class Reader:
    def __init__(self, http: HttpClient, **options: Any) -> None:
        self.http, self.options = http, Options(**options)
        self.cursor: str | None = None
        self.found: dict[str, Mention] = {}
        self.problems: list[Problem] = []

    def read(self, now: datetime = NOW, *, stop_after: int | None = None) -> int:
        pages = 0
        for page in bluesky.fetch(self.options, WANTED, self.cursor, self.http, now):
            parsed = bluesky.parse(page)
            self.found |= {m.external_id: m for m in parsed.mentions}
            self.problems += parsed.problems
            self.cursor = page.cursor or self.cursor
            pages += 1
            if pages == stop_after:
                break
        return pages


def test_a_new_post_is_read_once() -> None:
    search = Search(signed_in=False)
    reader = Reader(FakeHttp(search.answer).client())
    search.posts = [(NOW - timedelta(hours=n), n) for n in range(1, 6)]
    assert reader.read() == 1
    assert len(reader.found) == 5
    assert reader.read() == 0
    search.posts.append((NOW, 99))
    assert reader.read() == 1
    assert len(reader.found) == 6


def test_a_post_that_is_indexed_late_is_found() -> None:
    search = Search(signed_in=False)
    reader = Reader(FakeHttp(search.answer).client())
    search.posts = [(NOW, 1)]
    reader.read()
    search.posts.append((NOW - timedelta(minutes=12), 2))
    assert reader.read(NOW + timedelta(minutes=10)) == 1
    assert len(reader.found) == 2


@settings(max_examples=20, deadline=None)
@given(
    signed_in=st.booleans(),
    max_requests=st.integers(3, 8),
    visits=st.lists(st.tuples(st.integers(0, 330), st.sampled_from([None, 1, 2, 3])), max_size=4),
    seed=st.integers(0, 1000),
)
def test_nothing_is_lost_however_often_reading_stops(
    signed_in: bool, max_requests: int, visits: list[tuple[int, int | None]], seed: int
) -> None:
    search = Search(signed_in=signed_in)
    reader = Reader(FakeHttp(search.answer).client(), max_requests=max_requests)
    chance = random.Random(seed)
    now, number = NOW, 0
    for count, stop_after in visits:
        for _ in range(count):
            number += 1
            now += timedelta(seconds=chance.choice([0, 0, 1, 7]))
            search.posts.append((now, number))
        reader.read(now, stop_after=stop_after)
    for _ in range(8):
        reader.read(now)
    assert len(reader.found) == number
    assert reader.problems == []
    assert reader.read(now) == 0


def test_a_busy_half_hour_is_not_read_again_and_again() -> None:
    """More posts in the stretch that is read twice than the cursor remembers."""
    search = Search(signed_in=True)
    search.posts = [(NOW - timedelta(seconds=n), n) for n in range(700)]
    reader = Reader(FakeHttp(search.answer).client())
    reader.read()
    assert len(reader.found) == 700
    assert reader.read() == 0
    assert len(reader.cursor or "") < 40_000


def test_what_the_service_does_not_show_the_signed_out_is_told_as_a_gap() -> None:
    search = Search(signed_in=False, strict=True)
    search.posts = [(NOW - timedelta(minutes=n), n) for n in range(250)]
    reader = Reader(FakeHttp(search.answer).client())
    reader.read()
    assert len(reader.found) == 100
    [problem] = reader.problems
    assert "may be missing" in problem.reason
    assert "Set identifier_env and password_env" in problem.reason
    search.posts.append((NOW + timedelta(minutes=1), 900))
    assert reader.read(NOW + timedelta(minutes=2)) == 1
    assert len(reader.problems) == 1


def test_a_closed_search_is_an_error_that_people_see() -> None:
    def answer(url: str, params: dict[str, str]) -> Any:
        raise refused(url)

    with pytest.raises(HttpStatus):
        Reader(FakeHttp(answer).client()).read()


def test_signing_in_goes_through_the_accounts_server(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("BSKY_WHO", "rosa.example")
    monkeypatch.setenv("BSKY_WORD", "abcd-efgh")

    def answer(asked: Asked) -> Any:
        if asked.path.endswith("createSession"):
            good = asked.json == {"identifier": "rosa.example", "password": "abcd-efgh"}
            return answer_json({"accessJwt": "jwt1"} if good else {}, 200 if good else 401)
        good = asked.headers.get("authorization") == "Bearer jwt1"
        return answer_json({"posts": [post(1, NOW)]} if good else {}, 200 if good else 401)

    with WebServer(answer) as server:
        http = HttpClient(Http(per_host_interval="0s", allow_private_addresses=True))
        given = {"identifier_env": "BSKY_WHO", "password_env": "BSKY_WORD", "pds": server.base_url}
        reader = Reader(http, service="http://127.0.0.1:1", **given)
        assert reader.read() == 1
        monkeypatch.setenv("BSKY_WORD", "wrong")
        with pytest.raises(HttpStatus, match="401") as caught:
            reader.read()
        assert "wrong" not in str(caught.value)
        assert "_env" in str(caught.value)
        monkeypatch.delenv("BSKY_WORD")
        with pytest.raises(MissingCredential, match="BSKY_WORD"):
            reader.read()
        http.close()


def test_people_who_ask_not_to_be_shown_are_not_kept_not_even_raw() -> None:
    shy = {"did": "did:plc:x", "handle": "x.example", "labels": [{"val": "!no-unauthenticated"}]}
    posts = [post(1, NOW, author=shy, record={"text": "callado"}), post(2, NOW)]
    http = FakeHttp(lambda *_: {"posts": posts}).client()
    [page] = bluesky.fetch(Options(), WANTED, None, http, NOW)
    assert b"callado" not in page.body
    assert len(bluesky.parse(page).mentions) == 1


def test_the_query_becomes_searches_with_what_the_service_knows() -> None:
    fake = FakeHttp(lambda *_: {"posts": []})
    wanted = query.parse('(movistar OR #1004) AND NOT fútbol OR "otra vez" telem* OR author:rosa')
    list(bluesky.fetch(Options(lang="es"), wanted, None, fake.client(), NOW))
    assert [params["q"] for _, params in fake.asked] == ["movistar", "#1004", '"otra vez"']
    assert {params["lang"] for _, params in fake.asked} == {"es"}
    assert fake.asked[0][1]["since"] == "2026-11-15T12:00:00.000Z"
    with pytest.raises(SourceError, match="needs a brand"):
        list(bluesky.fetch(Options(), None, None, fake.client(), NOW))


def test_each_search_keeps_its_own_place() -> None:
    search = Search(signed_in=True)
    search.posts = [(NOW, 1)]
    fake = FakeHttp(search.answer)
    one = list(bluesky.fetch(Options(), query.parse("uno"), None, fake.client(), NOW))
    both = query.parse("uno OR dos")
    two = list(bluesky.fetch(Options(), both, one[-1].cursor, fake.client(), NOW))
    assert [page.meta["search"] for page in two] == ["dos"]
    again = list(bluesky.fetch(Options(), both, two[-1].cursor, fake.client(), NOW))
    assert again == []
