"""Folding and words with their places: what the query language and the deduplication compare.

Folding: case, accents and compatibility forms go (`Ñ` -> `n`, `ß` -> `ss`, `æ` -> `ae`, `①` -> `1`,
mathematical bold -> plain letters, digits of every script -> 0-9), invisible characters vanish.
Marks that carry a vowel or a sound (Indic scripts, Thai, kana) stay.

Words: runs of letters, digits and their marks. Scripts that write no spaces give one word per
character, emoji and currency signs one word each. Handles and hashtags also give their parts.
Offsets are code points in the text as given, half open.
"""

from __future__ import annotations

import re
import unicodedata
from bisect import bisect_right
from typing import NamedTuple

# Stands for every character whose fold is not exactly one character: the text takes the slow way.
_ODD = "\uffff"
_MOST_FOLDS = 100_000  # all of Unicode in one text must not stay in memory

# Letters that Unicode does not decompose, though people type them without the stroke.
_STROKES = str.maketrans(
    {"ø": "o", "ł": "l", "đ": "d", "ð": "d", "ħ": "h", "ı": "i", "æ": "ae", "œ": "oe", "þ": "th"}
)

# Accents and points that people leave out. Marks of other scripts are part of the spelling.
_ACCENTS = re.compile(
    "[\u0300-\u036f\u0483-\u0487\u0591-\u05bd\u05bf\u05c1\u05c2\u05c4\u05c5\u05c7\u0610-\u061a"
    "\u0640\u064b-\u065f\u0670\u06d6-\u06dc\u06df-\u06e8\u06ea-\u06ed\u1ab0-\u1aff\u1dc0-\u1dff"
    "\u20d0-\u20ff\ufe00-\ufe0f\ufe20-\ufe2f\U000e0100-\U000e01ef]"
)

# Thai, Lao, Myanmar, Khmer, kana, ideographs.
_UNSPACED = (
    "\u0e01-\u0e3a\u0e40-\u0e4e\u0e81-\u0ece\u1000-\u103f\u1050-\u109f\u1780-\u17d3\u3005-\u3007"
    "\u3021-\u3029\u3031-\u3035\u303b\u3041-\u3096\u3099\u309a\u309d-\u309f\u30a1-\u30fa"
    "\u30fc-\u30ff\u31f0-\u31ff\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff\U00020000-\U0003fffd"
)
_SYMBOLS = "$¢-¥©®₠-⃀™←-⇿⌀-➿⬀-⯿\U0001f000-\U0001f3fa\U0001f400-\U0001faff"
# For character classes: the marks of Indic and other scripts that are spelled with them.
MARKS = "".join(
    chr(code)
    for code in (*range(0x0700, 0x0E00), *range(0x0F00, 0x1000), *range(0x1700, 0x1C00))
    if unicodedata.category(chr(code)) in ("Mn", "Mc")
)
_HAS_UNSPACED = re.compile(f"[{_UNSPACED}]")
_NEEDS_CARE = re.compile(f"[{_UNSPACED}{MARKS}]")


def _pattern(letter: str, *, care: bool) -> re.Pattern[str]:
    word = f"{letter}+"
    if care:
        spaced = f"(?:(?![{_UNSPACED}]){letter})"
        word = f"{spaced}+(?:[{MARKS}]+{spaced}*)*"
    single = f"|[{_UNSPACED}]" if care else ""
    return re.compile(f"{word}|(?<![\\w@#])[@#]{word}{single}|[{_SYMBOLS}]")


# Most texts need neither marks nor single characters, and the plain pattern is three times faster.
_WORDS_PLAIN = _pattern(r"\w", care=False)
_WORDS = _pattern(r"\w", care=True)
# In a query an asterisk is a part of its word.
_PATTERN_WORDS = _pattern(r"[\w*]", care=True)


def fold(text: str) -> str:
    """`text` as it is compared. Not for showing: offsets and length change."""
    return fold_with_places(text).text


def _fold_cluster(cluster: str) -> str:
    decomposed = _ACCENTS.sub("", unicodedata.normalize("NFKD", cluster.casefold()))
    plain = unicodedata.normalize("NFC", decomposed).casefold().translate(_STROKES)
    kept = []
    for char in plain:
        if unicodedata.category(char) == "Cf":
            continue
        digit = unicodedata.decimal(char, None)
        kept.append(char if digit is None else str(digit))
    return "".join(kept)


class _Folds(dict[int, str]):
    """Code point -> its fold, filled as characters are met; `_ODD` where that is not one
    character."""

    def __missing__(self, code: int) -> str:
        char = chr(code)
        folded = _fold_cluster(char)
        # A mark may compose with the letter before it (kana in decomposed form).
        one = len(folded) == 1 and not _joins(char)
        result = folded if one else _ODD
        if len(self) < _MOST_FOLDS:
            self[code] = result
        return result


_FOLDS = _Folds()


def _joins(char: str) -> bool:
    """Whether `char` belongs to the character before it (halfwidth kana marks by their form)."""
    return bool(unicodedata.combining(char)) or char in "\uff9e\uff9f"


class Folded(NamedTuple):
    """`text` folded; `starts` and `ends` lead from a folded character back to the text as given,
    None where both have the same places."""

    text: str
    starts: list[int] | None
    ends: list[int] | None

    def span(self, start: int, end: int) -> tuple[int, int]:
        if self.starts is None or self.ends is None:
            return start, end
        return self.starts[start], self.ends[end - 1]


