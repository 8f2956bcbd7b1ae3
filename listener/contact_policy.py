"""Possible breaches of the calling rules: every contact by the rule in force on its day, in the
person's time zone, by law and by the company's own policy. Pure; a law is never asserted.

Rules: `config/rules/calling/<country>.toml`, `config/rules/company.toml` (docs/calling-rules.md).
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime

from listener import contact_words
from listener.calendars import holidays_in
from listener.calling_rules import (
    Calling,
    CallingRules,
    CompanyPolicy,
    FrequencyRule,
    HoursRule,
    RegisterRule,
    Rule,
)
from listener.contact_log import ContactLog, Post, is_answered, is_call, kind_of
from listener.contact_words import Purpose
from listener.domain import (
    Breach,
    BreachKind,
    CallerNumber,
    ContactEvent,
    NumberKind,
)


@dataclass(frozen=True, slots=True)
class Refusal:
    """A refusal and the contacts that followed while it held. `event_id` is empty where it stands
    in no event (a suppression)."""

    event_id: str
    at: datetime
    following: tuple[ContactEvent, ...]
    rule: Mapping[str, str]


CARE_ONLY = {
    "en": "A number for customer care does not sell",
    "es": "Un número de atención al cliente no vende",
}


@dataclass(frozen=True, slots=True)
class _Rules:
    """Of one person's country; what nobody has verified is left out."""

    law: CallingRules | None
    company: CompanyPolicy

    def hours(self, log: ContactLog, event: ContactEvent) -> Iterator[tuple[HoursRule, bool]]:
        """(the rule that says when such a contact may be, whether it is a law)."""
        day = log.local(event.at).date()
        law = [r for r in self.law.hours if _relied_on(r, event, day)] if self.law else []
        regional = [r for r in law if r.region and r.region == log.region]
        yield from ((r, True) for r in regional or [r for r in law if not r.region])
        yield from ((r, False) for r in self.company.hours if _relied_on(r, event, day))


def _relied_on(rule: Rule, event: ContactEvent, day: date) -> bool:
    debt = contact_words.purpose(event) is Purpose.COLLECTION
    return (
        rule.verified
        and rule.in_force(day)
        and event.channel in rule.channels
        and (rule.collection or not debt)
    )


def judge(
    log: ContactLog,
    post: Post | None,
    *,
    rules: Calling,
    company: CompanyPolicy,
    registry: Sequence[CallerNumber],
    refusals: Iterable[Refusal] = (),
) -> tuple[Breach, ...]:
    """Every rule that contacts may have breached, the events of each in order."""
    own = _Rules(rules.get(log.country), company)
    found = _Found()
    for event in log.outbound:
        for breach, rule, by_law in against_hours(log, event, rules=rules, company=company):
            found.add(breach, rule.text, rule.source, by_law, [event])
    if own.law:
        for frequency in own.law.frequency:
            found.add_rule(BreachKind.FREQUENCY, frequency, True, _too_often(log, frequency))
        for number in own.law.numbers:
            used = [
                e
                for e in _bound(log, number)
                if _may_not_sell(e, number.forbidden, number.required)
            ]
            found.add_rule(BreachKind.NUMBER_RANGE, number, True, used)
        for consent in own.law.consent:
            bound = [e for e in _bound(log, consent) if _lacks_consent(log, e, consent.standings)]
            found.add_rule(BreachKind.NO_CONSENT, consent, True, bound)
        for register in own.law.registers:
            found.add_rule(
                BreachKind.AFTER_REGISTER, register, True, _on_register(log, post, register)
            )
    for frequency in company.frequency:
        found.add_rule(BreachKind.FREQUENCY, frequency, False, _too_often(log, frequency))
    care = [
        e
        for e in log.sales
        if is_call(e)
        and kind_of(e.caller_number, e.at, registry, log.country) is NumberKind.CARE_ONLY
    ]
    found.add(BreachKind.NUMBER_RANGE, CARE_ONLY, "registry", False, care)
    for refusal in refusals:
        following = [e for e in refusal.following if e in log.sales]
        kind = BreachKind.AFTER_REFUSAL if refusal.event_id else BreachKind.AFTER_REGISTER
        found.add(kind, refusal.rule, "company policy", False, following)
    return tuple(found.breaches())


@dataclass(slots=True)
class _Found:
    """Breaches by rule, in the order in which they were found."""

    texts: dict[tuple[BreachKind, str, str, bool], Mapping[str, str]] = field(default_factory=dict)
    events: dict[tuple[BreachKind, str, str, bool], list[ContactEvent]] = field(
        default_factory=dict
    )

    def add(
        self,
        kind: BreachKind,
        rule: Mapping[str, str],
        source: str,
        by_law: bool,
        events: Sequence[ContactEvent],
    ) -> None:
        if events:
            key = (kind, rule["en"], source, by_law)
            self.texts[key] = rule
            self.events.setdefault(key, []).extend(events)

    def add_rule(
        self, kind: BreachKind, rule: Rule, by_law: bool, events: Sequence[ContactEvent]
    ) -> None:
        if rule.verified:
            self.add(kind, rule.text, rule.source, by_law, events)

    def breaches(self) -> Iterator[Breach]:
        for key, events in self.events.items():
            kind, _, source, by_law = key
            ids = dict.fromkeys(e.event_id for e in sorted(events, key=lambda e: e.at))
            yield Breach(kind, self.texts[key], source, tuple(ids), by_law)


