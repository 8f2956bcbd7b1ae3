"""How urgent a complaint is: points by the rules in config/rules/priority.toml, one reason each.

The reasons' keys, and the values that their sentences may show: `harassment`, `complaint`,
`negative`, `refused`, `off_hours`, `legal_threat`, `churn_threat`, `contacts` (count),
`own_number` (number), `is_customer`, `again` (count), `reach` (reach), `competitor` (score).
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence

from classifiers.reading import Reading
from listener.domain import CustomerMatch, Priority, PriorityLevel, Reason
from listener.settings import PriorityRules


def prioritise(
    reading: Reading,
    *,
    match: CustomerMatch,
    reach: int | None,
    previous_mentions: int,
    own_brand: bool,
    own_numbers: Collection[str],
    rules: PriorityRules,
) -> Priority:
    """Score, level and why. The score is the sum of the reasons' points.

    `reading` is the one that people see, with their corrections in it. `previous_mentions` counts
    what the same author wrote on the same matter before. `own_numbers` are the brand's, in E.164
    or as a short code. Of a competitor's brand nobody can be helped: it never rises above low.
    """
    reasons = list(_contributions(reading, match, reach, previous_mentions, own_numbers, rules))
    score = sum(r.points for r in reasons)
    if not own_brand and score > 0:
        reasons.append(Reason("competitor", {"score": score}, -score))
        score = 0
    return Priority(score, _level(score, rules) if own_brand else PriorityLevel.LOW, tuple(reasons))


def insisting(before: Sequence[Reason], new: Priority, rules: PriorityRules) -> Priority:
    """The priority of an open case whose author wrote again: that of the new post, or what the case
    had, raised by their insisting, whichever is more. `before` are the reasons of the case."""
    again = [r for r in new.reasons if r.key == "again"]
    reasons = [*(r for r in before if r.key != "again"), *again]
    score = sum(r.points for r in reasons)
    if not again or score <= new.score:
        return new
    return Priority(score, _level(score, rules), tuple(reasons))


def _contributions(
    reading: Reading,
    match: CustomerMatch,
    reach: int | None,
    previous: int,
    own_numbers: Collection[str],
    rules: PriorityRules,
) -> Iterator[Reason]:
    if reading.harassment:
        yield Reason("harassment", {}, rules.harassment)
        yield from _claims(reading, own_numbers, rules)
    elif reading.complaint:
        yield Reason("complaint", {"category": reading.category}, rules.complaint)
    if reading.sentiment == "negative":
        yield Reason("negative", {}, rules.negative)
    if reading.complaint or reading.harassment:
        for key in ("legal_threat", "churn_threat"):
            if getattr(reading.facts, key):
                yield Reason(key, {}, getattr(rules, key))
    if match.decided:
        yield Reason("is_customer", {}, rules.is_customer)
    if previous > 0:
        yield Reason("again", {"count": previous}, rules.again)
    if reach is not None and reach >= 10:
        # One digit more is one tenfold more; a float's logarithm of 1000 may be 2.999...
        yield Reason("reach", {"reach": reach}, rules.reach_each_tenfold * (len(str(reach)) - 1))


def _claims(
    reading: Reading, own_numbers: Collection[str], rules: PriorityRules
) -> Iterator[Reason]:
    """What a complaint of harassment says of the contacts."""
    facts = reading.facts
    for key, holds in (("refused", facts.opt_out), ("off_hours", facts.off_hours)):
        if holds:
            yield Reason(key, {}, getattr(rules, key))
    if facts.contact_count:
        points = min(rules.contacts_max, rules.contacts_each * facts.contact_count)
        yield Reason("contacts", {"count": facts.contact_count}, points)
    own = next(
        (n.e164 or n.digits for n in facts.numbers if {n.e164, n.digits} & set(own_numbers)), None
    )
    if own:
        yield Reason("own_number", {"number": own}, rules.own_number)


def _level(score: int, rules: PriorityRules) -> PriorityLevel:
    """The highest level whose number of points is reached."""
    reached = [(points, level) for level, points in rules.levels.items() if score >= points]
    return max(reached, key=lambda r: r[0])[1] if reached else PriorityLevel.LOW
