"""Bluesky: full-text search of posts through the public AppView.

API: https://docs.bsky.app/docs/api/app-bsky-feed-search-posts (lexicon
app.bsky.feed.searchPosts), https://docs.bsky.app/docs/api/com-atproto-server-create-session
Sign-in: none needed where the service allows open search; it is at times refused with 403, and
without sign-in only the newest 100 posts of a search can be had. With `identifier_env` and
`password_env` (an app password, made in the settings of an account) we sign in at `pds`.
Limits: 3,000 requests in 5 minutes per address; createSession 30 in 5 minutes and 300 a day.
Cannot see: posts of people who ask not to be shown to the signed-out (we honour that, signed in
or not), deleted posts, images and their words, what was said before the first `backfill`; search
results of the service may skip posts.
Paging: newest first, down to where the walk before ended (see walking.py).
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Any
from urllib.parse import quote, urlsplit

from pydantic import Field

from listener.domain import Author, Mention, Parsed, RawPage
from listener.errors import HttpStatus, SourceError, sentence
from listener.httpclient import HttpClient, mask_url
from listener.query import Query
from listener.sections import Duration, Section
from listener.settings import secret
from listener.sources.items import (
    BadItem,
    count_of,
    dict_of,
    list_of,
    load_answer,
    load_json,
    problem,
    read_items,
    text_of,
    unreadable,
)
from listener.sources.searching import Style, notice, notice_mark, noticed, searches
from listener.sources.walking import Batch, load_cursor, walk_searches
from listener.times import parse_time

NAME = "bluesky"
KEEP_UNMATCHED = False
MAY_MATCH = True
STYLE = Style(max_length=300)
LIMIT = 100
_SIGNED_IN_ONLY = "!no-unauthenticated"


class Options(Section):
    """`lang` asks the service for posts of one language only; empty: all."""

    service: str = "https://api.bsky.app"
    pds: str = "https://bsky.social"
    identifier_env: str = ""
    password_env: str = ""
    lang: str = ""
    backfill: Duration = timedelta(days=7)
    max_requests: int = Field(20, ge=1, le=200)


def needs_query(options: Options) -> bool:  # noqa: ARG001 - one form for all sources
    return True


def fetch(
    options: Options, query: Query | None, cursor: str | None, http: HttpClient, now: datetime
) -> Iterator[RawPage]:
    if query is None:
        raise SourceError("a search needs a brand with a query", source=NAME)
    wanted = searches(query, STYLE)
    token = _sign_in(options, http) if wanted and options.identifier_env else None
    yield from walk_searches(
        wanted,
        cursor,
        first_floor=now - options.backfill,
        ask=lambda search: partial(_ask, options, http, now, search, token),
        max_requests=options.max_requests,
        notice=notice(query, STYLE, load_cursor(cursor), url=options.service, now=now),
        mark=notice_mark(query, STYLE),
    )


def _sign_in(options: Options, http: HttpClient) -> str:
    """A session of our own for every fetch: tokens live for hours, but are kept nowhere."""
    needed_by = sentence("the source {source}", source=NAME)
    account = {
        "identifier": secret(options.identifier_env, needed_by),
        "password": secret(options.password_env, needed_by),
    }
    url = f"{options.pds.rstrip('/')}/xrpc/com.atproto.server.createSession"
    session = dict_of(load_answer(http.post(url, json=account, repeatable=True), NAME))
    token = text_of(session.get("accessJwt"))
    if not token:
        raise SourceError(
            "{host} signed us in without a token", source=NAME, host=urlsplit(url).hostname
        )
    return token


def _ask(
    options: Options,
    http: HttpClient,
    now: datetime,
    search: str,
    bearer: str | None,
    since: datetime,
    until: datetime | None,
    token: str | None,
) -> Batch:
    # Signed in, requests go through the account's own server, which passes them on.
    base = (options.pds if bearer else options.service).rstrip("/")
    url = f"{base}/xrpc/app.bsky.feed.searchPosts"
    params = {"q": search, "sort": "latest", "limit": str(LIMIT), "since": _stamp(since)}
    if until is not None:
        params["until"] = _stamp(until + timedelta(milliseconds=1))
    if options.lang:
        params["lang"] = options.lang
    if token is not None:
        params["cursor"] = token
    meta = {"search": search}
    try:
        answer = http.get(url, params=params, auth_bearer=bearer)
    except HttpStatus as error:
        if bearer is None and until is not None and error.status in (400, 401, 403):
            return Batch(_gap(url, since, until, now, meta), (("gap:" + _stamp(until), since),))
        raise
    data = dict_of(load_answer(answer, NAME))
    posts = [post for post in list_of(data.get("posts")) if not _hidden(post)]
    body = answer.body
    if len(posts) != len(list_of(data.get("posts"))):
        body = json.dumps(data | {"posts": posts}).encode()
    items = tuple((text_of(post.get("uri")), _time_of(post, now)) for post in map(dict_of, posts))
    # Open searches are refused a cursor; they go on by time.
    following = text_of(data.get("cursor")) or None if bearer else None
    page = RawPage(mask_url(answer.url), body, answer.content_type, now, meta=meta)
    return Batch(page, items, following, full=bool(text_of(data.get("cursor"))))


def _gap(
    url: str, since: datetime, until: datetime, now: datetime, meta: dict[str, str]
) -> RawPage:
    """What could not be read is told as a problem, and the walk is over: asking the same again
    would be refused for ever."""
    told = {"gap_from": since.isoformat(), "gap_to": until.isoformat()}
    return RawPage(mask_url(url), b'{"posts": []}', "application/json", now, meta=meta | told)


def _stamp(when: datetime) -> str:
    # The service refuses other forms of ISO 8601.
    return when.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.") + f"{when.microsecond // 1000:03d}Z"


def _hidden(post: Any) -> bool:
    """Whether the author asks not to be shown to people who are not signed in."""
    labels = list_of(dict_of(dict_of(post).get("author")).get("labels"))
    return any(dict_of(label).get("val") == _SIGNED_IN_ONLY for label in labels)


def _time_of(post: dict[str, Any], now: datetime) -> datetime:
    """What the service sorts by: the earlier of the author's clock and its own."""
    times = []
    for value in (dict_of(post.get("record")).get("createdAt"), post.get("indexedAt")):
        try:
            times.append(parse_time(text_of(value), UTC, now=now))
        except ValueError:
            continue
    return min(times, default=now)


