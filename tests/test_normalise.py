"""Clean-up of text, HTML, addresses and times, and what a text names."""

from __future__ import annotations

import unicodedata
from datetime import UTC, datetime, timedelta, timezone
from zoneinfo import ZoneInfo

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from listener.normalise import (
    MOST_MARKS,
    canonical_url,
    clean_text,
    find_urls,
    hashtags,
    host_of,
    html_links,
    html_to_text,
    mentioned_handles,
    parse_time,
    urls,
)

NOW = datetime(2026, 11, 22, 12, tzinfo=UTC)
MADRID = ZoneInfo("Europe/Madrid")


# ------------------------------------------------------------------------------------- text


@pytest.mark.parametrize(
    ("text", "cleaned"),
    [
        ("  hola\t\u00a0 mundo \r\n\r\n\r\n\r\n adiós ", "hola mundo\n\nadiós"),
        ("cafe\u0301", "café"),
        ("a\x00b\x07c\x1fd\x85e", "abcd\ne"),
        ("uno\u2028dos\u2029tres\x0bcuatro", "uno\ndos\ntres\ncuatro"),
        ("\ud83d\ude21 y \ud83d solo", "😡 y \ufffd solo"),
        ("\udc00", "\ufffd"),
        ("Movi\u200bstar \u00adno\ufeff", "Movistar no"),
        ("\u202emalo\u202c \u2066raro\u2069", "malo raro"),
        ("👨\u200d👩\u200d👧 ❤\ufe0f", "👨\u200d👩\u200d👧 ❤\ufe0f"),
        ("می\u200cخواهم \u200fنه", "می\u200cخواهم \u200fنه"),
        ("🏴\U000e0067\U000e0062\U000e0065\U000e006e\U000e0067\U000e007f", None),
        ("hola\U000e0041\U000e0042", "hola"),
        ("\ufffe\uffff\ufdd0ok", "ok"),
    ],
)
def test_text_is_cleaned(text: str, cleaned: str | None) -> None:
    assert clean_text(text) == (text if cleaned is None else cleaned)


def test_a_pile_of_marks_is_cut_in_good_time() -> None:
    cleaned = clean_text("z" + "\u0301\u0316" * 200_000 + "fin")
    assert cleaned.startswith("ź")
    assert cleaned.endswith("fin")
    assert len(cleaned) <= 1 + MOST_MARKS + 3


@given(st.text(st.characters(), max_size=80))
@example("\u0958" + "\u0301\u0316" * 8)
@example(" \u200b \n\u00ad\n \x00\n")
def test_cleaning_twice_changes_nothing(text: str) -> None:
    cleaned = clean_text(text)
    assert clean_text(cleaned) == cleaned
    assert unicodedata.is_normalized("NFC", cleaned)
    assert cleaned.encode().decode() == cleaned
    assert not any(unicodedata.category(char) in ("Cc", "Cs") for char in cleaned if char != "\n")


# ------------------------------------------------------------------------------------- HTML


@pytest.mark.parametrize(
    ("markup", "text"),
    [
        ("", ""),
        ("   ", ""),
        ("<!-- nada -->", ""),
        ("sin etiquetas &amp; ya", "sin etiquetas & ya"),
        ("<p>Uno</p><p>Dos<br>tres<br/><br/>cuatro</p>", "Uno\n\nDos\ntres\n\ncuatro"),
        ("<div>Uno</div><div>Dos</div>", "Uno\nDos"),
        ("<div><div>Uno</div></div><p></p><p>Dos</p>", "Uno\n\nDos"),
        ("<ul><li>Uno<li>Dos</ul>Tres", "Uno\nDos\n\nTres"),
        ("Uno <b>dos</b>,\n   tres<i> cuatro</i>", "Uno dos, tres cuatro"),
        ("a<script>x()</script>b<style>p{}</style>c<!-- d -->e", "abce"),
        ("<head><title>no</title></head><body>sí</body>", "sí"),
        ("<tr><td>a</td><td>b</td></tr>", "a b"),
        ("<table><tr><td>a</td><td>b</td></tr><tr><td>c</td></tr></table>", "a b\nc"),
        ("&lt;script&gt; &eacute; &#x1F621; &nbsp;fin", "<script> é 😡 fin"),
        ("<?xml version='1.0' encoding='latin-1'?><p>año</p>", "año"),
        ("<meta charset='latin-1'><p>año</p>", "año"),
        ("a\x00b \ud83d", "ab \ufffd"),
        ("<pre>uno\n  dos</pre>", "uno\ndos"),
        ("hola <img class='emoji' alt='😀'><img alt='foto'>", "hola 😀"),
        ("<p>sin cerrar <b>nada", "sin cerrar nada"),
        ("2 < 3 y <3", "2 < 3 y <3"),
    ],
)
def test_html_becomes_text(markup: str, text: str) -> None:
    assert html_to_text(markup) == text


