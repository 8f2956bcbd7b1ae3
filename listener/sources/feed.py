"""Feeds: RSS, Atom and JSON Feed, of one site or as the answer of a news search.

Formats: https://www.rssboard.org/rss-specification, https://www.rfc-editor.org/rfc/rfc4287,
https://www.jsonfeed.org/version/1.1/
Sign-in: none.
Limits: those of the site; unchanged feeds are not sent again (ETag, Last-Modified), and an
unchanged body is not passed on.
Cannot see: what left the feed before we asked (feeds hold 10 to 100 items and are not paged here),
comments, changes of an article after we read it, pages behind a wall. News searches choose and
order by their own rules and sometimes answer with nothing at all.
Items without an id get a stable one from their link or text; items without a usable date are
dated by when we first saw them.
"""

from __future__ import annotations

import hashlib
import io
import re
from calendar import timegm
from collections.abc import Iterator, Mapping
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import quote_plus, urljoin, urlsplit

import feedparser
from pydantic import Field, field_validator

from listener.domain import Author, Mention, Parsed, RawPage
from listener.errors import SourceError
from listener.httpclient import HttpClient, mask_url
from listener.normalise import html_links, html_to_text
from listener.query import Query
from listener.sections import Section
from listener.sources.items import (
    BadItem,
    dict_of,
    list_of,
    load_json,
    read_items,
    stable_hash,
    text_of,
    unreadable,
)
from listener.sources.searching import NOTICE, Style, notice, notice_mark, noticed, searches
from listener.sources.walking import dump_cursor, load_cursor
from listener.times import parse_time

NAME = "feed"
KEEP_UNMATCHED = False
MAY_MATCH = True
STYLE = Style(max_length=200, tag_sign="", site_prefix="site:")
# A summary shorter than this is taken for one; the article behind it is then worth reading.
FULL_TEXT_FROM = 1500
_ACCEPT = (
    "application/feed+json, application/atom+xml, application/rss+xml, application/json;q=0.9, "
    "application/xml;q=0.9, text/xml;q=0.9, */*;q=0.1"
)


class Options(Section):
    """`url` may hold {query}, {lang} and {country}: then it is a news search, made per brand."""

    url: str = Field(pattern=r"^https?://\S+$")
    full_text: bool = False
    lang: str = ""
    country: str = ""
    site: str = ""
    max_query: int = Field(500, ge=20, le=4000)  # characters of {query}; more become more searches

    @field_validator("url")
    @classmethod
    def _known_places(cls, value: str) -> str:
        try:
            value.format(query="", lang="", country="")
        except (KeyError, IndexError, ValueError) as error:
            raise ValueError(
                f"{value!r} has a place that is not filled in ({error}); known are {{query}}, {{lang}} "
                "and {country}; write {{ and }} for braces that stay"
            ) from error
        return value


def needs_query(options: Options) -> bool:
    return "{query}" in options.url


def fetch(
    options: Options, query: Query | None, cursor: str | None, http: HttpClient, now: datetime
) -> Iterator[RawPage]:
    saved = load_cursor(cursor)
    states: dict[str, Any] = {}
    if query is not None and needs_query(options):
        states |= notice_mark(query, STYLE)
        if told := notice(query, STYLE, saved, url=mask_url(options.url), now=now):
            kept = {name: value for name, value in saved.items() if name != NOTICE}
            yield replace(told, cursor=dump_cursor({**kept, **states}))
    urls = {_key(url): url for url in _urls(options, query)}
    for key in urls:
        if key in saved:
            states[key] = saved[key]
    for key, url in urls.items():
        state = {name: text_of(v) for name, v in dict_of(states.get(key)).items()}
        asked = {"Accept": _ACCEPT}
        if state.get("etag"):
            asked["If-None-Match"] = state["etag"]
        if state.get("modified"):
            asked["If-Modified-Since"] = state["modified"]
        answer = http.get(url, headers=asked)
        digest = hashlib.sha256(answer.body).hexdigest()
        if answer.not_modified or digest == state.get("digest"):
            continue
        states[key] = {
            "etag": answer.headers.get("etag", ""),
            "modified": answer.headers.get("last-modified", ""),
            "digest": digest,
        }
        yield RawPage(
            url=mask_url(answer.url),
            body=answer.body,
            content_type=answer.content_type,
            fetched_at=now,
            cursor=dump_cursor(states),
            meta=_meta(options, answer.headers),
        )


def _urls(options: Options, query: Query | None) -> list[str]:
    places = {"lang": quote_plus(options.lang), "country": quote_plus(options.country)}
    if not needs_query(options):
        return [options.url.format(query="", **places)]
    if query is None:
        raise SourceError("a news search needs a brand with a query", source=NAME)
    return [
        options.url.format(query=quote_plus(search), **places)
        for search in _together(searches(query, STYLE), options.max_query)
    ]


