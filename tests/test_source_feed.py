"""Feeds: the feedparser project's own fixtures over HTTP, a real server's RSS, and odd cases."""

from __future__ import annotations

import io
import json
import warnings
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from urllib.parse import quote

import feedparser
import pytest
import stamina
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import ValidationError
from servers import (
    Answer,
    Asked,
    SnacServer,
    Unavailable,
    WebServer,
    feed_fixtures,
    fixture_headers,
    running,
)

from listener import query
from listener.articles import extract_article
from listener.domain import RawPage
from listener.errors import SourceError
from listener.httpclient import HttpClient
from listener.settings import Http
from listener.sources import feed

NOW = datetime(2026, 11, 22, 12, 0, tzinfo=UTC)


@pytest.fixture(scope="module")
def http() -> Iterator[HttpClient]:
    with (
        stamina.set_testing(True, attempts=1),
        HttpClient(Http(per_host_interval="0s", allow_private_addresses=True)) as client,
    ):
        yield client


def page_of(body: bytes, kind: str = "application/rss+xml", **meta: str) -> RawPage:
    return RawPage("https://diario.example/rss", body, kind, NOW, meta=meta)


def rss(*items: str) -> bytes:
    inside = "".join(f"<item>{item}</item>" for item in items)
    return f'<rss version="2.0"><channel><title>T</title>{inside}</channel></rss>'.encode()


# ---------------------------------------------------------------------------- real feeds


@pytest.fixture(scope="module")
def fixtures() -> Path:
    try:
        return feed_fixtures()
    except Unavailable as error:
        pytest.skip(f"feedparser's source distribution cannot be had: {error}")


def test_every_item_of_every_fixture_is_a_mention_or_a_problem(
    fixtures: Path, http: HttpClient, record_property: pytest.RecordProperty
) -> None:
    """2,242 feeds, most of them broken on purpose, as a server would send them."""
    files = sorted(fixtures.rglob("*.xml"))
    assert len(files) > 2000

    def answer(asked: Asked) -> Answer:
        body = (fixtures / asked.path.lstrip("/")).read_bytes()
        return Answer(body, headers={"Content-Type": "application/xml"} | fixture_headers(body))

    counts = {"feeds": 0, "items": 0, "mentions": 0, "problems": 0}
    with WebServer(answer) as server:
        for file in files:
            url = f"{server.base_url}/{quote(str(file.relative_to(fixtures)))}"
            options = feed.Options(url=url)
            [page] = feed.fetch(options, None, None, http, NOW)
            assert page.body == file.read_bytes()
            with warnings.catch_warnings():
                warnings.simplefilter("ignore", DeprecationWarning)
                known = feedparser.parse(
                    io.BytesIO(page.body),
                    response_headers={
                        "content-type": page.content_type,
                        "content-location": page.meta.get("content_location", page.url),
                        "content-language": page.meta.get("content_language", ""),
                    },
                )
            parsed = feed.parse(page)
            if known.entries:
                assert {p.reason for p in parsed.problems} <= {"no title and no text"}, file
                assert len(parsed.mentions) + len(parsed.problems) == len(known.entries), file
            different = {(m.external_id, m.title, m.text, m.url) for m in parsed.mentions}
            assert len({m.external_id for m in parsed.mentions}) == len(different), file
            counts["feeds"] += 1
            counts["items"] += len(known.entries)
            counts["mentions"] += len(parsed.mentions)
            counts["problems"] += len(parsed.problems)
    record_property("fixtures", counts)
    print(counts)
    assert counts["items"] == 1209
    assert counts["mentions"] == 505


def test_the_rss_of_a_real_server(tmp_path: Path, http: HttpClient) -> None:
    with running(SnacServer, tmp_path) as server:
        rosa = server.create_account("rosa")
        ids = [rosa.post(f"Otra vez el 1004, llamada {n}: «no» & «no» #movistar") for n in range(3)]
        options = feed.Options(url=f"{server.base_url}/rosa.rss")
        [page] = feed.fetch(options, None, None, http, datetime.now(UTC))
        mentions = feed.parse(page).mentions
        assert [m.external_id for m in mentions] == ids[::-1]
        assert mentions[2].text == "Otra vez el 1004, llamada 0: «no» & «no» #movistar"
        assert mentions[0].lang == "en"
        assert list(feed.fetch(options, None, page.cursor, http, datetime.now(UTC))) == []
        rosa.post("Y otra #movistar")
        [page] = feed.fetch(options, None, page.cursor, http, datetime.now(UTC))
        assert len(feed.parse(page).mentions) == 4


