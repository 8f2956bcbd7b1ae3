"""Matching a compiled query: which words of a mention it finds, where, and what mutes it.

Three answers of every node, so that NOT never deletes: `_NO` the positive part does not match,
`_FOUND`, and `_MUTED` where it matches but a NOT excludes it.
"""

from __future__ import annotations

import re
from bisect import bisect_left, bisect_right
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import NamedTuple, Protocol

from listener.normalise import find_urls, host_of
from listener.query_tree import And, Near, Node, Not, Or, Term, first_position
from listener.tokens import Occurrence, PatternWord, Words, fold, is_unspaced, pattern_words

MAX_HITS = 1000
MAX_PHRASE_WORDS = 50

_NO, _MUTED, _FOUND = 0, 1, 2


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
    which words did. At most `MAX_HITS` hits, by field and place."""

    found: bool
    muted: bool
    hits: tuple[Hit, ...] = ()
    muted_by: tuple[Hit, ...] = ()


class _Stream(NamedTuple):
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
        streams = [_Stream("text", 0, doc.text, Words(doc.text))]
        if doc.title:
            streams.append(_Stream("title", 0, doc.title, Words(doc.title)))
        if doc.tags:
            streams += _named("tags", doc.tags, "#")
        self.streams: tuple[_Stream, ...] = tuple(streams)
        self._numbers: dict[tuple[str, tuple[str, ...], str], tuple[tuple[int, int], ...]] = {}

    @cached_property
    def authors(self) -> tuple[_Stream, ...]:
        name = self.doc.author_name
        return (
            *_named("author", (self.doc.author,), "@"),
            _Stream("author_name", 0, name, Words(name)),
        )

    @cached_property
    def urls(self) -> tuple[_Stream, ...]:
        streams = [_Stream("urls", item, url, Words(url)) for item, url in enumerate(self.doc.urls)]
        for start, end in find_urls(self.doc.text):
            url = self.doc.text[start:end]
            streams.append(_Stream("text", 0, url, Words(url), start))
        return tuple(streams)

    def numbers(
        self, stream: _Stream, number: str, countries: tuple[str, ...]
    ) -> tuple[tuple[int, int], ...]:
        """Spans in the text or title where `number` is written, found once for all queries."""
        key = (number, countries, stream.field)
        if key not in self._numbers:
            # The numbering plans take a while to load and most queries name no number.
            from classifiers.phone_numbers import find

            self._numbers[key] = tuple(find(stream.text, number, countries=countries))
        return self._numbers[key]


def _named(field: str, names: Iterable[str], sign: str) -> Iterator[_Stream]:
    for item, name in enumerate(names):
        yield _Stream(field, item, name, Words(name, sign=sign))


def prepare(doc: Searchable) -> Prepared:
    """`doc` taken apart, for `Query.match` of many queries."""
    return Prepared(doc)


class Malformed(Exception):
    """A term or group that cannot be compiled; `position` in the query's text."""

    def __init__(self, reason: str, position: int) -> None:
        super().__init__(reason)
        self.reason = reason
        self.position = position


# ------------------------------------------------------------------------------------- leaves


class _Leaf(Protocol):
    cost: int

    def test(self, doc: Prepared) -> bool: ...

    def hits(self, doc: Prepared) -> list[Hit]: ...


class _InText(_Leaf, Protocol):
    """A leaf that NEAR can hold to a place in one stream."""

    name: str

    def occurrences(self, doc: Prepared, stream: _Stream) -> list[Occurrence]: ...


def _hit(stream: _Stream, start: int, end: int, term: str) -> Hit:
    return Hit(stream.field, start + stream.offset, end + stream.offset, term, stream.item)


