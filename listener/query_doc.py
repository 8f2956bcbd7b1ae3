"""What a query looks at and what it answers. A mention is taken apart once, for many queries."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import cached_property
from typing import NamedTuple

from listener.normalise import find_urls
from listener.tokens import Words


@dataclass(frozen=True, slots=True)
class Searchable:
    """What a query looks at. Plain terms: `text`, `title` and `tags`; the rest by its field."""

    text: str
    title: str = ""
    author: str = ""
    author_name: str = ""
    site: str = ""
    lang: str = ""
    source: str = ""
    tags: tuple[str, ...] = ()
    urls: tuple[str, ...] = ()


class Hit(NamedTuple):
    """Code points `start` to `end` of `field` matched `term`; `item` counts within tags or urls."""

    field: str
    start: int
    end: int
    term: str
    item: int = 0


@dataclass(frozen=True, slots=True)
class Verdict:
    """`found`: the positive part matches. `muted`: found, but a NOT excludes it; `muted_by` says
    which words did. At most 1,000 hits, by field and place."""

    found: bool
    muted: bool
    hits: tuple[Hit, ...] = ()
    muted_by: tuple[Hit, ...] = ()


class Stream(NamedTuple):
    """One text to look into; its words stand `offset` code points further in `field`."""

    field: str
    item: int
    text: str
    words: Words
    offset: int = 0


class Prepared:
    """A mention taken apart once, to be matched by many queries."""

    def __init__(self, doc: Searchable) -> None:
        self.doc = doc
        streams = [Stream("text", 0, doc.text, Words(doc.text))]
        if doc.title:
            streams.append(Stream("title", 0, doc.title, Words(doc.title)))
        if doc.tags:
            streams += _named("tags", doc.tags, "#")
        self.streams: tuple[Stream, ...] = tuple(streams)
        self._numbers: dict[tuple[str, tuple[str, ...], str], tuple[tuple[int, int], ...]] = {}

    @cached_property
    def authors(self) -> tuple[Stream, ...]:
        name = self.doc.author_name
        return (
            *_named("author", (self.doc.author,), "@"),
            Stream("author_name", 0, name, Words(name)),
        )

    @cached_property
    def urls(self) -> tuple[Stream, ...]:
        streams = [Stream("urls", item, url, Words(url)) for item, url in enumerate(self.doc.urls)]
        for start, end in find_urls(self.doc.text):
            url = self.doc.text[start:end]
            streams.append(Stream("text", 0, url, Words(url), start))
        return tuple(streams)

    def numbers(
        self, stream: Stream, number: str, countries: tuple[str, ...]
    ) -> tuple[tuple[int, int], ...]:
        """Spans in the text or title where `number` is written, found once for all queries."""
        key = (number, countries, stream.field)
        if key not in self._numbers:
            # The numbering plans take a while to load and most queries name no number.
            from classifiers.number_search import find

            self._numbers[key] = tuple(find(stream.text, number, countries=countries))
        return self._numbers[key]


def _named(field: str, names: Iterable[str], sign: str) -> Iterator[Stream]:
    for item, name in enumerate(names):
        yield Stream(field, item, name, Words(name, sign=sign))


def prepare(doc: Searchable) -> Prepared:
    """`doc` taken apart, for `Query.match` of many queries."""
    return Prepared(doc)
