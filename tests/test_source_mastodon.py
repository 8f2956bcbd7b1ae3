"""Mastodon: against a real server with its API, and against a small model of one that forgets."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
import stamina
from fakes import FakeHttp, refused
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import ValidationError
from servers import Account, SnacServer, WebServer, answer_json, running

from listener import query
from listener.domain import Mention, Problem
from listener.errors import HttpStatus, MissingCredential, SourceError
from listener.httpclient import HttpClient
from listener.settings import Http
from listener.sources import mastodon

NOW = datetime(2026, 11, 22, 12, 0, tzinfo=UTC)


@pytest.fixture(scope="module")
def http() -> Iterator[HttpClient]:
    with (
        stamina.set_testing(True, attempts=1),
        HttpClient(Http(per_host_interval="0s", allow_private_addresses=True)) as client,
    ):
        yield client


@pytest.fixture(scope="module")
def snac(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SnacServer]:
    with running(SnacServer, tmp_path_factory.mktemp("snac")) as server:
        yield server


@pytest.fixture(scope="module")
def rosa(snac: SnacServer) -> Account:
    return snac.create_account("rosa", with_token=True)


class Reader:
    """Somebody who reads as the pipeline does: mentions and cursor are kept together."""

    def __init__(self, options: mastodon.Options, http: HttpClient) -> None:
        self.options, self.http = options, http
        self.cursor: str | None = None
        self.found: dict[str, Mention] = {}
        self.problems: list[Problem] = []

    def read(self, wanted: Any = None, *, stop_after: int | None = None) -> int:
        pages = 0
        for page in mastodon.fetch(self.options, wanted, self.cursor, self.http, datetime.now(UTC)):
            parsed = mastodon.parse(page)
            self.found |= {m.external_id: m for m in parsed.mentions}
            self.problems += parsed.problems
            self.cursor = page.cursor or self.cursor
            pages += 1
            if stop_after is not None and pages >= stop_after:
                break
        return pages


# ---------------------------------------------------------------------------- a real server


def test_everything_under_a_tag_is_read_once_and_in_pages(
    snac: SnacServer, rosa: Account, http: HttpClient
) -> None:
    reader = Reader(mastodon.Options(server=snac.base_url, tags=("paginas",)), http)
    assert reader.read() == 0
    first = [rosa.post(f"Otra vez el 1004, van {n} #paginas") for n in range(3)]
    assert reader.read() == 1
    luis = snac.create_account("luis")
    more = [luis.post(f"A mí también, {n} #paginas") for n in range(95)]
    assert reader.read() == 3
    assert list(reader.found) != []
    assert set(reader.found) == {*first, *more}
    assert reader.read() == 0
    assert reader.problems == []
    one = reader.found[more[0]]
    assert one.text == "A mí también, 0 #paginas"
    assert one.author is not None
    assert one.author.handle == luis.handle
    assert one.tags == ("paginas",)


def test_reading_can_be_stopped_after_any_page(
    snac: SnacServer, rosa: Account, http: HttpClient
) -> None:
    reader = Reader(mastodon.Options(server=snac.base_url, tags=("corte", "otro_corte")), http)
    ids = [rosa.post("La primera #corte"), rosa.post("La primera #otro_corte")]
    reader.read()
    ids += [rosa.post(f"Llamada {n} #corte #otro_corte") for n in range(85)]
    for _ in range(10):
        reader.read(stop_after=1)
    assert set(reader.found) == set(ids)


def test_a_server_that_goes_away_loses_nothing(
    snac: SnacServer, rosa: Account, http: HttpClient
) -> None:
    reader = Reader(mastodon.Options(server=snac.base_url, tags=("caida",)), http)
    ids = [rosa.post("Antes #caida")]
    reader.read()
    ids.append(rosa.post("Entre medias #caida"))
    snac.stop()
    with pytest.raises(Exception, match="cannot connect") as caught:
        reader.read()
    assert caught.value.retry  # type: ignore[attr-defined]
    snac.start()
    assert reader.read() == 1
    assert list(reader.found) == ids


def test_boosts_and_private_posts_do_not_come_as_posts(
    snac: SnacServer, rosa: Account, http: HttpClient
) -> None:
    reader = Reader(mastodon.Options(server=snac.base_url, tags=("difusion",)), http)
    post = rosa.post("Que lo lea todo el mundo #difusion")
    marta = snac.create_account("marta")
    marta.boost(post)
    marta.post("Solo para @rosa #difusion", visibility="private")
    reader.read()
    assert list(reader.found) == [post]


def test_an_edited_post_comes_again_under_its_id(
    snac: SnacServer, rosa: Account, http: HttpClient
) -> None:
    reader = Reader(mastodon.Options(server=snac.base_url, tags=("cambio",)), http)
    post = rosa.post("Me llama el 104 #cambio")
    reader.read()
    rosa.edit(post, "Me llama el 1004 #cambio", rosa.token())
    assert reader.read() == 1
    assert [(m.external_id, m.text) for m in reader.found.values()] == [
        (post, "Me llama el 1004 #cambio")
    ]
    assert reader.read() == 0


def test_an_answer_finds_its_post_on_an_earlier_page(
    snac: SnacServer, rosa: Account, http: HttpClient
) -> None:
    marca = snac.create_account("marca", with_token=True)
    options = mastodon.Options(server=snac.base_url, tags=("queja",))
    reader = Reader(options, http)
    post = rosa.post("Otra vez el 1004 #queja")
    reader.read()
    later = [rosa.post(f"Y van {n} #queja") for n in range(45)]
    reader.read()
    answer = marca.reply(post, "Lo sentimos, lo miramos #queja")
    assert reader.read() == 1
    assert len(reader.found) == len(later) + 2
    assert reader.found[answer].reply_to == post


def test_search_needs_its_token_and_finds_with_it(
    snac: SnacServer, rosa: Account, http: HttpClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    ids = {rosa.post(f"Dinamarca telefonea {n} veces") for n in range(30)}
    options = mastodon.Options(
        server=snac.base_url, search=True, token_env="MASTODON_TOKEN_OF_TEST"
    )
    assert mastodon.needs_query(options)
    reader = Reader(options, http)
    wanted = query.parse("telefonea")
    with pytest.raises(MissingCredential, match="MASTODON_TOKEN_OF_TEST"):
        reader.read(wanted)
    monkeypatch.setenv("MASTODON_TOKEN_OF_TEST", "0" * 32)
    with pytest.raises(HttpStatus, match="401"):
        reader.read(wanted)
    monkeypatch.setenv("MASTODON_TOKEN_OF_TEST", rosa.token())
    reader.read(wanted)
    assert set(reader.found) == ids
    assert reader.read(wanted) == 0
    ids.add(rosa.post("Y una que telefonea más"))
    assert reader.read(wanted) == 1
    assert set(reader.found) == ids


# ---------------------------------------------------------------------------- recorded shapes


def status(number: int, **more: Any) -> dict[str, Any]:
    return {
        "id": f"x{number}",
        "uri": f"https://s.example/p/{number}",
        "created_at": (NOW - timedelta(days=1) + timedelta(seconds=number)).isoformat(),
        "visibility": "public",
        "content": f"<p>{number}</p>",
        "account": {"acct": "rosa"},
    } | more


def test_posts_that_are_not_public_are_not_even_in_the_raw_page(http: HttpClient) -> None:
    statuses = [
        status(1, content="abierta"),
        status(2, content="cerrada", visibility="private"),
        status(3, content="", reblog=status(4, content="ajena", visibility="direct")),
        status(5, content="discreta", visibility="unlisted"),
    ]
    with WebServer(lambda _: answer_json(statuses)) as server:
        options = mastodon.Options(server=server.base_url, tags=("1004",))
        [page] = mastodon.fetch(options, None, None, http, NOW)
        assert "abierta" in page.body.decode()
        for word in ("cerrada", "ajena", "discreta"):
            assert word not in page.body.decode()
        assert [m.text for m in mastodon.parse(page).mentions] == ["abierta"]
        assert list(mastodon.fetch(options, None, page.cursor, http, NOW)) == []


def test_the_first_visit_reads_back_as_far_as_asked(http: HttpClient) -> None:
    posts = [status(n) for n in range(200)][::-1]

    def answer(asked: Any) -> Any:
        ids = [p["id"] for p in posts]
        start = ids.index(asked.query["max_id"]) + 1 if "max_id" in asked.query else 0
        return answer_json(posts[start : start + 40])

    with WebServer(answer) as server:
        options = mastodon.Options(server=server.base_url, tags=("1004",), backfill_pages=3)
        pages = list(mastodon.fetch(options, None, None, http, NOW))
    numbers = [[int(m.text) for m in mastodon.parse(page).mentions] for page in pages]
    assert [max(part) for part in numbers] == [119, 159, 199]


def test_a_place_that_is_lost_is_told(http: HttpClient) -> None:
    def answer(asked: Any) -> Any:
        return answer_json([] if "min_id" in asked.query else [status(9)])

    with WebServer(answer) as server:
        options = mastodon.Options(server=server.base_url, tags=("1004",))
        [page] = mastodon.fetch(options, None, '{"1004": ["gone1", "gone2"]}', http, NOW)
    parsed = mastodon.parse(page)
    assert len(parsed.mentions) == 1
    assert "#1004 are gone" in parsed.problems[0].reason


def test_the_servers_limit_is_kept(http: HttpClient) -> None:
    reset = (datetime.now(UTC) + timedelta(minutes=4)).isoformat()
    limited = answer_json(
        {"error": "Too many requests"}, 429, X_RateLimit_Limit="300", X_RateLimit_Reset=reset
    )
    with WebServer(lambda _: limited) as server:
        options = mastodon.Options(server=server.base_url, tags=("a", "b"))
        with pytest.raises(HttpStatus, match="Too many requests") as caught:
            list(mastodon.fetch(options, None, None, http, NOW))
        assert caught.value.retry_after == pytest.approx(240, abs=30)
        assert len(server.asked) == 1


@pytest.mark.parametrize(
    ("given", "told"),
    [
        ({"server": "mastodon.social", "tags": ["a"]}, "pattern"),
        ({"server": "https://m.example/api", "tags": ["a"]}, "pattern"),
        ({"server": "https://m.example"}, "either tags, or search"),
        ({"server": "https://m.example", "tags": ["a"], "search": True}, "either tags, or search"),
        ({"server": "https://m.example", "search": True}, "needs token_env"),
        ({"server": "https://m.example", "tags": ["dos palabras"]}, "one word"),
    ],
)
def test_mistakes_in_options_are_told(given: dict[str, Any], told: str) -> None:
    with pytest.raises(ValidationError, match=told):
        mastodon.Options.model_validate(given)
    assert mastodon.Options(server="https://m.example/", tags=("#1004", "1004")).tags == ("1004",)


def test_a_search_without_a_query_is_our_mistake(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MASTODON_TOKEN_OF_TEST", "x")
    options = mastodon.Options(
        server="https://m.example", search=True, token_env="MASTODON_TOKEN_OF_TEST"
    )
    with pytest.raises(SourceError, match="needs a brand"):
        list(mastodon.fetch(options, None, None, FakeHttp(lambda *_: []).client(), NOW))


class Conversation:
    """A server whose newest page holds only answers to posts of other pages."""

    def __init__(self, failing: int = 0) -> None:
        self.failing = failing
        self.page = [status(50, in_reply_to_id="x7"), status(49, in_reply_to_id="x7")]

    def answer(self, url: str, _: dict[str, str]) -> Any:
        if "/timelines/" in url:
            return self.page
        if self.failing:
            raise refused(url, self.failing)
        number = int(url.rpartition("x")[2])
        return status(number, uri=f"https://elsewhere.example/users/ana/statuses/{number}")

    def asked(self, fake: FakeHttp) -> list[str]:
        return [url for url, _ in fake.asked if "/timelines/" not in url]


def test_what_a_reply_belongs_to_is_asked_once() -> None:
    server = Conversation()
    fake = FakeHttp(server.answer)
    reader = Reader(mastodon.Options(server="https://s.example", tags=("t",)), fake.client())
    reader.read()
    assert server.asked(fake) == ["https://s.example/api/v1/statuses/x7"]
    wanted = "https://elsewhere.example/users/ana/statuses/7"
    assert {m.reply_to for m in reader.found.values()} == {wanted}
    server.page.insert(0, status(51, in_reply_to_id="x8"))
    reader.read()
    assert [url[-2:] for url in server.asked(fake)] == ["x7", "x8"]
    server.page.insert(0, status(52, in_reply_to_id="x51"))
    reader.read()
    assert reader.found["https://s.example/p/52"].reply_to == "https://s.example/p/51"
    assert len(server.asked(fake)) == 2


@pytest.mark.parametrize("failing", [401, 404, 500])
def test_a_reply_to_what_cannot_be_had_is_still_read(failing: int) -> None:
    fake = FakeHttp(Conversation(failing).answer)
    reader = Reader(mastodon.Options(server="https://s.example", tags=("t",)), fake.client())
    reader.read()
    assert [m.reply_to for m in reader.found.values()] == ["s.example/x7"] * 2


def test_a_server_that_asks_us_to_wait_gets_its_page_read_later() -> None:
    server = Conversation(429)
    reader = Reader(
        mastodon.Options(server="https://s.example", tags=("t",)), FakeHttp(server.answer).client()
    )
    with pytest.raises(HttpStatus):
        reader.read()
    assert (reader.cursor, reader.found) == (None, {})
    server.failing = 0
    reader.read()
    assert len(reader.found) == 2


class FullText:
    """A search that is leafed through by offset only, newest first."""

    def __init__(self, count: int) -> None:
        self.numbers = list(range(count))

    def answer(self, _: str, params: dict[str, str]) -> Any:
        start = int(params["offset"])
        found = self.numbers[::-1][start : start + int(params["limit"])]
        return {"statuses": [status(n) for n in found]}

    def reader(self, monkeypatch: pytest.MonkeyPatch, **more: Any) -> Reader:
        monkeypatch.setenv("MASTODON_TOKEN_OF_TEST", "x")
        options = mastodon.Options(
            server="https://s.example",
            search=True,
            token_env="MASTODON_TOKEN_OF_TEST",
            backfill="30d",
            **more,
        )
        return Reader(options, FakeHttp(self.answer).client())


def test_a_long_search_is_read_to_its_end_over_several_visits(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    server = FullText(2000)
    reader = server.reader(monkeypatch)
    wanted = query.parse("1004")
    for visit in range(4):
        reader.read(wanted)
        # Between visits posts come, and a few that were not read yet go.
        server.numbers += range(2000 + visit * 30, 2030 + visit * 30)
        del server.numbers[100:105]
    reader.read(wanted)
    reader.read(wanted)
    numbers = {int(m.text) for m in reader.found.values()}
    assert set(server.numbers) <= numbers
    assert reader.problems == []
    assert reader.read(wanted) == 0


def test_a_search_with_more_results_than_the_server_shows_tells_its_gap(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    server = FullText(10_500)
    reader = server.reader(monkeypatch, max_requests=200)
    reader.read(query.parse("1004"))
    reader.read(query.parse("1004"))
    assert len(reader.found) == 10_000
    assert [p.reason.partition(" may")[2][:28] for p in reader.problems] == [
        " be missing: the server show"
    ]
    server.numbers.append(10_500)
    assert reader.read(query.parse("1004")) >= 1
    assert "https://s.example/p/10500" in reader.found
    assert len(reader.problems) == 1


# ---------------------------------------------------------------------------- a model


class Timeline:
    """A tag timeline with the API's paging. `forgets`: min_id of a deleted post answers nothing,
    as snac2 does; Mastodon itself goes on from its place."""

    def __init__(self, *, forgets: bool) -> None:
        self.posts: list[int] = []  # all that ever were, in order
        self.gone: set[int] = set()
        self.forgets = forgets

    def answer(self, _: str, params: dict[str, str]) -> Any:
        alive = [n for n in self.posts if n not in self.gone]
        limit = int(params["limit"])
        if "min_id" in params:
            anchor = int(params["min_id"].lstrip("x"))
            if self.forgets and anchor in self.gone:
                return []
            found = [n for n in alive if n > anchor][:limit][::-1]
        else:
            found = alive[::-1][:limit]
        return [status(n) for n in found]


@settings(max_examples=60, deadline=None)
@given(data=st.data(), forgets=st.booleans())
def test_nothing_is_lost_whatever_happens_between_visits(
    data: st.DataObject, forgets: bool
) -> None:
    """Posts come, a few are deleted, visits are cut short: in the end all is read that still is
    there, and nobody is told of a gap."""
    timeline = Timeline(forgets=forgets)
    http = FakeHttp(timeline.answer).client()
    timeline.posts.append(0)
    reader = Reader(mastodon.Options(server="https://s.example", tags=("t",)), http)
    reader.read()
    for _ in range(data.draw(st.integers(1, 6))):
        start = len(timeline.posts)
        timeline.posts += range(start, start + data.draw(st.integers(0, 130)))
        # Up to four of the newest go: five anchors are remembered.
        newest = timeline.posts[-data.draw(st.integers(1, 4)) :]
        timeline.gone |= {n for n in newest if n and data.draw(st.booleans())}
        reader.read(stop_after=data.draw(st.none() | st.integers(1, 2)))
    for _ in range(12):
        reader.read()
    alive = {f"https://s.example/p/{n}" for n in timeline.posts if n not in timeline.gone}
    missing = alive - set(reader.found)
    if not any("gone from the server" in p.reason for p in reader.problems):
        assert missing == set()
    json.loads(reader.cursor or "{}")


def test_deleted_posts_do_not_cost_our_place() -> None:
    timeline = Timeline(forgets=True)
    timeline.posts += range(10)
    reader = Reader(
        mastodon.Options(server="https://s.example", tags=("t",)),
        FakeHttp(timeline.answer).client(),
    )
    reader.read()
    timeline.posts += range(10, 110)
    timeline.gone = {6, 7, 8, 9}
    reader.read()
    assert len(reader.found) == 110
    assert reader.problems == []


def test_the_cursor_stays_small() -> None:
    timeline = Timeline(forgets=False)
    http = FakeHttp(timeline.answer).client()
    reader = Reader(mastodon.Options(server="https://s.example", tags=("t",)), http)
    for n in range(30):
        timeline.posts += range(n * 40, n * 40 + 40)
        reader.read()
    assert len(reader.found) == 1200
    assert len(reader.cursor or "") < 1500