class _Step(NamedTuple):
    """One word of a phrase: `pieces` are what stands between its asterisks."""

    pieces: tuple[str, ...]
    glued: bool

    def find(self, words: Words) -> list[Occurrence]:
        index = words.index
        if len(self.pieces) == 1:
            return index.get(self.pieces[0], [])
        if self.pieces[1:] == ("",):
            start = self.pieces[0]
            fitting = [word for word in index if word.startswith(start)]
        else:
            fitting = [word for word in index if self.fits(word)]
        return sorted({place for word in fitting for place in index[word]})

    def fits(self, word: str) -> bool:
        # Leftmost fits are enough for asterisks alone, and take linear time where a regular
        # expression with several would not.
        first, *middle, last = self.pieces
        if not (word.startswith(first) and word.endswith(last)):
            return False
        at, end = len(first), len(word) - len(last)
        for piece in middle:
            at = word.find(piece, at, end)
            if at < 0:
                return False
            at += len(piece)
        return at <= end


class _Words:
    """A word, phrase or pattern in the streams that `where` gives; `whole`: and nothing else
    beside it there."""

    cost = 1

    def __init__(
        self,
        term: Term,
        steps: Sequence[_Step],
        where: Callable[[Prepared], tuple[_Stream, ...]],
        whole: bool = False,
    ) -> None:
        self.name = str(term)
        self._steps = steps
        self._where = where
        self._whole = whole
        plain = len(steps) == 1 and len(steps[0].pieces) == 1 and not whole
        self._plain = steps[0].pieces[0] if plain else None

    def test(self, doc: Prepared) -> bool:
        if self._plain is not None:
            word = self._plain
            # A loop, because this runs for every term and mention and a generator costs as much.
            for stream in self._where(doc):  # noqa: SIM110
                if word in stream.words.index:
                    return True
            return False
        return any(self.occurrences(doc, stream) for stream in self._where(doc))

    def hits(self, doc: Prepared) -> list[Hit]:
        return [
            _hit(stream, start, end, self.name)
            for stream in self._where(doc)
            for _, _, start, end in self.occurrences(doc, stream)
        ]

    def occurrences(self, doc: Prepared, stream: _Stream) -> list[Occurrence]:
        found = self._steps[0].find(stream.words)
        for step in self._steps[1:]:
            if not found:
                break
            following: dict[int, list[Occurrence]] = {}
            for place in step.find(stream.words):
                following.setdefault(place[0], []).append(place)
            found = [
                (first, b[1], start, b[3])
                for first, last, start, end in found
                for b in following.get(last + 1, ())
                if not step.glued or b[2] == end
            ]
        if self._whole and stream.field == "tags":
            found = [place for place in found if not stream.text[place[3] :].strip("# ")]
            found = [place for place in found if not stream.text[: place[2]].strip("# ")]
        return found


class _Number:
    cost = 100

    def __init__(self, term: Term, countries: tuple[str, ...]) -> None:
        self.name = str(term)
        self._number = term.text
        self._countries = countries

    def test(self, doc: Prepared) -> bool:
        return any(self._spans(doc, stream) for stream in doc.streams)

    def hits(self, doc: Prepared) -> list[Hit]:
        return [
            _hit(stream, start, end, self.name)
            for stream in doc.streams
            for start, end in self._spans(doc, stream)
        ]

    def occurrences(self, doc: Prepared, stream: _Stream) -> list[Occurrence]:
        at = stream.words.position
        return [(at(start), at(end - 1), start, end) for start, end in self._spans(doc, stream)]

    def _spans(self, doc: Prepared, stream: _Stream) -> tuple[tuple[int, int], ...]:
        if stream.field == "tags":
            return ()
        return doc.numbers(stream, self._number, self._countries)


class _Value:
    """A field that is compared as a whole."""

    cost = 0

    def __init__(self, term: Term, fits: Callable[[str], bool]) -> None:
        self._name = str(term)
        self._field = term.field
        self._fits = fits

    def _value(self, doc: Prepared) -> str:
        value: str = getattr(doc.doc, self._field)
        return value

    def test(self, doc: Prepared) -> bool:
        return self._fits(self._value(doc))

    def hits(self, doc: Prepared) -> list[Hit]:
        return [Hit(self._field, 0, len(self._value(doc)), self._name)]


