"""A brand's query as searches that a source understands: as many results as the query or more.

The query is applied again in full on our side, so a search may find too much, but should miss
little. What no source can search (a wildcard, an author alone) is left out of its conjunction; an
alternative of which nothing is left cannot be searched at all, and docs/sources.md says so.
"""

from __future__ import annotations

from dataclasses import dataclass

from listener.query import Query, Term

MAX_SEARCHES = 20


@dataclass(frozen=True, slots=True)
class Style:
    """How a source writes a search. `max_length` in characters; longer ones lose terms."""

    max_length: int = 200
    tag_sign: str = "#"
    site_prefix: str = ""  # as in site:example.org; empty: cannot search by site


def searches(query: Query, style: Style) -> tuple[str, ...]:
    """One search per alternative of the query; alternatives that another one covers are left out."""
    found: list[tuple[str, ...]] = []
    for alternative in query.terms(limit=MAX_SEARCHES):
        parts = [part for term in alternative if (part := _part(term, style))]
        if parts:
            found.append(tuple(dict.fromkeys(parts)))
    kept: list[tuple[str, ...]] = []
    for one in sorted(dict.fromkeys(found), key=lambda parts: len(_words(parts))):
        if not any(_covers(wider, one) for wider in kept):
            kept.append(one)
    kept.sort(key=found.index)
    return tuple(_joined(one, style.max_length) for one in kept[:MAX_SEARCHES])


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