def _together(alternatives: tuple[str, ...], max_length: int) -> Iterator[str]:
    """As few searches as fit: news searches understand OR."""
    search = ""
    for one in alternatives:
        part = f"({one})" if " " in one and len(alternatives) > 1 and one[0] != '"' else one
        longer = f"{search} OR {part}" if search else part
        if search and len(longer) > max_length:
            yield search
            search = part
        else:
            search = longer
    if search:
        yield search


def _key(url: str) -> str:
    return stable_hash(url)[:12]


def _meta(options: Options, headers: Mapping[str, str]) -> dict[str, str]:
    meta = {
        "site": options.site,
        "lang": options.lang,
        "full_text": "yes" if options.full_text else "",
        "content_language": headers.get("content-language", ""),
        "content_location": headers.get("content-location", ""),
    }
    return {name: value for name, value in meta.items() if value}


# ---------------------------------------------------------------------------- parse


def parse(page: RawPage) -> Parsed:
    if told := noticed(page):
        return told
    start = page.body[:200].lstrip(b"\xef\xbb\xbf \t\r\n")
    if start[:1] == b"{":
        return _parse_json(page)
    try:
        # A file object: feedparser would open bytes that look like an address or a file name.
        feed = feedparser.parse(
            io.BytesIO(page.body),
            response_headers={
                "content-type": page.content_type,
                "content-location": page.meta.get("content_location") or page.url,
                "content-language": page.meta.get("content_language", ""),
            },
        )
    except Exception as error:
        # feedparser means to read anything and mostly does; the raw page is kept.
        return unreadable(f"feedparser cannot read it: {type(error).__name__}: {error}", page.body)
    entries = list(feed.get("entries") or ())
    if not entries:
        harmless = (feedparser.CharacterEncodingOverride, feedparser.NonXMLContentType)
        damage = feed.get("bozo_exception")
        if feed.get("version") and (damage is None or isinstance(damage, harmless)):
            return Parsed()
        return _no_feed(feed, page)
    channel = feed.get("feed") or {}
    ids: dict[str, str] = {}
    return read_items(entries, lambda entry: _unique(_from_entry(entry, channel, page), ids))


def _no_feed(feed: Mapping[str, Any], page: RawPage) -> Parsed:
    if feed.get("version"):
        why = f"the feed is damaged ({feed.get('bozo_exception')}) and no item could be read"
        return unreadable(why, page.body)
    kind = page.content_type.partition(";")[0] or "nothing that says what it is"
    return unreadable(
        f"not a feed: the answer is {kind}. Open the address in a browser and look for the site's "
        "RSS or Atom address.",
        page.body,
    )


def _unique(mention: Mention, ids: dict[str, str]) -> Mention:
    """Some feeds give every item the same id; then the text tells them apart."""
    text = stable_hash(mention.title, mention.text, mention.url)
    if ids.setdefault(mention.external_id, text) == text:
        return mention
    return replace(mention, external_id=f"{mention.external_id}#{text}")


def _from_entry(entry: Any, channel: Any, page: RawPage) -> Mention:
    title = _plain(entry.get("title"), entry.get("title_detail"))
    markup, complete = _body(entry)
    text = html_to_text(markup)
    link = text_of(entry.get("link"))
    source = dict_of(entry.get("source"))
    site = page.meta.get("site") or _host(text_of(source.get("href")) or link or page.url)
    if not (title or text):
        raise BadItem("no title and no text")
    if _words(title) and _words(text) == _words(title):
        title = ""  # some repeat the beginning or the headline; people need not read it twice
    detail = dict_of(entry.get("author_detail"))
    lang = text_of(dict_of(entry.get("title_detail")).get("language")) or text_of(
        channel.get("language")
    )
    return Mention(
        source=NAME,
        external_id=_id_of(text_of(entry.get("id")), link, page, title, text),
        text=text or title,
        title=title,
        published_at=_dated(
            # Without the test feedparser would answer with the other date, and a warning.
            [entry[name] for name in ("published_parsed", "updated_parsed") if name in entry],
            page.fetched_at,
        ),
        author=_author(_name(entry, detail), text_of(detail.get("href")), site),
        url=link,
        site=site,
        lang=page.meta.get("lang") or lang or page.meta.get("content_language"),
        tags=tuple(text_of(dict_of(tag).get("term")) for tag in list_of(entry.get("tags"))),
        links=html_links(markup),
        article_url=_article(page, link, complete, text),
    )


def _words(text: str) -> list[str]:
    return re.findall(r"\w+", text.casefold())


_ADDRESS = r"[^\s@()<>]+@[^\s@()<>]+"


def _name(entry: Any, detail: dict[str, Any]) -> str:
    """The author's name. RSS wants `address (name)`; addresses are nobody's business here."""
    written = text_of(entry.get("author")).strip()
    if named := re.fullmatch(rf"{_ADDRESS}\s*\(([^()]+)\)|([^<>@]+?)\s*<{_ADDRESS}>", written):
        return named[1] or named[2]
    if re.fullmatch(_ADDRESS, written):
        return written.partition("@")[0]
    return text_of(detail.get("name")) or written


