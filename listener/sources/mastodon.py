"""Mastodon and servers with its API: hashtag timelines, or full-text search with a token.

API: https://docs.joinmastodon.org/methods/timelines/#tag
     https://docs.joinmastodon.org/methods/search/
Sign-in: none for tag timelines, unless the server closed them; search of posts needs a user token
(`token_env`, scope read:search) and a server that runs Elasticsearch.
Limits: usually 300 requests in 5 minutes per address; X-RateLimit-* and Retry-After are kept.
Cannot see: posts that are not public (never stored, even when a token shows them), posts that have
not reached this server, boosts on tag timelines (they are only counted), posts of authors who did
not opt into search, on search; deletions.
Paging: tags oldest first, by min_id. Ids are opaque strings and only compared for equality; the
newest ones are remembered, so that a deleted post cannot make us lose our place, and posts that
arrive late are found while they are on the newest page. Every tag has a timeline of its own,
because not every server understands any[]. Searches newest first, by offset: a walk that was cut
short goes on at its place, and one that reaches what the server shows at most tells so. An edited post is passed on again under its id.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Any
from urllib.parse import quote, urlsplit

from pydantic import Field, field_validator, model_validator

from listener.domain import Author, Mention, Parsed, Problem, RawPage
from listener.errors import SourceError, sentence
from listener.httpclient import HttpClient, Response, mask_url
from listener.normalise import html_links, html_to_text
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
from listener.sources.mastodon_replies import Replies, named_in
from listener.sources.searching import Style, notice, notice_mark, noticed, searches
from listener.sources.walking import Batch, dump_cursor, load_cursor, walk_searches
from listener.times import parse_time

NAME = "mastodon"
KEEP_UNMATCHED = False
MAY_MATCH = True
STYLE = Style(max_length=200)
LIMIT = 40
_REMEMBERED = 2 * LIMIT
_ANCHORS = 5
_DEEPEST = 10_000  # results that Elasticsearch lets one search leaf through


class Options(Section):
    """Either `tags` (without #) or `search = true`, which needs `token_env`."""

    server: str = Field(pattern=r"^https?://[^/\s]+/?$")
    tags: tuple[str, ...] = ()
    search: bool = False
    token_env: str = ""
    backfill_pages: int = Field(1, ge=1, le=25)  # of 40 posts each, the first time a tag is read
    backfill: Duration = timedelta(days=7)  # the same for a search
    max_requests: int = Field(20, ge=1, le=200)  # per tag or search, each time

    @field_validator("tags")
    @classmethod
    def _bare(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        tags = tuple(dict.fromkeys(tag.strip().lstrip("#") for tag in value))
        if any(not tag or any(c.isspace() or c in "/?#" for c in tag) for tag in tags):
            raise ValueError("a tag is one word of letters, digits and underscores, without #")
        return tags

    @model_validator(mode="after")
    def _one_way(self) -> Options:
        if bool(self.tags) == self.search:
            raise ValueError("give either tags, or search = true; for both write two sources")
        if self.search and not self.token_env:
            raise ValueError(
                "search = true needs token_env: servers search posts only with a token"
            )
        return self

    @property
    def base(self) -> str:
        return self.server.rstrip("/")


def needs_query(options: Options) -> bool:
    return options.search


def fetch(
    options: Options, query: Query | None, cursor: str | None, http: HttpClient, now: datetime
) -> Iterator[RawPage]:
    token = (
        secret(options.token_env, sentence("the source {source}", source="mastodon"))
        if options.token_env
        else None
    )
    replies = Replies(options.base, http, token)
    if not options.search:
        yield from _tags(options, cursor, http, token, now, replies)
        return
    if query is None:
        raise SourceError("a search needs a brand with a query", source=NAME)
    states = map(dict_of, load_cursor(cursor).values())
    known = {_id(mark) for state in states for mark in dict_of(state.get("seen"))}
    for page in walk_searches(
        searches(query, STYLE),
        cursor,
        first_floor=now - options.backfill,
        ask=lambda search: partial(_search, options, http, token, now, search),
        max_requests=options.max_requests,
        notice=notice(query, STYLE, load_cursor(cursor), url=options.base, now=now),
        mark=notice_mark(query, STYLE),
    ):
        yield replies.named(page, known)


# ---------------------------------------------------------------------------- tag timelines


def _tags(
    options: Options,
    cursor: str | None,
    http: HttpClient,
    token: str | None,
    now: datetime,
    replies: Replies,
) -> Iterator[RawPage]:
    saved = load_cursor(cursor)
    known = {
        tag: [text for item in list_of(saved[tag]) if (text := text_of(item))]
        for tag in options.tags
        if tag in saved
    }
    for tag in options.tags:
        ask = partial(_timeline, options, http, token, now, tag)
        before = known.get(tag, [])
        steps = _forward(ask, before, options.max_requests) if before else _first(ask, options)
        for page, marks in steps:
            page = replies.named(page, map(_id, known.get(tag, [])))
            known[tag] = list(dict.fromkeys((*marks, *known.get(tag, []))))[:_REMEMBERED]
            yield replace(page, cursor=dump_cursor(dict(known)))


# (parameters) -> (page, marks of its posts, newest first)
_Timeline = Callable[[Mapping[str, str]], tuple[RawPage, list[str]]]


def _timeline(
    options: Options,
    http: HttpClient,
    token: str | None,
    now: datetime,
    tag: str,
    params: Mapping[str, str],
) -> tuple[RawPage, list[str]]:
    url = f"{options.base}/api/v1/timelines/tag/{quote(tag, safe='')}"
    answer = http.get(url, params={"limit": str(LIMIT), **params}, auth_bearer=token)
    statuses = load_answer(answer, NAME)
    if not isinstance(statuses, list):
        raise SourceError("{host} sent no list of posts", source=NAME, host=urlsplit(url).hostname)
    page = _page(options, answer, now, statuses, {"tag": tag})
    return page, [_mark(dict_of(status)) for status in statuses]


def _mark(status: dict[str, Any]) -> str:
    """A post in the version that we saw."""
    edited = text_of(status.get("edited_at"))
    return text_of(status.get("id")) + (f"|{edited}" if edited else "")


def _id(mark: str) -> str:
    return mark.partition("|")[0]


def _first(ask: _Timeline, options: Options) -> Iterator[tuple[RawPage, list[str]]]:
    """The newest pages of a tag that was never read, the oldest of them first."""
    pages: list[tuple[RawPage, list[str]]] = []
    params: dict[str, str] = {}
    while len(pages) < options.backfill_pages:
        page, marks = ask(params)
        if not marks:
            break
        pages.append((page, marks))
        params = {"max_id": _id(marks[-1])}
    yield from reversed(pages)


def _forward(
    ask: _Timeline, known: list[str], max_requests: int
) -> Iterator[tuple[RawPage, list[str]]]:
    """What is new since `known`: mostly the newest page tells; otherwise on by min_id."""
    page, newest = ask({})
    known_ids = {_id(mark) for mark in known}
    if any(_id(mark) in known_ids for mark in newest):
        if set(newest) - set(known):
            yield page, newest
        return
    if not newest:
        return
    left = max_requests - 1
    for anchor in known[:_ANCHORS]:
        step, marks = ask({"min_id": _id(anchor)})
        left -= 1
        if marks:
            break
    else:
        # None of the posts we knew is there any more: begin again, and say so.
        yield replace(page, meta={**page.meta, "lost_place": "yes"}), newest
        return
    yield step, marks
    while left > 0 and _id(newest[0]) not in {_id(mark) for mark in marks}:
        step, marks = ask({"min_id": _id(marks[0])})
        left -= 1
        if not marks:
            return
        yield step, marks


# ---------------------------------------------------------------------------- search


def _search(
    options: Options,
    http: HttpClient,
    token: str | None,
    now: datetime,
    search: str,
    since: datetime,
    until: datetime | None,  # noqa: ARG001 - a search is leafed through by place
    offset: str | None,
) -> Batch:
    start = int(offset) if offset and offset.isdecimal() else 0
    limit = max(1, min(LIMIT, _DEEPEST - start))
    params = {"q": search, "type": "statuses", "limit": str(limit), "offset": str(start)}
    answer = http.get(f"{options.base}/api/v2/search", params=params, auth_bearer=token)
    statuses = list_of(dict_of(load_answer(answer, NAME)).get("statuses"))
    items = tuple((_mark(s), _created(s, now)) for s in map(dict_of, statuses))
    # The server leaves out of a page what the account may not see: short is not the end.
    more = start + limit if statuses else None
    meta = {"search": search}
    if more is not None and more >= _DEEPEST:
        more = None
        oldest = min(when for _, when in items)
        if oldest > since:
            meta |= {"gap_from": since.isoformat(), "gap_to": oldest.isoformat()}
    return Batch(
        _page(options, answer, now, statuses, meta),
        items,
        token=str(more) if more is not None else None,
        # New posts push the others on, which we then see twice; deleted ones pull them back.
        resume=str(more - LIMIT // 2) if more is not None else None,
    )


def _created(status: dict[str, Any], now: datetime) -> datetime:
    try:
        return parse_time(text_of(status.get("created_at")), UTC, now=now)
    except ValueError:
        return now


# ---------------------------------------------------------------------------- pages


def _page(
    options: Options, answer: Response, now: datetime, statuses: list[Any], meta: dict[str, str]
) -> RawPage:
    public = [status for status in statuses if _is_public(status)]
    body = answer.body if len(public) == len(statuses) else json.dumps(public).encode()
    host = urlsplit(options.base).netloc
    meta = {"server": host, **meta}
    return RawPage(mask_url(answer.url), body, answer.content_type, now, meta=meta)


def _is_public(status: Any) -> bool:
    """Public, and so is what it boosts; anything else is not ours to keep, not even raw."""
    outer = dict_of(status)
    inner = outer.get("reblog")
    shown = [outer, dict_of(inner)] if inner else [outer]
    return all(text_of(one.get("visibility")) in ("public", "") for one in shown)


def parse(page: RawPage) -> Parsed:
    if told := noticed(page):
        return told
    try:
        data = load_json(page.body)
    except ValueError as error:
        return unreadable(f"not JSON: {error}", page.body)
    statuses = data.get("statuses") if isinstance(data, dict) else data
    if not isinstance(statuses, list):
        return unreadable("neither a timeline nor a search result of the Mastodon API", page.body)
    statuses = _with_boosted(statuses)
    here = {text_of(s.get("id")): text_of(s.get("uri")) for s in map(dict_of, statuses)}
    uris = {**named_in(page), **here}
    parsed = read_items(statuses, lambda status: _mention(status, page, uris))
    return Parsed(parsed.mentions, (*parsed.problems, *_missing(page.meta)))


def _missing(meta: Mapping[str, str]) -> Iterator[Problem]:
    if "lost_place" in meta:
        yield problem(
            f"the posts that we had read under #{meta.get('tag', '')} are gone from the server; "
            "posts between them and this page may be missing"
        )
    if "gap_from" in meta:
        yield problem(
            f"posts between {meta['gap_from']} and {meta.get('gap_to', '')} may be missing: the "
            f"server shows no more than the newest {_DEEPEST:,} results of a search. Search for "
            "fewer or rarer words, or listen to tags."
        )


def _with_boosted(statuses: list[Any]) -> list[Any]:
    """A boost brings what it boosts: some servers list a post only as the latest boost of it, and
    its author would then be seen by nobody."""
    listed = {text_of(dict_of(status).get("uri")) for status in statuses}
    result: list[Any] = []
    for status in statuses:
        boosted = dict_of(dict_of(status).get("reblog"))
        if boosted and text_of(boosted.get("uri")) not in listed and _is_public(status):
            listed.add(text_of(boosted.get("uri")))
            result.append(boosted)
        result.append(status)
    return result


def _mention(item: Any, page: RawPage, uris: Mapping[str, str]) -> Mention | None:
    status = dict_of(item)
    if status and not _is_public(status):
        return None
    boosted = dict_of(status.get("reblog"))
    said = boosted or status
    content = text_of(said.get("content"))
    account = dict_of(status.get("account"))
    server = page.meta.get("server", "")
    reply_to = text_of(said.get("in_reply_to_id"))
    followers = count_of(account.get("followers_count"))
    tags = [text_of(dict_of(tag).get("name")) for tag in list_of(said.get("tags"))]
    links = [*_outward(content, said), text_of(dict_of(said.get("card")).get("url"))]
    return Mention(
        source=NAME,
        external_id=text_of(status.get("uri")) or _local_id(status, server),
        text=_text(content, said),
        title=text_of(said.get("spoiler_text")),
        published_at=parse_time(text_of(status.get("created_at")), UTC, now=page.fetched_at),
        author=Author(
            _handle(account, server),
            text_of(account.get("display_name")),
            text_of(account.get("url")),
            followers,
        ),
        url=text_of(status.get("url")) or text_of(said.get("url")),
        site=server,
        lang=text_of(said.get("language")),
        reply_to=(uris.get(reply_to) or f"{server}/{reply_to}") if reply_to else None,
        repost_of=(text_of(boosted.get("uri")) or _local_id(boosted, server)) if boosted else None,
        tags=tuple(tag for tag in tags if tag),
        links=tuple(link for link in links if link),
        reach=followers,
    )


def _local_id(status: dict[str, Any], server: str) -> str:
    number = text_of(status.get("id"))
    if not number:
        raise BadItem("no id")
    return f"{server}/{number}"


def _handle(account: dict[str, Any], server: str) -> str:
    """`user@server`; the API leaves the server out for its own users."""
    handle = text_of(account.get("acct")) or text_of(account.get("username"))
    if not handle:
        raise BadItem("no author")
    return handle if "@" in handle else f"{handle}@{server}"


def _text(content: str, said: dict[str, Any]) -> str:
    """The post and the choices of its poll; of a post without words, what its author wrote about
    the pictures."""
    text = html_to_text(content)
    choices = list_of(dict_of(said.get("poll")).get("options"))
    text = "\n".join([text, *(f"- {text_of(dict_of(choice).get('title'))}" for choice in choices)])
    if text.strip():
        return text
    media = list_of(said.get("media_attachments"))
    return "\n".join(text_of(dict_of(one).get("description")) for one in media)


def _outward(content: str, said: dict[str, Any]) -> list[str]:
    """Links of the text that are neither hashtags nor mentions."""
    inward = {
        text_of(dict_of(one).get("url"))
        for one in (*list_of(said.get("tags")), *list_of(said.get("mentions")))
    }
    return [link for link in html_links(content) if link not in inward]