def fold_with_places(text: str) -> Folded:
    folded = text.lower() if text.isascii() else text.translate(_FOLDS)
    odd = folded.find(_ODD)
    if odd < 0:
        return Folded(folded, None, None)
    parts: list[str] = []
    starts: list[int] = []
    ends: list[int] = []
    done = 0
    while odd >= 0:
        begin, end = odd, odd + 1
        while begin > done and _joins(text[begin]):
            begin -= 1
        while end < len(text) and _joins(text[end]):
            end += 1
        # Putting thousands of marks in order takes quadratic time, and nobody spells with 32.
        part = _fold_cluster(text[begin : min(end, begin + 32)])
        parts += (folded[done:begin], part)
        starts += (*range(done, begin), *[begin] * len(part))
        ends += (*range(done + 1, begin + 1), *[end] * len(part))
        done = end
        odd = folded.find(_ODD, done)
    parts.append(folded[done:])
    starts += range(done, len(text))
    ends += range(done + 1, len(text) + 1)
    return Folded("".join(parts), starts, ends)


# Where a word stands: numbers of its first and last word, then code points. A plain tuple, because
# every word of every post makes one.
Occurrence = tuple[int, int, int, int]


class Words:
    """The words of one text, found by their folded form.

    A handle or hashtag stands under its whole form with the sign, without it, and under its
    parts; a word with underscores under its whole form and its parts.
    """

    __slots__ = ("_starts", "index")

    def __init__(self, text: str, *, sign: str = "") -> None:
        """`sign`: the text is a hashtag ("#") or handle ("@") that came without its sign."""
        self.index: dict[str, list[Occurrence]] = {}
        self._starts: list[int] = []
        folded = fold_with_places(text)
        care = not text.isascii() and _NEEDS_CARE.search(folded.text)
        matches = (_WORDS if care else _WORDS_PLAIN).finditer(folded.text)
        same = folded.starts is None
        names = sign or any(char in folded.text for char in "@#_")
        index, starts = self.index, self._starts
        for match in matches:
            word = match.group()
            start, end = match.span() if same else folded.span(*match.span())
            if names and (sign or word[0] in "@#" or "_" in word):
                self._add_name(text, word, start, end, sign)
                continue
            position = len(starts)
            found = (position, position, start, end)
            if word in index:
                index[word].append(found)
            else:
                index[word] = [found]
            starts.append(start)

    def _add_name(self, text: str, word: str, start: int, end: int, sign: str) -> None:
        if word[0] in "@#":
            sign, body, whole = word[0], start + 1, word[1:]
        else:
            sign, body, whole = sign if start == 0 else "", start, word
        first = len(self._starts)
        # An underscore is a sign of emphasis in plain words as well, so only it parts them.
        everywhere = bool(sign) or "_" not in whole
        parts = [
            (body + a, body + b, part)
            for a, b in name_parts(text[body:end], everywhere=everywhere)
            if (part := fold(text[body + a : body + b]))
        ] or [(body, end, whole)]
        for number, (a, b, part) in enumerate(parts, first):
            self._put(part, (number, number, a, b))
            self._starts.append(a)
        last = first + len(parts) - 1
        if len(parts) > 1 or parts[0][2] != whole:
            self._put(whole, (first, last, body, end))
        if sign:
            self._put(sign + whole, (first, last, start, end))

    def _put(self, word: str, found: Occurrence) -> None:
        self.index.setdefault(word, []).append(found)

    def position(self, offset: int) -> int:
        """The number of the word that stands at or before this code point; 0 before the first."""
        return max(0, bisect_right(self._starts, offset) - 1)


def name_parts(name: str, *, everywhere: bool = True) -> list[tuple[int, int]]:
    """Spans of the parts of a handle or hashtag: `MovistarEspaña_24h` -> Movistar, España, 24, h.

    Not `everywhere`: only underscores part, for plain words (`IPhone_caro`).
    """
    spans: list[tuple[int, int]] = []
    start = 0
    for index in range(1, len(name) + 1):
        if index < len(name) and not _parts_here(name, index, everywhere):
            continue
        if name[start] != "_":
            spans.append((start, index))
        start = index
    return spans


def _parts_here(name: str, index: int, everywhere: bool) -> bool:
    before, here = name[index - 1], name[index]
    if before == "_" or here == "_":
        return True
    if not everywhere:
        return False
    if before.isdigit() != here.isdigit():
        return not unicodedata.combining(here)
    after = name[index + 1] if index + 1 < len(name) else ""
    return here.isupper() and (before.islower() or (before.isupper() and after.islower()))


def plain_words(text: str) -> list[str]:
    """The folded words in order, handles and hashtags whole with their sign."""
    folded = fold(text)
    care = not folded.isascii() and _NEEDS_CARE.search(folded)
    return (_WORDS if care else _WORDS_PLAIN).findall(folded)


class PatternWord(NamedTuple):
    """A word of a query, perhaps with asterisks; `glued` when it follows the one before with
    nothing between them. Code points in the query's text."""

    text: str
    glued: bool
    start: int
    end: int


def pattern_words(text: str) -> list[PatternWord]:
    """The words of a term as written in a query; signs, underscores and asterisks stay in."""
    folded = fold_with_places(text)
    words: list[PatternWord] = []
    before = -1
    for match in _PATTERN_WORDS.finditer(folded.text):
        start, end = folded.span(*match.span())
        words.append(PatternWord(match.group(), match.start() == before, start, end))
        before = match.end()
    return words


def is_unspaced(char: str) -> bool:
    """Whether `char` belongs to a script that writes no spaces between words."""
    return bool(_HAS_UNSPACED.match(char))