def test_a_mastodon_post() -> None:
    markup = (
        '<p><span class="h-card"><a href="https://redes.example/@movistar_es" class="u-url mention">'
        '@<span>movistar_es</span></a></span> basta ya <a href="https://redes.example/tags/siesta" '
        'class="mention hashtag" rel="tag">#<span>siesta</span></a></p><p>Aquí: <a '
        'href="https://www.example.org/llamadas/2026/noviembre" rel="nofollow"><span class='
        '"invisible">https://www.</span><span class="ellipsis">example.org/llamadas/</span>'
        '<span class="invisible">2026/noviembre</span></a></p>'
    )
    assert html_to_text(markup) == (
        "@movistar_es basta ya #siesta\n\nAquí: https://www.example.org/llamadas/2026/noviembre"
    )
    assert html_links(markup) == ("https://www.example.org/llamadas/2026/noviembre",)


def test_a_hacker_news_comment_has_its_whole_links() -> None:
    markup = (
        'See<p><a href="https:&#x2F;&#x2F;example.org&#x2F;a&#x2F;very&#x2F;long&#x2F;one" '
        'rel="nofollow">https:&#x2F;&#x2F;example.org&#x2F;a&#x2F;very...</a> and <a '
        'href="https://example.net/">this page</a>'
    )
    assert html_to_text(markup) == "See\n\nhttps://example.org/a/very/long/one and this page"
    assert html_links(markup) == ("https://example.org/a/very/long/one", "https://example.net/")


def test_a_link_shown_as_another_address_stays_as_shown() -> None:
    assert html_to_text('<a href="https://malo.example/">banco.example</a>') == "banco.example"


def test_html_a_hundred_thousand_levels_deep_is_read() -> None:
    assert "fondo" in html_to_text("<div>" * 100_000 + "fondo")
    assert html_to_text("<a href='x'>" * 1000 + "fondo") == "fondo"


@given(
    st.one_of(
        st.text(max_size=60),
        st.lists(
            st.sampled_from(
                (
                    "<p>",
                    "</p>",
                    "<a href='https://x.example'>",
                    "</a>",
                    "<br>",
                    "x.example",
                    "<pre>",
                    "&amp;",
                    "<!--",
                    "-->",
                    "<script>",
                    "<td>",
                    "\x00",
                    "\ud800",
                    "<![CDATA[",
                    "<?a",
                    " ",
                    "\n",
                )
            ),
            max_size=20,
        ).map("".join),
    )
)
def test_any_html_becomes_clean_text(markup: str) -> None:
    text = html_to_text(markup)
    assert clean_text(text) == text
    assert isinstance(html_links(markup), tuple)


# ------------------------------------------------------------------------------------- addresses


