"""The campaign ledger: what each campaign, centre, list, agent or number dialled and sold, the
complaints that its contacts were followed by, and whether it paid. Pure (docs/ledger.md).

A complaint is laid to everything that contacted its author in the 30 days before it: which of
several contacts was one too many, nobody knows. One complaint may so stand on several lines.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import asdict, dataclass
from datetime import date, datetime, time, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from rich.console import Console
from rich.table import Table
from rich.text import Text
from scipy.special import gammaincinv  # type: ignore[import-untyped]

from listener import i18n, spreadsheet
from listener.storage.ledger import WINDOW, By, Complaint, Found, Sums, Touch

PER = 10_000
"""Dials to which complaints are related."""

_SURE = 0.95


@dataclass(frozen=True, slots=True)
class Assumptions:
    """What turns counts into money, in whatever currency. None of it is measured here: the defaults
    are round figures to begin with, and stand beside every result."""

    sale_value: float = 150.0
    customer_value: float = 600.0
    churn_share: float = 0.25  # of those who threaten to leave, do
    lost_per_complaint: float = 0.5  # customers who leave besides them, unannounced


@dataclass(frozen=True, slots=True)
class Count:
    """`key` is empty where the log names none."""

    key: str
    sums: Sums
    complaints: int
    churn_threats: int


@dataclass(frozen=True, slots=True)
class Counts:
    """What was counted; no customer is in it. `total` has each complaint once, however many lines
    have it. Of all `complaints`, `unknown` are of nobody whose customer is known, `untouched` of
    customers whom the log does not show to have been contacted in the days before."""

    by: By
    lines: tuple[Count, ...]
    total: Count
    complaints: int
    unknown: int
    untouched: int
    service_contacts: int
    first: datetime | None
    last: datetime | None


@dataclass(frozen=True, slots=True)
class Line:
    """A count judged. `rate` is complaints per 10,000 dials, None without a dial; what ends in
    `low` and `high` are the ends of an interval of 95 %. `paid` goes by the balance alone, and
    is None where nobody was contacted in these days; it is `sure` where the whole interval says
    the same. `break_even`: so many customers lost per
    complaint, and the balance is nought."""

    count: Count
    rate: float | None
    rate_low: float | None
    rate_high: float | None
    won: float
    lost: float
    lost_low: float
    lost_high: float
    balance: float
    balance_low: float
    balance_high: float
    paid: bool | None
    sure: bool
    break_even: float | None


@dataclass(frozen=True, slots=True)
class Ledger:
    counts: Counts
    assumptions: Assumptions
    lines: tuple[Line, ...]
    total: Line


# ---------------------------------------------------------------------------- decided


def count(found: Found) -> Counts:
    """Every line of the ledger, the most complaints first."""
    names, sums = _merged(found.sums)
    laid = attributed(found.complaints, found.touches)
    on: dict[str, list[Complaint]] = {}
    for complaint in found.complaints:
        for key in {folded(t.of[found.by]) for t in laid[complaint.id]}:
            on.setdefault(key, []).append(complaint)
    for touch in found.touches:  # of contacts before the first day, too
        names.setdefault(folded(touch.of[found.by]), touch.of[found.by].strip())

    def one(key: str, of: Sums, told: Collection[Complaint]) -> Count:
        return Count(key, of, len(told), sum(c.churn_threat for c in told))

    lines = [one(names[k], sums.get(k, Sums()), on.get(k, ())) for k in sums.keys() | on.keys()]
    return Counts(
        by=found.by,
        lines=tuple(
            sorted((x for x in lines if x.sums.contacts or x.complaints), key=_most_complaints)
        ),
        total=one("", sum(sums.values(), Sums()), [c for c in found.complaints if laid[c.id]]),
        complaints=len(found.complaints),
        unknown=sum(not c.known for c in found.complaints),
        untouched=sum(c.known and not laid[c.id] for c in found.complaints),
        service_contacts=found.service_contacts,
        first=found.first,
        last=found.last,
    )


def judge(counts: Counts, assumptions: Assumptions) -> Ledger:
    lines = tuple(_line(line, assumptions) for line in counts.lines)
    return Ledger(counts, assumptions, lines, _line(counts.total, assumptions))


def _most_complaints(line: Count) -> tuple[int, int, str]:
    return -line.complaints, -line.sums.dials, line.key


def folded(name: str) -> str:
    """Two names that differ in capitals, or in spaces around them, are one."""
    return name.strip().casefold()


def _merged(sums: Mapping[str, Sums]) -> tuple[dict[str, str], dict[str, Sums]]:
    """(the commonest spelling, the sums) by folded name."""
    names: dict[str, str] = {}
    merged: dict[str, Sums] = {}
    for name in sorted(sums, key=lambda n: (-sums[n].contacts, n)):
        key = folded(name)
        names.setdefault(key, name.strip())
        merged[key] = merged.get(key, Sums()) + sums[name]
    return names, merged


def concerns(complaint: Complaint, customer: str | None, phone: str) -> bool:
    """Whether an event with that customer and phone was one with the author of the complaint: by
    the customer where both name one, else by the phone."""
    if complaint.customer is not None and customer is not None:
        return complaint.customer == customer
    return phone in complaint.phones


def before(complaint: Complaint, at: datetime) -> bool:
    """Whether a contact of that moment lies in the time that counts."""
    return complaint.at - WINDOW <= at <= complaint.at


def attributed(
    complaints: Collection[Complaint], touches: Iterable[Touch]
) -> dict[int, list[Touch]]:
    """By the complaint's id, the contacts to which it is laid."""
    by_customer: dict[str | None, list[Touch]] = {}
    by_phone: dict[str, list[Touch]] = {}
    for touch in touches:
        by_customer.setdefault(touch.customer, []).append(touch)
        by_phone.setdefault(touch.phone, []).append(touch)

    def near(complaint: Complaint) -> Iterable[Touch]:
        found = list(by_customer.get(complaint.customer, ())) if complaint.customer else []
        for phone in complaint.phones:
            found += by_phone.get(phone, ())
        return {id(t): t for t in found}.values()  # a customer's contact has their phone, too

    return {
        c.id: [t for t in near(c) if concerns(c, t.customer, t.phone) and before(c, t.at)]
        for c in complaints
    }


