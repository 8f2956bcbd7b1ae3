"""The dossier of a number that people report, made of rows: its kind on the day and why, when they
complain, what they claim beside what the log holds, what is sold, whom to ask. Pure.

A complaint is a post that was read (or corrected) as harassment and names the number; a person is
one author, however often they write. All of it is what people say: the log may know otherwise.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from zoneinfo import ZoneInfo

from listener import claims, contact_words, offers, phones, reported_numbers
from listener.claims import Claims, Compared
from listener.contact_words import Purpose
from listener.domain import CallerNumber, Channel, ContactEvent, Direction, NumberKind, Reason
from listener.number_registry import Listed, Standing, standing
from listener.offers import Offer
from listener.settings import Brand
from listener.storage.number_complaints import Complaint, Reported
from listener.storage.number_log import Use
from listener.storage.number_rows import Rows

_NAMED = 5  # campaigns and centres in a sentence
_SURE = 1.96  # standard deviations: 95 %


# ---------------------------------------------------------------------------- the list


@dataclass(frozen=True, slots=True)
class Line:
    """A reported number and its kind on the day of the newest complaint."""

    reported: Reported
    standing: Standing


def lines(
    found: Iterable[Reported],
    registry: Sequence[CallerNumber],
    *,
    brands: Collection[str],
    countries: Mapping[str, str],
    used: Collection[str],
) -> list[Line]:
    """`countries` are the brands' own, `used` the numbers from which the log holds a contact."""
    by_number: dict[str, list[CallerNumber]] = {}
    for entry in registry:
        by_number.setdefault(entry.number, []).append(entry)
    told = []
    for row in found:
        country = countries.get(row.brand, "")
        plain = phones.normalise_caller(row.number, country)
        said = standing(
            row.number,
            row.last_at,
            by_number.get(plain, ()),
            # The complaint is of one brand, and the user may see others of ours as well.
            brands=brands,
            country=country,
            in_log=not {row.number, plain}.isdisjoint(used),
        )
        told.append(Line(row, said))
    return told


# ---------------------------------------------------------------------------- when


@dataclass(frozen=True, slots=True)
class Share:
    """A count of several, and the counts between which its share lies with 95 % (Wilson)."""

    count: int
    low: float
    high: float


def wilson(count: int, of: int) -> tuple[float, float]:
    """The interval in which a share lies with 95 %, by Wilson's score (1927)."""
    if of == 0:
        return 0.0, 1.0
    share, z2 = count / of, _SURE**2
    middle = (share + z2 / (2 * of)) / (1 + z2 / of)
    half = _SURE * math.sqrt(share * (1 - share) / of + z2 / (4 * of * of)) / (1 + z2 / of)
    # Rounding must not leave the share itself outside.
    return max(0.0, min(share, middle - half)), min(1.0, max(share, middle + half))


def shares(counts: Sequence[int]) -> tuple[Share, ...]:
    total = sum(counts)
    found = []
    for count in counts:
        low, high = wilson(count, total)
        found.append(Share(count, low * total, high * total))
    return tuple(found)


def by_day(complaints: Iterable[Complaint], zone: ZoneInfo) -> Counter[date]:
    return Counter(c.published_at.astimezone(zone).date() for c in complaints)


def by_hour(complaints: Iterable[Complaint], zone: ZoneInfo) -> tuple[Share, ...]:
    """The 24 hours of the day, by the clock of the zone."""
    counts = Counter(c.published_at.astimezone(zone).hour for c in complaints)
    return shares([counts[hour] for hour in range(24)])


def by_weekday(complaints: Iterable[Complaint], zone: ZoneInfo) -> tuple[Share, ...]:
    """Monday first."""
    counts = Counter(c.published_at.astimezone(zone).weekday() for c in complaints)
    return shares([counts[day] for day in range(7)])


# ---------------------------------------------------------------------------- whom to ask


def purpose(campaign: str) -> Purpose:
    """What a campaign is for, by its name."""
    moment = datetime.min.replace(tzinfo=ZoneInfo("UTC"))
    return contact_words.purpose(
        ContactEvent("", moment, Direction.OUT, Channel.CALL, campaign=campaign)
    )


