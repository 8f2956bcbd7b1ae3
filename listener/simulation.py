"""What another contact policy would have meant: the log replayed, person by person. Pure.

Every contact of ours is judged in turn by the policy and by those that were kept before it. One that
is avoided has not happened: it uses up nothing, and nobody refuses on it. All else in the log stays
as it was, so that what is gained and lost is a bound and no forecast (docs/ledger.md).
"""

from __future__ import annotations

import re
from collections import Counter, deque
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, time, timedelta
from enum import StrEnum
from typing import Any
from zoneinfo import ZoneInfo

from rich.console import Console
from rich.table import Table
from rich.text import Text

from listener import i18n
from listener.calling_rules import Calling
from listener.contact_log import REFUSED
from listener.contact_words import Purpose
from listener.domain import Channel, Disposition
from listener.ledger import before, concerns, folded, printable
from listener.storage.ledger import WINDOW, Complaint, Logged, Person

WEEK = timedelta(days=7)


class Why(StrEnum):
    """What of the policy a contact would have been against."""

    PER_WEEK = "per_week"
    COOL_OFF = "cool_off"
    HOURS = "hours"


@dataclass(frozen=True, slots=True)
class Policy:
    """What is None is not asked for. At most `per_week` contacts in any seven days; none for a sale
    in the `cool_off` after a refusal, and never again after "do not call"; none but e-mails outside
    `hours`, both ends included, in the person's zone."""

    per_week: int | None = None
    cool_off: timedelta | None = None
    hours: tuple[time, time] | None = None


@dataclass(slots=True)
class Tally:
    """Of one campaign, or of all. `complaints` are the ids of those that its contacts were followed
    by; `touched` of those with an avoided contact among these, `left` with a kept one."""

    contacts: int = 0
    avoided: int = 0
    why: Counter[Why] = field(default_factory=Counter)
    sales: int = 0
    sales_on_avoided: int = 0
    sales_after_avoided: int = 0
    complaints: set[int] = field(default_factory=set)
    touched: set[int] = field(default_factory=set)
    left: set[int] = field(default_factory=set)

    @property
    def emptied(self) -> int:
        """Complaints before which no contact would have been left."""
        return len(self.touched - self.left)

    def add(self, other: Tally) -> None:
        self.contacts += other.contacts
        self.avoided += other.avoided
        self.why += other.why
        self.sales += other.sales
        self.sales_on_avoided += other.sales_on_avoided
        self.sales_after_avoided += other.sales_after_avoided
        self.complaints |= other.complaints
        self.touched |= other.touched
        self.left |= other.left


@dataclass(frozen=True, slots=True)
class Outcome:
    """`campaigns` by name, the most avoided contacts first; empty where the log names none."""

    policy: Policy
    people: int
    people_spared: int
    total: Tally
    campaigns: tuple[tuple[str, Tally], ...]


# ---------------------------------------------------------------------------- decided


@dataclass(slots=True)
class _State:
    """What the policy remembers of a person."""

    kept: deque[datetime] = field(default_factory=deque)  # as many as a week may have
    refused_at: datetime | None = None
    for_ever: bool = False

    def told(self, event: Logged) -> None:
        """A refusal holds until the person comes back by themselves."""
        if event.disposition in REFUSED:
            self.refused_at = event.at
            self.for_ever |= event.disposition == Disposition.DO_NOT_CALL
        elif not event.ours and event.disposition in _RETURNED:
            self.refused_at, self.for_ever = None, False


_RETURNED = (Disposition.SALE, Disposition.INTERESTED)