def parse(page: RawPage) -> Parsed:
    if told := noticed(page):
        return told
    try:
        data = load_json(page.body)
    except ValueError as error:
        return unreadable(f"not JSON: {error}", page.body)
    posts = dict_of(data).get("posts")
    if not isinstance(posts, list):
        return unreadable("not an answer of searchPosts: there is no list `posts`", page.body)
    parsed = read_items(posts, lambda post: _mention(post, page))
    if "gap_from" not in page.meta:
        return parsed
    gap = problem(
        "posts between {gap_from} and {gap_to} may be missing: the service shows no more than the "
        "newest 100 without sign-in. Set identifier_env and password_env of this source.".format(
            **page.meta
        )
    )
    return Parsed(parsed.mentions, (*parsed.problems, gap))


def _mention(item: Any, page: RawPage) -> Mention | None:
    post = dict_of(item)
    if _hidden(post):
        return None
    record = dict_of(post.get("record"))
    author = dict_of(post.get("author"))
    uri = text_of(post.get("uri"))
    if not uri.startswith("at://"):
        raise BadItem("no at:// address")
    did = text_of(author.get("did"))
    handle = text_of(author.get("handle"))
    if handle in ("", "handle.invalid"):
        handle = did
    if not handle:
        raise BadItem("no author")
    rkey = uri.rpartition("/")[2]
    langs = list_of(record.get("langs"))
    parent = dict_of(dict_of(record.get("reply")).get("parent"))
    features = [
        dict_of(feature)
        for facet in list_of(record.get("facets"))
        for feature in list_of(dict_of(facet).get("features"))
    ]
    return Mention(
        source=NAME,
        external_id=uri,
        text=_text(record),
        published_at=_published(post, record, page.fetched_at),
        author=Author(
            handle, text_of(author.get("displayName")), f"https://bsky.app/profile/{quote(handle)}"
        ),
        url=f"https://bsky.app/profile/{quote(handle)}/post/{quote(rkey)}",
        site="bsky.app",
        lang=text_of(langs[0]) if len(langs) == 1 else None,
        reply_to=text_of(parent.get("uri")) or None,
        tags=_texts([*(f.get("tag") for f in features), *list_of(record.get("tags"))]),
        links=_texts([*(f.get("uri") for f in features), _embedded_link(record)]),
        reach=count_of(author.get("followersCount")),
    )


def _text(record: dict[str, Any]) -> str:
    """The post; of a post without words the descriptions that its author gave to its pictures."""
    text = text_of(record.get("text"))
    if text.strip():
        return text
    images = list_of(dict_of(record.get("embed")).get("images"))
    return "\n".join(text_of(dict_of(image).get("alt")) for image in images)


def _published(post: dict[str, Any], record: dict[str, Any], fetched_at: datetime) -> datetime:
    if not text_of(record.get("createdAt")) and not text_of(post.get("indexedAt")):
        raise BadItem("no date")
    return _time_of(post, fetched_at)


def _embedded_link(record: dict[str, Any]) -> str:
    return text_of(dict_of(dict_of(record.get("embed")).get("external")).get("uri"))


def _texts(values: list[Any]) -> tuple[str, ...]:
    return tuple(text for value in values if (text := text_of(value)))
