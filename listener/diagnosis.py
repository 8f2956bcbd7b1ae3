"""Why did we contact them again? Root causes from what the person says and what the log holds, each
with the events that show it and with what speaks against it. Pure. Definitions: docs/diagnosis.md.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from listener import contact_policy, contact_words, next_action, phones
from listener.calling_rules import Calling, CompanyPolicy, Thresholds
from listener.contact_log import (
    FINAL,
    REFUSED,
    ContactLog,
    Post,
    entry_of,
    is_answered,
    is_call,
    kind_of,
)
from listener.contact_policy import Refusal
from listener.domain import (
    CallerNumber,
    Cause,
    CauseKind,
    Channel,
    ContactEvent,
    Diagnosis,
    Direction,
    Disposition,
    NumberKind,
    Reason,
)

_AFTER_REFUSAL = {"en": "No contact after a refusal", "es": "Ningún contacto tras un rechazo"}
_AFTER_SUPPRESSION = {
    "en": "No contact after a suppression",
    "es": "Ningún contacto tras una supresión",
}
_OURS = (NumberKind.OWN, NumberKind.CARE_ONLY, NumberKind.AGENCY)
_CLOSES = (*REFUSED, Disposition.SALE, Disposition.INTERESTED)


@dataclass(frozen=True, slots=True)
class Ground:
    """What is judged. `used` tells whether the whole log holds a contact from a number."""

    log: ContactLog
    post: Post | None
    registry: Sequence[CallerNumber]
    rules: Calling
    company: CompanyPolicy
    thresholds: Thresholds
    used: Callable[[str], bool] = lambda _number: False


@dataclass(frozen=True, slots=True)
class _Seen:
    """The ground, and the refusals found in it."""

    ground: Ground
    log: ContactLog
    post: Post | None
    uncoded: tuple[Refusal, ...]
    coded: tuple[Refusal, ...]


def diagnose(ground: Ground) -> Diagnosis:
    """Everything that is to be said of one person's contacts."""
    log, post = ground.log, ground.post
    uncoded = tuple(_uncoded(log, post))
    coded = tuple(_coded(log, ground.company))
    seen = _Seen(ground, log, post, uncoded, coded)
    causes = tuple(c for find in _FINDERS if (c := find(seen)) is not None)
    breaches = contact_policy.judge(
        log,
        post,
        rules=ground.rules,
        company=ground.company,
        registry=ground.registry,
        refusals=[*uncoded, *coded],
    )
    logged = _in_period(log, post)
    return Diagnosis(
        causes=causes,
        breaches=breaches,
        claimed_count=post.contact_count if post else None,
        claimed_days=post.period_days if post else None,
        logged_in_period=len(logged) if logged is not None else None,
        next_best_action=next_action.propose(log, post, causes, breaches),
    )


# ---------------------------------------------------------------------------- refusals


def _coded(log: ContactLog, company: CompanyPolicy) -> Iterator[Refusal]:
    """Refusals that stand in the log as such, with what followed while they held."""
    for event in log.events:
        if event.disposition not in REFUSED or (event.channel is Channel.OTHER and not event.note):
            continue
        forever = event.disposition is Disposition.DO_NOT_CALL
        following = log.after(event.at, None if forever else company.cool_off)
        until = _renewed(log, event.at)
        following = [e for e in following if until is None or e.at < until]
        days = company.cool_off.days
        rule = (
            {"en": 'No contact after "do not call"', "es": "Ningún contacto tras «no llamar»"}
            if forever
            else {
                "en": f'No contact for {days} days after "not interested"',
                "es": f"Ningún contacto durante {days} días tras «no le interesa»",
            }
        )
        if following:
            yield Refusal(event.event_id, event.at, tuple(following), rule)
    suppressed = log.suppressed_at or next(
        (e.at for e in log.events if contact_words.note_suppresses(e.note)), None
    )
    if suppressed is not None and (later := log.after(suppressed)):
        yield Refusal("", suppressed, tuple(later), _AFTER_SUPPRESSION)


