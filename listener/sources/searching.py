"""A brand's query as searches that a source understands: as many results as the query or more.

The query is applied again in full on our side, so a search may find too much, but should miss
little. What no source can search (a wildcard, an author alone) is left out of its conjunction; an
alternative of which nothing is left cannot be searched at all, and docs/sources.md says so. Of a
query with more alternatives than MAX_SEARCHES, people are told which are not searched.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from listener.domain import Parsed, RawPage
from listener.query import Query, Term
from listener.sources.items import problem, stable_hash

MAX_SEARCHES = 100  # each is a request, each time: about a second apart
_COMBINATIONS = 20  # of the parts of one conjunction; with more, a part is left out
_META = "not_searched"
NOTICE = ""  # the key under which a cursor remembers what was told; no search is empty


@dataclass(frozen=True, slots=True)
class Style:
    """How a source writes a search. `max_length` in characters; longer ones lose terms."""

    max_length: int = 200
    tag_sign: str = "#"
    site_prefix: str = ""  # as in site:example.org; empty: cannot search by site


def searches(query: Query, style: Style) -> tuple[str, ...]:
    """One search per alternative of the query; alternatives that another one covers are left out."""
    return _wanted(query, style)[:MAX_SEARCHES]


def notice(
    query: Query, style: Style, told: Mapping[str, Any], *, url: str, now: datetime
) -> RawPage | None:
    """A page that names what `searches` leaves out, unless the cursor `told` holds it already.

    The page brings no cursor: the caller adds NOTICE with `notice_mark` to its own.
    """
    left = _wanted(query, style)[MAX_SEARCHES:]
    if not left or told.get(NOTICE) == _mark(left):
        return None
    return RawPage(url, b"", "text/plain", now, meta={_META: ", ".join(left)})


def notice_mark(query: Query, style: Style) -> dict[str, str]:
    """What a cursor remembers of it: nothing where everything is searched."""
    left = _wanted(query, style)[MAX_SEARCHES:]
    return {NOTICE: _mark(left)} if left else {}


def noticed(page: RawPage) -> Parsed | None:
    """What `parse` gives for a page of `notice`; None for any other."""
    if _META not in page.meta:
        return None
    reason = (
        f"the brand's query has more alternatives than the {MAX_SEARCHES} that are searched here. "
        f"Not searched: {page.meta[_META]}. Shorten the query, or divide it between two brands."
    )
    return Parsed(problems=(problem(reason),))


def _mark(left: tuple[str, ...]) -> str:
    return stable_hash(*left)[:12]


def _wanted(query: Query, style: Style) -> tuple[str, ...]:
    found: list[tuple[str, ...]] = []
    for alternative in query.terms(limit=_COMBINATIONS):
        parts = [part for term in alternative if (part := _part(term, style))]
        if parts:
            found.append(tuple(dict.fromkeys(parts)))
    kept: list[tuple[str, ...]] = []
    for one in sorted(dict.fromkeys(found), key=lambda parts: len(_words(parts))):
        if not any(_covers(wider, one) for wider in kept):
            kept.append(one)
    kept.sort(key=found.index)
    # Cut to their length, two may have become one.
    return tuple(dict.fromkeys(_joined(one, style.max_length) for one in kept))


def _words(parts: tuple[str, ...]) -> set[str]:
    return {word.lower() for part in parts for word in part.strip('"').split()}


def _covers(wider: tuple[str, ...], one: tuple[str, ...]) -> bool:
    """Whether the wider search brings it anyway: `a` covers `a b` and `"a b"`."""
    words = _words(one)
    return all(part in one or part.lower() in words for part in wider)


def _part(term: Term, style: Style) -> str:
    text = " ".join(term.text.replace('"', " ").split())
    match term.kind:
        case "word" | "handle":
            return text
        case "phrase" | "number":
            return f'"{text}"' if " " in text else text
        case "tag":
            return style.tag_sign + text.lstrip("#")
        case "site" if style.site_prefix:
            return style.site_prefix + text
    return ""


def _joined(parts: tuple[str, ...], max_length: int) -> str:
    search = ""
    for part in parts:
        longer = f"{search} {part}".strip()
        if len(longer) > max_length:
            break
        search = longer
    return search or parts[0].strip('"')[:max_length]