# ---------------------------------------------------------------------------- figures


def poisson(count: int) -> tuple[float, float]:
    """The exact interval of 95 % around a count of rare events (Garwood 1936)."""
    tail = (1 - _SURE) / 2
    low = float(gammaincinv(count, tail)) if count else 0.0
    return low, float(gammaincinv(count + 1, 1 - tail))


def _line(line: Count, given: Assumptions) -> Line:
    few, many = poisson(line.complaints)
    few_threats, many_threats = poisson(line.churn_threats)
    won = line.sums.sales * given.sale_value

    def rate(complaints: float) -> float | None:
        return complaints / line.sums.dials * PER if line.sums.dials else None

    def lost(threats: float, complaints: float) -> float:
        return threats * given.churn_share + complaints * given.lost_per_complaint

    def balance(customers: float) -> float:
        return won - customers * given.customer_value

    middle = lost(line.churn_threats, line.complaints)
    least, most = lost(few_threats, few), lost(many_threats, many)
    paid = balance(middle) > 0 if line.sums.contacts else None
    spare = balance(line.churn_threats * given.churn_share)
    worth = line.complaints * given.customer_value
    return Line(
        count=line,
        rate=rate(line.complaints),
        rate_low=rate(few),
        rate_high=rate(many),
        won=won,
        lost=middle,
        lost_low=least,
        lost_high=most,
        balance=balance(middle),
        balance_low=balance(most),
        balance_high=balance(least),
        paid=paid,
        sure=paid == (balance(most) > 0) == (balance(least) > 0),
        break_even=max(0.0, spare / worth) if worth else None,
    )


