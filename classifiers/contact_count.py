"""How many contacts a text claims, and which of the periods it names they fill.

A rate times a period is multiplied out, listed contacts and channels add up, an ordinal counts,
and words that name no figure are no claim.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace

from .contact_period import (
    SENTENCE_END,
    Claim,
    Period,
    days_between,
    distance,
    nearest_period,
    periods_named,
    sentence_around,
    single_day,
    weekday_number,
)
from .lexicon import Lexicon
from .marks import Marked
from .reading import Span

MOST = 20_000  # a greater claim is a manner of speaking


def claims(marked: Marked, lexicon: Lexicon) -> tuple[Claim | None, Claim | None]:
    """The contact count and the period in days, each with its span, or None."""
    periods = list(periods_named(marked, lexicon))
    found = _count(marked, lexicon, periods)
    count = (
        Claim(found.value, found.span, min(0.95, 0.5 + found.rank / 10))
        if found is not None
        else None
    )
    if found is not None and found.listed:
        return count, Claim(found.days, found.span, 0.7) if found.days else None
    if count is None:
        return None, single_day(marked, lexicon, periods)
    days = _days_inside(marked, lexicon, count.span)
    if days:
        return count, Claim(days, count.span, 0.7)
    return count, nearest_period(marked, lexicon, periods, count)


def alternatives(marked: Marked, lexicon: Lexicon) -> tuple[list[Claim], list[Claim]]:
    """All counts and all periods that the rules can read, whatever they would choose."""
    periods = list(periods_named(marked, lexicon))
    loose = periods_named(marked, lexicon, every=True)
    # An item may stand alone where a list or a rate makes something else of it.
    every = [*_all_counts(marked, lexicon, periods), *_items(marked, lexicon)]
    counts = [Claim(f.value, f.span, f.rank / 10) for f in every if 0 < f.value <= MOST]
    spans = [Claim(p.days, p.span, (p.rank + 1) / 10) for p in loose]
    for count in counts:
        days = _days_inside(marked, lexicon, count.span)
        if days:
            spans.append(Claim(days, count.span, 0.3))
    return counts, spans


@dataclass(frozen=True, slots=True)
class _Found:
    value: int
    span: Span
    rank: float
    days: int | None = None  # the period that a list of days spans by itself
    listed: bool = False
    times: bool = False  # "N times", where the others name what came
    person: bool = False  # "a salesman": the one who sends the five messages after him
    day: bool = False  # "four Sundays"


def _count(marked: Marked, lexicon: Lexicon, periods: list[Period]) -> _Found | None:
    found = [f for f in _all_counts(marked, lexicon, periods) if f.value > 1]
    found += [_Found(1, m.span(), 3.1) for m in lexicon.counts.only.finditer(marked.text)]
    return max(found, key=lambda f: (f.rank, f.value, -f.span[0])) if found else None


def _all_counts(marked: Marked, lexicon: Lexicon, periods: list[Period]) -> list[_Found]:
    items = list(_items(marked, lexicon))
    rates = [m.span() for m in lexicon.counts.rate.finditer(marked.text)]
    single = [i for i in items if not any(_overlap(i.span, rate) for rate in rates)]
    found: list[_Found] = [
        *_rates(marked, lexicon, periods, items),
        *_sums(marked, single),
        *_simple(marked, lexicon),
        *_day_lists(marked, lexicon),
        *_time_lists(marked),
        *_channel_lists(marked, lexicon),
    ]
    return [f for f in found if 0 < f.value <= MOST]


def _days_inside(marked: Marked, lexicon: Lexicon, span: Span) -> int | None:
    """ "3 emails Monday, 2 texts Tuesday, a call Wednesday": the list spans three days."""
    until = min(len(marked.text), span[1] + 14)
    group = [m.span() for m in lexicon.periods.weekday.finditer(marked.text, span[0], until)]
    if len(group) < 3 or lexicon.periods.weekday_range.search(marked.text, span[0], until):
        return None
    return _days_listed(lexicon, marked.text, group)


def _overlap(a: Span, b: Span) -> bool:
    return a[0] < b[1] and b[0] < a[1]


def _told(marked: Marked, lexicon: Lexicon, start: int) -> bool:
    """True when the figure counts what the author said or did, not what they got."""
    before = marked.text[max(0, start - 32) : start]
    cut = max(before.rfind(c) for c in ".!?;:,\n")
    return lexicon.counts.said.search(before[cut + 1 :]) is not None


_DAYS = re.compile(r"(?:sonntage|abende|noches|tardes|noites|evenings|nights|soirs|sere|notti)$")
# "a salesman writes me five messages": he is no sixth contact
_PERSON = re.compile(
    r"comercial|vendedor|asesor|consul|reps?$|sales|demarch|vendeu|represent|vendito|agent|vertret"
    r"|verkauf|cobrador|recruit|gentle|collector|canvass|lad|guy|man$|caller"
)


def is_whom_or_when(lexicon: Lexicon, text: str, start: int) -> bool:
    """Whether the figure there counts days or the people who came: "four Sundays"."""
    match = lexicon.counts.item.match(text, start)
    return match is not None and bool(_DAYS.search(match.group()) or _PERSON.search(match.group()))


def _items(marked: Marked, lexicon: Lexicon) -> Iterator[_Found]:
    """ "N calls" and "N times", left to right, without overlaps."""
    own = [m.span() for m in lexicon.own_contact.finditer(marked.text)]
    found = [
        _Found(
            marked.value(m.start(1)),
            m.span(),
            3.0,
            person=m.group(1)[0] != "N" and _PERSON.search(m.group()) is not None,
            day=_DAYS.search(m.group()) is not None,
        )
        for m in lexicon.counts.item.finditer(marked.text)
        if not any(_overlap(m.span(), s) for s in own)
    ]
    found += [
        _Found(marked.value(m.start(1)), m.span(), 3.0, times=True)
        for m in lexicon.counts.times.finditer(marked.text)
        if not _told(marked, lexicon, m.start())
    ]
    found.sort(key=lambda f: f.span)
    last: _Found | None = None
    for item in found:
        if last is None or item.span[0] >= last.span[1]:
            if last is not None:
                yield from _another(marked, lexicon, last, item.span[0])
            yield item
            last = item
    if last is not None:
        yield from _another(marked, lexicon, last, len(marked.text))


def _another(marked: Marked, lexicon: Lexicon, item: _Found, until: int) -> Iterator[_Found]:
    """ "one call on Monday and another today": the second has no noun of its own."""
    match = lexicon.counts.another.search(marked.text, item.span[1], min(until, item.span[1] + 44))
    if match and not SENTENCE_END.search(marked.text, item.span[1], match.start()):
        at = match.group().find("N")
        value = marked.value(match.start() + at) if at >= 0 else 1
        yield _Found(value, match.span(), 3.0)


_LIST_GAP = re.compile(r"[^.!?\n;]{0,44}")


def _sums(marked: Marked, items: list[_Found]) -> Iterator[_Found]:
    """Neighbouring items add up: "14 telefonate, 6 sms e 3 mail"."""
    group: list[_Found] = []
    for item in [*items, None]:
        if item is not None and (
            not group or _LIST_GAP.fullmatch(marked.text, group[-1].span[1], item.span[0])
        ):
            group.append(item)
            continue
        if group:
            yield _added(group)
        group = [item] if item is not None else []


def _added(group: list[_Found]) -> _Found:
    """The sum of a list; "N times" beside things that are named only says them again."""
    named = [i for i in group if not i.times] or group
    while len(named) > 1 and named[0].person:
        named = named[1:]
    same = len(group) == 2 and group[0].value == group[1].value
    if same and (group[0].times or group[0].day):
        named = group[1:]  # "four Sundays, four calls"
    total = sum(i.value for i in named)
    return _Found(total, (named[0].span[0], named[-1].span[1]), 4.0 if len(named) > 1 else 3.0)


def _rates(
    marked: Marked, lexicon: Lexicon, periods: list[Period], items: list[_Found]
) -> Iterator[_Found]:
    """A rate times the nearest stated period; further items beside it are added."""
    text = marked.text
    rates: list[tuple[int, int, Span]] = []
    for match in lexicon.counts.rate.finditer(text):
        if _told(marked, lexicon, match.start()):
            continue
        for pattern, unit in lexicon.rates.units:
            if how_often := pattern.search(text, *match.span()):
                times, start = _numerator(marked, items, match.start())
                rates.append((times, rate_days(marked, how_often, unit), (start, match.end())))
                break
    if not rates:
        for pattern, unit in lexicon.rates.each:
            for match in pattern.finditer(text):
                beside = _beside(items, match.span())
                rates.append((beside, rate_days(marked, match, unit), match.span()))
    for times, unit, span in rates:
        period = _near_period(text, periods, unit, span)
        if period is not None:
            yield _multiplied(marked, lexicon, items, times, unit, span, period)


def rate_days(marked: Marked, match: re.Match[str], unit: int) -> int:
    """The days of a rate: 1 for "a day", 7 for "a week", what the figure says for "every 3 days"."""
    at = match.group().find("N")
    return marked.value(match.start() + at) if at >= 0 else unit


def days_worked(
    marked: Marked, lexicon: Lexicon, days: int, around: Span, named: Iterable[Span]
) -> tuple[int, Span | None]:
    """(of whole weeks, the days on which there were contacts, where the text says which): "Monday to
    Friday for two weeks" are ten days. `named` are the ranges of weekdays that it names."""
    text = marked.text
    if days % 7:
        return days, None
    for span in named:
        match = lexicon.periods.weekday_range.fullmatch(text, *span)
        if match and around[0] <= span[0] and span[1] <= around[1]:
            first, last = (weekday_number(lexicon, match.group(i)) for i in (1, 2))
            if first != last:
                return days // 7 * days_between(first, last), span
    work = lexicon.rates.workdays.search(text, *around)
    return (days // 7 * 5, work.span()) if work else (days, None)


def _beside(items: list[_Found], span: Span) -> int:
    """ "every week an SMS and a call": what stands beside the rate, or one."""
    times, end = 0, span[1]
    for item in items:
        if item.span[0] >= end and item.span[0] - end <= 6:
            times, end = times + item.value, item.span[1]
    return times or 1


def _numerator(marked: Marked, items: list[_Found], start: int) -> tuple[int, int]:
    """ "three calls and three mails a week": all of the list, and where it begins."""
    times, first = marked.value(start), start
    for item in reversed(items):
        if item.span[0] < first and _LIST_GAP.fullmatch(marked.text, item.span[1], first):
            if first - item.span[1] > 8:
                break
            times, first = times + item.value, item.span[0]
    return times, first


def _near_period(text: str, periods: list[Period], unit: int, span: Span) -> Period | None:
    start, end = sentence_around(text, span)
    near = [
        p
        for p in periods
        if p.rank >= 1
        and p.days > unit
        and (start <= p.span[0] < end or distance(p.span, span) < 40)
    ]
    return max(near, key=lambda p: (p.rank, -distance(p.span, span)), default=None)


def _multiplied(
    marked: Marked,
    lexicon: Lexicon,
    items: list[_Found],
    times: int,
    unit: int,
    span: Span,
    period: Period,
) -> _Found:
    days = period.days
    whole = (min(span[0], period.span[0]), max(span[1], period.span[1]))
    if unit == 1:
        around = max(0, whole[0] - 40), whole[1] + 40
        ranges = [m.span() for m in lexicon.periods.weekday_range.finditer(marked.text)]
        days, work = days_worked(marked, lexicon, days, around, ranges)
        if work:
            whole = (min(whole[0], work[0]), max(whole[1], work[1]))
    total = times * days // unit
    for item in items:
        if item.span[0] < span[1] and span[0] < item.span[1]:
            continue
        away = distance(item.span, whole)
        if item.value * 2 >= total and away < 60:
            return _Found(item.value, item.span, 5.0)  # the author's own sum
        if away < 30 and item.span[0] >= whole[1]:
            total += item.value
            whole = (whole[0], item.span[1])
    return _Found(total, whole, 5.0)


def _simple(marked: Marked, lexicon: Lexicon) -> Iterator[_Found]:
    for match in lexicon.counts.bare.finditer(marked.text):
        at = match.group().find("N")
        if at >= 0:
            yield _Found(marked.value(match.start() + at), match.span(), 2.6)
    for match in lexicon.counts.ordinal.finditer(marked.text):
        at = match.group().find("O")
        future = lexicon.counts.future.search(
            marked.text, max(0, match.start() - 16), match.end() + 16
        )
        if at >= 0 and not future and not _told(marked, lexicon, match.start()):
            yield _Found(marked.value(match.start() + at), match.span(), 2.8)
    for match in lexicon.counts.run.finditer(marked.text):
        yield _Found(marked.value(match.start(1)), match.span(), 1.8)


def _day_lists(marked: Marked, lexicon: Lexicon) -> Iterator[_Found]:
    """ "Monday 2 calls, Tuesday 3, Wednesday 1", "Tuesday, Thursday and again today"."""
    text = marked.text
    words = lexicon.periods
    labels = [m.span() for m in words.weekday.finditer(text)]
    labels += [m.span() for m in words.date.finditer(text)]
    labels += [m.span() for m in words.month.finditer(text)]
    for pattern, days in words.fixed:
        if days == 1:
            labels += [m.span() for m in pattern.finditer(text)]
    labels.sort()
    ranges = [m.span() for m in words.weekday_range.finditer(text)]
    labels = [
        (a, b)
        for i, (a, b) in enumerate(labels)
        if not any(s <= a < e for s, e in ranges) and (i == 0 or a >= labels[i - 1][1])
    ]
    group: list[Span] = []
    for label in [*labels, None]:
        if label is not None and (not group or label[0] - group[-1][1] <= 60):
            group.append(label)
            continue
        if len(group) >= 2:
            found = _day_list(marked, group)
            start, end = sentence_around(text, (group[0][0], group[-1][1]))
            told = any(c.search(text, start, end) for c in lexicon.channels.values())
            if found.rank > 3.3 or (len(group) >= 3 and told):
                yield replace(found, days=_days_listed(lexicon, text, group), listed=True)
        group = [label] if label is not None else []


def _days_listed(lexicon: Lexicon, text: str, group: list[Span]) -> int | None:
    """From the first to the last day of the list; None when it mixes weekdays and "today"."""
    names = [text[a:b] for a, b in group]
    if all(lexicon.periods.weekday.fullmatch(name) for name in names):
        first, last = (weekday_number(lexicon, name) for name in (names[0], names[-1]))
        return days_between(first, last)
    if all(set(name) == {"D"} for name in names) or not any(
        lexicon.periods.weekday.fullmatch(name) for name in names
    ):
        months = [n for n in names if lexicon.periods.month.fullmatch(n)]
        return 30 * len(months) if months else len(set(group)) if len(names) <= 4 else None
    return None


_NUMBER_BEFORE = re.compile(
    r"(?<!\w)(N+)(?: [^\W\d_]+)? (?:el |la |le |la |los |on |am |na |no |de )?$"
)
_NUMBER_AFTER = re.compile(r"[^.!?\n]{0,24}?(?<!\w)(N+)(?!\w)")


def _day_list(marked: Marked, group: list[Span]) -> _Found:
    """Adds the figures that stand beside the days; a day without a figure is one contact."""
    before = [_NUMBER_BEFORE.search(marked.text, max(0, a - 32), a) for a, _ in group]
    if sum(m is not None for m in before) >= 2:
        total = sum(marked.value(m.start(1)) if m else 1 for m in before)
        first = before[0]
        return _Found(total, (first.start(1) if first else group[0][0], group[-1][1]), 3.6)
    total, figures, end = 0, 0, group[-1][1]
    for i, (_, after) in enumerate(group):
        until = group[i + 1][0] if i + 1 < len(group) else min(len(marked.text), after + 26)
        number = _NUMBER_AFTER.match(marked.text, after, until)
        if number:
            total += marked.value(number.start(1))
            figures += 1
            end = max(end, number.end(1))
        else:
            total += 1
    return _Found(total, (group[0][0], end), 3.4 if figures >= 2 else 3.2 if figures else 2.0)


_TIMES = re.compile(r"T+(?:[^!?\nT]{0,30}[, ]T+){1,9}")


def _time_lists(marked: Marked) -> Iterator[_Found]:
    """ "at 10, at 1 and at 3:30": one contact each."""
    for match in _TIMES.finditer(marked.text):
        number = len(re.findall(r"T+", match.group()))
        if number >= 3:
            yield _Found(number, match.span(), 2.2)


_ENUMERATED = re.compile(
    r"[^.!?\n]{0,32}?(?:,|;| y | and | then | e | et | und | puis | poi | dann )[^.!?\n]{0,28}"
)


def _channel_lists(marked: Marked, lexicon: Lexicon) -> Iterator[_Found]:
    """ "texted me, emailed me and then rang me": three contacts."""
    spans = sorted(
        m.span() for pattern in lexicon.channels.values() for m in pattern.finditer(marked.text)
    )
    group: list[Span] = []
    for span in [*spans, None]:
        if span is not None and group and span[0] < group[-1][1]:
            continue
        if span is not None and (
            not group or _ENUMERATED.fullmatch(marked.text, group[-1][1], span[0])
        ):
            group.append(span)
            continue
        if len(group) >= 3 and _is_past(marked, lexicon, (group[0][0], group[-1][1])):
            yield _Found(len(group), (group[0][0], group[-1][1]), 1.4)
        group = [span] if span is not None else []


_ENGLISH_PAST = re.compile(r"(?<!\w)(?:rang|phoned|emailed|texted|called)(?!\w)")


def _is_past(marked: Marked, lexicon: Lexicon, span: Span) -> bool:
    """Told of certain days or hours, or in the English past tense: no habit."""
    text = marked.text[slice(*span)]
    return (
        "T" in text
        or lexicon.periods.weekday.search(text) is not None
        or (lexicon.lang == "en" and _ENGLISH_PAST.search(text) is not None)
    )