def against(policy: Policy, state: _State, event: Logged, zone: ZoneInfo) -> tuple[Why, ...]:
    """Everything in the policy that a contact is against; empty where it may be."""
    found = []
    if policy.per_week is not None and (
        policy.per_week == 0
        or (len(state.kept) == policy.per_week and event.at - state.kept[0] <= WEEK)
    ):
        found.append(Why.PER_WEEK)
    if (
        policy.cool_off is not None
        and state.refused_at is not None
        and event.purpose is Purpose.SALES  # a debt does not end with a refused offer
        and (state.for_ever or event.at - state.refused_at <= policy.cool_off)
    ):
        found.append(Why.COOL_OFF)
    if policy.hours is not None and event.channel != Channel.EMAIL:
        local = event.at.astimezone(zone)
        if not policy.hours[0] <= time(local.hour, local.minute) <= policy.hours[1]:
            found.append(Why.HOURS)
    return tuple(found)


def replay(
    events: Sequence[Logged], policy: Policy, zone: ZoneInfo, start: datetime | None = None
) -> list[tuple[Logged, tuple[Why, ...]]]:
    """Every event of one person, oldest first, with what keeps it from happening; service contacts
    are left out, and bound by nothing. What lies before `start` is as it was."""
    state = _State(kept=deque(maxlen=policy.per_week or 1))
    judged: list[tuple[Logged, tuple[Why, ...]]] = []
    for event in events:
        service = event.ours and event.purpose is Purpose.SERVICE
        bound = event.ours and not service and (start is None or event.at >= start)
        why = against(policy, state, event, zone) if bound else ()
        if not why:
            state.told(event)
            if event.ours and not service:
                state.kept.append(event.at)
        if not service:
            judged.append((event, why))
    return judged


# ---------------------------------------------------------------------------- counted


def simulate(
    people: Iterable[Person],
    policy: Policy,
    complaints: Iterable[Complaint],
    *,
    zone_of: Callable[[str, str], ZoneInfo],
    start: datetime | None = None,
) -> Outcome:
    """One pass over everybody's log. `zone_of` tells a person's zone from their record's zone and
    country; contacts and sales before `start` are replayed as they were and not counted."""
    told = _Told(complaints)
    campaigns: dict[str, Tally] = {}  # by name as written
    everybody = spared = 0
    for person in people:
        zone = zone_of(person.time_zone, person.country)
        judged = replay(person.events, policy, zone, start)
        counted = [(e, why) for e, why in judged if start is None or e.at >= start]
        _contacts(counted, campaigns)
        for complaint in told.of(person.events):
            _complaint(complaint, judged, campaigns)
        everybody += any(e.ours for e, _ in counted)
        spared += any(why for _, why in counted)
    return _outcome(policy, everybody, spared, campaigns)


def _outcome(policy: Policy, people: int, spared: int, campaigns: Mapping[str, Tally]) -> Outcome:
    """Campaigns whose names are one, as one, under the spelling with the most contacts."""
    total = Tally()
    merged: dict[str, tuple[str, Tally]] = {}
    for name, tally in sorted(campaigns.items(), key=lambda item: (-item[1].contacts, item[0])):
        merged.setdefault(folded(name), (name.strip(), Tally()))[1].add(tally)
        total.add(tally)
    listed = [(n, t) for n, t in merged.values() if t.contacts or t.sales or t.complaints]
    listed.sort(key=lambda line: (-line[1].avoided, -line[1].contacts, line[0]))
    return Outcome(policy, people, spared, total, tuple(listed))


class _Told:
    """Complaints by whom they may concern."""

    def __init__(self, complaints: Iterable[Complaint]) -> None:
        self._by: dict[str | tuple[str], dict[int, Complaint]] = {}
        for complaint in complaints:
            keys: list[str | tuple[str]] = [(phone,) for phone in complaint.phones]
            if complaint.customer is not None:
                keys.append(complaint.customer)
            for key in keys:
                self._by.setdefault(key, {})[complaint.id] = complaint

    def of(self, events: Sequence[Logged]) -> Iterable[Complaint]:
        found: dict[int, Complaint] = {}
        if self._by:
            for who in {(e.customer, e.phone) for e in events}:
                customer, phone = who
                found |= self._by.get(customer, {}) if customer is not None else {}
                found |= self._by.get((phone,), {})
        return found.values()


