"""The terms of a query, ready to be looked for: words, phrases, patterns, numbers, fields, NEAR."""

from __future__ import annotations

import re
from bisect import bisect_left, bisect_right
from collections.abc import Callable, Sequence
from typing import NamedTuple, Protocol

from listener.errors import Sentence
from listener.normalise import host_of
from listener.query_doc import Hit, Prepared, Stream
from listener.query_tree import Near, Or, Term, first_position
from listener.tokens import Occurrence, Words, fold, is_unspaced, pattern_words

MAX_PHRASE_WORDS = 50


class Malformed(Exception):
    """A term or group that cannot be compiled; `position` in the query's text, `values` of the
    names in `reason`."""

    def __init__(self, reason: str, position: int, **values: object) -> None:
        super().__init__(reason)
        self.reason = Sentence(reason, values)
        self.position = position


class Leaf(Protocol):
    cost: int

    def test(self, doc: Prepared) -> bool: ...

    def hits(self, doc: Prepared) -> list[Hit]: ...


class InText(Leaf, Protocol):
    """A leaf that NEAR can hold to a place in one stream."""

    name: str

    def occurrences(self, doc: Prepared, stream: Stream) -> list[Occurrence]: ...


def _hit(stream: Stream, start: int, end: int, term: str) -> Hit:
    return Hit(stream.field, start + stream.offset, end + stream.offset, term, stream.item)


class Step(NamedTuple):
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