class _Near:
    cost = 3

    def __init__(self, operands: Sequence[Sequence[_InText]], distances: Sequence[int]) -> None:
        self._operands = operands
        self._distances = distances
        self.cost = max(leaf.cost for leaves in operands for leaf in leaves) + 2

    def test(self, doc: Prepared) -> bool:
        return any(self._chains(doc, stream) for stream in doc.streams)

    def hits(self, doc: Prepared) -> list[Hit]:
        return [
            _hit(stream, place[2], place[3], name)
            for stream in doc.streams
            for layer in self._chains(doc, stream)
            for place, name in layer
        ]

    def _chains(self, doc: Prepared, stream: _Stream) -> list[list[tuple[Occurrence, str]]]:
        """Per operand the occurrences that take part in a complete chain; [] when none does."""
        layers: list[list[tuple[Occurrence, str]]] = []
        for number, leaves in enumerate(self._operands):
            layer = sorted(
                (place, leaf.name) for leaf in leaves for place in leaf.occurrences(doc, stream)
            )
            if number:
                layer = _close_to(layers[-1], layer, self._distances[number - 1])
            if not layer:
                return []
            layers.append(layer)
        for number in range(len(layers) - 2, -1, -1):
            layers[number] = _close_to(layers[number + 1], layers[number], self._distances[number])
        return layers


def _close_to(
    anchors: list[tuple[Occurrence, str]], layer: list[tuple[Occurrence, str]], distance: int
) -> list[tuple[Occurrence, str]]:
    """Of `layer`, what stands at most `distance` words from one of `anchors`, both sorted."""
    firsts = [place[0] for place, _ in anchors]
    longest = max(place[1] - place[0] for place, _ in anchors)
    kept = []
    for item in layer:
        first, last, start, end = item[0]
        low = bisect_left(firsts, first - distance - longest)
        high = bisect_right(firsts, last + distance)
        for place, _ in anchors[low:high]:
            # One occurrence is not near itself: `vez NEAR/5 vez` needs two.
            if place[3] <= start and first - place[1] <= distance:
                break
            if end <= place[2] and place[0] - last <= distance:
                break
        else:
            continue
        kept.append(item)
    return kept


# ------------------------------------------------------------------------------------- terms


def _steps(term: Term) -> list[_Step]:
    words = pattern_words(term.text)
    shift = term.position
    steps: list[_Step] = []
    for number, word in enumerate(words):
        if set(word.text) == {"*"} and word.glued and is_unspaced(words[number - 1].text):
            continue  # scripts without spaces match inside longer words anyway
        letters = sum(map(str.isalnum, word.text.partition("*")[0]))
        if "*" in word.text and letters < 2:
            raise Malformed(
                f"'{word.text}' has fewer than 2 letters before its asterisk and would find nearly "
                "everything. Write at least 2, as in telem*",
                shift + word.start,
            )
        steps.append(_Step(tuple(_squeezed(word).split("*")), word.glued))
    if not steps:
        raise Malformed(
            f"'{term.text}' has no letter, digit or emoji that could be searched for. "
            "Write a word, or leave it out",
            shift,
        )
    if len(steps) > MAX_PHRASE_WORDS:
        raise Malformed(
            f"this phrase has {len(steps)} words; at most {MAX_PHRASE_WORDS} are searched for as "
            "one. Shorten it",
            shift,
        )
    return steps


def _squeezed(word: PatternWord) -> str:
    return re.sub(r"\*+", "*", word.text)


def _no_wildcard(term: Term) -> None:
    if "*" in term.text:
        raise Malformed(
            f"{term.field}: takes no asterisk. Write the value in full, or several with OR in "
            f"parentheses: {term.field}:(a OR b)",
            term.position,
        )