def _renewed(log: ContactLog, refused_at: datetime) -> datetime | None:
    """When the person came back on their own after a refusal: they consented again, or called and
    asked to hear more."""
    moments = [
        e.at
        for e in log.events
        if e.at > refused_at
        and e.direction is Direction.IN
        and (
            e.disposition in (Disposition.SALE, Disposition.INTERESTED)
            or contact_words.asked_for_callback(e.note)
        )
    ]
    customer = log.customer
    if customer and customer.consent == "granted" and customer.consent_at:
        moments += [customer.consent_at] if customer.consent_at > refused_at else []
    return min(moments, default=None)


def _uncoded(log: ContactLog, post: Post | None) -> Iterator[Refusal]:
    """Answered calls in which the person refused and that are coded so that they are dialled again."""
    found: dict[str, ContactEvent] = {}
    for event in log.events:
        if is_answered(event) and _redialled(event) and contact_words.note_refuses(event.note):
            found[event.event_id] = event
    if post is not None:
        for sentence in contact_words.told_refusals(post.text, post.refusals):
            found |= {e.event_id: e for e in _calls_meant(log, post, sentence)}
    for event in sorted(found.values(), key=lambda e: e.at):
        following = log.after(event.at)
        if following:
            yield Refusal(event.event_id, event.at, tuple(following), _AFTER_REFUSAL)


def _redialled(event: ContactEvent) -> bool:
    return event.disposition not in FINAL


def _calls_meant(log: ContactLog, post: Post, sentence: str) -> list[ContactEvent]:
    """The wrongly coded calls in which a refusal that the post tells may have been said: on the day
    that it names, the first, or every one; else all, if none of them is rightly coded."""
    said = [
        e
        for e in log.events
        if is_answered(e)
        and e.at <= post.at
        and (e in log.outbound or e.direction is Direction.IN)
        and e.disposition is not Disposition.HANG_UP_BY_CUSTOMER
    ]
    days = {d.date() for d in contact_words.days_named(sentence, log.local(post.at))}
    that_day = [e for e in said if log.local(e.at).date() in days]
    if that_day:
        meant = that_day
    elif contact_words.first_time(sentence):
        meant = said[:1]
    elif contact_words.every_time(sentence):
        meant = said
    else:
        meant = said if all(_redialled(e) for e in said) else []
    return [e for e in meant if _redialled(e)]


# ---------------------------------------------------------------------------- the causes


def _refusal_not_coded(seen: _Seen) -> Cause | None:
    if not seen.uncoded:
        return None
    by_note = {
        e.event_id
        for e in seen.log.events
        if contact_words.note_refuses(e.note) and e.event_id in {r.event_id for r in seen.uncoded}
    }
    against = () if by_note else (Reason("told_by_the_post_only"),)
    first = min(seen.uncoded, key=lambda r: r.at)
    return Cause(
        CauseKind.REFUSAL_NOT_CODED,
        0.95 if by_note else 0.75,
        (
            Reason(
                "refusal_not_coded",
                {"calls": len(seen.uncoded), "following": len(first.following)},
            ),
        ),
        _ids([*(r.event_id for r in seen.uncoded), *(e.event_id for e in first.following)]),
        against,
    )


def _refusal_not_honoured(seen: _Seen) -> Cause | None:
    if not seen.coded:
        return None
    following = {e.event_id: e for r in seen.coded for e in r.following}
    return Cause(
        CauseKind.REFUSAL_NOT_HONOURED,
        0.95,
        (Reason("refusal_not_honoured", {"following": len(following)}),),
        _ids([*(r.event_id for r in seen.coded if r.event_id), *following]),
    )