# ---------------------------------------------------------------------------- asking


def test_an_unchanged_feed_is_asked_by_its_validators_and_not_passed_on(http: HttpClient) -> None:
    body = rss("<title>Una</title>")

    def answer(asked: Asked) -> Answer:
        if asked.headers.get("if-none-match") == '"7"':
            return Answer(status=304)
        return Answer(
            body, headers={"ETag": '"7"', "Last-Modified": "Fri, 20 Nov 2026 10:00:00 GMT"}
        )

    with WebServer(answer) as server:
        options = feed.Options(url=server.base_url + "/rss")
        [page] = feed.fetch(options, None, None, http, NOW)
        assert list(feed.fetch(options, None, page.cursor, http, NOW)) == []
        asked = server.asked[1].headers
        assert asked["if-none-match"] == '"7"'
        assert asked["if-modified-since"] == "Fri, 20 Nov 2026 10:00:00 GMT"
        other = feed.Options(url=server.base_url + "/other")
        assert len(list(feed.fetch(other, None, page.cursor, http, NOW))) == 1
        assert "if-none-match" not in server.asked[2].headers


def test_an_unchanged_body_is_not_passed_on_where_servers_know_no_validators(
    http: HttpClient,
) -> None:
    with WebServer(lambda _: Answer(rss("<title>Una</title>"))) as server:
        options = feed.Options(url=server.base_url)
        [page] = feed.fetch(options, None, None, http, NOW)
        assert list(feed.fetch(options, None, page.cursor, http, NOW)) == []
        server.answer = lambda _: Answer(rss("<title>Dos</title>"))
        assert len(list(feed.fetch(options, None, page.cursor, http, NOW))) == 1


def test_a_news_search_asks_for_what_the_brand_asks(http: HttpClient) -> None:
    wanted = query.parse('movistar OR number:1004 OR ("otra vez" tarifa*) OR (fibra lenta)')
    with WebServer(lambda asked: Answer(rss(f"<title>{asked.query['q']}</title>"))) as server:
        url = server.base_url + "/rss?q={query}+when:2d&hl={lang}&gl={country}"
        options = feed.Options(url=url, lang="es", country="ES")
        assert feed.needs_query(options)
        list(feed.fetch(options, wanted, None, http, NOW))
        assert server.asked[0].query == {
            "q": 'movistar OR 1004 OR "otra vez" OR (fibra lenta) when:2d',
            "hl": "es",
            "gl": "ES",
        }
        short = feed.Options(url=url, max_query=20)
        pages = list(feed.fetch(short, wanted, None, http, NOW))
        assert [a.query["q"] for a in server.asked[1:]] == [
            "movistar OR 1004 when:2d",
            '"otra vez" when:2d',
            "(fibra lenta) when:2d",
        ]
        # Stopped after the first of three: that one is not read again, the others are.
        again = list(feed.fetch(short, wanted, pages[0].cursor, http, NOW))
        assert [p.body for p in again] == [p.body for p in pages[1:]]
        with pytest.raises(SourceError, match="needs a brand"):
            list(feed.fetch(options, None, None, http, NOW))


@pytest.mark.parametrize(
    ("url", "told"),
    [
        ("https://x.example/?q={word}", "has a place that is not filled in"),
        ("https://x.example/?q={", "not filled in"),
        ("x.example/rss", "pattern"),
    ],
)
def test_mistakes_in_the_address_are_told(url: str, told: str) -> None:
    with pytest.raises(ValidationError, match=told):
        feed.Options(url=url)


# ---------------------------------------------------------------------------- reading


