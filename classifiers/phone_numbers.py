"""Every written form of a phone number in a text, and what only looks like one.

Full numbers are checked against libphonenumber's numbering plans. Short codes (1004), prefixes
(0303) and numbers in words ("el mil cuatro") are told from prices, years, clock times, flights,
doors, orders and counts by the words around them.
"""

from __future__ import annotations

import itertools
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import phonenumbers

from . import number_words
from .digit_runs import Run, alone, number_span, runs_of_digits, short_shape, start_of
from .folding import fold
from .number_context import (
    ADDRESS_BEFORE,
    ARTICLE,
    DATE_BEFORE,
    NOT_A_NUMBER_BEFORE,
    STRONG_ARTICLE,
    TIME_BEFORE,
    counts_something,
    near_contact,
    refused,
)
from .number_plans import MAX_DIGITS, dialled, e164_of, is_short_code
from .reading import NumberMention, Span
from .spelled_numbers import (
    EXTRA_DIGITS,
    PLUS,
    TIMES,
    Spelled,
    digits_said,
    spelled_in,
    spelling_languages,
)

_LETTER = re.compile(r"[^\W\d_]")
_LIST_GAP = re.compile(
    r"(?: ?[,/;] ?| (?:y|o|and|or|e|ou|et|und|oder) |, (?:y|o|and|e|et) )(?:(?:el|del|al) )?"
)
_ENOUGH = 0.6  # the confidence from which a short figure counts as a number
YEAR = re.compile(r"(?:19|20)\d\d")
_DATE_LIKE = re.compile(r"\d{1,2}[./\-]\d{1,2}[./\-](?:\d{4}|\d\d)|\d{4}[./\-]\d{1,2}[./\-]\d{1,2}")
_IP_LIKE = re.compile(r"\d{1,3}(?:\.\d{1,3}){3}")
_THOUSANDS = re.compile(r"\d{1,3}(?:\.\d{3})+")
_SPACED_THOUSANDS = re.compile(r"[1-9]\d{0,2}(?: \d{3})+")
_NANP = re.compile(r"(?:\+?1[ .\-]?)?\(?\d{3}\)?[ .\-]{1,2}\d{3}[ .\-]\d{4}")
_PREFIX = re.compile(r"0?303|0[389]\d0|0[89]\d\d")


@dataclass(frozen=True, slots=True)
class Plan:
    """Whose numbering plans are tried, and whether the text is known to speak of contacts."""

    countries: tuple[str, ...]
    about_calls: bool = False


def _full(folded: str, run: Run, i: int, j: int, plan: Plan) -> tuple[str | None, float]:
    """Whether groups i to j are one full number: its E.164 form and confidence (0: no)."""
    start, end = run.groups[i][0], run.groups[j - 1][1]
    shape = folded[start_of(folded, start) : end]
    digits = run.digits(folded, i, j)
    if not 7 <= len(digits) <= MAX_DIGITS + 2 or len(set(digits)) < 2:
        return None, 0.0
    if _DATE_LIKE.fullmatch(shape):
        return None, 0.0
    written = dialled(folded, start_of(folded, start), end)
    e164, confidence = e164_of(written, plan.countries)
    if e164 is None and "(0)" in shape:
        e164, confidence = e164_of(
            dialled(shape.replace("(0)", ""), 0, len(shape) - 3), plan.countries
        )
    other_figure = _THOUSANDS.fullmatch(shape) or _IP_LIKE.fullmatch(shape)
    if other_figure and (len(digits) < 9 or confidence < 0.97):
        return None, 0.0
    if confidence >= 0.97:
        return e164, confidence
    context = plan.about_calls or near_contact(folded, start, end)
    sizes = [b - a for a, b in run.groups[i:j]]
    grouped = len(sizes) >= 2 and max(sizes) <= 5
    if "/" in shape and len(set(sizes)) == 1:  # "1004/1002": two numbers
        return None, 0.0
    if _NANP.fullmatch(shape):
        return e164, max(confidence, 0.85)
    if confidence and (grouped or context):
        return e164, max(confidence, 0.75)
    if 7 <= len(digits) <= 13 and context and (grouped or len(digits) >= 8):
        return None, 0.65
    return None, 0.0


def _full_numbers(
    folded: str, run: Run, plan: Plan
) -> Iterator[tuple[int, int, str | None, float]]:
    """Cuts a run into full numbers: the whole, or else the parts that a home plan confirms."""
    n = len(run.groups)
    if n >= 4 and all(b - a == 4 for a, b in run.groups):
        return  # a payment card
    e164, confidence = _full(folded, run, 0, n, plan)
    if confidence:
        yield 0, n, e164, confidence
        return
    i = 0
    while i < n:
        best: tuple[int, str | None, float] | None = None
        length = 0
        for j in range(i + 1, n + 1):
            length += run.groups[j - 1][1] - run.groups[j - 1][0]
            if length > MAX_DIGITS + 2:
                break
            if length < 7:
                continue
            e164, confidence = _full(folded, run, i, j, plan)
            if confidence >= 0.97 or (confidence and j - i == 1):
                best = (j, e164, confidence)
        if best is None:
            i += 1
            continue
        yield i, *best
        i = best[0]