def _burnt_list(seen: _Seen) -> Cause | None:
    rules = seen.ground.thresholds
    dialled = [e for e in seen.log.outbound if is_call(e)]
    evidence: list[ContactEvent] = []
    reasons: dict[str, int] = {}
    for name, of in (("campaigns", _campaign), ("lists", _list)):
        stretch = _most_different(dialled, of, rules.burnt_sources_window)
        different = len({of(e) for e in stretch})
        if different >= rules.burnt_sources:
            reasons[name] = different
            evidence += stretch
    many = _most(dialled, rules.burnt_calls_window)
    if len(many) >= rules.burnt_calls:
        reasons["calls"] = len(many)
        evidence += many
    old = [
        e for e in dialled if e.list_loaded_at and e.at - e.list_loaded_at > rules.burnt_list_age
    ]
    if old:
        oldest = max((e.at - e.list_loaded_at).days for e in old if e.list_loaded_at)
        reasons["days_old"] = oldest
        evidence += old
    if not reasons:
        return None
    confidence = 0.95 if len(reasons) > 1 else 0.85
    return Cause(
        CauseKind.BURNT_LIST,
        confidence,
        tuple(Reason(f"burnt_{name}", {"count": n}) for name, n in reasons.items()),
        _ids([e.event_id for e in sorted(evidence, key=lambda e: e.at)]),
    )


def _campaign(event: ContactEvent) -> str:
    return event.campaign.strip().casefold()


def _list(event: ContactEvent) -> str:
    return event.list_name.strip().casefold()


def _most_different(
    events: Sequence[ContactEvent], of: Callable[[ContactEvent], str], window: timedelta
) -> list[ContactEvent]:
    """The stretch of `window` whose events have the most different values of `of`."""
    named = [e for e in events if of(e)]
    best: list[ContactEvent] = []
    for i, last in enumerate(named):
        stretch = [e for e in named[: i + 1] if last.at - e.at <= window]
        if len({of(e) for e in stretch}) > len({of(e) for e in best}):
            best = stretch
    return best


def _most(events: Sequence[ContactEvent], window: timedelta) -> list[ContactEvent]:
    """The fullest stretch of `window`."""
    best: list[ContactEvent] = []
    for i, last in enumerate(events):
        stretch = [e for e in events[: i + 1] if last.at - e.at <= window]
        best = max(best, stretch, key=len)
    return best


def _agent_conduct(seen: _Seen) -> Cause | None:
    log = seen.log
    hung_up = [
        e for e in log.events if e.disposition is Disposition.HANG_UP_BY_AGENT and is_answered(e)
    ]
    argued = [e for e in log.events if contact_words.note_argues(e.note)]
    again: list[str] = []
    by_id = {e.event_id: e for e in log.events}
    for refusal in seen.coded:
        event = by_id.get(refusal.event_id)
        if event is None or not event.agent:
            continue
        same = [e for e in refusal.following if is_call(e) and _same_agent(e, event)]
        again += [event.event_id, *(e.event_id for e in same)] if same else []
    if not (hung_up or argued or again):
        return None
    reasons = {"hung_up": len(hung_up), "argued": len(argued), "dialled_again": len(again)}
    return Cause(
        CauseKind.AGENT_CONDUCT,
        0.9 if hung_up or again else 0.75,
        tuple(Reason(f"agent_{name}", {"count": n}) for name, n in reasons.items() if n),
        _ids([*(e.event_id for e in (*hung_up, *argued)), *again]),
    )


def _same_agent(one: ContactEvent, two: ContactEvent) -> bool:
    return one.agent.strip().casefold() == two.agent.strip().casefold()


