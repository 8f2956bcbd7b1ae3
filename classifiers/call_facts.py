"""What a complaint claims about the contacts: numbers, how many, how long, refusals, hours ...

python -m classifiers.evaluate_call_facts FILE...   figures per fact and language
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence

from . import fact_choice, phone_numbers
from . import lexicon as lexicons
from .contact_count import alternatives, claims
from .contact_period import Claim
from .fact_choice import Hints, Proposals
from .folding import fold
from .lexicon import Lexicon
from .marks import Marked, TimeOfDay, mark
from .reading import CallFacts, NumberMention, Span

# Rules look at this many code points; from a longer text, at those around its first contact word.
_LONGEST = 20_000
_SPANS = 4  # passages shown per fact

# Romanised Hindi mixes English; Catalan, Galician and the like borrow the words of their neighbour.
_FALLBACK = {"ca": "es", "gl": "es", "eu": "es", "an": "es", "ast": "es", "oc": "fr", "nl": "de"}


def extract(
    text: str, *, lang: str, countries: Sequence[str] = ("ES",), hints: Hints | None = None
) -> CallFacts:
    """The call facts of one text; an empty value when it speaks of no contact at all.

    With ``hints`` the encoder chooses among what the rules propose; without, the rules alone
    answer. ``lang`` outside the six languages is read by its nearest neighbour's rules, or the English
    ones. ``countries`` are the brand's, for E.164.
    """
    words = lexicons.load(lang if lang in lexicons.LANGUAGES else _FALLBACK.get(lang, "en"))
    folded = fold(text)
    offset = 0
    if len(folded) > _LONGEST:
        first = words.any_contact.search(folded)
        offset = max(0, (first.start() if first else 0) - 2_000)
        text, folded = text[offset : offset + _LONGEST], folded[offset : offset + _LONGEST]
    plans = tuple(dict.fromkeys((*countries, *words.countries)))
    every = phone_numbers.find_all(text, countries=plans, about_calls=True)
    proposed = _propose(text, folded, words, every, all_of_them=hints is not None)
    if hints is None:
        return _shift(proposed.facts, offset)
    chosen = fact_choice.choose(
        text, proposed, hints.inside(offset, len(text)), lang=words.lang, countries=plans
    )
    return _shift(chosen, offset)


def _propose(
    text: str,
    folded: str,
    words: Lexicon,
    every: tuple[NumberMention, ...],
    *,
    all_of_them: bool,
) -> Proposals:
    numbers = tuple(_callers(folded, every, words))
    said = {
        "opt_out": sorted(
            [*_said(folded, words, "opt_out"), *_is_somebody_else(text, folded, words)]
        ),
        "churn_threat": _said(folded, words, "churn"),
        "legal_threat": _said(folded, words, "legal"),
        "off_hours": _said(folded, words, "off_hours"),
    }
    spans: dict[str, tuple[Span, ...]] = {}
    confidence: dict[str, float] = {}
    count = period = None
    counts: list[Claim] = []
    periods: list[Claim] = []
    marked = Marked(folded)
    # Figures mean nothing where no contact is spoken of, and most texts speak of none.
    if all_of_them or every or any(said.values()) or words.any_contact.search(folded):
        marked = mark(folded, words, [n.span for n in every])
        count, period = claims(marked, words)
        if all_of_them:
            counts, periods = alternatives(marked, words)
        said["off_hours"] = sorted([*said["off_hours"], *_off_hours(marked, words)])
    for name, claim in (("contact_count", count), ("period_days", period)):
        if claim is not None:
            spans[name], confidence[name] = (claim.span,), claim.confidence
    own = [s for name in ("opt_out", "legal_threat", "churn_threat") for s in said[name]]
    claimed = bool(numbers or count or period or any(said.values()))
    said["channels"], channels = _channels(
        folded, words, own, numbers=bool(numbers), claimed=claimed
    )
    for name, found in said.items():
        if found:
            spans[name], confidence[name] = tuple(found[:_SPANS]), 0.85
    facts = CallFacts(
        numbers=numbers,
        contact_count=count.value if count else None,
        period_days=period.value if period else None,
        opt_out=bool(said["opt_out"]),
        off_hours=bool(said["off_hours"]),
        channels=channels,
        churn_threat=bool(said["churn_threat"]),
        legal_threat=bool(said["legal_threat"]),
        spans=dict(sorted(spans.items())),
        confidence=dict(sorted(confidence.items())),
    )
    return Proposals(facts, every, counts, periods, marked, words)


def _shift(facts: CallFacts, offset: int) -> CallFacts:
    """Moves all spans of a passage to where it stands in the whole text."""
    if offset == 0:
        return facts
    moved = {
        name: tuple((a + offset, b + offset) for a, b in spans)
        for name, spans in facts.spans.items()
    }
    numbers = tuple(
        NumberMention(
            n.text, n.e164, (n.span[0] + offset, n.span[1] + offset), n.digits, n.confidence
        )
        for n in facts.numbers
    )
    return CallFacts(
        numbers, facts.contact_count, facts.period_days, facts.opt_out, facts.off_hours,
        facts.channels, facts.churn_threat, facts.legal_threat, moved, facts.confidence,
    )  # fmt: skip


def _callers(
    folded: str, every: Iterable[NumberMention], words: Lexicon
) -> Iterator[NumberMention]:
    """The numbers that call, each written form once."""
    seen: set[str] = set()
    for number in every:
        if number.text not in seen and not _is_dialled(folded, number, words):
            seen.add(number.text)
            yield number


def _is_dialled(folded: str, number: NumberMention, words: Lexicon) -> bool:
    """True for a number that the author dials, or that is their own."""
    start = number.span[0]
    before = folded[max(0, start - 60) : start]
    cut = max(before.rfind(c) for c in ".!?;\n")
    return words.dialled.search(before[cut + 1 :]) is not None


def _said(folded: str, words: Lexicon, name: str) -> list[Span]:
    """Where a threat or a refusal is said, without what only looks like one."""
    void = [m.span() for m in words.unsaid[name].finditer(folded)]
    return [
        m.span()
        for m in words.said[name].finditer(folded)
        if not any(a < m.end() and m.start() < b for a, b in void)
    ]


def _is_somebody_else(text: str, folded: str, words: Lexicon) -> Iterator[Span]:
    """ "I'm not Darnell": a name, by its capital letter."""
    for match in words.not_person.finditer(folded):
        name = text[slice(*match.span("name"))]
        if name.istitle():
            yield match.span()


def _channels(
    folded: str, words: Lexicon, own: Iterable[Span], *, numbers: bool, claimed: bool
) -> tuple[list[Span], tuple[str, ...]]:
    """By which channels the contacts came; what the author wrote or sent is left out."""
    masked = [*own, *(m.span() for m in words.own_contact.finditer(folded))]
    found: dict[str, Span] = {}
    for name, pattern in words.channels.items():
        span = _first(folded, pattern, masked)
        if span is not None:
            found[name] = span
    if not found.keys() & {"sms", "whatsapp", "other"}:
        message = _first(folded, words.message, masked)
        # a message on the answering machine is a call, one by WhatsApp or LinkedIn no SMS
        if message is not None and not words.voicemail.search(folded):
            found["sms"] = message
    names = set(found)
    if (not found and claimed) or (numbers and not found.keys() & {"call", "sms"}):
        names.add("call")  # a number on the display is a call, and so is what names no channel
    return sorted(found.values()), tuple(sorted(names))


def _first(folded: str, pattern: re.Pattern[str], masked: Iterable[Span]) -> Span | None:
    for match in pattern.finditer(folded):
        if not any(a < match.end() and match.start() < b for a, b in masked):
            return match.span()
    return None


def _off_hours(marked: Marked, words: Lexicon) -> list[Span]:
    """Clock times before 9:00 or after 21:00; Sundays and nights are words of their own."""
    return [span for span, time in _times(marked, words) if _is_off(time)]


_NOON = re.compile(r"noon|midi|mediodia|meio-dia|mezzogiorno|mittag")


def _is_off(time: TimeOfDay) -> bool:
    minutes = time.hour * 60 + time.minute
    if not time.sure and time.hour < 5:
        return False  # "at 2" is in the afternoon
    return minutes < 9 * 60 or minutes > 21 * 60


def _times(marked: Marked, words: Lexicon) -> Iterator[tuple[Span, TimeOfDay]]:
    for match in words.clock.lead.finditer(marked.text):
        at = re.search(r"[TN]+", match.group())
        if at is None:
            continue
        start = match.start() + at.start()
        time = marked.times.get(start)
        if time is None:
            value = marked.value(start)
            lasts = any(p.match(marked.text, start) for p, _ in words.periods.durations)
            if not 0 <= value <= 24 or marked.text[start] == "T" or lasts:
                continue
            time = TimeOfDay(value, 0, value >= 13)
        yield _refine(marked, words, match.span(), time)


def _refine(marked: Marked, words: Lexicon, span: Span, time: TimeOfDay) -> tuple[Span, TimeOfDay]:
    """Adds "half past", "a quarter to", "in the morning", "after"."""
    clock, text = words.clock, marked.text
    hour, minute, sure, end = time.hour, time.minute, time.sure, span[1]
    figure = re.search(r"[TN]", text[slice(*span)])
    start = span[0] + figure.start() if figure else span[0]
    before = text[max(0, start - 32) : start]
    for pattern, minutes in ((clock.half, 30), (clock.quarter, 15), (clock.quarter_to, -15)):
        match = pattern.match(text, end)
        if match:
            minute, end = minute + minutes, match.end()
            break
    else:
        match = clock.past.match(text, end)
        if match:
            minute, end = marked.value(match.start() + match.group().find("N")), match.end()
    if clock.half_before.search(before):
        minute -= 30
    if clock.after.search(before):
        minute += 1
    if minute < 0:
        hour, minute = hour - 1, minute + 60
    tail = text[end : end + 24].lstrip(" ,")
    skipped = end + len(text[end : end + 24]) - len(text[end : end + 24].lstrip(" ,"))
    morning, evening = clock.morning.match(tail), clock.evening.match(tail)
    if morning and not time.sure:
        sure, end = True, skipped + morning.end()
    elif evening and hour < 12 and not time.sure:
        hour, sure, end = hour + 12, True, skipped + evening.end()
    if not sure and hour < 12 and _NOON.search(before):
        hour, sure = hour + 12, True  # "at noon, at two and at seven"
    return (span[0], end), TimeOfDay(hour, minute, sure)
