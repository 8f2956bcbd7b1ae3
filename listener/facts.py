"""What a complaint claims, as a person says it: an answer is checked, laid over what the reader found,
and made a reading's facts again. Pure.

`facts` are those of `CallFacts.to_json`. An answer is None for what the post does not say.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from classifiers.reading import CallFacts, NumberMention
from listener import phones
from listener.domain import Channel
from listener.errors import sentence

FLAGS = ("opt_out", "off_hours", "churn_threat", "legal_threat")
FIGURES = {"contact_count": 10_000, "period_days": 3_650}
"""The figures, and the most that anybody can mean."""
FACTS = ("numbers", *FIGURES, "channels", *FLAGS)
MOST_NUMBERS = 20
_DIGITS = re.compile(r"\D+")


class NoAnswer(ValueError):
    """An answer that the fact cannot have; the message says which it can."""


def checked(fact: str, answer: Any) -> Any:
    """The answer in the form in which it is kept. Raises NoAnswer."""
    if fact in FLAGS and isinstance(answer, bool):
        return answer
    if fact in FIGURES:
        if answer is None:
            return None
        most = FIGURES[fact]
        if type(answer) is int and 1 <= answer <= most:
            return answer
        raise NoAnswer(
            sentence("{fact} is a whole number from 1 to {most}, or nothing", fact=fact, most=most)
        )
    if fact == "channels" and isinstance(answer, list | tuple):
        known = {c.value for c in Channel}
        if known.issuperset(answer):
            return sorted(set(answer))
        raise NoAnswer(sentence("channels are some of {known}", known=", ".join(sorted(known))))
    if fact == "numbers" and isinstance(answer, list | tuple) and len(answer) <= MOST_NUMBERS:
        return list(answer)
    raise NoAnswer(sentence("{answer!r} is no answer to {fact!r}", answer=answer, fact=fact))


def numbers(
    written: Iterable[str], text: str, before: Mapping[str, Any], countries: Sequence[str]
) -> list[dict[str, Any]]:
    """Numbers as people write them, in the form of `facts`: what the reader found keeps its place, what
    is new gets that of its first mention in the post, if it is there. Raises NoAnswer."""
    known = {n["text"]: dict(n) for n in before.get("numbers", ())}
    found: dict[str, dict[str, Any]] = {}
    for raw in written:
        number = " ".join(raw.split())
        if number and number not in found:
            found[number] = known.get(number) or _number(number, text, countries)
    return list(found.values())


def _number(number: str, text: str, countries: Sequence[str]) -> dict[str, Any]:
    digits = _DIGITS.sub("", number)
    if not 3 <= len(digits) <= 17 or len(number) > 40:
        raise NoAnswer(
            sentence("{number!r} is no number that calls: write its digits", number=number[:40])
        )
    forms = (phones.normalise_caller(number, c) for c in (*countries, ""))
    e164 = next((f for f in forms if f.startswith("+")), None)
    at = text.find(number)
    return {"text": number, "e164": e164, "span": [at, at + len(number)] if at >= 0 else None}


def laid(facts: Mapping[str, Any], fact: str, answer: Any) -> dict[str, Any]:
    """The facts with a person's answer over them; passages that would say what they deny are gone."""
    spans = dict(facts.get("spans") or {})
    if not answer:
        spans.pop(fact, None)
    return {**facts, fact: answer, "spans": spans}


def call_facts(facts: Mapping[str, Any], read: Iterable[NumberMention] = ()) -> CallFacts:
    """As the reader would have found them; `read` are the numbers that it did find, whose digits are
    known where they are written in words."""
    known = {n.text: n for n in read}
    return CallFacts(
        numbers=tuple(known.get(n["text"]) or _mention(n) for n in facts.get("numbers", ())),
        contact_count=facts.get("contact_count"),
        period_days=facts.get("period_days"),
        opt_out=bool(facts.get("opt_out")),
        off_hours=bool(facts.get("off_hours")),
        channels=tuple(facts.get("channels", ())),
        churn_threat=bool(facts.get("churn_threat")),
        legal_threat=bool(facts.get("legal_threat")),
        spans={k: tuple(map(_pair, v)) for k, v in (facts.get("spans") or {}).items()},
    )


def _mention(number: Mapping[str, Any]) -> NumberMention:
    text, e164 = number["text"], number.get("e164")
    span = _pair(number.get("span") or (0, 0))
    return NumberMention(text, e164, span, _DIGITS.sub("", text) or _DIGITS.sub("", e164 or ""))


def _pair(span: Sequence[int]) -> tuple[int, int]:
    return int(span[0]), int(span[1])