def short_confidence(
    folded: str, start: int, end: int, digits: str, shape: str, plan: Plan
) -> float:
    """How likely a short figure is a phone number, by its form and its neighbours; 0 when not."""
    before = folded[max(0, start - 90) : start]
    strong = STRONG_ARTICLE.search(before[-24:]) is not None
    if refused(folded, start, end) or ADDRESS_BEFORE.search(before) or not shape:
        return 0.0
    if (
        shape in ("plain", "dot")
        and folded[end : end + 1] == "."
        and folded[end + 1 : end + 2].isdigit()
    ):
        return 0.0
    written = folded[start:end]
    if not strong and (shape == "dot" or _SPACED_THOUSANDS.fullmatch(written)):
        return 0.0
    if _DATE_LIKE.fullmatch(written):
        return 0.0
    if shape == "dashed" and DATE_BEFORE.search(before[-12:]):
        return 0.0
    if shape in ("spaced", "plain") and TIME_BEFORE.search(before[-12:]):
        return 0.0
    year = YEAR.fullmatch(digits) is not None
    confidence = 0.3
    if strong:
        confidence += 0.25
    elif ARTICLE.search(before[-24:]):
        confidence += 0.15
    if is_short_code(digits, plan.countries) or _PREFIX.fullmatch(digits):
        confidence += 0.2
    if plan.about_calls or near_contact(folded, start, end):
        confidence += 0.2
    if shape in ("dashed", "dotted", "spaced"):
        confidence += 0.1
    if year and shape == "plain":
        confidence -= 0.4
    return min(confidence, 0.95)


def _digit_mentions(text: str, folded: str, plan: Plan) -> Iterator[NumberMention]:
    last_short: int | None = None
    for run in runs_of_digits(folded):
        international = _international_short(folded, run, plan)
        if international:
            (start, end), digits = international
            yield NumberMention(text[start:end], None, (start, end), digits, 0.9)
            continue
        taken: list[tuple[int, int]] = []
        for i, j, e164, confidence in _full_numbers(folded, run, plan):
            start, end = number_span(folded, run.groups[i][0], run.groups[j - 1][1])
            if folded[start] != "+" and refused(folded, start, end, full=True):
                continue
            taken.append((i, j))
            digits = run.digits(folded, i, j)
            yield NumberMention(text[start:end], e164, (start, end), digits, confidence)
        if not taken:
            for mention in _short_mentions(text, folded, run, plan, last_short):
                last_short = mention.span[1]
                yield mention


def _international_short(folded: str, run: Run, plan: Plan) -> tuple[Span, str] | None:
    """ "+34 1004": nobody dials it so, but people write it."""
    first, n = run.groups[0][0], len(run.groups)
    written = dialled(folded, start_of(folded, first), run.groups[-1][1])
    plain = run.digits(folded, 0, n)
    if written == plain and not plain.startswith("00"):
        return None
    if len(plain) > 11:
        return None
    for country in plan.countries:
        code = str(phonenumbers.country_code_for_region(country))
        digits = plain.removeprefix("00").removeprefix(code)
        if plain.removeprefix("00").startswith(code) and 3 <= len(digits) <= 6:
            start, end = number_span(folded, first, run.groups[-1][1])
            return None if refused(folded, start, end) else ((start, end), digits)
    return None


def _short_mentions(
    text: str, folded: str, run: Run, plan: Plan, after: int | None
) -> Iterator[NumberMention]:
    """``after``: where the last short code found ended, since "el 1004, 1002 y 1485" is a list."""
    n = len(run.groups)
    whole = [(0, n)] if n > 1 else []
    for i, j in [*whole, *((k, k + 1) for k in range(n))]:
        digits = run.digits(folded, i, j)
        if not 3 <= len(digits) <= 6 or not alone(folded, run, i, j):
            continue
        start, end = number_span(folded, run.groups[i][0], run.groups[j - 1][1])
        shape = short_shape(folded, run, i, j)
        confidence = short_confidence(folded, start, end, digits, shape, plan)
        if confidence >= _ENOUGH or (
            after is not None and confidence > 0 and _LIST_GAP.fullmatch(folded, after, start)
        ):
            yield NumberMention(text[start:end], None, (start, end), digits, max(confidence, 0.6))
            if (i, j) == (0, n):
                return
            after = end


