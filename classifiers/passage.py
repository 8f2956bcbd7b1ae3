"""What a passage claims that is known to tell how many contacts there were, or over how long.

The rules of `contact_count` must be careful, because they read a whole text. Where the encoder points
at the words, more can be said of them: every figure in there counts.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

from .contact_count import MOST, days_worked, is_whom_or_when, rate_days
from .contact_period import Claim, days_between, distance
from .lexicon import Lexicon
from .marks import Marked
from .reading import Span

_FIGURE = re.compile(r"(?<![^\W_])([NO])\1*")
_AND = re.compile(r" (?:and|or|y|e|o|u|et|ou|und|oder|entre|de|di|tra|fra|zwischen) |/| & | \+ ")
_BETWEEN = re.compile(
    r"(?<!\w)(?:entre|between|zwischen|tra|fra|from|von|dalle|de|das) (?:las? |les? |the )?[NT]+"
    r" (?:y|and|et|und|e|a|to|bis|alle|as) (?:las? |les? |the )?[NT]+"
)
_ABOUT = re.compile(r"(?<!\w)N+(?: ?[-–] ?| (?:o|or|ou|oder|bis|to|a) )N+(?= )")
_STOP = re.compile(r"[.!?:;]")
_CLOCK = re.compile(r"(?<![^\W_])T+")
# "14 calls and they even knocked", but not "14 messages on WhatsApp"
_ON_TOP = re.compile(
    r"(?:(?<!\w)(?:and|y|e|et|und|plus|mas|mais|piu|dazu|then|luego|puis|poi|dann|after)(?!\w)|,)"
    r"(?: (?!(?:on|via|by|per|por|en|su|sur|auf|im|in|no|na|pelo|pela|di|de|d|del|al|zu)(?!\w))\w+){0,3} $"
)
_PHONE = re.compile(r"P+")
_NOON = re.compile(
    r"(?<!\w)(?:mediodia|meio-dia|midi|mezzogiorno|mittags?|noon|midnight|medianoche|meia-noite|minuit|mezzanotte|mitternachts?)(?!\w)"
)
_MINUTES = re.compile(
    r"(?<!\w)(?:minut\w*|min|half an hour|half hour|hours?|hrs?|media hora|meia hora|demi-heure"
    r"|mezz'?ora|halben? stunde|horas?|heures?|ore|ora|stunden?)(?!\w)"
)
# "five calls in 40 minutes": so short a time is no count either
_SHORT_TIME = re.compile(
    r"(?<!\w)N+ ?(?:minut\w*|mins?|segund\w*|second\w*|sekund\w*|sec|hours?|hrs?|horas?|heures?|ore"
    r"|stunden?|euros?|quid|anos?|ans|jahre?n?|years?|anni)(?!\w)"
)
# "37 messages from six of them": who sent them adds nothing
_BY_SO_MANY = re.compile(r"(?<!mas)(?<!mais)(?<!plus)(?<!cerca) (?:de|von|from|di|da|par|by) $")
_ONCE = re.compile(
    r"(?<!\w)(?:und|and|y|e|et|,) (?:dann |then )?(?:auch |also |tambien )?"
    r"(?:einmal|once|una vez|uma vez|une fois|una volta)(?!\w)"
)
_IN_NIGHTS = re.compile(
    r"(?<=\b(?:in|en|em) )N+ (?:nights|evenings|days|noches|tardes|noites|soirs|sere|notti|abenden|nachten)(?!\w)"
)
_WEEKEND = re.compile(
    r"(?<!\w)(?:week-?ends?|wochenend\w*|findes?|fin(?:es)? de semana|fi(?:m|ns) de semana|fds"
    r"|fin de semaine)(?!\w)"
)


def count(marked: Marked, lexicon: Lexicon, span: Span, periods: Sequence[Claim]) -> Claim | None:
    """The contacts that the passage claims; `periods` are all that the text names.

    An ordinal counts all before it; a rate is multiplied by its period; other figures add up, with one
    for each contact that has no figure; without figures, clock times or days are counted.
    """
    text = marked.text
    within = [p for p in periods if _shared(p.span, span)]
    lengths = [p.span for p in within if _is_length(lexicon, text, p.span)]
    rate = _rate(marked, lexicon, span)
    if rate is not None:
        lengths.append(rate[1])
    lengths += [m.span() for p in (_SHORT_TIME, _IN_NIGHTS) for m in p.finditer(text, *span)]
    labels = _day_labels(lexicon, text, span)
    between = [m.span() for m in _BETWEEN.finditer(text, *span)]
    between = [s for s in between if not _has_noun(lexicon, text, s)]
    about = [m.span() for m in _ABOUT.finditer(text, *span) if _has_noun(lexicon, text, m.span())]
    figures = [
        (m.group(1), m.start(), marked.value(m.start()))
        for m in _FIGURE.finditer(text, *span)
        if m.start() in marked.numbers
        and not any(a <= m.start() < b for a, b in (*lengths, *labels, *between, *about))
    ]
    figures = [
        f
        for i, f in enumerate(figures)
        if i == 0 or not _BY_SO_MANY.search(text, figures[i - 1][1], f[1])
    ]
    ordinals = [(at, value) for letter, at, value in figures if letter == "O"]
    numbers = _said_once(
        lexicon, text, [(at, value) for letter, at, value in figures if letter == "N"]
    )
    singles = [
        at for at in _singles(marked, lexicon, span) if not (rate and rate[1][0] <= at < rate[1][1])
    ]
    clocks = len(_CLOCK.findall(text[slice(*span)]))
    noons = len(_NOON.findall(text[slice(*span)])) if clocks else 0
    total: int | None
    if ordinals:
        last, highest = max(ordinals, key=lambda pair: pair[1])
        total = highest + sum(1 for at in singles if at > last + 12)
        named = [v for at, v in numbers if lexicon.counts.item.match(text, at)]
        total = max(total, *named, 0)
    elif (whole := _said_total(marked, lexicon, span)) is not None:
        total = whole
    elif rate is not None:
        figures_told = sorted([*numbers, *((at, 1) for at in singles)])
        total = _at_a_rate(marked, lexicon, span, figures_told, rate, within, periods)
    elif len(labels) > 1:
        total = _by_day(labels, [*numbers, *((at, 1) for at in singles)], span)
    elif clocks > 1 and not any(_has_noun(lexicon, text, (at, at + 1)) for at, _ in numbers):
        total = clocks + noons + sum(1 for _, value in numbers if value <= 24)
    elif numbers:
        total = sum(value for _, value in numbers) + len(singles)
        total += _unnamed_channels(lexicon, text, span)
    elif about:
        total = None  # "three or four times": no figure
    else:
        told = _channel_mentions(lexicon, text, span)
        phones = len(_PHONE.findall(text[slice(*span)]))
        total = max(clocks + noons, len(labels), len(singles), phones, told) or _in_a_row(
            lexicon, text, span, within
        )
    return Claim(total, span, 0.6) if total is not None and 0 < total <= MOST else None


def period(marked: Marked, lexicon: Lexicon, span: Span, periods: Sequence[Claim]) -> Claim | None:
    """The days that the passage names; one where it names a day, an hour or an occasion."""
    words, text = lexicon.periods, marked.text[slice(*span)]
    within = [p for p in periods if _shared(p.span, span)]
    longer = [p for p in within if p.value > 1]
    if longer:
        return max(longer, key=lambda p: (p.confidence > 0.35, _shared(p.span, span), p.value))
    months = len(list(words.month.finditer(text)))
    days = _weekdays(lexicon, marked.text, span)
    if months > 1:
        return Claim(30 * months, span, 0.5)
    if len(days) > 1:
        return Claim(days_between(days[0], days[-1]), span, 0.5)
    if words.yesterday.search(text) and (words.today.search(text) or _SINCE.search(text)):
        return Claim(2, span, 0.6)
    if _WEEKEND.search(text):
        return Claim(2, span, 0.6)
    if not within and not _FIGURE.search(text):
        for pattern, length in _BARE:
            if pattern.search(text):
                return Claim(length, span, 0.5)
    if within or days or _MINUTES.search(text) or not _FIGURE.search(text):
        return Claim(1, span, 0.5)
    return None


_SINCE = re.compile(r"(?<!\w)(?:since|desde|depuis|dal?|seit)(?!\w)")
_FAR = 80  # code points
_BARE = (
    (re.compile(r"(?<!\w)(?:semana|semaine|settimana|week|woche)(?!\w)"), 7),
    (re.compile(r"(?<!\w)(?:mes|mois|mese|month|monat)(?!\w)"), 30),
    (re.compile(r"(?<!\w)(?:ano|annee|anno|year|jahr)(?!\w)"), 365),
)


def _is_length(lexicon: Lexicon, text: str, span: Span) -> bool:
    """ "five days", "from the 3rd to the 9th": its figure counts days and not contacts."""
    words = lexicon.periods
    patterns = [*(pattern for pattern, _ in words.durations), words.date_range, words.in_a_row]
    return any(pattern.fullmatch(text, *span) for pattern in patterns)


def _shared(one: Span, two: Span) -> int:
    return max(0, min(one[1], two[1]) - max(one[0], two[0]))


def _singles(marked: Marked, lexicon: Lexicon, span: Span) -> list[int]:
    """Where a contact without a figure is told: "a call", "another one"."""
    text = marked.text
    found = [m.start() for m in lexicon.counts.item.finditer(text, *span) if m.group(1)[0] != "N"]
    found += [
        m.start()
        for m in lexicon.counts.another.finditer(text, *span)
        if "N" not in m.group() and not any(m.start() <= at < m.end() for at in found)
    ]
    found += [m.start() for m in _ONCE.finditer(text, *span)]
    return sorted(set(found))


def _day_labels(lexicon: Lexicon, text: str, span: Span) -> list[Span]:
    """Days by name, "today", "yesterday", dates; a range ("Monday to Thursday") is none."""
    words = lexicon.periods
    day = words.weekday.pattern
    between = re.compile(
        rf"(?<!\w)(?:entre|between|zwischen|tra|fra)(?: \w{{2,3}})? {day}"
        rf"(?: \w+)? (?:y|and|et|und|e) (?:\w{{2,3}} )?{day}"
    )
    ranges = [m.span() for p in (words.weekday_range, between) for m in p.finditer(text, *span)]
    found = [
        m.span()
        for pattern in (words.weekday, words.today, words.yesterday)
        for m in pattern.finditer(text, *span)
        if not any(a <= m.start() < b for a, b in ranges)
    ]
    found += [m.span() for m in words.date.finditer(text, *span)]
    found.sort()
    return [s for i, s in enumerate(found) if i == 0 or s[0] >= found[i - 1][1]]


def _by_day(labels: Sequence[Span], figures: Sequence[tuple[int, int]], span: Span) -> int:
    """Adds up what is told beside each day: what stands before it, if the list begins with a figure,
    else what stands after; a day without a figure is one contact."""
    before = any(at < labels[0][0] for at, _ in figures)
    after = sum(value for at, value in figures if at >= labels[-1][1])
    if before:
        starts = [span[0], *(end for _, end in labels[:-1])]
        parts = list(zip(starts, (start for start, _ in labels), strict=True))
    else:
        ends = [*(start for start, _ in labels[1:]), span[1]]
        parts = list(zip((end for _, end in labels), ends, strict=True))
    told = [sum(v for at, v in figures if a <= at < b) for a, b in parts]
    if before and after:
        # "two on Tuesday and today five"; "two on Tuesday, one today. And two messages!"
        told = [*told[:-1], after] if not told[-1] else [*told, after]
    return sum(value or 1 for value in told)


def _named(lexicon: Lexicon, text: str, span: Span) -> list[Span]:
    """What a figure or an article names: "14 mails", "a call", "six times"."""
    patterns = (lexicon.counts.item, lexicon.counts.times)
    return [m.span() for pattern in patterns for m in pattern.finditer(text, *span)]


def _unnamed_channels(lexicon: Lexicon, text: str, span: Span) -> int:
    """Channels that are told without a figure beside others that have one: "... and they even rang"."""
    named = _named(lexicon, text, span)
    told = sorted(
        m.span() for pattern in lexicon.channels.values() for m in pattern.finditer(text, *span)
    )
    # "25 letters and emails": one figure for both.
    covered = list(named)
    for one in told:
        if any(end <= one[0] and _AND.fullmatch(text, end, one[0]) for _, end in covered):
            covered.append(one)
    bare = 0
    for pattern in lexicon.channels.values():
        found = [m.span() for m in pattern.finditer(text, *span)]
        on_top = any(_ON_TOP.search(text, max(span[0], a - 32), a) for a, _ in found)
        if on_top and not any(_shared(f, n) for f in found for n in covered):
            bare += 1
    times = len(list(lexicon.counts.times.finditer(text, *span)))
    return max(0, bare - times) if named else 0


def _channel_mentions(lexicon: Lexicon, text: str, span: Span) -> int:
    """How often the passage speaks of a contact by any channel."""
    found = sorted(
        m.span() for pattern in lexicon.channels.values() for m in pattern.finditer(text, *span)
    )
    return sum(1 for i, s in enumerate(found) if i == 0 or s[0] >= found[i - 1][1])


def _rate(marked: Marked, lexicon: Lexicon, span: Span) -> tuple[int, Span] | None:
    """(the days of the rate that the passage tells, where): 1 for "a day", 7 for "every week"."""
    # Where the passage breaks off between a figure and its "a day", they belong together.
    after = span[1] + (marked.text[span[1] : span[1] + 1] == " ")
    for pattern, unit in (*lexicon.rates.units, *lexicon.rates.each):
        match = pattern.search(marked.text, *span) or pattern.match(marked.text, after)
        if match:
            return rate_days(marked, match, unit), match.span()
    return None


def _said_total(marked: Marked, lexicon: Lexicon, span: Span) -> int | None:
    """What the passage itself says to be the sum: "14 in all"."""
    sums = [
        marked.value(m.start() + m.group().index("N"))
        for m in lexicon.counts.total.finditer(marked.text, *span)
    ]
    every = [
        (m.start(), marked.value(m.start()))
        for m in _FIGURE.finditer(marked.text, *span)
        if lexicon.counts.item.match(marked.text, m.start())
    ]
    others = [value for at, value in every if value not in sums]
    return max(sums) if sums and max(sums) >= sum(others) and not _goes_on(every, sums) else None


def _goes_on(named: Sequence[tuple[int, int]], sums: Sequence[int]) -> bool:
    """Whether more is listed after what might be the sum: "by now six calls and two letters"."""
    last = max((at for at, value in named if value in sums), default=-1)
    return last >= 0 and any(at > last for at, _ in named)


def _in_a_row(lexicon: Lexicon, text: str, span: Span, periods: Sequence[Claim]) -> int | None:
    """ "Three evenings in a row", "Monday to Thursday": a contact on each day."""
    for period in periods:
        if lexicon.periods.weekday_range.fullmatch(text, *period.span):
            return period.value
        after = text[period.span[1] : span[1] + 16].lstrip(" ")
        if lexicon.periods.tail.match(after) or lexicon.periods.in_a_row.fullmatch(
            text, *period.span
        ):
            return period.value if period.value <= 14 else None
        if any(p.fullmatch(text, *period.span) for p in lexicon.periods.evenings):
            return period.value
    return None


def _has_noun(lexicon: Lexicon, text: str, span: Span) -> bool:
    """Whether the last figure of a passage names contacts: "9 and 11 calls", not "9 and 11"."""
    last = max((m.start() for m in _FIGURE.finditer(text, *span)), default=span[0])
    return any(p.match(text, last) for p in (lexicon.counts.item, lexicon.counts.times))


def _said_once(
    lexicon: Lexicon, text: str, numbers: Sequence[tuple[int, int]]
) -> list[tuple[int, int]]:
    """Without figures that only repeat the one before: "seventeen times. Seventeen!"."""
    kept: list[tuple[int, int]] = []
    for at, value in numbers:
        again = kept and kept[-1][1] == value
        if (
            again
            and lexicon.counts.item.match(text, at)
            and is_whom_or_when(lexicon, text, kept[-1][0])
        ):
            kept[-1] = at, value  # "four Sundays, four calls"
        elif not (
            again
            and (
                _STOP.search(text, kept[-1][0], at)
                # "twelve calls in three days, twelve"
                or (
                    value > 2
                    and not _named_at(lexicon, text, at)
                    and _named_at(lexicon, text, kept[-1][0])
                )
            )
        ):
            kept.append((at, value))
    return kept


def _named_at(lexicon: Lexicon, text: str, at: int) -> bool:
    return any(p.match(text, at) for p in (lexicon.counts.item, lexicon.counts.times))


def _at_a_rate(
    marked: Marked,
    lexicon: Lexicon,
    span: Span,
    figures: Sequence[tuple[int, int]],
    rate: tuple[int, Span],
    within: Sequence[Claim],
    periods: Sequence[Claim],
) -> int | None:
    """A rate times its period, and what comes on top of it: "one a day for six days, and four calls".
    The passage may tell the product too: "four a day for five days, twenty in all"."""
    unit, often = rate
    lasting = [
        p
        for p in periods
        if p.value % 7 == 0 and p.value > 7 and distance(p.span, span) < _FAR and p not in within
    ]
    only_days = within and all(
        lexicon.periods.weekday_range.fullmatch(marked.text, *p.span) or p.value == 1
        for p in within
    )
    if only_days and lasting:  # "three a day, Monday to Friday. It has gone on for two weeks"
        within = [*within, *lasting]
    period = _filled(marked, lexicon, span, unit, within) or _filled(
        marked, lexicon, span, unit, periods
    )
    if period is None:
        return None
    days, until = period
    values = [value for _, value in figures]
    end = max(often[1], until)
    if len(values) > 1 or (figures and figures[0][0] >= end):
        whole = max(values)
        product = (sum(values) - whole or 1) * days // unit
        if 0.8 * whole <= product <= 1.25 * whole:
            return whole
    times = [value for at, value in figures if at < end]
    more = [value for at, value in figures if at >= end]
    if not times:
        times, more = more, []
    return (sum(times) or 1) * days // unit + sum(more)


def _filled(
    marked: Marked, lexicon: Lexicon, span: Span, unit: int, periods: Sequence[Claim]
) -> tuple[int, int] | None:
    """(the days on which the rate holds, where the passage has named them all), or None."""
    ranges = [
        p.span for p in periods if lexicon.periods.weekday_range.fullmatch(marked.text, *p.span)
    ]
    longer = [p for p in periods if p.value > unit]
    if not longer:
        return None
    weeks = [p for p in longer if p.span not in ranges] or longer
    inside = [p for p in weeks if _shared(p.span, span)]
    nearest = max(inside or weeks, key=lambda p: p.value if inside else -abs(p.span[0] - span[0]))
    days, end = nearest.value, nearest.span[1] if inside else 0
    if unit == 1:
        around = max(0, span[0] - 40), min(len(marked.text), span[1] + 40)
        days, work = days_worked(marked, lexicon, days, around, ranges)
        end = max(end, work[1]) if work and _shared(work, span) else end
    return days, end


def _weekdays(lexicon: Lexicon, text: str, span: Span) -> list[int]:
    """The days of the week that the passage names, in its order, Monday 0."""
    return [
        number
        for match in lexicon.periods.weekday.finditer(text, *span)
        for number, name in enumerate(lexicon.periods.weekdays)
        if name.fullmatch(match.group())
    ]