def _weak_supervision(seen: _Seen) -> Cause | None:
    log = seen.log
    against: dict[str, ContactEvent] = {}
    for before, event in zip(log.outbound, log.outbound[1:], strict=False):
        if event.at - before.at < seen.ground.company.apart:
            against[event.event_id] = event
    for event in log.outbound:
        broken = contact_policy.against_hours(
            log, event, rules=seen.ground.rules, company=seen.ground.company
        )
        if next(broken, None) is not None:
            against[event.event_id] = event
    for rule in seen.ground.company.frequency:
        against |= {e.event_id: e for e in contact_policy.exceeding(log, rule)}
    agents = {e.agent.strip().casefold() for e in against.values()}
    enough = len(against) >= seen.ground.thresholds.weak_contacts
    if not enough or ("" not in agents and len(agents) < seen.ground.thresholds.weak_agents):
        return None
    return Cause(
        CauseKind.WEAK_SUPERVISION,
        0.85,
        (Reason("weak_supervision", {"contacts": len(against), "agents": len(agents - {""})}),),
        _ids(e.event_id for e in sorted(against.values(), key=lambda e: e.at)),
    )


def _open_callback(seen: _Seen) -> Cause | None:
    log = seen.log
    refused = [r.at for r in (*seen.uncoded, *seen.coded)]
    refused += [e.at for e in log.events if contact_words.note_refuses(e.note)]
    if seen.post is not None and contact_words.told_refusals(seen.post.text, seen.post.refusals):
        refused.append(seen.post.at)
    for event in log.events:
        if event.disposition is not Disposition.CALLBACK:
            continue
        following = [e for e in log.after(event.at) if is_call(e) and _because_of(e, event)]
        closed = any(e.at > event.at and e.disposition in _CLOSES for e in log.events)
        if closed or not following:
            continue
        wanted = contact_words.asked_for_callback(event.note) or event.direction is Direction.IN
        since = [at for at in refused if at >= event.at]
        if wanted and not since:
            continue
        return Cause(
            CauseKind.OPEN_CALLBACK,
            0.85 if since else 0.7,
            (Reason("open_callback", {"following": len(following)}),),
            _ids([event.event_id, *(e.event_id for e in following)]),
            (Reason("callback_was_wanted"),) if wanted else (),
        )
    return None


def _because_of(event: ContactEvent, callback: ContactEvent) -> bool:
    """Told by the note, or by the same campaign."""
    same = _campaign(event) and _campaign(event) == _campaign(callback)
    return bool(same) or contact_words.note_of_callback(event.note)


def _reseller(seen: _Seen) -> Cause | None:
    log, post = seen.log, seen.post
    owners = {
        n.owner.strip().casefold(): n
        for n in seen.ground.registry
        if n.kind is NumberKind.AGENCY and n.owner.strip()
    }
    by_agency: list[ContactEvent] = []
    names: set[str] = set()
    for event in log.outbound:
        entry = entry_of(event.caller_number, event.at, seen.ground.registry, log.country)
        centre = event.centre.strip().casefold()
        if entry is not None and entry.kind is NumberKind.AGENCY:
            names.add(entry.owner or entry.number)
        elif centre in owners:
            names.add(owners[centre].owner)
        else:
            continue
        by_agency.append(event)
    reported = (
        []
        if post is None
        else [
            entry
            for number in post.numbers
            if (entry := entry_of(number, post.at, seen.ground.registry, log.country)) is not None
            and entry.kind is NumberKind.AGENCY
        ]
    )
    names |= {entry.owner or entry.number for entry in reported}
    if not names:
        return None
    return Cause(
        CauseKind.RESELLER,
        0.95 if by_agency else 0.8,
        (Reason("reseller", {"agency": ", ".join(sorted(names)), "contacts": len(by_agency)}),),
        _ids(e.event_id for e in by_agency),
        () if by_agency else (Reason("no_contact_of_theirs_in_log"),),
    )