def test_an_item_without_an_id_keeps_the_one_we_gave_it() -> None:
    one = rss("<title>Una</title><description>texto</description>", "<title>Dos</title>")
    two = rss("<title>Dos</title>", "<title>Una</title><description>texto</description>")
    first = {m.title: m.external_id for m in feed.parse(page_of(one)).mentions}
    second = {m.title: m.external_id for m in feed.parse(page_of(two)).mentions}
    assert first == second
    assert len(set(first.values())) == 2


def test_items_that_share_an_id_are_told_apart_by_their_text() -> None:
    same = '<guid isPermaLink="false">1</guid>'
    body = rss(
        f"{same}<title>Una</title>", f"{same}<title>Dos</title>", f"{same}<title>Una</title>"
    )
    ids = [m.external_id for m in feed.parse(page_of(body)).mentions]
    assert ids[0] == ids[2] == "diario.example:1"
    assert ids[1].startswith("diario.example:1#")


def test_a_body_that_names_a_file_is_not_opened(tmp_path: Path) -> None:
    secret = tmp_path / "feed.xml"
    secret.write_bytes(rss("<title>geheim</title>"))
    parsed = feed.parse(page_of(str(secret).encode()))
    assert parsed.mentions == ()
    assert parsed.problems[0].reason.startswith("not a feed")


def test_an_empty_feed_is_no_problem_and_a_web_page_is_one() -> None:
    assert feed.parse(page_of(rss())).problems == ()
    [problem] = feed.parse(page_of(b"<html><body>Acepta las cookies</body>", "text/html")).problems
    assert problem.reason.startswith("not a feed: the answer is text/html")
    assert "cookies" in problem.excerpt


def test_full_text_is_wanted_only_behind_summaries() -> None:
    long = "Una frase larga. " * 120
    link = "<link>https://diario.example/{}</link>"
    body = rss(
        f"{link.format(1)}<title>Corta</title><description>Resumen</description>",
        f"{link.format(2)}<title>Larga</title><description>{long}</description>",
        "<title>Sin enlace</title><description>Resumen</description>",
    )
    page = page_of(body, full_text="yes")
    wanted = [m.article_url for m in feed.parse(page).mentions]
    assert wanted == ["https://diario.example/1", None, None]
    assert {m.article_url for m in feed.parse(replace(page, meta={})).mentions} == {None}


def test_json_that_is_no_feed_is_told() -> None:
    for body in (b'{"items": []}', b'{"version": "https://jsonfeed.org/version/1", "items": 3}'):
        [problem] = feed.parse(page_of(body, "application/json")).problems
        assert "not a JSON Feed" in problem.reason
    empty = json.dumps({"version": "https://jsonfeed.org/version/1.1", "items": []}).encode()
    assert feed.parse(page_of(empty)).problems == ()


# ---------------------------------------------------------------------------- articles

_PARAGRAPHS = [
    "La asociación ha recibido este año más de mil quejas de personas a las que una operadora llama "
    "varias veces al día, aunque hayan dicho que no quieren ninguna oferta.",
    "Según la portavoz, Marta Ríos, lo que más molesta es que nadie apunta la negativa, y por eso el "
    "mismo número vuelve a sonar a la hora de comer y a la de cenar.",
    "La empresa responde que revisará sus listas y que cada persona puede pedir que no se la llame.",
]


def test_an_article_is_found_among_menus() -> None:
    body = "".join(f"<p>{text}</p>" for text in _PARAGRAPHS)
    html = (
        "<html><head><title>Quejas</title></head><body><nav><a href='/'>Portada</a>"
        "<a href='/deportes'>Deportes</a></nav><article><h1>Mil quejas por llamadas</h1>"
        f"{body}</article><footer>Aviso legal · Publicidad</footer></body></html>"
    )
    text = extract_article(html.encode(), "https://diario.example/1")
    assert text is not None
    assert all(paragraph in text for paragraph in _PARAGRAPHS)
    assert "Deportes" not in text
    assert "Aviso legal" not in text


def test_a_page_without_an_article_has_none() -> None:
    assert extract_article(b"", "https://diario.example/") is None
    assert extract_article(b"<html><body></body></html>", "https://diario.example/") is None


@settings(deadline=None)
@given(st.binary(max_size=300))
def test_any_page_can_be_given(html: bytes) -> None:
    text = extract_article(b"<html>" + html, "https://diario.example/")
    assert text is None or text.strip()