# ---------------------------------------------------------------------------- hours and days


def against_hours(
    log: ContactLog, event: ContactEvent, *, rules: Calling, company: CompanyPolicy
) -> Iterator[tuple[BreachKind, HoursRule, bool]]:
    """The rules on hours that a contact may have breached: `day` on a day without any permitted
    hour, else `hours`; and whether each is a law."""
    own = _Rules(rules.get(log.country), company)
    local = log.local(event.at)
    for rule, by_law in own.hours(log, event):
        spans = () if _is_holiday(rule, log, local) else rule.of(local.weekday())
        if not spans:
            yield BreachKind.DAY, rule, by_law
        elif not any(a <= local.time().replace(second=0, microsecond=0) <= b for a, b in spans):
            yield BreachKind.HOURS, rule, by_law


def _is_holiday(rule: HoursRule, log: ContactLog, local: datetime) -> bool:
    if not rule.holidays:
        return False
    place = rule.holidays
    if log.region and "-" not in place:
        try:
            return local.date() in holidays_in(f"{place}-{log.region}", local.year)
        except ValueError:
            pass  # no region of which holidays are known
    return local.date() in holidays_in(place, local.year)


# ---------------------------------------------------------------------------- how often


def _bound(log: ContactLog, rule: Rule) -> list[ContactEvent]:
    """The contacts that a rule on sales is about."""
    return [
        e
        for e in (log.outbound if rule.collection else log.sales)
        if e.channel in rule.channels and rule.in_force(log.local(e.at).date())
    ]


def _too_often(log: ContactLog, rule: FrequencyRule) -> list[ContactEvent]:
    """The contacts of every stretch that holds more than the rule allows."""
    bound = _bound(log, rule)
    if rule.same_day:
        return _again_the_same_day(log, bound, rule.most)
    over: dict[str, ContactEvent] = {}
    for last in range(rule.most, len(bound)):
        first = last - rule.most
        if bound[last].at - bound[first].at <= rule.window:
            over |= {e.event_id: e for e in bound[first : last + 1]}
    return list(over.values())


def _again_the_same_day(
    log: ContactLog, bound: Sequence[ContactEvent], most: int
) -> list[ContactEvent]:
    """Once the person was reached on a day, contacts beyond `most` of that day."""
    over: dict[str, ContactEvent] = {}
    for i, event in enumerate(bound):
        if not (is_answered(event) or not is_call(event)):
            continue
        day = log.local(event.at).date()
        later = [e for e in bound[i + 1 :] if log.local(e.at).date() == day]
        if len(later) >= most:
            over |= {e.event_id: e for e in (event, *later)}
    return list(over.values())


def exceeding(log: ContactLog, rule: FrequencyRule) -> list[ContactEvent]:
    """Of every contact in the log, debts too: those that came when the rule's number was reached."""
    bound = [e for e in log.outbound if e.channel in rule.channels]
    return [
        bound[i]
        for i in range(rule.most, len(bound))
        if bound[i].at - bound[i - rule.most].at <= rule.window
    ]


# ---------------------------------------------------------------------------- numbers, consent


def _may_not_sell(event: ContactEvent, forbidden: str, required: str) -> bool:
    number = re.sub(r"[^\d+]", "", event.caller_number)
    if not number:
        return False
    if forbidden:
        return re.fullmatch(forbidden, number) is not None
    return re.fullmatch(required, number) is None


def _lacks_consent(log: ContactLog, event: ContactEvent, standings: Sequence[str]) -> bool:
    customer = log.customer
    if customer is None or customer.status not in standings:
        return False
    if customer.consent != "granted":
        return True
    return customer.consent_at is not None and customer.consent_at > event.at


def _on_register(log: ContactLog, post: Post | None, rule: RegisterRule) -> list[ContactEvent]:
    """Sales contacts to somebody who is on the register by their own word, past its days of grace."""
    bound = _bound(log, rule)
    over: dict[str, ContactEvent] = {}
    told: list[tuple[str, datetime, Callable[[ContactEvent], bool]]] = []
    if post is not None:
        told.append((post.text, log.local(post.at), lambda _: True))
    for event in log.events:
        told.append((event.note, log.local(event.at), lambda e, at=event.at: e.at >= at))  # type: ignore[misc]
    for text, at, concerns in told:
        since = contact_words.register_named(text, log.country, at) if text else False
        if since is False:
            continue
        binding = since + rule.grace if isinstance(since, datetime) else None
        over |= {
            e.event_id: e for e in bound if concerns(e) and (binding is None or e.at > binding)
        }
    return list(over.values())
