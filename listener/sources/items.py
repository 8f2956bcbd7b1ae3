"""What every source needs to turn somebody's JSON into mentions: typed access, clean strings,
lengths that storage can hold, and one bad item that is a Problem and not the end of the page."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterable
from dataclasses import replace
from typing import Any
from urllib.parse import urlsplit

from listener.domain import Author, Mention, Parsed, Problem
from listener.errors import SourceError
from listener.httpclient import Response
from listener.normalise import clean_text

MAX_TEXT = 2_000_000
MAX_ID = 600
MAX_HANDLE = 300
MAX_SHORT = 2000
MAX_SOURCE, MAX_BRAND = 40, 60
_MAX_INT = 2**31 - 1
_EXCERPT = 300


class BadItem(ValueError):
    """An item without what a mention must have; the message is the reason of the Problem."""


def dict_of(value: Any) -> dict[str, Any]:
    return value if isinstance(value, dict) else {}


def list_of(value: Any) -> list[Any]:
    return value if isinstance(value, list) else []


def text_of(value: Any) -> str:
    """A string as it is, a number written out, anything else nothing."""
    if isinstance(value, str):
        return value
    is_number = isinstance(value, int | float) and not isinstance(value, bool)
    return str(value) if is_number else ""


def count_of(value: Any) -> int | None:
    """A count that fits into a column, or None."""
    is_number = isinstance(value, int) and not isinstance(value, bool)
    return max(0, min(value, _MAX_INT)) if is_number else None


def language_of(value: Any) -> str | None:
    """`es-ES`, `ES`, `es_ES` -> `es`; None for what is no language code."""
    code = text_of(value).strip().replace("_", "-").partition("-")[0].lower()
    return code if 2 <= len(code) <= 3 and code.isascii() and code.isalpha() else None


def load_json(body: bytes) -> Any:
    """Any JSON value. A byte that is not UTF-8 spoils its own string only. Raises ValueError."""
    try:
        return json.loads(body.decode("utf-8-sig", "replace"))
    except RecursionError as error:
        raise ValueError("nested too deeply") from error


def load_answer(answer: Response, source: str) -> Any:
    """The JSON of an answer, for `fetch`. Raises SourceError."""
    try:
        return load_json(answer.body)
    except ValueError as error:
        raise SourceError(
            "{host} answered no JSON but {said!r}. Check the address in the source's options; it is "
            "asked again later.",
            source=source,
            retry=True,
            host=urlsplit(answer.url).hostname,
            said=excerpt(answer.body)[:80],
        ) from error


def stable_hash(*parts: str) -> str:
    """The same on every machine and in every process; 32 hex digits."""
    joined = "\0".join(parts).encode("utf-8", "surrogatepass")
    return hashlib.sha256(joined).hexdigest()[:32]


def short_id(value: str) -> str:
    """An external id that fits its column: a longer one keeps its beginning and gets a hash."""
    value = clean_text(value)
    return value if len(value) <= MAX_ID else f"{value[:500]}#{stable_hash(value)}"


def excerpt(value: Any) -> str:
    if isinstance(value, bytes):
        value = value[: _EXCERPT * 4].decode("utf-8", "replace")
    if not isinstance(value, str):
        try:
            value = json.dumps(value, ensure_ascii=False, default=str)
        except (ValueError, RecursionError):
            value = type(value).__name__
    return clean_text(value[: _EXCERPT * 2])[:_EXCERPT]


def problem(reason: object, item: Any = "", line: int | None = None) -> Problem:
    """A problem whose words can be stored: they may quote what a stranger wrote."""
    return Problem(clean_text(str(reason))[:MAX_SHORT], excerpt(item), line)


def tidy(mention: Mention) -> Mention:
    """The mention with clean strings of bounded length. Raises BadItem when nothing is left of
    its text, when the text is too long, or when there is no id."""
    text = clean_text(mention.text)
    title = clean_text(mention.title)[:MAX_SHORT]
    if not text and not title:
        raise BadItem("no text")
    if len(text) > MAX_TEXT:
        raise BadItem(f"the text has {len(text):,} characters; at most {MAX_TEXT:,} are accepted")
    external_id = short_id(mention.external_id)
    if not external_id:
        raise BadItem("no id")
    source = _line(mention.source)[:MAX_SOURCE]
    if not source:
        raise BadItem("no source")
    return replace(
        mention,
        source=source,
        brand=_line(mention.brand)[:MAX_BRAND] or None if mention.brand else None,
        external_id=external_id,
        text=text or title,
        title=title,
        author=_tidy_author(mention.author),
        url=_line(mention.url),
        site=_line(mention.site)[:300],
        lang=language_of(mention.lang),
        reply_to=short_id(mention.reply_to) or None if mention.reply_to else None,
        repost_of=short_id(mention.repost_of) or None if mention.repost_of else None,
        tags=_lines(mention.tags),
        links=_lines(mention.links),
        reach=count_of(mention.reach),
        article_url=_line(mention.article_url) or None if mention.article_url else None,
    )


def _tidy_author(author: Author | None) -> Author | None:
    if author is None:
        return None
    handle = _line(author.handle)
    if not handle:
        return None
    if len(handle) > MAX_HANDLE:
        handle = f"{handle[:260]}#{stable_hash(handle)}"
    return Author(handle, _line(author.name)[:300], _line(author.url), count_of(author.followers))


def _line(value: str) -> str:
    return " ".join(clean_text(value).split())[:MAX_SHORT]


def _lines(values: Iterable[str]) -> tuple[str, ...]:
    found = [_line(value) for value in values]
    return tuple(dict.fromkeys(value for value in found if value))[:100]


def read_items(items: Iterable[Any], to_mention: Callable[[Any], Mention | None]) -> Parsed:
    """Every item becomes a mention or a problem; None is an item that is not ours to keep."""
    mentions: list[Mention] = []
    problems: list[Problem] = []
    for item in items:
        try:
            mention = to_mention(item)
            if mention is not None:
                mentions.append(tidy(mention))
        except ValueError as error:
            problems.append(problem(error, item))
        except Exception as error:
            # Whatever a stranger's data makes our code do, it costs one item and is seen.
            problems.append(problem(f"{type(error).__name__}: {error}", item))
    return Parsed(tuple(mentions), tuple(problems))


def unreadable(what: str, body: bytes) -> Parsed:
    return Parsed(problems=(problem(what, body),))