def ask(said: Standing, uses: Sequence[Use]) -> tuple[Reason, ...]:
    """The registry's owner; else the centres and campaigns of the log; else nobody is known."""
    if said.entry is not None and said.entry.owner.strip():
        return (Reason("ask_owner", {"owner": said.entry.owner.strip()}),)
    found = []
    for key, values in (
        ("ask_centres", _named((u.centre, u.contacts) for u in uses)),
        ("ask_campaigns", _named((u.campaign, u.contacts) for u in uses)),
    ):
        if values:
            found.append(Reason(key, {"names": values}))
    if found:
        return tuple(found)
    if said.kind is NumberKind.IMPOSTOR:
        return (Reason("ask_nobody_impostor"),)
    return (Reason("ask_nobody"),)


def _named(counted: Iterable[tuple[str, int]]) -> str:
    """ "Norte (120), Sur (5)": those with most contacts."""
    sums: Counter[str] = Counter()
    for name, contacts in counted:
        if name.strip():
            sums[name.strip()] += contacts
    most = sorted(sums.items(), key=lambda item: (-item[1], item[0]))
    shown = ", ".join(f"{name} ({count})" for name, count in most[:_NAMED])
    return shown + (" …" if len(most) > _NAMED else "")


# ---------------------------------------------------------------------------- together


@dataclass(frozen=True, slots=True)
class Dossier:
    """`standing` is of the newest complaint's day, `today` of now. `customers` counts the customers
    behind the authors by country (None: country not known), where the reader may learn of them."""

    number: str
    country: str
    standing: Standing
    today: Standing
    listed: tuple[Listed, ...]
    complaints: int
    people: int
    copies: int
    invented: int
    last_at: datetime | None
    brands: Mapping[str, int]
    by_day: Mapping[date, int]
    by_hour: tuple[Share, ...]
    by_weekday: tuple[Share, ...]
    claims: Claims
    logged: int
    compared: Compared | None
    customers: Mapping[str | None, int] | None
    languages: Mapping[str, int]
    sources: Mapping[tuple[str, str], int]
    offers: tuple[Offer, ...]
    uses: tuple[Use, ...]
    ask: tuple[Reason, ...]
    gaps: frozenset[date] = frozenset()


def dossier(
    number: str,
    rows: Rows,
    registry: Sequence[Listed],
    *,
    brands: Sequence[Brand],
    local: Collection[str],
    zone: ZoneInfo,
    now: datetime,
    gaps: frozenset[date] = frozenset(),
) -> Dossier:
    """`registry` is that of all our brands, `brands` are those that the reader sees, `local` the
    systems whose people are in our own tables."""
    found = rows.complaints
    keys = [b.key for b in brands]
    country = brands[0].countries[0] if brands and brands[0].countries else ""
    plain = phones.normalise_caller(number, country)
    entries = [line.entry for line in registry]

    def on(moment: datetime) -> Standing:
        return standing(plain, moment, entries, brands=keys, in_log=rows.in_log)

    last_at = max((c.published_at for c in found), default=None)
    said = on(last_at or now)
    countries = {(m.crm, m.ref): m.country or None for m in rows.matched or ()}
    theirs = claims.of_customers(found, rows.matched or (), local)
    return Dossier(
        number=plain,
        country=reported_numbers.country_of(plain),
        standing=said,
        today=on(now),
        listed=tuple(
            line for line in registry if line.entry.number == plain and line.entry.brand in keys
        ),
        complaints=len(found),
        people=len({c.author for c in found}),
        copies=rows.copies,
        invented=sum(c.invented for c in found),
        last_at=last_at,
        brands=Counter(c.brand for c in found),
        by_day=by_day(found, zone),
        by_hour=by_hour(found, zone),
        by_weekday=by_weekday(found, zone),
        claims=claims.summed(found),
        logged=rows.logged,
        compared=claims.compared(theirs, rows.contacts) if theirs else None,
        customers=Counter(countries.values()) if rows.matched is not None else None,
        languages=Counter(c.lang for c in found),
        sources=Counter((c.source, c.site) for c in found),
        offers=offers.offered(rows.texts, offers.names_of(brands)),
        uses=rows.uses,
        ask=ask(said, rows.uses),
        gaps=gaps,
    )