class WordsLeaf:
    """A word, phrase or pattern in the streams that `where` gives; `whole`: and nothing else
    beside it there."""

    cost = 1

    def __init__(
        self,
        term: Term,
        steps: Sequence[Step],
        where: Callable[[Prepared], tuple[Stream, ...]],
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

    def occurrences(self, doc: Prepared, stream: Stream) -> list[Occurrence]:
        found = self._steps[0].find(stream.words)
        for step in self._steps[1:]:
            if not found:
                break
            following: dict[int, list[Occurrence]] = {}
            for place in step.find(stream.words):
                following.setdefault(place[0], []).append(place)
            # Once each: a hashtag fits whole and in its parts, and the ways through a row of
            # them double with every one.
            ways = {
                (first, b[1], start, b[3]): None
                for first, last, start, end in found
                for b in following.get(last + 1, ())
                # Marks share the place of their letter, so the next may begin before this ends.
                if not step.glued or b[2] <= end
            }
            found = list(ways)
        if self._whole and stream.field == "tags":
            text = stream.text
            low, high = len(text) - len(text.lstrip("# ")), len(text.rstrip())
            found = [place for place in found if place[2] <= low and place[3] >= high]
        return found


class NumberLeaf:
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

    def occurrences(self, doc: Prepared, stream: Stream) -> list[Occurrence]:
        at = stream.words.position
        return [(at(start), at(end - 1), start, end) for start, end in self._spans(doc, stream)]

    def _spans(self, doc: Prepared, stream: Stream) -> tuple[tuple[int, int], ...]:
        if stream.field == "tags":
            return ()
        return doc.numbers(stream, self._number, self._countries)


class ValueLeaf:
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


class NearLeaf:
    cost = 3

    def __init__(self, operands: Sequence[Sequence[InText]], distances: Sequence[int]) -> None:
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

    def _chains(self, doc: Prepared, stream: Stream) -> list[list[tuple[Occurrence, str]]]:
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


# ------------------------------------------------------------------------------------- values


def _steps(term: Term) -> list[Step]:
    words = pattern_words(term.text)
    shift = term.position
    steps: list[Step] = []
    for number, word in enumerate(words):
        if set(word.text) == {"*"} and word.glued and is_unspaced(words[number - 1].text):
            continue  # scripts without spaces match inside longer words anyway
        letters = sum(map(str.isalnum, word.text.partition("*")[0]))
        if "*" in word.text and letters < 2:
            raise Malformed(
                "'{word}' has fewer than 2 letters before its asterisk and would find nearly "
                "everything. Write at least 2, as in telem*",
                shift + word.start,
                word=word.text,
            )
        steps.append(Step(tuple(re.sub(r"\*+", "*", word.text).split("*")), word.glued))
    if not steps:
        raise Malformed(
            "'{word}' has no letter, digit or emoji that could be searched for. Write a word, or "
            "leave it out",
            shift,
            word=term.text,
        )
    if len(steps) > MAX_PHRASE_WORDS:
        raise Malformed(
            "this phrase has {words} words; at most {most} are searched for as one. Shorten it",
            shift,
            words=len(steps),
            most=MAX_PHRASE_WORDS,
        )
    return steps


def _no_wildcard(term: Term) -> None:
    if "*" in term.text:
        raise Malformed(
            "{field}: takes no asterisk. Write the value in full, or several with OR in "
            "parentheses: {field}:(a OR b)",
            term.position,
            field=term.field,
        )


def _site(term: Term) -> ValueLeaf:
    dotted = term.text.startswith((".", "*."))
    bare = Term(term.text.removeprefix("*").lstrip("."), "site", position=term.position)
    _no_wildcard(bare)
    wanted = host_of(bare.text)
    if not any(map(str.isalnum, wanted)):
        raise Malformed(
            "'{word}' is no name of a site. Write it as in site:elpais.com",
            term.position,
            word=term.text,
        )

    def fits(site: str) -> bool:
        host = host_of(site)
        if host == wanted and not dotted:
            return True
        if "." in wanted or dotted:
            return host.endswith("." + wanted)
        return wanted in host.split(".")

    return ValueLeaf(term, fits)


def _lang(term: Term) -> ValueLeaf:
    _no_wildcard(term)
    wanted = term.text.strip().lower().replace("_", "-")
    if not re.fullmatch(r"[a-z]{2,3}(-[a-z0-9]{1,8})*", wanted):
        raise Malformed(
            "'{word}' is no language code. Write two or three letters, as in lang:es",
            term.position,
            word=term.text,
        )

    def fits(lang: str) -> bool:
        lang = lang.strip().lower().replace("_", "-")
        return lang == wanted or lang.startswith(wanted + "-")

    return ValueLeaf(term, fits)


def _source(term: Term) -> ValueLeaf:
    steps = _steps(term)
    wanted = fold(term.text.strip())
    pattern = Step(tuple(wanted.split("*")), glued=False)
    if "*" not in wanted or not steps:
        return ValueLeaf(term, lambda source: fold(source) == wanted)
    return ValueLeaf(term, lambda source: pattern.fits(fold(source)))


def _number(term: Term, countries: tuple[str, ...]) -> NumberLeaf:
    value = fold(term.text)
    if not re.fullmatch(r"[+0-9 ().\-/]+", value) or sum(map(str.isdigit, value)) < 3:
        raise Malformed(
            "'{word}' is no phone number of at least 3 digits. Write it as in number:1004 or "
            'number:"+34 911 23 45 67"',
            term.position,
            word=term.text,
        )
    plain = Term(value, "number", term.quoted, term.position)
    return NumberLeaf(plain, countries)


def _tag(term: Term) -> WordsLeaf:
    tag = Term(term.text.strip().lstrip("#"), "", True, term.position)
    steps = _steps(tag)
    if len(steps) > 1:
        return WordsLeaf(
            term, steps, lambda doc: tuple(s for s in doc.streams if s.field == "tags"), True
        )
    first = "#" + steps[0].pieces[0]
    return WordsLeaf(term, [Step((first, *steps[0].pieces[1:]), False)], lambda d: d.streams, True)


def leaf_of(term: Term, countries: tuple[str, ...]) -> Leaf:
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
            return WordsLeaf(term, _steps(term), lambda doc: doc.authors)
        case "url":
            address = re.sub(r"^https?://(?:www\.)?", "", term.text, flags=re.IGNORECASE)
            shift = term.position + len(term.text) - len(address)
            steps = _steps(Term(address, "url", term.quoted, shift))
            return WordsLeaf(term, steps, lambda doc: doc.urls)
    return WordsLeaf(term, _steps(term), lambda doc: doc.streams)


def near_leaf(node: Near, countries: tuple[str, ...]) -> NearLeaf:
    operands: list[list[InText]] = []
    for operand in node.operands:
        leaves: list[InText] = []
        for term in operand.children if isinstance(operand, Or) else (operand,):
            leaf = leaf_of(term, countries) if isinstance(term, Term) else None
            in_text = isinstance(term, Term) and term.field in ("", "number")
            if not in_text or not isinstance(leaf, WordsLeaf | NumberLeaf):
                raise Malformed(
                    "NEAR compares places in the text: at each side it takes a word, a phrase, "
                    "number: or several of these with OR in parentheses",
                    first_position(term),
                )
            leaves.append(leaf)
        operands.append(leaves)
    return NearLeaf(operands, node.distances)