def _site(term: Term) -> _Value:
    dotted = term.text.startswith((".", "*."))
    bare = Term(term.text.removeprefix("*").lstrip("."), "site", position=term.position)
    _no_wildcard(bare)
    wanted = host_of(bare.text)
    if not any(map(str.isalnum, wanted)):
        raise Malformed(
            f"'{term.text}' is no name of a site. Write it as in site:elpais.com", term.position
        )

    def fits(site: str) -> bool:
        host = host_of(site)
        if host == wanted and not dotted:
            return True
        if "." in wanted or dotted:
            return host.endswith("." + wanted)
        return wanted in host.split(".")

    return _Value(term, fits)


def _lang(term: Term) -> _Value:
    _no_wildcard(term)
    wanted = term.text.strip().lower().replace("_", "-")
    if not re.fullmatch(r"[a-z]{2,3}(-[a-z0-9]{1,8})*", wanted):
        raise Malformed(
            f"'{term.text}' is no language code. Write two or three letters, as in lang:es",
            term.position,
        )

    def fits(lang: str) -> bool:
        lang = lang.strip().lower().replace("_", "-")
        return lang == wanted or lang.startswith(wanted + "-")

    return _Value(term, fits)


def _source(term: Term) -> _Value:
    steps = _steps(term)
    wanted = fold(term.text.strip())
    pattern = _Step(tuple(wanted.split("*")), glued=False)
    if "*" not in wanted or not steps:
        return _Value(term, lambda source: fold(source) == wanted)
    return _Value(term, lambda source: pattern.fits(fold(source)))


def _number(term: Term, countries: tuple[str, ...]) -> _Number:
    value = fold(term.text)
    if not re.fullmatch(r"[+0-9 ().\-/]+", value) or sum(map(str.isdigit, value)) < 3:
        raise Malformed(
            f"'{term.text}' is no phone number of at least 3 digits. Write it as in number:1004 or "
            'number:"+34 911 23 45 67"',
            term.position,
        )
    plain = Term(value, "number", term.quoted, term.position)
    return _Number(plain, countries)


def _tag(term: Term) -> _Words:
    tag = Term(term.text.strip().lstrip("#"), "", True, term.position)
    steps = _steps(tag)
    if len(steps) > 1:
        return _Words(
            term, steps, lambda doc: tuple(s for s in doc.streams if s.field == "tags"), True
        )
    first = "#" + steps[0].pieces[0]
    return _Words(term, [_Step((first, *steps[0].pieces[1:]), False)], lambda d: d.streams, True)


def _leaf(term: Term, countries: tuple[str, ...]) -> _Leaf:
    match term.field:
        case "site":
            return _site(term)
        case "lang":
            return _lang(term)
        case "source":
            return _source(term)
        case "number":
            return _number(term, countries)
        case "tag":
            return _tag(term)
        case "author":
            return _Words(term, _steps(term), lambda doc: doc.authors)
        case "url":
            address = re.sub(r"^https?://(?:www\.)?", "", term.text, flags=re.IGNORECASE)
            shift = term.position + len(term.text) - len(address)
            steps = _steps(Term(address, "url", term.quoted, shift))
            return _Words(term, steps, lambda doc: doc.urls)
    return _Words(term, _steps(term), lambda doc: doc.streams)


# ------------------------------------------------------------------------------------- tree


@dataclass(slots=True)
class _State:
    doc: Prepared
    found: list[_Leaf] = field(default_factory=list)
    muting: list[_Leaf] = field(default_factory=list)


class _Compiled(Protocol):
    cost: int

    def match(self, state: _State) -> int:
        """`_NO`, `_MUTED` or `_FOUND`; leaves that matched are added to `state.found`, unless
        the answer is `_NO`."""


class _One:
    def __init__(self, leaf: _Leaf) -> None:
        self.leaf = leaf
        self.cost = leaf.cost

    def match(self, state: _State) -> int:
        if not self.leaf.test(state.doc):
            return _NO
        state.found.append(self.leaf)
        return _FOUND