def _spelled_confidence(folded: str, spelled: Spelled, plan: Plan) -> float:
    digits, start, end = spelled.digits, spelled.start, spelled.end
    if not 3 <= len(digits) <= MAX_DIGITS:
        return 0.0
    before = folded[max(0, start - 90) : start]
    strong = STRONG_ARTICLE.search(before[-24:]) is not None
    if (
        counts_something(folded, start, end)
        or NOT_A_NUMBER_BEFORE.search(before)
        or TIME_BEFORE.search(before[-12:])
    ):
        return 0.0
    values = [p.value for p in spelled.parts]
    if len(values) > 2 and all(b - a == 1 for a, b in itertools.pairwise(values)):
        return 0.0  # "una, due, tre": somebody counts
    if len(digits) >= 7:
        return 0.8 if len(spelled.parts) >= 4 or strong else 0.0
    round_number = len(spelled.parts) == 1 and int(digits) % 100 == 0
    year = len(spelled.parts) == 1 and YEAR.fullmatch(digits) is not None
    if round_number or year or (len(spelled.parts) == 1 and len(digits) < 3):
        return 0.0
    confidence = 0.25 + (0.3 if strong else 0.15 if ARTICLE.search(before[-24:]) else 0.0)
    if any(p.value == 0 for p in spelled.parts) and len(spelled.parts) > 1:
        confidence += 0.2
    if is_short_code(digits, plan.countries):
        confidence += 0.2
    if plan.about_calls or near_contact(folded, start, end):
        confidence += 0.15
    return min(confidence, 0.95)


def _spelled_mentions(text: str, folded: str, plan: Plan) -> Iterator[NumberMention]:
    words = number_words.tokens(folded)
    for lang in spelling_languages(words):
        for spelled in spelled_in(folded, words, lang):
            confidence = _spelled_confidence(folded, spelled, plan)
            if confidence < _ENOUGH:
                continue
            e164, sure = (
                e164_of(spelled.digits, plan.countries) if len(spelled.digits) >= 7 else (None, 1.0)
            )
            span = (spelled.start, spelled.end)
            yield NumberMention(
                text[slice(*span)], e164, span, spelled.digits, confidence * max(sure, 0.8)
            )


def find_all(
    text: str, *, countries: Sequence[str] = ("ES",), about_calls: bool = False
) -> tuple[NumberMention, ...]:
    """Every phone number in a text, left to right, without overlaps.

    ``countries`` are ISO 3166 alpha-2 codes, the likeliest first: the brand's own. Numbers that
    fit another numbering plan are found as well, with less confidence. ``about_calls`` says that
    the text is known to speak of contacts, so that figures need less of a hint around them.
    """
    plan = Plan(tuple(countries), about_calls)
    folded = fold(text)
    found = [*_digit_mentions(text, folded, plan), *_spelled_mentions(text, folded, plan)]
    return _without_overlaps(found)


_WORD = re.compile(r"[^\W_]+")


def number_inside(text: str, span: Span, lang: str) -> Span:
    """A passage without the words around the number in it ("el", "desde el", "and"): from its first
    figure or number word to its last; empty when there is none."""
    folded = fold(text)
    spelt = number_words.LANGUAGES if lang not in number_words.LANGUAGES else (lang,)
    parts = [
        (m.start(), m.end())
        for m in _WORD.finditer(folded, *span)
        if re.search("[0-9]", m.group())
        or m.group() in TIMES
        or m.group() in PLUS
        or any(m.group() in EXTRA_DIGITS.get(name, {}) for name in spelt)
        or any(number_words.word_value(m.group(), name) is not None for name in spelt)
    ]
    while parts and folded[slice(*parts[-1])] in PLUS:
        parts.pop()
    if not parts:
        return span[0], span[0]
    start = parts[0][0]
    while start > span[0] and folded[start - 1] in "+(":
        start -= 1
    return start, parts[-1][1]


def read_as_written(
    text: str, span: Span, *, lang: str, countries: Sequence[str] = ("ES",)
) -> NumberMention:
    """The number in a passage that is known to hold one, digits and words of `lang` mixed
    ("6 treinta y 4, 88 00 noventa"); ``e164`` is None where no plan of the countries fits."""
    folded = fold(text)[slice(*span)]
    digits = digits_said(folded, lang)[:MAX_DIGITS]
    e164 = None
    if len(digits) >= 7:
        abroad = "+" in folded or folded.split(maxsplit=1)[0] in PLUS
        forms = ["+" + digits.removeprefix("00")] if abroad else []
        forms.append(digits)
        e164 = next((e for form in forms if (e := e164_of(form, countries)[0])), None)
    return NumberMention(text[slice(*span)], e164, span, digits, 0.7)


def _without_overlaps(found: list[NumberMention]) -> tuple[NumberMention, ...]:
    found.sort(key=lambda n: (n.span[0], n.span[0] - n.span[1], -n.confidence))
    kept: list[NumberMention] = []
    for mention in found:
        if kept and mention.span[0] < kept[-1].span[1]:
            continue
        kept.append(mention)
    return tuple(kept)
