"""What the rules found and what the encoder points at, made one answer.

Rules read figures, dates and phone numbers exactly and are blind to who does what to whom; the
encoder sees that and cannot count. So the rules propose, and the encoder chooses: it says whether a
fact is claimed at all, and in which passage; what a passage says is read again (`passage.py`).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from . import passage
from .contact_period import Claim, of_a_refusal
from .heads import FACTS, TAGS, Mix
from .lexicon import Lexicon
from .marks import Marked
from .phone_numbers import number_inside, read_as_written
from .reading import CallFacts, NumberMention, Span

CHANNELS = FACTS[6:]
FLAGS = FACTS[:4]
# A piece is inside a passage from this chance on; a passage may pause over so many code points.
INSIDE, PAUSE = 0.5, 3
# Passages that tell one figure may lie so many code points apart.
JOINED = 14
# What the rules' own choice among their proposals is worth beside lying where the encoder points.
RULES_CHOICE = 0.25
# How well a proposal lies where the encoder points, from nothing to 1, to be taken for it.
WELL_PLACED = 0.2
# A proposed number that the encoder gives less than this chance is not one that calls.
NUMBER_LEAST = 0.3
# A number has so many digits at least: "a number", "two of them" are none.
SHORTEST = 3
# From so many digits on a number is a subscriber's whole one.
WHOLE = 7


@dataclass(frozen=True, slots=True)
class Hints:
    """What the encoder says of one text: logits by fact (heads.FACTS), and for each piece of the
    text its span and the chances (pieces, TAGS) of being part of a passage that says something."""

    logits: Mapping[str, float]
    spans: Sequence[Span]
    chances: NDArray[np.float32]
    mixes: Mapping[str, Mix]

    def inside(self, start: int, length: int) -> Hints:
        """The same for the part of this text that begins at `start` and is `length` long."""
        kept = [i for i, (a, b) in enumerate(self.spans) if start <= a and b <= start + length]
        return replace(
            self,
            spans=[(self.spans[i][0] - start, self.spans[i][1] - start) for i in kept],
            chances=self.chances[kept],
        )

    def chance(self, fact: str, rule: bool) -> float:
        return self.mixes[fact].chance(rule, self.logits[fact])


@dataclass(frozen=True, slots=True)
class Proposals:
    """What the rules read: their own answer, and everything that they might have chosen."""

    facts: CallFacts
    numbers: Sequence[NumberMention]
    counts: Sequence[Claim]
    periods: Sequence[Claim]
    marked: Marked
    lexicon: Lexicon


def choose(
    text: str, proposed: Proposals, hints: Hints, *, lang: str, countries: Sequence[str]
) -> CallFacts:
    """The call facts of a text, each with the passage that says it and how sure we are."""
    rules = proposed.facts
    spans: dict[str, tuple[Span, ...]] = {}
    confidence: dict[str, float] = {}
    flags: dict[str, bool] = {}
    for name in FLAGS:
        chance = hints.chance(name, bool(getattr(rules, name)))
        flags[name] = chance >= 0.5
        if flags[name]:
            spans[name] = _where(text, name, hints, rules.spans.get(name, ()))
            confidence[name] = round(chance, 3)
    said = {name: hints.chance(name, name in rules.channels) for name in CHANNELS}
    channels = [name for name, chance in said.items() if chance >= 0.5] or [
        max(said, key=lambda name: said[name])
    ]
    if rules.spans.get("channels"):
        spans["channels"] = rules.spans["channels"]
    confidence["channels"] = round(min(said[name] for name in channels), 3)
    figures: dict[str, int | None] = {}
    for name, first in (("contact_count", rules.contact_count), ("period_days", rules.period_days)):
        figures[name] = None
        chance = hints.chance(name, first is not None)
        if chance < 0.5:
            continue
        claim = _claim(name, _own(first, rules.spans.get(name, ())), proposed, hints)
        if claim is not None:
            figures[name], spans[name] = claim.value, (claim.span,)
            confidence[name] = round(chance, 3)
    return CallFacts(
        numbers=tuple(_numbers(text, proposed.numbers, hints, lang, countries)),
        contact_count=figures["contact_count"],
        period_days=figures["period_days"],
        opt_out=flags["opt_out"],
        off_hours=flags["off_hours"],
        channels=tuple(sorted(channels)),
        churn_threat=flags["churn_threat"],
        legal_threat=flags["legal_threat"],
        spans=dict(sorted(spans.items())),
        confidence=dict(sorted(confidence.items())),
    )


# --- passages ----------------------------------------------------------------------------------


def passages(hints: Hints, tag: str, least: float = INSIDE) -> Iterator[Span]:
    """Where the encoder sees what `tag` names, from left to right."""
    column = TAGS.index(tag)
    open_: Span | None = None
    for (a, b), chance in zip(hints.spans, hints.chances[:, column], strict=True):
        if a >= b or chance < least:
            continue
        if open_ is not None and a - open_[1] <= PAUSE:
            open_ = (open_[0], max(open_[1], b))
            continue
        if open_ is not None:
            yield open_
        open_ = (a, b)
    if open_ is not None:
        yield open_


def _where(text: str, name: str, hints: Hints, ruled: Sequence[Span]) -> tuple[Span, ...]:
    """The passage that says a fact: where the encoder points, else where the rule matched, else
    what surrounds the likeliest piece."""
    found = [span for span in passages(hints, name) if span[1] - span[0] > 2]
    if found:
        return tuple(_trimmed(text, span) for span in found[:4])
    if ruled:
        return tuple(ruled)
    column = hints.chances[:, TAGS.index(name)]
    if not len(column):
        return ()
    best = float(column.max())
    near = list(passages(hints, name, max(best / 2, 1e-6)))
    top = hints.spans[int(column.argmax())]
    return tuple(_trimmed(text, span) for span in near if span[0] <= top[0] < span[1])[:1]


def _trimmed(text: str, span: Span) -> Span:
    """Without blanks and marks at the ends; brackets and plus signs of numbers stay."""
    start, end = span
    while start < end and not (text[start].isalnum() or text[start] in "+(#@"):
        start += 1
    while end > start and not (text[end - 1].isalnum() or text[end - 1] in ")"):
        end -= 1
    return (start, end) if start < end else span


# --- figures -----------------------------------------------------------------------------------


def _own(value: int | None, spans: Sequence[Span]) -> Claim | None:
    return Claim(value, spans[0], 1.0) if value is not None and spans else None


def _claim(name: str, own: Claim | None, proposed: Proposals, hints: Hints) -> Claim | None:
    """What the passage says to which the encoder points; else the rules' proposal that lies best
    there, or their own answer where it points nowhere."""
    marked, words = proposed.marked, proposed.lexicon
    read = passage.count if name == "contact_count" else passage.period
    span = _strongest(name, hints)
    found = read(marked, words, span, proposed.periods) if span is not None else None
    if found is not None and (
        name != "period_days" or not of_a_refusal(marked.text, words, found.span)
    ):
        return found
    column = TAGS.index(name)
    mass = hints.chances[:, column]
    total = float(mass.sum())

    def fit(claim: Claim) -> float:
        inside = [
            i for i, (a, b) in enumerate(hints.spans) if a < claim.span[1] and claim.span[0] < b
        ]
        held = float(mass[inside].sum()) if inside else 0.0
        return 2 * held / (total + len(inside)) if inside else 0.0

    others = proposed.counts if name == "contact_count" else proposed.periods
    scored = [(fit(c) + (RULES_CHOICE if c == own else 0.0), c) for c in others]
    if own is not None and all(c != own for c in others):
        scored.append((fit(own) + RULES_CHOICE, own))
    best = max(scored, key=lambda pair: (pair[0], pair[1].value), default=None)
    return best[1] if best is not None and (best[0] > WELL_PLACED or best[1] == own) else None


def _strongest(tag: str, hints: Hints) -> Span | None:
    """The passage of which the encoder is surest; one that pauses for a few words is one."""
    column = hints.chances[:, TAGS.index(tag)]
    joined: list[Span] = []
    for span in passages(hints, tag):
        if joined and span[0] - joined[-1][1] <= JOINED:
            joined[-1] = (joined[-1][0], span[1])
        else:
            joined.append(span)

    def weight(span: Span) -> float:
        return sum(
            float(c)
            for (a, b), c in zip(hints.spans, column, strict=True)
            if a < span[1] and span[0] < b
        )

    return max(joined, key=weight, default=None)


# --- numbers -----------------------------------------------------------------------------------


def _numbers(
    text: str,
    proposed: Sequence[NumberMention],
    hints: Hints,
    lang: str,
    countries: Sequence[str],
) -> Iterator[NumberMention]:
    """Numbers that call, each written form once, in the order of the text."""
    found = list(_tagged(text, proposed, hints, lang, countries))
    column = hints.chances[:, TAGS.index("numbers")]
    for number in proposed:
        if any(a < number.span[1] and number.span[0] < b for a, b in (n.span for n in found)):
            continue
        inside = [
            float(c)
            for (a, b), c in zip(hints.spans, column, strict=True)
            if a < number.span[1] and number.span[0] < b
        ]
        chance = float(np.mean(inside)) if inside else 0.0
        if chance >= NUMBER_LEAST:
            found.append(replace(number, confidence=round(chance, 3)))
    seen: set[str] = set()
    for number in sorted(found, key=lambda n: n.span):
        if number.text not in seen:
            seen.add(number.text)
            yield number


def _tagged(
    text: str,
    proposed: Sequence[NumberMention],
    hints: Hints,
    lang: str,
    countries: Sequence[str],
) -> Iterator[NumberMention]:
    """Each passage that the encoder takes for a caller's number: as the rules read it where they
    found one or several whole ones there, else as it stands (digits and words mixed)."""
    for span in passages(hints, "numbers"):
        start, end = number_inside(text, span, lang)
        inside = [n for n in proposed if n.span[0] < end and start < n.span[1]]
        whole = [n for n in inside if len(n.digits) >= WHOLE]
        part = len(inside) == 1 and _goes_on(text, inside[0].span, (start, end))
        if len(inside) == 1 and not part and _covers(inside[0].span, (start, end)):
            yield inside[0]
        elif whole and len(whole) == len(inside) and not part:
            yield from whole
        elif start < end and end - start <= 60:
            first = min([start, *(n.span[0] for n in inside)])
            last = max([end, *(n.span[1] for n in inside)])
            number = read_as_written(text, (first, last), lang=lang, countries=countries)
            if len(number.digits) >= SHORTEST:
                yield number


def _goes_on(text: str, number: Span, whole: Span) -> bool:
    """Whether the passage has more of a number than a rule read: "oh" before "eight five ..."."""
    beside = text[whole[0] : number[0]] + text[number[1] : whole[1]]
    return any(letter.isalnum() for letter in beside)


def _covers(number: Span, passage: Span) -> bool:
    """Whether a number that a rule read is nearly the whole of a passage, or holds it."""
    shared = min(number[1], passage[1]) - max(number[0], passage[0])
    return shared >= 0.7 * (passage[1] - passage[0])