class _All:
    def __init__(self, wanted: list[_Compiled], unwanted: list[_Compiled]) -> None:
        # The cheap ones first: most mentions fail one of them.
        self._wanted = sorted(wanted, key=lambda node: node.cost)
        self._unwanted = unwanted
        self.cost = self._wanted[-1].cost + 1

    def match(self, state: _State) -> int:
        answer = _FOUND
        before = len(state.found)
        for node in self._wanted:
            one = node.match(state)
            if one == _NO:
                del state.found[before:]
                return _NO
            answer = min(answer, one)
        for node in self._unwanted:
            inner = _State(state.doc)
            if node.match(inner) == _FOUND:
                state.muting += inner.found
                answer = _MUTED
        return answer


class _Any:
    def __init__(self, nodes: list[_Compiled]) -> None:
        self._nodes = nodes
        self.cost = max(node.cost for node in nodes) + 1

    def match(self, state: _State) -> int:
        # Every branch is asked, because each one's hits are shown.
        answer = _NO
        for node in self._nodes:
            answer = max(answer, node.match(state))
        return answer


def compile_tree(node: Node, countries: tuple[str, ...]) -> _Compiled:
    """Raises `Malformed` for a value that its field cannot take."""
    match node:
        case Term():
            return _One(_leaf(node, countries))
        case Near():
            return _One(_near(node, countries))
        case Or():
            return _Any([compile_tree(child, countries) for child in node.children])
        case And():
            wanted = [c for c in node.children if not isinstance(c, Not)]
            unwanted = [c.child for c in node.children if isinstance(c, Not)]
            return _All(
                [compile_tree(c, countries) for c in wanted or node.children[:1]],
                [compile_tree(c, countries) for c in unwanted],
            )
        case Not():
            raise Malformed(
                "this says only what is not wanted. Say what is: write the words to find, then "
                "NOT and the words that mute",
                node.position,
            )


def _near(node: Near, countries: tuple[str, ...]) -> _Near:
    operands: list[list[_InText]] = []
    for operand in node.operands:
        leaves: list[_InText] = []
        for term in operand.children if isinstance(operand, Or) else (operand,):
            leaf = _leaf(term, countries) if isinstance(term, Term) else None
            in_text = isinstance(term, Term) and term.field in ("", "number")
            if not in_text or not isinstance(leaf, _Words | _Number):
                raise Malformed(
                    "NEAR compares places in the text: at each side it takes a word, a phrase, "
                    "number: or several of these with OR in parentheses",
                    first_position(term),
                )
            leaves.append(leaf)
        operands.append(leaves)
    return _Near(operands, node.distances)


def run(compiled: _Compiled, doc: Prepared) -> Verdict:
    state = _State(doc)
    answer = compiled.match(state)
    if answer == _NO:
        return Verdict(found=False, muted=False)
    muted = answer == _MUTED
    return Verdict(
        found=True,
        muted=muted,
        hits=_tidy(state.found, doc),
        muted_by=_tidy(state.muting, doc) if muted else (),
    )


_ORDER = {name: number for number, name in enumerate(("title", "text", "tags"))}


def _tidy(leaves: Iterable[_Leaf], doc: Prepared) -> tuple[Hit, ...]:
    """In order, without hits that lie inside another of the same term (a hashtag's parts)."""
    hits = {hit for leaf in leaves for hit in leaf.hits(doc)}
    kept: list[Hit] = []
    ends: dict[tuple[str, int, str], int] = {}
    for hit in sorted(
        hits, key=lambda h: (_ORDER.get(h.field, 9), h.field, h.item, h.start, -h.end)
    ):
        key = (hit.field, hit.item, hit.term)
        if hit.end > ends.get(key, -1):
            ends[key] = hit.end
            kept.append(hit)
    return tuple(kept[:MAX_HITS])