def _plain(value: Any, detail: Any) -> str:
    text = text_of(value)
    kind = text_of(dict_of(detail).get("type"))
    return text if kind == "text/plain" and "<" not in text else html_to_text(text)


def _body(entry: Any) -> tuple[str, bool]:
    """The longest thing the item says, as HTML, and whether it calls itself the content."""
    contents = [dict_of(part) for part in list_of(entry.get("content"))]
    texts = [(_markup(part), True) for part in contents]
    texts.append((_markup(dict_of(entry.get("summary_detail"))), False))
    if entry.get("summary") and not entry.get("summary_detail"):
        texts.append((text_of(entry.get("summary")), False))
    return max(texts, key=lambda one: len(one[0]))


def _markup(part: Mapping[str, Any]) -> str:
    value = text_of(part.get("value"))
    if part.get("type") == "text/plain":
        value = value.replace("&", "&amp;").replace("<", "&lt;").replace("\n", "<br>")
    return value


def _host(url: str) -> str:
    try:
        return (urlsplit(url).hostname or "").removeprefix("www.")
    except ValueError:
        return ""


def _id_of(given: str, link: str, page: RawPage, title: str, text: str) -> str:
    """Ids that are addresses are unique everywhere; others only within their feed's site."""
    if ":" in given[:20]:
        return given
    if given:
        return f"{_host(page.url)}:{given}"
    return link or f"{_host(page.url)}:{stable_hash(title, text)}"


def _dated(parsed: list[Any], fetched_at: datetime) -> datetime:
    """The first date that can be one; a date in the future is when we saw it."""
    for value in parsed:
        try:
            when = datetime.fromtimestamp(timegm(value), tz=UTC)
        except (TypeError, ValueError, OverflowError, OSError):
            continue
        if when.year >= 1990 and when <= fetched_at + timedelta(days=2):
            return min(when, fetched_at)
    return fetched_at


def _author(name: str, url: str, site: str) -> Author | None:
    """Names in feeds are only unique within their site."""
    name = " ".join(name.split())
    return Author(f"{name}@{site}" if site else name, name, url) if name else None


def _article(page: RawPage, link: str, complete: bool, text: str) -> str | None:
    wanted = page.meta.get("full_text") == "yes" and not complete and len(text) < FULL_TEXT_FROM
    return link if wanted and link.startswith(("http://", "https://")) else None


# ---------------------------------------------------------------------------- JSON Feed


def _parse_json(page: RawPage) -> Parsed:
    try:
        feed = dict_of(load_json(page.body))
    except ValueError as error:
        return unreadable(f"not JSON: {error}", page.body)
    items = feed.get("items")
    if "jsonfeed.org" not in text_of(feed.get("version")) or not isinstance(items, list):
        return unreadable("JSON, but not a JSON Feed (https://www.jsonfeed.org)", page.body)
    ids: dict[str, str] = {}
    return read_items(items, lambda item: _unique(_from_json(dict_of(item), feed, page), ids))


def _from_json(item: dict[str, Any], feed: dict[str, Any], page: RawPage) -> Mention:
    link = text_of(item.get("url")) or text_of(item.get("external_url"))
    link = _absolute(page.url, link)
    markup = text_of(item.get("content_html"))
    text = html_to_text(markup) if markup else text_of(item.get("content_text"))
    complete = bool(text)
    text = text or text_of(item.get("summary"))
    title = text_of(item.get("title"))
    if not (title or text):
        raise BadItem("no title and no text")
    site = page.meta.get("site") or _host(link or page.url)
    people = list_of(item.get("authors")) or list_of(feed.get("authors"))
    person = dict_of((people or [item.get("author") or feed.get("author")])[0])
    return Mention(
        source=NAME,
        external_id=_id_of(text_of(item.get("id")), link, page, title, text),
        text=text or title,
        title=title,
        published_at=_json_date(item, page.fetched_at),
        author=_author(text_of(person.get("name")), text_of(person.get("url")), site),
        url=link,
        site=site,
        lang=page.meta.get("lang")
        or text_of(item.get("language"))
        or text_of(feed.get("language")),
        tags=tuple(map(text_of, list_of(item.get("tags")))),
        links=html_links(markup),
        article_url=_article(page, link, complete, text),
    )


def _absolute(base: str, link: str) -> str:
    try:
        return urljoin(base, link) if link else ""
    except ValueError:
        return ""


def _json_date(item: dict[str, Any], fetched_at: datetime) -> datetime:
    for name in ("date_published", "date_modified"):
        try:
            when = parse_time(text_of(item.get(name)), UTC, now=fetched_at)
        except ValueError:
            continue
        return min(when, fetched_at)
    return fetched_at