@pytest.mark.parametrize(
    ("url", "canonical"),
    [
        ("HTTPS://WWW.Example.ORG:443/A?b=2&a=1#c", "https://www.example.org/A?b=2&a=1"),
        ("http://example.org", "http://example.org/"),
        ("http://example.org:8080/", "http://example.org:8080/"),
        ("https://ana:secreto@example.org/", "https://example.org/"),
        ("https://example.org./a/./b/../c/..", "https://example.org/a/"),
        ("https://example.org/%7Eana/%c3%b1/ñ x", "https://example.org/~ana/%C3%B1/%C3%B1%20x"),
        ("https://example.org/100%", "https://example.org/100%25"),
        ("https://España.example/", "https://xn--espaa-rta.example/"),
        (
            "https://example.org/?utm_source=x&id=7&fbclid=z&UTM_Medium=y",
            "https://example.org/?id=7",
        ),
        ("https://example.org/?gclid=1", "https://example.org/"),
        ("https://example.org/?ref=7&source=a", "https://example.org/?ref=7&source=a"),
        ("https://example.org/nota/amp/", "https://example.org/nota"),
        ("https://example.org/nota.amp.html?amp=1", "https://example.org/nota.html"),
        ("https://example.org/amp", "https://example.org/amp"),
        ("https://example.org/guitar-amp", "https://example.org/guitar-amp"),
        ("https://example.org/?amp=12&outputType=amp", "https://example.org/?amp=12"),
        ("https://www.google.es/amp/s/example.org/nota/amp", "https://example.org/nota"),
        ("https://example-org.cdn.ampproject.org/c/s/example.org/a", "https://example.org/a"),
        ("https://es.m.wikipedia.org/wiki/Acoso", "https://es.wikipedia.org/wiki/Acoso"),
        ("https://mobile.twitter.com/ana/status/1?ref_src=a", "https://x.com/ana/status/1"),
        ("https://old.reddit.com/r/a/", "https://www.reddit.com/r/a/"),
        ("https://m.example.org/a", "https://m.example.org/a"),
        ("https://[2001:DB8::1]:443/", "https://[2001:db8::1]/"),
        ("https://example.org/a;b=1?c=d;e=f", "https://example.org/a;b=1?c=d;e=f"),
        ("  https://example.org/a\n", "https://example.org/a"),
        ("mailto:ana@example.org", None),
        ("javascript:alert(1)", None),
        ("example.org/a", None),
        ("https://", None),
        ("https://[1", None),
        ("https://example.org:99999/", None),
        ("https://exa mple.org/", None),
        ("", None),
    ],
)
def test_canonical_url(url: str, canonical: str | None) -> None:
    assert canonical_url(url) == canonical


addresses = st.builds(
    "{}://{}{}{}{}".format,
    st.sampled_from(("http", "https", "HTTP")),
    st.sampled_from(
        ("example.org", "M.Example.org:80", "es.m.wikipedia.org", "ñ.example", "www.google.es")
    ),
    st.text(st.sampled_from("/.a%2Ff5é ~amp"), max_size=20).map(lambda path: "/" + path),
    st.sampled_from(("", "/amp/amp", "/amp/s/example.org/b", ".amp")),
    st.one_of(
        st.just(""), st.text(st.sampled_from("&=amput_ %4é1"), max_size=15).map("?{}".format)
    ),
)


@example("http://example.org/..amp")
@given(st.one_of(addresses, st.text(max_size=30), st.text(max_size=20).map("https://{}".format)))
def test_a_canonical_url_is_its_own(url: str) -> None:
    canonical = canonical_url(url)
    if canonical is not None:
        assert canonical_url(canonical) == canonical
        assert canonical.isascii()
        assert "#" not in canonical
        assert "utm_source" not in canonical


@pytest.mark.parametrize(
    ("address", "host"),
    [
        ("https://Ana:x@Example.ORG:8/a?b#c", "example.org"),
        ("example.org./a", "example.org"),
        ("//example.org", "example.org"),
        ("españa.example", "xn--espaa-rta.example"),
        ("", ""),
        ("https:///a", ""),
    ],
)
def test_host_of(address: str, host: str) -> None:
    assert host_of(address) == host


# ------------------------------------------------------------------------------------- times


