"""A person's contacts made ready to be judged: each event once, none later than now, in the
person's own time zone, service contacts told apart. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo, available_timezones

import phonenumbers
from phonenumbers import timezone as number_zones

from listener import contact_words, phones
from listener.calling_rules import Calling
from listener.contact_words import Purpose
from listener.domain import (
    CallerNumber,
    Channel,
    ContactEvent,
    Customer,
    Direction,
    Disposition,
    NumberKind,
)

# Dispositions after which the dialler leaves a person alone; every other lets it dial again.
REFUSED = (Disposition.NOT_INTERESTED, Disposition.DO_NOT_CALL)
FINAL = (*REFUSED, Disposition.SALE, Disposition.WRONG_NUMBER)
# Regions whose clock is not that of their country.
_REGION_OF_ZONE = {"Atlantic/Canary": "CN"}


@dataclass(frozen=True, slots=True)
class Post:
    """What the person wrote, and what was read in it."""

    text: str
    lang: str
    at: datetime
    contact_count: int | None = None
    period_days: int | None = None
    numbers: tuple[str, ...] = ()  # E.164, or a short code
    channels: tuple[str, ...] = ()
    refusals: tuple[tuple[int, int], ...] = ()  # spans of passages that say a refusal
    legal_threat: bool = False
    churn_threat: bool = False
    off_hours: bool = False


@dataclass(frozen=True, slots=True)
class ContactLog:
    """`outbound` are the contacts that count, oldest first: ours to them, for a sale or a debt;
    `sales` those of them that no debt explains."""

    customer: Customer | None
    country: str
    region: str
    zone: ZoneInfo
    now: datetime
    events: tuple[ContactEvent, ...]
    outbound: tuple[ContactEvent, ...]
    sales: tuple[ContactEvent, ...]
    suppressed_at: datetime | None = None

    def local(self, moment: datetime) -> datetime:
        return moment.astimezone(self.zone)

    def after(self, moment: datetime, within: timedelta | None = None) -> list[ContactEvent]:
        """Contacts later than a moment, at most `within` later."""
        return [
            e
            for e in self.outbound
            if e.at > moment and (within is None or e.at - moment <= within)
        ]


def prepare(
    events: Iterable[ContactEvent],
    *,
    customer: Customer | None,
    number: str = "",
    home: str,
    rules: Calling,
    now: datetime,
    suppressed_at: datetime | None = None,
) -> ContactLog:
    """`number` is the person's phone where there is no customer; `home` the country of the brand,
    for a person whose own is not known."""
    unique: dict[str, ContactEvent] = {}
    for event in events:
        if event.at <= now:
            unique.setdefault(event.event_id, event)
    ordered = tuple(sorted(unique.values(), key=lambda e: (e.at, e.event_id)))
    phone = number or (customer.phones[0] if customer and customer.phones else "")
    country = (customer.country if customer else "") or _country_of(phone) or home
    zone = _zone(customer, phone, country, rules)
    ours = [e for e in ordered if e.direction is Direction.OUT]
    outbound = tuple(e for e in ours if contact_words.purpose(e) is not Purpose.SERVICE)
    return ContactLog(
        customer=customer,
        country=country,
        region=(customer.region if customer else "") or _REGION_OF_ZONE.get(zone.key, ""),
        zone=zone,
        now=now,
        events=ordered,
        outbound=outbound,
        sales=tuple(e for e in outbound if contact_words.purpose(e) is Purpose.SALES),
        suppressed_at=suppressed_at,
    )


def _country_of(phone: str) -> str:
    try:
        return phonenumbers.region_code_for_number(phonenumbers.parse(phone)) or ""
    except phonenumbers.NumberParseException:
        return ""


def _zone(customer: Customer | None, phone: str, country: str, rules: Calling) -> ZoneInfo:
    """The record's, else that of the phone where it has one only, else the country's."""
    if customer and customer.time_zone in available_timezones():
        return ZoneInfo(customer.time_zone)
    try:
        found = number_zones.time_zones_for_number(phonenumbers.parse(phone))
    except phonenumbers.NumberParseException:
        found = ()
    if len(found) == 1 and found[0] in available_timezones():
        return ZoneInfo(found[0])
    return ZoneInfo(rules[country].time_zone if country in rules else "UTC")


# ---------------------------------------------------------------------------- single events


def is_call(event: ContactEvent) -> bool:
    return event.channel is Channel.CALL


# How a call can only have been coded once somebody had answered.
_TOLD_BY = frozenset(
    {
        *(Disposition.SALE, Disposition.INTERESTED, Disposition.NOT_INTERESTED),
        *(Disposition.DO_NOT_CALL, Disposition.CALLBACK, Disposition.WRONG_NUMBER),
        *(Disposition.HANG_UP_BY_AGENT, Disposition.HANG_UP_BY_CUSTOMER),
    }
)


def is_answered(event: ContactEvent) -> bool:
    """A call with a duration; where the system tells none, by its code or its note."""
    if not is_call(event):
        return False
    if event.duration_s is None:
        return event.disposition in _TOLD_BY or contact_words.note_refuses(event.note)
    return event.duration_s > 0


def kind_of(
    number: str, at: datetime, registry: Sequence[CallerNumber], country: str
) -> NumberKind:
    """What the registry says of a number on that moment; unknown where it says nothing."""
    entry = entry_of(number, at, registry, country)
    return entry.kind if entry else NumberKind.UNKNOWN


def entry_of(
    number: str, at: datetime, registry: Sequence[CallerNumber], country: str
) -> CallerNumber | None:
    wanted = phones.normalise_caller(number, country)
    for entry in registry:
        if wanted in (entry.number, phones.normalise_caller(entry.number, country)) and (
            (entry.valid_from is None or entry.valid_from <= at)
            and (entry.valid_to is None or at < entry.valid_to)
        ):
            return entry
    return None
