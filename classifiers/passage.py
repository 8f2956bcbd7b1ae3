"""What a passage claims that is known to tell how many contacts there were, or over how long.

The rules of `contact_count` must be careful, because they read a whole text. Where the encoder points
at the words, more can be said of them: every figure in there counts.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

from .contact_count import MOST
from .contact_period import Claim, days_between
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
_MINUTES = re.compile(
    r"(?<!\w)(?:minut\w*|min|half an hour|half hour|hours?|hrs?|media hora|meia hora|demi-heure"
    r"|mezz'?ora|halben? stunde|horas?|heures?|ore|ora|stunden?)(?!\w)"
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
    ordinals = [(at, value) for letter, at, value in figures if letter == "O"]
    numbers = _said_once(text, [(at, value) for letter, at, value in figures if letter == "N"])
    singles = _singles(marked, lexicon, span)
    clocks = len(_CLOCK.findall(text[slice(*span)]))
    total: int | None
    if ordinals:
        last, highest = max(ordinals, key=lambda pair: pair[1])
        total = highest + sum(1 for at in singles if at > last + 12)
        named = [v for at, v in numbers if lexicon.counts.item.match(text, at)]
        total = max(total, *named, 0)
    elif (unit := _unit(lexicon, text, span)) is not None:
        longer = [p for p in within if p.value > unit] or periods
        total = _at_a_rate(lexicon, text, span, numbers, len(singles), unit, longer)
    elif len(labels) > 1:
        total = _by_day(labels, [*numbers, *((at, 1) for at in singles)], span)
    elif clocks > 1 and not any(_has_noun(lexicon, text, (at, at + 1)) for at, _ in numbers):
        total = clocks + sum(1 for _, value in numbers if value <= 24)
    elif numbers:
        total = sum(value for _, value in numbers) + len(singles)
        total += _unnamed_channels(lexicon, text, span)
    elif about:
        total = None  # "three or four times": no figure
    else:
        total = (
            max(clocks, len(labels), len(singles), _channel_mentions(lexicon, text, span)) or None
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
    return sorted(found)


def _day_labels(lexicon: Lexicon, text: str, span: Span) -> list[Span]:
    """Days by name, "today", "yesterday", dates; a range ("Monday to Thursday") is none."""
    words = lexicon.periods
    ranges = [m.span() for m in words.weekday_range.finditer(text, *span)]
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
        if found and not any(_shared(f, n) for f in found for n in covered):
            bare += 1
    times = len(list(lexicon.counts.times.finditer(text, *span)))
    return max(0, bare - times) if named else 0


def _channel_mentions(lexicon: Lexicon, text: str, span: Span) -> int:
    """How often the passage speaks of a contact by any channel."""
    found = sorted(
        m.span() for pattern in lexicon.channels.values() for m in pattern.finditer(text, *span)
    )
    return sum(1 for i, s in enumerate(found) if i == 0 or s[0] >= found[i - 1][1])


def _unit(lexicon: Lexicon, text: str, span: Span) -> int | None:
    """The days of the rate that the passage tells: 1 for "a day", 7 for "every week"."""
    for pattern, unit in (*lexicon.rates.units, *lexicon.rates.each):
        if pattern.search(text, *span):
            return unit
    return None


def _has_noun(lexicon: Lexicon, text: str, span: Span) -> bool:
    """Whether the last figure of a passage names contacts: "9 and 11 calls", not "9 and 11"."""
    last = max((m.start() for m in _FIGURE.finditer(text, *span)), default=span[0])
    return any(p.match(text, last) for p in (lexicon.counts.item, lexicon.counts.times))


def _said_once(text: str, numbers: Sequence[tuple[int, int]]) -> list[tuple[int, int]]:
    """Without figures that only repeat the one before: "seventeen times. Seventeen!"."""
    kept: list[tuple[int, int]] = []
    for at, value in numbers:
        again = kept and kept[-1][1] == value and _STOP.search(text, kept[-1][0], at)
        if not again:
            kept.append((at, value))
    return kept


def _at_a_rate(
    lexicon: Lexicon,
    text: str,
    span: Span,
    numbers: Sequence[tuple[int, int]],
    singles: int,
    unit: int,
    periods: Sequence[Claim],
) -> int | None:
    """A rate times its period; the passage may tell the product too: "four a day for five days,
    twenty in all"."""
    values = [value for _, value in numbers]
    if len(values) > 1:
        whole = max(values)
        product = _multiplied(lexicon, text, span, sum(values) - whole, unit, periods)
        if product is not None and 0.8 * whole <= product <= 1.25 * whole:
            return whole
    return _multiplied(lexicon, text, span, sum(values) + singles or 1, unit, periods)


def _multiplied(
    lexicon: Lexicon, text: str, span: Span, times: int, unit: int, periods: Sequence[Claim]
) -> int | None:
    longer = [p for p in periods if p.value > unit]
    if not longer:
        return None
    nearest = max(longer, key=lambda p: (_shared(p.span, span), -abs(p.span[0] - span[0])))
    days = nearest.value
    around = max(0, span[0] - 40), min(len(text), span[1] + 40)
    if unit == 1 and days % 7 == 0 and lexicon.rates.workdays.search(text, *around):
        days = days // 7 * 5
    return times * days // unit


def _weekdays(lexicon: Lexicon, text: str, span: Span) -> list[int]:
    """The days of the week that the passage names, in its order, Monday 0."""
    return [
        number
        for match in lexicon.periods.weekday.finditer(text, *span)
        for number, name in enumerate(lexicon.periods.weekdays)
        if name.fullmatch(match.group())
    ]