@pytest.mark.parametrize(
    ("value", "iso"),
    [
        ("2026-03-05T14:30:00Z", "2026-03-05T14:30:00"),
        ("2026-03-05T14:30:00+01:00", "2026-03-05T13:30:00"),
        ("2026-03-05 14:30", "2026-03-05T14:30:00"),
        ("2026-03-05", "2026-03-05T00:00:00"),
        ("2026-03", "2026-03-01T00:00:00"),
        ("20260305T143000Z", "2026-03-05T14:30:00"),
        ("20260305", "2026-03-05T00:00:00"),
        ("20260305143000", "2026-03-05T14:30:00"),
        ("2026-03-05T14:30:00.123456789Z", "2026-03-05T14:30:00.123456"),
        ("2026-03-05 14:30:00 UTC", "2026-03-05T14:30:00"),
        ("2026-03-05 14:30:00 +0100", "2026-03-05T13:30:00"),
        ("2026-03-05T14:30:00+01:00[Europe/Madrid]", "2026-03-05T13:30:00"),
        ("Thu, 05 Mar 2026 14:30:00 +0100", "2026-03-05T13:30:00"),
        ("Thu, 5 Mar 26 14:30 GMT", "2026-03-05T14:30:00"),
        ("Thu, 05 Mar 2026 14:30:00 EST", "2026-03-05T19:30:00"),
        ("Thu, 05 Mar 2026 14:30:00 CET", "2026-03-05T13:30:00"),
        ("Thu Mar 05 14:30:00 +0000 2026", "2026-03-05T14:30:00"),
        ("Thu Mar  5 14:30:00 2026", "2026-03-05T14:30:00"),
        (1772721000, "2026-03-05T14:30:00"),
        ("1772721000", "2026-03-05T14:30:00"),
        (1772721000.25, "2026-03-05T14:30:00.250000"),
        ("1772721000.25", "2026-03-05T14:30:00.250000"),
        (1772721000123, "2026-03-05T14:30:00.123000"),
        ("1772721000123456", "2026-03-05T14:30:00.123456"),
        (1772721000123456789, "2026-03-05T14:30:00.123456"),
        ("2026/03/05 14:30", "2026-03-05T14:30:00"),
        ("05/03/2026 14:30:15", "2026-03-05T14:30:15"),
        ("5.3.2026", "2026-03-05T00:00:00"),
        ("03/25/2026", "2026-03-25T00:00:00"),
        ("5 de marzo de 2026, 14:30", "2026-03-05T14:30:00"),
        ("jueves, 5 de marzo de 2026 a las 14:30 h", "2026-03-05T14:30:00"),
        ("5 mars 2026 à 14h30", "2026-03-05T14:30:00"),
        ("5. März 2026 um 14:30", "2026-03-05T14:30:00"),
        ("5 dicembre 2025", "2025-12-05T00:00:00"),
        ("5 de outubro de 2025 às 9:05", "2025-10-05T09:05:00"),
        ("March 5, 2026 at 2:30 PM", "2026-03-05T14:30:00"),
        ("5 août 2026 14:30 CEST", "2026-08-05T12:30:00"),
        ("5 mar 2026 14:30 Europe/Madrid", "2026-03-05T13:30:00"),
        (datetime(2026, 3, 5, 14, 30, tzinfo=timezone(timedelta(hours=2))), "2026-03-05T12:30:00"),
    ],
)
def test_times_are_read(value: object, iso: str) -> None:
    moment = parse_time(value, now=NOW)
    assert moment == datetime.fromisoformat(iso).replace(tzinfo=UTC)
    assert moment.tzinfo is UTC


def test_a_time_without_a_zone_is_in_the_default_one() -> None:
    assert parse_time("2026-07-05 14:30", MADRID).hour == 12
    assert parse_time("2026-01-05 14:30", MADRID).hour == 13
    assert parse_time("Mon, 05 Jan 2026 14:30:00", MADRID).hour == 13
    assert parse_time("5 de enero de 2026 14:30", MADRID).hour == 13
    assert parse_time("2026-01-05 14:30Z", MADRID).hour == 14
    assert parse_time(datetime(2026, 1, 5, 14), MADRID).hour == 13


def test_month_first_is_asked_for() -> None:
    assert parse_time("03/04/2026").month == 4
    assert parse_time("03/04/2026", day_first=False).month == 3


@pytest.mark.parametrize(
    ("value", "says"),
    [
        ("", "empty"),
        ("  ", "empty"),
        (None, "NoneType"),
        (True, "bool"),
        (["2026"], "list"),
        ("ayer", "no time that can be read"),
        ("2026-13-05", "no time that can be read"),
        ("2026-02-30", "no time that can be read"),
        ("30/02/2026", "no time that can be read"),
        ("20261305", "no time that can be read"),
        ("2026", "no time that can be read"),
        ("5 brumario 2026", "no time that can be read"),
        ("Thu, 05 Mar 2026 14:30:00 QWE", "no time that can be read"),
        ("5 mar 2026 14:30 Europe/Nowhere", "no time that can be read"),
        ("5 mar 2026 14:30 ../../etc/passwd", "no time that can be read"),
        ("1" * 200, "no time that can be read"),
        (float("nan"), "no time"),
        (float("inf"), "no time"),
        (1e30, "outside the calendar"),
        (10**25, "outside the calendar"),
        ("0001-01-01T00:00:00+14:00", "outside the calendar"),
        ("0001-01-01", "before 1990"),
        ("1989-12-31T23:59:59Z", "before 1990"),
        (0, "before 1990"),
        (-5, "before 1990"),
        (20260305, "before 1990"),
        ("2026-11-25", "two days in the future"),
        ("2226-11-22", "two days in the future"),
    ],
)
def test_absurd_times_say_what_is_wrong(value: object, says: str) -> None:
    with pytest.raises(ValueError, match=says):
        parse_time(value, now=NOW)