def span(
    first: date | None, last: date | None, zone: ZoneInfo
) -> tuple[datetime | None, datetime | None]:
    """From the first day's beginning to the last one's end, in a zone. Raises ValueError for a last
    day before the first."""
    if first is not None and last is not None and last < first:
        raise ValueError(f"the last day, {last}, is before the first, {first}")
    after = last + timedelta(days=1) if last is not None else None
    return _midnight(first, zone), _midnight(after, zone)


def _midnight(day: date | None, zone: ZoneInfo) -> datetime | None:
    return datetime.combine(day, time(), zone) if day is not None else None


# ---------------------------------------------------------------------------- told


def notes(ledger: Ledger, language: str) -> list[str]:
    """How everything was counted, and on which assumptions, in sentences."""

    def _(message: str, **values: object) -> str:
        return i18n.text(message, language, values or None)

    def shown(value: float) -> str:
        return i18n.number(value, language)

    given, counts = ledger.assumptions, ledger.counts
    return [
        _(
            "Dials are calls of ours, service contacts apart ({count} left out); one with a duration "
            "is answered. Sales and refusals are as they were coded, on any channel.",
            count=shown(counts.service_contacts),
        ),
        _(
            "A complaint is a case of harassment of a known customer. It counts once on every line "
            "that contacted them in the {days} days before they first wrote, so that lines add up to "
            "more than the total, which counts each once. Cases closed as misread, not ours or an "
            "impostor's are left out.",
            days=WINDOW.days,
        ),
        _(
            "Of {all} complaints in these days, {unknown} are of people whose customer is not known, "
            "and {untouched} of customers without a contact in the log in the days before.",
            all=shown(counts.complaints),
            unknown=shown(counts.unknown),
            untouched=shown(counts.untouched),
        ),
        _(
            "Per {per} dials, in brackets the exact Poisson interval of 95 %: few complaints say "
            "little.",
            per=shown(PER),
        ),
        _(
            "Assumed, not measured: a sale is worth {sale}, a customer {customer}; of those who "
            "threaten to leave {share} do; each complaint costs {lost} customers more, who leave "
            "unannounced.",
            sale=shown(given.sale_value),
            customer=shown(given.customer_value),
            share=i18n.percent(given.churn_share, language),
            lost=shown(given.lost_per_complaint),
        ),
        _(
            "The balance is the value of the sales less that of the customers lost; in brackets with "
            'as many complaints as the interval allows, and "rather" where that holds both. No cost of '
            "calling is in it."
        ),
    ]


def verdict(line: Line, language: str) -> str:
    """Whether it paid, and how sure that is."""
    if line.paid is None:
        return "-"
    if not line.sure:
        return i18n.text("rather yes" if line.paid else "rather no", language)
    return i18n.label("value", line.paid, language)


def printable(name: str) -> str:
    """A name from outside for a terminal: whatever would move its cursor, or what stands around the
    name, becomes a visible mark."""
    return "".join(c if c.isprintable() else "\N{REPLACEMENT CHARACTER}" for c in name)


def around(middle: float | None, low: float | None, high: float | None, language: str) -> str:
    """A figure with its interval: «2,5 (0,5 – 7,3)»."""
    if middle is None or low is None or high is None:
        return "-"
    a, b, c = (i18n.number(_rounded(v), language) for v in (middle, low, high))
    return f"{a} ({b} – {c})"


def _rounded(value: float) -> float:
    return round(value) if abs(value) >= 100 else round(value, 1)


HEADER = (
    *("contacts", "dials", "answers", "sales", "refusals", "complaints"),
    *("complaints_per_10000_dials", "low", "high", "churn_threats"),
    *("value_won", "customers_lost", "customers_lost_low", "customers_lost_high"),
    *("balance", "balance_low", "balance_high", "paid", "sure", "break_even"),
)