def _contacts(
    judged: Sequence[tuple[Logged, tuple[Why, ...]]], campaigns: dict[str, Tally]
) -> None:
    avoided_before = False
    for event, why in judged:
        sold = event.disposition == Disposition.SALE
        if not (event.ours or sold):
            continue
        tally = campaigns.get(event.campaign)
        if tally is None:
            tally = campaigns[event.campaign] = Tally()
        tally.contacts += event.ours
        if why:
            tally.avoided += 1
            tally.why.update(why)
        if sold:
            tally.sales += 1
            tally.sales_on_avoided += bool(why)
            tally.sales_after_avoided += not why and avoided_before
        avoided_before = avoided_before or bool(why)


def _complaint(
    complaint: Complaint,
    judged: Sequence[tuple[Logged, tuple[Why, ...]]],
    campaigns: dict[str, Tally],
) -> None:
    for event, why in judged:
        if (
            event.ours
            and before(complaint, event.at)
            and concerns(complaint, event.customer, event.phone)
        ):
            tally = campaigns.setdefault(event.campaign, Tally())
            tally.complaints.add(complaint.id)
            (tally.touched if why else tally.left).add(complaint.id)


# ---------------------------------------------------------------------------- given


_HOURS = re.compile(r"(\d{1,2})(?::(\d{2}))?\s*[-–]\s*(\d{1,2})(?::(\d{2}))?")


def parse_hours(written: str) -> tuple[time, time]:
    """`10-20`, or `10:30-20:00`. Raises ValueError."""
    found = _HOURS.fullmatch(written.strip())
    try:
        if found is None:
            raise ValueError
        first = time(int(found[1]), int(found[2] or 0))
        last = time(int(found[3]), int(found[4] or 0)) if found[3] != "24" else time(23, 59)
    except ValueError:
        raise ValueError(f"{written!r} are no hours; write 10-20, or 10:30-20:00") from None
    if first >= last:
        raise ValueError(f"{written!r}: the first hour is not before the last")
    return first, last


def zones(calling: Calling, home: str) -> Callable[[str, str], ZoneInfo]:
    """The zone of a record, else of its country, else of the country `home`."""
    known: dict[tuple[str, str], ZoneInfo] = {}

    def find(time_zone: str, country: str) -> ZoneInfo:
        rules = calling.get(country) or calling.get(home)
        try:
            return ZoneInfo(time_zone)
        except (ValueError, OSError, LookupError):  # none, or none that there is
            return ZoneInfo(rules.time_zone if rules else "UTC")

    def zone_of(time_zone: str, country: str) -> ZoneInfo:
        key = (time_zone, country)
        if key not in known:
            known[key] = find(time_zone, country)
        return known[key]

    return zone_of


# ---------------------------------------------------------------------------- told


def notes(outcome: Outcome, language: str) -> list[str]:
    """The policy, and what is assumed, in sentences."""

    def _(message: str, **values: object) -> str:
        return i18n.text(message, language, values or None)

    policy = outcome.policy
    said = []
    if policy.per_week is not None:
        said.append(
            _("Contacts with a person in any 7 days: {count} at most.", count=policy.per_week)
        )
    if policy.cool_off is not None:
        said.append(
            _(
                "No sales contact for {span} after a refusal, as it was coded; none ever after "
                '"do not call". A person who comes back and buys or asks ends it.',
                span=i18n.days(policy.cool_off.days, language),
            )
        )
    if policy.hours is not None:
        said.append(
            _(
                "Contacts other than e-mails from {first} to {last} only, by the clock of the "
                "person's record, else of their country.",
                first=f"{policy.hours[0]:%H:%M}",
                last=f"{policy.hours[1]:%H:%M}",
            )
        )
    return [
        *said,
        _(
            "A person is a customer, or a phone that no single customer has. Service contacts are "
            "left as they are and not counted. One contact may be against several rules."
        ),
        _(
            "What is avoided is not made up for later, and nobody is contacted instead; a refusal "
            "told on it is not known. All else in the log stays as it was."
        ),
        _(
            "Complaints avoided is an upper bound: every complaint whose author had an avoided contact "
            "in the {days} days before, whatever else made them write. Beside it, those before which "
            "no contact at all would have been left.",
            days=WINDOW.days,
        ),
        _(
            "Sales on avoided contacts are lost. Sales that came later with a person who had an "
            "avoided contact earlier may be lost or not; they are told apart."
        ),
    ]


