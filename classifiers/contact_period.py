"""Over how many days a text claims to have been contacted: durations, ranges, named days."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

from .lexicon import Lexicon
from .marks import Marked
from .reading import Span

_DAYS_TRIED = 12  # a text that names more days than that is a calendar
_LONGEST = 36_500  # days
SENTENCE_END = re.compile(r"[.!?\n]+(?=\s|$)|\n")


@dataclass(frozen=True, slots=True)
class Claim:
    """A figure that the text claims, where it says so, and how sure the rule is."""

    value: int
    span: Span
    confidence: float


@dataclass(frozen=True, slots=True)
class Period:
    days: int
    span: Span
    rank: int  # 3 a stated duration, 2 "this week", 1 "today", 0 one named day


def periods_named(marked: Marked, lexicon: Lexicon, *, every: bool = False) -> Iterator[Period]:
    """With `every`, also what may be an age, a contract or a delay: somebody else decides."""
    words, text = lexicon.periods, marked.text
    # "a la semana" says how often, not how long
    often = [m.span() for pattern, _ in lexicon.rates.units for m in pattern.finditer(text)]
    alternate = [m.span() for m in lexicon.rates.units[0][0].finditer(text)]
    for match in words.weekday_range.finditer(text):
        first, last = (weekday_number(lexicon, match.group(i)) for i in (1, 2))
        # "Sunday to Sunday" is the whole week; a list that names a day twice is that day.
        days = days_between(first, last) if first != last else 7
        yield Period(days, match.span(), 3 if days != 5 else 1)
    for match in words.date_range.finditer(text):
        days = marked.value(match.start(2)) - marked.value(match.start(1)) + 1
        if 1 < days <= 31:
            yield Period(days, match.span(), 3)
    for pattern, unit in words.durations:
        for match in pattern.finditer(text):
            if any(a <= match.start() < b for a, b in alternate):
                continue  # "every two days"
            period = _duration(marked, lexicon, match, unit, every=every)
            if period is not None:
                yield period
    for pattern, days in words.fixed:
        for match in pattern.finditer(text):
            if not any(a < match.start() < b for a, b in often):
                yield Period(days, match.span(), 2 if days > 2 else 1)
    for match in words.in_a_row.finditer(text):
        yield Period(marked.value(match.start()), match.span(), 3)
    for day in (words.holiday, words.weekday, words.date):
        for match in day.finditer(text):
            if not of_a_refusal(text, lexicon, match.span()):
                yield Period(1, match.span(), 0)


def of_a_refusal(text: str, lexicon: Lexicon, span: Span) -> bool:
    """Whether a time is when the author told them: "a year ago I asked you to stop", "on Tuesday, at
    noon, I said no". A length of time is one only as a way back: in "six calls in three days and I
    told you" the days are the calls'."""
    end = span[1]
    told = lexicon.periods.refused_then.search(text, end, end + 60)
    if told is None:
        return False
    between = text[end : told.start()]
    if any(p.search(between) for p in lexicon.channels.values()) or SENTENCE_END.search(between):
        return False
    lengths = [m for p, _ in lexicon.periods.durations for m in p.finditer(text, *span)]
    return not lengths or any(_is_ago(text, lexicon, m.span()) for m in lengths)


def _is_ago(text: str, lexicon: Lexicon, span: Span) -> bool:
    words, before = lexicon.periods, text[max(0, span[0] - 24) : span[0]]
    after = text[span[1] : span[1] + 16].lstrip(" ")
    return bool(words.ago_before.search(before) or words.ago_after.match(after))


def weekday_number(lexicon: Lexicon, name: str) -> int:
    for i, pattern in enumerate(lexicon.periods.weekdays):
        if pattern.fullmatch(name):
            return i
    return 0


def _duration(
    marked: Marked, lexicon: Lexicon, match: re.Match[str], unit: float, *, every: bool = False
) -> Period | None:
    words, text = lexicon.periods, marked.text
    before, after = (
        text[max(0, match.start() - 24) : match.start()],
        text[match.end() : match.end() + 40],
    )
    if of_a_refusal(text, lexicon, match.span()):
        return None
    value = marked.value(match.start())
    days = round(value * unit) if unit >= 1 else max(1, round(value * unit))
    if every:
        return Period(days, match.span(), 1) if 0 < days <= _LONGEST else None
    if words.not_after.match(after.lstrip(" ")) or words.not_before.search(before):
        return None
    if unit < 1 and value not in (24, 48, 72) and not words.lead.search(before):
        return None
    tail = words.tail.match(after.lstrip(" "))
    if unit == 365 and not tail and not words.within.search(before):
        return None  # an age, a job, a time as a customer
    stated = tail or words.lead.search(before)
    return Period(days, match.span(), 3 if stated else 2) if 0 < days <= _LONGEST else None


def nearest_period(
    marked: Marked, lexicon: Lexicon, periods: list[Period], count: Claim
) -> Claim | None:
    start, end = sentence_around(marked.text, count.span)
    near = [p for p in periods if p.rank >= 1 and start - 90 <= p.span[0] <= end + 90]
    if not near:
        return None
    best = max(near, key=lambda p: (p.rank - distance(p.span, count.span) / 40, -p.span[0]))
    if best.days == 1:
        both = [
            next((p.span for p in near if pattern.fullmatch(marked.text, *p.span)), None)
            for pattern in (lexicon.periods.yesterday, lexicon.periods.today)
        ]
        if both[0] and both[1]:
            return Claim(2, (min(both[0][0], both[1][0]), max(both[0][1], both[1][1])), 0.7)
    return Claim(best.days, best.span, 0.8)


def single_day(marked: Marked, lexicon: Lexicon, periods: list[Period]) -> Claim | None:
    """The day of one single contact: 1 if the text fixes it, nothing if it is just some Sunday."""
    words = lexicon.periods
    for period in sorted(periods, key=lambda p: (-p.rank, p.span[0]))[:_DAYS_TRIED]:
        start, end = sentence_around(marked.text, period.span)
        if period.rank == 0:
            before = marked.text[max(0, period.span[0] - 16) : period.span[0]]
            if words.some_day.search(before) or words.plural_day.fullmatch(
                marked.text, *period.span
            ):
                continue
        elif period.rank == 3 and words.in_a_row.fullmatch(marked.text, *period.span):
            return Claim(period.days, period.span, 0.7)
        elif period.days not in (1, 7) or words.to_come.fullmatch(marked.text, *period.span):
            continue
        if period.days == 7 or any(
            lexicon.channels[name].search(marked.text, start, end)
            for name in ("call", "sms", "whatsapp", "visit", "email")
        ):
            return Claim(period.days, period.span, 0.5)
    return None


def days_between(first: int, last: int) -> int:
    """Days from one weekday to the next such as `last` (Monday 0), both counted."""
    return (last - first) % 7 + 1


def distance(a: Span, b: Span) -> int:
    return max(0, a[0] - b[1], b[0] - a[1])


def sentence_around(text: str, span: Span) -> Span:
    start = max(0, span[0] - 400)
    for match in SENTENCE_END.finditer(text, start, span[0]):
        start = match.end()
    following = SENTENCE_END.search(text, span[1])
    return start, following.start() if following else len(text)
