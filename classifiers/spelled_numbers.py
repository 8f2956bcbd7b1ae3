"""Telephone numbers in words ("mil cuatro", "oh eight five, treble two"): the digits one would dial."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

from . import number_words
from .reading import Span


@dataclass(frozen=True, slots=True)
class Spelled:
    """A sequence of number words read as dialled digits."""

    digits: str
    start: int
    end: int
    parts: tuple[number_words.NumberWord, ...]


_SPELLED_GAP = re.compile(r"[ ,\-]{1,3}")
TIMES = {"double": 2, "doble": 2, "triple": 3, "treble": 3, "doppelt": 2}
EXTRA_DIGITS = {"en": {"oh": 0, "o": 0, "nought": 0}, "pt": {"meia": 6}}
# How people spell the sign before a country's code.
PLUS = {"plus", "mas", "mais", "piu"}


def spelled_in(folded: str, words: list[tuple[str, int, int]], lang: str) -> Iterator[Spelled]:
    """Sequences of number words, each as the digits that one would dial."""
    extra = EXTRA_DIGITS.get(lang, {})
    numbers = {n.start: n for n in number_words.find(folded, lang, words)}
    parts: list[number_words.NumberWord] = []
    digits = ""
    times = 1
    inside = -1
    pending: Span | None = None
    begin = 0
    for word, start, end in words:
        if start < inside:
            continue
        number = numbers.get(start)
        if number is None and digits and word in extra:
            number = number_words.NumberWord(extra[word], start, end, 1)
        last_end = pending[1] if pending else parts[-1].end if parts else -1
        close = (
            last_end >= 0
            and start - last_end <= 3
            and _SPELLED_GAP.fullmatch(folded, last_end, start)
        )
        if (parts or pending) and not close:
            if digits:
                yield Spelled(digits, begin, parts[-1].end, tuple(parts))
            parts, digits, times, pending = [], "", 1, None
        if number is None:
            if word in TIMES and lang in ("en", "es"):
                times, pending = TIMES[word], (start, end)
                begin = begin if parts else start
                continue
            if digits:
                yield Spelled(digits, begin, parts[-1].end, tuple(parts))
            parts, digits, times, pending = [], "", 1, None
            continue
        if not parts:
            begin = pending[0] if pending else number.start
        parts.append(number)
        digits += str(number.value) * times
        times, pending, inside = 1, None, number.end
    if digits:
        yield Spelled(digits, begin, parts[-1].end, tuple(parts))


def spelling_languages(words: list[tuple[str, int, int]]) -> tuple[str, ...]:
    """The languages in which some words of the text may spell three digits or more."""
    return tuple(
        lang for lang in number_words.LANGUAGES if number_words.may_spell_digits(words, lang)
    )


_TOKEN = re.compile(r"[0-9]+|[^\W\d_]+")


def digits_said(folded: str, lang: str) -> str:
    """The digits of a passage that is known to hold one number, figures and words of `lang` mixed:
    "6 treinta y 4", "07700 9 double 0 123", "oh eight five, treble two"."""
    extra = EXTRA_DIGITS.get(lang, {})
    digits, words, times = "", "", 1

    def spelt() -> str:
        if lang not in number_words.LANGUAGES:
            return ""
        return "".join(s.digits for s in spelled_in(words, number_words.tokens(words), lang))

    for token in _TOKEN.findall(folded):
        if token in TIMES:
            digits, words, times = digits + spelt(), "", TIMES[token]
        elif token.isascii() and token.isdigit():
            digits, words = digits + spelt() + (token * times if len(token) == 1 else token), ""
            times = 1
        elif token in extra:
            digits, words, times = digits + spelt() + str(extra[token]) * times, "", 1
        elif times > 1:
            value = number_words.word_value(token, lang) if lang in number_words.LANGUAGES else None
            digits, times = digits + (str(value) * times if value is not None else ""), 1
        else:
            words += f"{token} "
    return digits + spelt()