def _impostor(seen: _Seen) -> Cause | None:
    post = seen.post
    if post is None:
        return None
    country = seen.log.country
    strange: dict[str, NumberKind] = {}
    rules = seen.ground.rules.get(country)
    for number in post.numbers:
        if rules and any(rule.names_range(number) for rule in rules.numbers):
            continue  # "they do not even use 0303"
        kind = kind_of(number, post.at, seen.ground.registry, country)
        plain = phones.normalise_caller(number, country)
        in_log = any(
            phones.normalise_caller(e.caller_number, country) == plain for e in seen.log.events
        )
        if kind is NumberKind.UNKNOWN and phones.is_prefix(plain, country):
            continue
        if kind not in _OURS and not in_log and not seen.ground.used(plain):
            strange[number] = kind
    if not strange:
        return None
    marked = NumberKind.IMPOSTOR in strange.values()
    return Cause(
        CauseKind.IMPOSTOR,
        0.95 if marked else 0.75,
        (Reason("impostor", {"numbers": ", ".join(strange)}),),
        (),
        () if marked else (Reason("number_not_registered"),),
    )


def _wrong_person(seen: _Seen) -> Cause | None:
    log, post = seen.log, seen.post
    told = [
        e
        for e in log.events
        if e.disposition is Disposition.WRONG_NUMBER
        # Who calls us by mistake has not been called by mistake.
        or (e.direction is Direction.OUT and contact_words.for_somebody_else(e.note))
    ]
    goes_on = [e for e in told if log.after(e.at)]
    by_post = post is not None and contact_words.for_somebody_else(post.text)
    if goes_on:
        following = log.after(goes_on[0].at)
        ids = [*(e.event_id for e in told), *(e.event_id for e in following)]
        return Cause(
            CauseKind.WRONG_PERSON,
            0.95,
            (Reason("wrong_person", {"following": len(following)}),),
            _ids(ids),
        )
    if by_post and len(log.outbound) > 1:
        return Cause(
            CauseKind.WRONG_PERSON,
            0.7,
            (Reason("wrong_person", {"following": len(log.outbound) - 1}),),
            _ids(e.event_id for e in log.outbound),
            (Reason("told_by_the_post_only"),),
        )
    return None


def _not_in_log(seen: _Seen) -> Cause | None:
    log, post = seen.log, seen.post
    if post is None or not any(
        kind_of(n, post.at, seen.ground.registry, log.country) in _OURS for n in post.numbers
    ):
        return None
    logged = _in_period(log, post)
    if logged is None:
        logged = [e for e in log.outbound if e.at <= post.at and _claimed_channel(post, e)]
    claimed = post.contact_count or 1
    if logged and len(logged) >= seen.ground.thresholds.in_log_share * claimed:
        return None
    return Cause(
        CauseKind.NOT_IN_LOG,
        0.9 if not logged else 0.8,
        (Reason("not_in_log", {"claimed": claimed, "logged": len(logged)}),),
        _ids(e.event_id for e in logged),
        (Reason("log_may_lack_calls"),),
    )


_FINDERS = (
    _refusal_not_coded,
    _refusal_not_honoured,
    _burnt_list,
    _agent_conduct,
    _weak_supervision,
    _open_callback,
    _reseller,
    _impostor,
    _wrong_person,
    _not_in_log,
)


# ---------------------------------------------------------------------------- the claim


def _in_period(log: ContactLog, post: Post | None) -> list[ContactEvent] | None:
    """The log's contacts in the period that the post claims, by the channels that it names; None
    where it claims no period."""
    if post is None or post.period_days is None:
        return None
    start, end = _period(log, post, post.period_days)
    return [e for e in log.outbound if start <= e.at <= end and _claimed_channel(post, e)]


def _claimed_channel(post: Post, event: ContactEvent) -> bool:
    return not post.channels or event.channel.value in post.channels


def _period(log: ContactLog, post: Post, days: int) -> tuple[datetime, datetime]:
    """One day is the day that the post names, else its own; more are so many times 24 hours back."""
    local = log.local(post.at)
    if days > 1:
        return post.at - timedelta(days=days), post.at
    named = sorted(contact_words.days_named(contact_words.folded(post.text), local))
    day = named[-1] if named else local
    start = day.replace(hour=0, minute=0, second=0, microsecond=0)
    return start, min(post.at, start + timedelta(days=1))


def _ids(ids: Iterable[str]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(ids))