def figures(tally: Tally) -> dict[str, int]:
    return {
        "contacts": tally.contacts,
        "avoided": tally.avoided,
        **{f"avoided_{why.value}": tally.why[why] for why in Why},
        "complaints": len(tally.complaints),
        "complaints_avoided_at_most": len(tally.touched),
        "complaints_without_contact": tally.emptied,
        "sales": tally.sales,
        "sales_on_avoided": tally.sales_on_avoided,
        "sales_after_avoided": tally.sales_after_avoided,
    }


def to_json(outcome: Outcome, language: str) -> dict[str, Any]:
    """The object of `listener simulate --json`."""
    policy = outcome.policy
    return {
        "policy": {
            "per_week": policy.per_week,
            "cool_off_days": policy.cool_off.days if policy.cool_off is not None else None,
            "hours": [f"{h:%H:%M}" for h in policy.hours] if policy.hours else None,
        },
        "people": outcome.people,
        "people_spared": outcome.people_spared,
        "total": figures(outcome.total),
        "campaigns": [{"campaign": name} | figures(t) for name, t in outcome.campaigns],
        "notes": notes(outcome, language),
    }


def show(outcome: Outcome, language: str, out: Console) -> None:
    """The same on a terminal."""

    def _(message: str, **values: object) -> str:
        return i18n.text(message, language, values or None)

    heads = (
        *(_("Campaign"), _("Contacts"), _("Avoided"), _("Complaints"), _("Avoided at most")),
        *(_("Without any contact"), _("Sales"), _("On avoided contacts"), _("After one")),
    )
    table = Table(box=None)
    for number, head in enumerate(heads):
        table.add_column(Text(head), justify="right" if number else "left", overflow="fold")
    lines = [(printable(name) or _("(none named)"), t, "") for name, t in outcome.campaigns]
    for name, tally, style in (*lines, (_("in all"), outcome.total, "bold")):
        table.add_row(*(Text(c, style=style) for c in (name, *_cells(tally, language))))
    out.print(table)
    total = outcome.total
    reasons = ", ".join(
        f"{i18n.label('policy', why.value, language)} {i18n.number(total.why[why], language)}"
        for why in Why
        if total.why[why]
    )
    if reasons:
        out.print(_("Avoided, by rule: {reasons}.", reasons=reasons), markup=False)
    out.print(
        _(
            "People contacted: {people}; with fewer contacts than they had: {spared}.",
            people=i18n.number(outcome.people, language),
            spared=i18n.number(outcome.people_spared, language),
        ),
        markup=False,
    )
    for sentence in notes(outcome, language):
        out.print(sentence, markup=False)


def _cells(tally: Tally, language: str) -> list[str]:
    told = figures(tally)

    def share(count: int, of: int) -> str:
        written = i18n.number(count, language)
        return f"{written} ({i18n.percent(count / of, language)})" if of else written

    def plain(name: str) -> str:
        return i18n.number(told[name], language)

    return [
        plain("contacts"),
        share(tally.avoided, tally.contacts),
        plain("complaints"),
        share(len(tally.touched), len(tally.complaints)),
        plain("complaints_without_contact"),
        plain("sales"),
        plain("sales_on_avoided"),
        plain("sales_after_avoided"),
    ]