def figures(line: Line) -> tuple[object, ...]:
    """A line in the order of HEADER, unrounded figures to four places."""

    def plain(value: float | None) -> float | None:
        return None if value is None else round(value, 4)

    told, sums = line.count, line.count.sums
    return (
        *(sums.contacts, sums.dials, sums.answers, sums.sales, sums.refusals, told.complaints),
        *(plain(line.rate), plain(line.rate_low), plain(line.rate_high), told.churn_threats),
        *(plain(line.won), plain(line.lost), plain(line.lost_low), plain(line.lost_high)),
        *(plain(line.balance), plain(line.balance_low), plain(line.balance_high)),
        *(line.paid, line.sure, plain(line.break_even)),
    )


def to_json(ledger: Ledger, language: str) -> dict[str, Any]:
    """The object of `listener ledger --json`; lines by `key`, which is empty where the log names
    none."""

    def one(line: Line) -> dict[str, object]:
        return dict(zip(HEADER, figures(line), strict=True))

    counts = ledger.counts
    return {
        "by": counts.by.value,
        "first_contact": counts.first.isoformat() if counts.first else None,
        "last_contact": counts.last.isoformat() if counts.last else None,
        "lines": [{"key": line.count.key} | one(line) for line in ledger.lines],
        "total": one(ledger.total),
        "complaints": {
            "all": counts.complaints,
            "attributed": counts.total.complaints,
            "customer_unknown": counts.unknown,
            "not_contacted": counts.untouched,
        },
        "service_contacts": counts.service_contacts,
        "assumptions": asdict(ledger.assumptions),
        "notes": notes(ledger, language),
    }


def to_csv(ledger: Ledger) -> bytes:
    """The lines for a spreadsheet: names come from outside, and run as no formula."""
    rows = ((line.count.key, *figures(line)) for line in ledger.lines)
    return spreadsheet.to_csv((ledger.counts.by.value, *HEADER), rows)


def columns(by: By, language: str) -> list[str]:
    """The heads of a table of `cells`."""

    def _(message: str) -> str:
        return i18n.text(message, language)

    return [
        i18n.label("ledger", by.value, language),
        _("Dials"),
        _("Answered"),
        _("Sales"),
        _("Refusals"),
        _("Complaints"),
        i18n.text("Per {per}", language, {"per": i18n.number(PER, language)}),
        _("Threats to leave"),
        _("Customers lost"),
        _("Balance"),
        _("Did it pay?"),
    ]


def cells(line: Line, language: str, *, name: str = "") -> list[str]:
    """A line for people; `name` in place of its own."""

    def shown(value: float) -> str:
        return i18n.number(value, language)

    told, sums = line.count, line.count.sums
    return [
        name or printable(told.key) or i18n.text("(none named)", language),
        shown(sums.dials),
        shown(sums.answers),
        shown(sums.sales),
        shown(sums.refusals),
        shown(told.complaints),
        around(line.rate, line.rate_low, line.rate_high, language),
        shown(told.churn_threats),
        around(line.lost, line.lost_low, line.lost_high, language),
        around(line.balance, line.balance_low, line.balance_high, language),
        verdict(line, language),
    ]


def show(ledger: Ledger, language: str, zone: ZoneInfo, out: Console) -> None:
    """The same on a terminal."""
    if not ledger.lines:
        out.print(i18n.text("No contact of ours is in the log in these days.", language))
    else:
        table = Table(box=None)
        for number, head in enumerate(columns(ledger.counts.by, language)):
            table.add_column(Text(head), justify="right" if number else "left", overflow="fold")
        for line in ledger.lines:
            table.add_row(*(Text(c) for c in cells(line, language)))
        total = cells(ledger.total, language, name=i18n.text("in all", language))
        table.add_row(*(Text(c, style="bold") for c in total))
        out.print(table)
    first, last = ledger.counts.first, ledger.counts.last
    if first is not None and last is not None:
        moments = {
            "first": i18n.when(first, language, zone),
            "last": i18n.when(last, language, zone),
        }
        out.print(i18n.text("Contacts from {first} to {last}.", language, moments), markup=False)
    for sentence in notes(ledger, language):
        out.print(sentence, markup=False)
