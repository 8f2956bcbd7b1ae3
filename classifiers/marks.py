"""Figures of a text marked by what they are, so that a rule can say "N calls" and mean any number.

The marked text has the same length as the folded one; a figure's characters are replaced by a
capital letter: N number, O ordinal, P telephone number, T clock time, D date, Y year, M money or
measure.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass, field

from . import number_words
from .lexicon import Lexicon
from .reading import Span


@dataclass(frozen=True, slots=True)
class TimeOfDay:
    """Hour 0 to 24 and minute; ``sure`` when the text itself says which half of the day."""

    hour: int
    minute: int
    sure: bool


@dataclass(slots=True)
class Marked:
    """The marked text, and the value of each figure by where it starts."""

    text: str
    numbers: dict[int, int] = field(default_factory=dict)
    times: dict[int, TimeOfDay] = field(default_factory=dict)

    def value(self, start: int) -> int:
        return self.numbers.get(start, 1)


_CLOCK = re.compile(
    r"(?<![\w.,:])(\d{1,2}) ?(?:(?::|h ?|\.(?=\d\d ?(?:[ap]\.?m|uhr|h\b)))([0-5]\d)) ?(h(?:s|rs)?\b|uhr\b)?"
    r" ?([ap])?(?:\.?m\b\.?)?(?!\w)"
    r"|(?<![\w.,:])(\d{1,2}) ?(?:([ap])\.?m\b\.?|uhr(?: ([0-5]\d))?\b)"
    r"|(?<![\w.,:])(?<!en )(?<!in )(?<!em )([01]?\d|2[0-3]) ?h(?:s|rs)?\b(?! (?:seguid|after))"
)
_MONEY = re.compile(
    r"(?:[€$£₹]|(?<!\w)r\$|(?<!\w)us\$) ?\d+(?:[.,]\d+)*(?: ?(?:k|mil|million\w*|millones)\b)?"
    r"|(?<![\w.,])\d+(?:[.,]\d+)* ?(?:€|\$|£|%|(?:euros?|eur|dollars?|dolares|pesos|soles|reais|libras?|pounds?"
    r"|francs?|franken|chf|usd|mxn|cop|gb|gigas?|mb|mbps|megas?|g|kwh|kw|km|kms|m2|kg|rupees|rs|lpa|lakhs?|k|quid|bucks|cents?|centimos?|ct)\b)"
)
_DATE = re.compile(
    r"(?<![\w.,/-])\d{1,2}[./-]\d{1,2}[./-](?:\d{4}|\d\d)(?![\w/-])"
    r"|(?<![\w.,/-])(?!24/7)\d{1,2}/\d{1,2}(?![\w/-])"
)
_YEAR = re.compile(r"(?<![\w.,/-])(?:19|20)\d\d(?![\w/-])")
_ORDINAL = re.compile(
    r"(?<![\w.,])(\d{1,3})(?:[.]?[ºª°]|(?:st|nd|rd|th|er|ere|eme|ieme|re|e|a|o|ra|ro|da|do|ta|to|va|vo|ma|mo|na|no)(?!\w))"
)
_GERMAN_ORDINAL = re.compile(r"(?<![\w.,])(\d{1,2})\.(?= [^\W\d_])")
_FIGURE = re.compile(
    r"(?<![\w.,])\d{1,3}(?:\.\d{3})+(?![\d,])|(?<![\w,])(?<!\.)\d{1,6}(?![\d]|[.,]\d|\w)|(?<= at )\d{1,2}(?=\.\d\d\b)|(?<![\w.,])\d{1,4}(?=x\b)"
)
_ONES = frozenset(
    {"un", "una", "uno", "um", "uma", "une", "ein", "eine", "einen", "einem", "einer", "one", "a"}
)
# As many as this, in words, is a manner of speaking: "mil veces", "a hundred times".
_EXAGGERATION = frozenset({100, 1000})


def _blank(chars: list[str], start: int, end: int, letter: str) -> None:
    for i in range(start, end):
        if chars[i] != " " or start < i < end - 1:
            chars[i] = letter


def mark(folded: str, lexicon: Lexicon, phones: Iterable[Span]) -> Marked:
    """Marks telephone numbers first, then times, money, dates, ordinals and what is left."""
    chars = list(folded)
    for start, end in phones:
        _blank(chars, start, end, "P")
    marked = Marked(folded)
    for match in _CLOCK.finditer("".join(chars)):
        time = _time(match)
        if time is not None:
            marked.times[match.start()] = time
            _blank(chars, *_trim(match), "T")
    for pattern, letter in ((_MONEY, "M"), (_DATE, "D"), (_YEAR, "Y")):
        for match in pattern.finditer("".join(chars)):
            _blank(chars, *match.span(), letter)
    _mark_ordinals(chars, lexicon, marked)
    _mark_numbers(chars, lexicon, marked)
    _join_ordinals(chars, marked)
    _mark_times_of_day(chars, lexicon, marked)
    marked.text = "".join(chars)
    return marked


def _trim(match: re.Match[str]) -> Span:
    return match.start(), match.start() + len(match.group().rstrip())


def _time(match: re.Match[str]) -> TimeOfDay | None:
    hour_minute, minute, _, half, bare, half2, minute2, plain = match.groups()
    hour = int(hour_minute or bare or plain)
    if hour > 24:
        return None
    part = half or half2
    if part == "p" and hour < 12:
        hour += 12
    if part == "a" and hour == 12:
        hour = 0
    return TimeOfDay(hour, int(minute or minute2 or 0), part is not None or hour >= 13)


def _mark_ordinals(chars: list[str], lexicon: Lexicon, marked: Marked) -> None:
    text = "".join(chars)
    digits = (_ORDINAL, _GERMAN_ORDINAL) if lexicon.lang == "de" else (_ORDINAL,)
    for pattern in digits:
        for match in pattern.finditer(text):
            marked.numbers[match.start()] = int(match.group(1))
            _blank(chars, *match.span(), "O")
    text = "".join(chars)
    for pattern, value in lexicon.counts.ordinals:
        for match in pattern.finditer(text):
            if lexicon.lang == "pt" and lexicon.periods.weekday.match(text, match.start()):
                continue  # "segunda a sexta" are days there
            marked.numbers[match.start()] = value
            _blank(chars, *match.span(), "O")
    text = "".join(chars)
    for pattern, value in lexicon.counts.multiples:
        for match in pattern.finditer(text):
            marked.numbers[match.start()] = value
            _blank(chars, match.start(), match.end() - 1, "N")
            chars[match.end() - 1] = "x"
    if lexicon.lang == "de":
        _mark_german_times(chars, marked)
    text = "".join(chars)
    for pattern, value in lexicon.counts.dozens:
        for match in pattern.finditer(text):
            if "N" in chars[match.start() : match.end()]:
                continue
            marked.numbers[match.start()] = value
            _blank(chars, *match.span(), "N")


_TENS_AND_UNIT = re.compile(r"(?<!\w)(N+|O+)(?: | ?- ?| (?:y|e|et) )(O+)(?!\w)")


def _join_ordinals(chars: list[str], marked: Marked) -> None:
    """ "decima primeira", "twenty-second": tens and a unit are one ordinal."""
    for match in _TENS_AND_UNIT.finditer("".join(chars)):
        tens, unit = (marked.numbers.get(match.start(i)) for i in (1, 2))
        if tens and unit and tens % 10 == 0 and tens < 100 and unit < 10:
            del marked.numbers[match.start(2)]
            marked.numbers[match.start()] = tens + unit
            for i in range(*match.span()):
                chars[i] = "O"


_MAL = re.compile(r"(?<!\w)([^\W\d_]{3,24})mal(?!\w)")


def _mark_german_times(chars: list[str], marked: Marked) -> None:
    """ "elfmal" is eleven times in one word."""
    for match in _MAL.finditer("".join(chars)):
        value = number_words.word_value(match.group(1), "de")
        if value is not None and value > 1:
            marked.numbers[match.start()] = value
            _blank(chars, match.start(), match.end(1), "N")


def _mark_times_of_day(chars: list[str], lexicon: Lexicon, marked: Marked) -> None:
    """ "at 10", "a las diez": what stands after such words is a clock time, unless it counts."""
    text = "".join(chars)
    for match in lexicon.clock.strict.finditer(text):
        start, end = match.span("hour")
        value = marked.numbers.get(start)
        if value is None or value > 24 or lexicon.counts.item.match(text, start):
            continue
        minute = 0
        following = re.compile(r"[.:h](\d\d)(?!\w)|:?(N+)(?!\w)").match(text, end)
        if following and following.group(1):
            minute, end = int(following.group(1)), following.end()
        marked.times[start] = TimeOfDay(value, min(minute, 59), value >= 13)
        _blank(chars, start, end, "T")


def _mark_numbers(chars: list[str], lexicon: Lexicon, marked: Marked) -> None:
    text = "".join(chars)
    for match in _FIGURE.finditer(text):
        if match.group()[0] == "0" and len(match.group()) > 1:
            continue  # an area code, a short code; nobody counts like that
        marked.numbers[match.start()] = int(match.group().replace(".", ""))
        _blank(chars, *match.span(), "N")
    text = "".join(chars)
    for word in number_words.find(text, lexicon.lang):
        if word.words == 1 and text[word.start : word.end] in _ONES:
            continue
        if word.value in _EXAGGERATION and word.words == 1:
            continue
        marked.numbers[word.start] = word.value
        _blank(chars, word.start, word.end, "N")
