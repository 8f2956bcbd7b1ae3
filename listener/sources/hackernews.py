"""Hacker News: stories and comments, through the search that Algolia runs for it.

API: https://hn.algolia.com/api (search_by_date)
Sign-in: none.
Limits: about 10,000 requests an hour per address; 1,000 hits per search, so older ones are asked
for by time.
Cannot see: texts that were edited after we read them, deleted and dead items, votes of comments.
Paging: newest first, down to where the walk before ended (see walking.py).
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from functools import partial
from math import ceil, floor
from typing import Any
from urllib.parse import quote

from pydantic import Field

from listener.domain import Author, Mention, Parsed, RawPage
from listener.errors import SourceError
from listener.httpclient import HttpClient, mask_url
from listener.normalise import html_to_text
from listener.query import Query
from listener.sections import Duration, Section
from listener.sources.items import (
    BadItem,
    dict_of,
    list_of,
    load_answer,
    load_json,
    read_items,
    text_of,
    unreadable,
)
from listener.sources.searching import Style, notice, notice_mark, noticed, searches
from listener.sources.walking import Batch, load_cursor, walk_searches
from listener.times import parse_time

NAME = "hackernews"
KEEP_UNMATCHED = False
MAY_MATCH = True
STYLE = Style(max_length=200, tag_sign="")
PER_PAGE = 200
SITE = "news.ycombinator.com"


class Options(Section):
    service: str = "https://hn.algolia.com"
    backfill: Duration = timedelta(days=30)
    max_requests: int = Field(20, ge=1, le=200)


def needs_query(options: Options) -> bool:  # noqa: ARG001 - one form for all sources
    return True


def fetch(
    options: Options, query: Query | None, cursor: str | None, http: HttpClient, now: datetime
) -> Iterator[RawPage]:
    if query is None:
        raise SourceError("a search needs a brand with a query", source=NAME)
    yield from walk_searches(
        searches(query, STYLE),
        cursor,
        first_floor=now - options.backfill,
        ask=lambda search: partial(_ask, options, http, now, search),
        max_requests=options.max_requests,
        notice=notice(query, STYLE, load_cursor(cursor), url=options.service, now=now),
        mark=notice_mark(query, STYLE),
    )


def _ask(
    options: Options,
    http: HttpClient,
    now: datetime,
    search: str,
    since: datetime,
    until: datetime | None,
    token: str | None,
) -> Batch:
    filters = [f"created_at_i>={floor(since.timestamp())}"]
    if until is not None:
        filters.append(f"created_at_i<={ceil(until.timestamp())}")
    params = {
        "query": search,
        "tags": "(story,comment)",
        "numericFilters": ",".join(filters),
        "hitsPerPage": str(PER_PAGE),
        "page": token or "0",
        # Exact words and "phrases": a brand is not a spelling mistake of another word.
        "advancedSyntax": "true",
        "typoTolerance": "false",
    }
    answer = http.get(f"{options.service.rstrip('/')}/api/v1/search_by_date", params=params)
    data = dict_of(load_answer(answer, NAME))
    hits = [dict_of(hit) for hit in list_of(data.get("hits"))]
    items = tuple((text_of(hit.get("objectID")), _when(hit, now)) for hit in hits)
    number, pages = data.get("page"), data.get("nbPages")
    more = isinstance(number, int) and isinstance(pages, int) and number + 1 < pages
    page = RawPage(
        mask_url(answer.url), answer.body, answer.content_type, now, meta={"search": search}
    )
    return Batch(
        page,
        items,
        token=str(number + 1) if more and isinstance(number, int) else None,
        full=len(hits) >= PER_PAGE,
    )


def _when(hit: dict[str, Any], now: datetime) -> datetime:
    value = hit.get("created_at_i")
    if not isinstance(value, int) or isinstance(value, bool):
        value = text_of(hit.get("created_at"))
    try:
        return parse_time(value, UTC, now=now)
    except ValueError:
        return now


def parse(page: RawPage) -> Parsed:
    if told := noticed(page):
        return told
    try:
        data = load_json(page.body)
    except ValueError as error:
        return unreadable(f"not JSON: {error}", page.body)
    hits = dict_of(data).get("hits")
    if not isinstance(hits, list):
        return unreadable("not an answer of the search: there is no list `hits`", page.body)
    return read_items(hits, lambda hit: _mention(dict_of(hit), page.fetched_at))


def _mention(hit: dict[str, Any], fetched_at: datetime) -> Mention:
    number = text_of(hit.get("objectID"))
    if not number.isdigit():
        raise BadItem("no objectID")
    author = text_of(hit.get("author"))
    comment = text_of(hit.get("comment_text"))
    parent = text_of(hit.get("parent_id"))
    link = text_of(hit.get("url"))
    if not text_of(hit.get("created_at_i")) and not text_of(hit.get("created_at")):
        raise BadItem("no date")
    return Mention(
        source=NAME,
        external_id=number,
        text=html_to_text(comment or text_of(hit.get("story_text"))),
        title="" if comment else text_of(hit.get("title")),
        published_at=_when(hit, fetched_at),
        author=Author(author, url=f"https://{SITE}/user?id={quote(author)}") if author else None,
        url=f"https://{SITE}/item?id={number}",
        site=SITE,
        reply_to=parent or None,
        tags=tuple(
            tag for tag in map(text_of, list_of(hit.get("_tags"))) if tag in ("ask_hn", "show_hn")
        ),
        links=(link,) if link else (),
    )
