"""Where a text writes a number that is known: a short code, a prefix, or a full number in any form."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import lru_cache

import phonenumbers

from . import number_words
from .digit_runs import Run, alone, complete, number_span, runs_of_digits, short_shape
from .folding import fold
from .number_context import (
    CURRENCY_BEFORE,
    MASKED,
    MEASURE_AFTER,
    NOT_A_NUMBER_BEFORE,
    STRONG_ARTICLE,
    TIME_BEFORE,
    counts_something,
    near_contact,
)
from .number_plans import dialled, parse_number
from .phone_numbers import YEAR, Plan, short_confidence
from .reading import Span
from .spelled_numbers import spelled_in, spelling_languages


@lru_cache(maxsize=1024)
def _forms(number: str, countries: tuple[str, ...]) -> tuple[frozenset[str], str]:
    """All digit strings by which one number is dialled or written, and its shortest form."""
    plain = fold(number)
    digits = "".join(c for c in plain if c.isdigit())
    codes = [str(phonenumbers.country_code_for_region(c)) for c in countries]
    if len(digits) < 7:
        return frozenset([digits, *(p + c + digits for c in codes for p in ("", "00"))]), digits
    written = dialled(plain, 0, len(plain))
    for country in (None,) if written.startswith("+") else countries:
        if parse_number(written, country) is None:
            continue
        parsed = phonenumbers.parse(written, country)
        national = phonenumbers.national_significant_number(parsed)
        code = str(parsed.country_code)
        return frozenset(
            p + z + national for p in ("", code, "00" + code) for z in ("", "0")
        ), national
    for code in codes:  # "+34 1004"
        if written.startswith("+" + code) and len(digits) - len(code) < 7:
            short = digits.removeprefix("00").removeprefix(code)
            return _forms(short, countries)
    return frozenset([digits]), digits


def find(text: str, number: str, *, countries: Sequence[str] = ("ES",)) -> tuple[Span, ...]:
    """Every place where exactly this number is written, in any form, left to right.

    ``number`` may be a short code, a prefix, or a full number in national or international form.
    A number without digits is found nowhere.
    """
    plan = Plan(tuple(countries))
    forms, national = _forms(number, plan.countries)
    if not national:
        return ()
    folded = fold(text)
    found = [*_find_digits(folded, forms, national, plan), *_find_spelled(folded, national)]
    found.sort()
    return tuple(found)


def _find_digits(folded: str, forms: frozenset[str], national: str, plan: Plan) -> Iterator[Span]:
    longest = max(map(len, forms))
    for run in runs_of_digits(folded):
        i, n = 0, len(run.groups)
        while i < n:
            step = 1
            digits = ""
            for j in range(i + 1, n + 1):
                digits += folded[slice(*run.groups[j - 1])]
                if len(digits) > longest:
                    break
                if digits in forms and _is_written(folded, run, i, j, national, digits, plan):
                    yield number_span(folded, run.groups[i][0], run.groups[j - 1][1])
                    step = j - i
                    break
            i += step


def _is_written(
    folded: str, run: Run, i: int, j: int, national: str, digits: str, plan: Plan
) -> bool:
    start, end = number_span(folded, run.groups[i][0], run.groups[j - 1][1])
    if len(national) >= 7:
        return complete(folded, run, i, j) and not (
            CURRENCY_BEFORE.search(folded[max(0, start - 6) : start])
            or MEASURE_AFTER.match(folded[end : end + 40])
            or MASKED.match(folded[end : end + 4])
        )
    international = folded[start] == "+" or (digits != national and digits.startswith("00"))
    if international or digits != national:
        return international and (i, j) == (0, len(run.groups))
    if not alone(folded, run, i, j):
        return False
    shape = short_shape(folded, run, i, j)
    confidence = short_confidence(folded, start, end, digits, shape, plan)
    return confidence > 0.25 or (confidence > 0 and not YEAR.fullmatch(digits))


def _find_spelled(folded: str, national: str) -> Iterator[Span]:
    words = number_words.tokens(folded)
    seen: set[Span] = set()
    for lang in spelling_languages(words):
        for spelled in spelled_in(folded, words, lang):
            span = (spelled.start, spelled.end)
            if spelled.digits != national or span in seen:
                continue
            before = folded[max(0, span[0] - 90) : span[0]]
            if (
                counts_something(folded, *span)
                or NOT_A_NUMBER_BEFORE.search(before)
                or TIME_BEFORE.search(before[-12:])
            ):
                continue
            near = near_contact(folded, *span)
            if len(spelled.parts) > 1 or near or STRONG_ARTICLE.search(before[-24:]):
                seen.add(span)
                yield span