def test_without_a_now_the_future_is_not_judged() -> None:
    assert parse_time("2226-11-22").year == 2226
    assert parse_time("2026-11-24T11:00Z", now=NOW).day == 24


@given(st.datetimes(datetime(1990, 1, 2), datetime(2026, 11, 20)), st.sampled_from((UTC, MADRID)))
def test_what_is_written_is_read_back(naive: datetime, zone: timezone | ZoneInfo) -> None:
    moment = naive.replace(tzinfo=zone).astimezone(UTC)
    whole = moment.replace(microsecond=0)
    assert parse_time(moment.isoformat(), now=NOW) == moment
    assert parse_time(moment.astimezone(MADRID).isoformat(), now=NOW) == moment
    assert parse_time(whole.strftime("%a, %d %b %Y %H:%M:%S +0000"), now=NOW) == whole
    assert parse_time(int(whole.timestamp()), now=NOW) == whole
    assert parse_time(str(int(whole.timestamp()) * 1000), now=NOW) == whole
    assert parse_time(whole.strftime("%d/%m/%Y %H:%M:%S"), now=NOW) == whole


@given(
    st.one_of(
        st.text(max_size=40),
        st.text(st.sampled_from("0123456789-/.: TZ+demarzo,"), max_size=30),
        st.integers(),
        st.floats(),
        st.binary(max_size=4),
    )
)
def test_any_value_is_a_time_or_a_value_error(value: object) -> None:
    try:
        moment = parse_time(value, now=NOW)
    except ValueError as problem:
        said = str(problem)
        assert said
    else:
        assert moment.tzinfo is UTC
        assert 1990 <= moment.year <= NOW.year


# ------------------------------------------------------------------------------------- names


@pytest.mark.parametrize(
    ("text", "found"),
    [
        (
            "ver https://example.org/a, y (https://example.org/b).",
            ("https://example.org/a", "https://example.org/b"),
        ),
        ("https://es.example/wiki/Acoso_(derecho))", ("https://es.example/wiki/Acoso_(derecho)",)),
        ("WWW.Example.org! www. https:// http://", ("WWW.Example.org",)),
        (
            "«https://example.org/ñ»、https://example.net。",
            ("https://example.org/ñ", "https://example.net"),
        ),
        ("xwww.example.org example.org", ()),
    ],
)
def test_urls_in_a_text(text: str, found: tuple[str, ...]) -> None:
    assert urls(text) == found
    assert tuple(text[start:end] for start, end in find_urls(text)) == found


def test_hashtags_in_a_text() -> None:
    assert hashtags("#Siesta, #siesta #1004! a#b &#39; https://x.example/#no #ñ_1 ＃電話 ##x") == (
        "Siesta",
        "1004",
        "ñ_1",
        "電話",
    )


def test_handles_in_a_text() -> None:
    text = (
        "@ana: dile a @Luis@redes.example. y a @eva.bsky.example, no ana@correo.example ni @ @Ana"
    )
    assert mentioned_handles(text) == ("ana", "Luis@redes.example", "eva.bsky.example")
    assert mentioned_handles("https://redes.example/@ana") == ()


@given(st.text(st.sampled_from("htps:/w.#@a(),)' 1é"), max_size=60))
def test_names_are_parts_of_the_text(text: str) -> None:
    for name in (*urls(text), *hashtags(text), *mentioned_handles(text)):
        assert name
        assert name in text


def test_long_hostile_texts_are_searched_in_good_time() -> None:
    for unit in ("(", ")", "@a.", "@-", "#", "https://", "www.", "://www.)", "@a@"):
        text = unit * (300_000 // len(unit))
        found = (*urls(text), *hashtags(text), *mentioned_handles(text))
        assert all(part in text for part in found)
    assert urls("https://example.org/" + ")" * 300_000) == ("https://example.org/",)
