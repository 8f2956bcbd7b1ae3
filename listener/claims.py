"""What people claim of a number beside what the log holds: how many contacts, in which time. Pure."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from listener.storage.number_complaints import Complaint, Matched


@dataclass(frozen=True, slots=True)
class Window:
    """A stretch of time in which somebody claims so many contacts."""

    start: datetime
    end: datetime
    contacts: int


@dataclass(frozen=True, slots=True)
class Claims:
    """What people say of how often the number contacted them: `told` complaints of `people` say how
    many contacts, together `contacts`. Of these, `dated` contacts by `dated_people` are told with
    the time they took, all between `start` and `end`."""

    told: int = 0
    people: int = 0
    contacts: int = 0
    dated: int = 0
    dated_people: int = 0
    start: datetime | None = None
    end: datetime | None = None


@dataclass(frozen=True, slots=True)
class Compared:
    """The same people's claims and contacts, where the CRM knows who they are: contacts from the
    number in the very time that they claim."""

    customers: int
    claimed: int
    logged: int


def windows(claims: Iterable[Complaint]) -> list[Window]:
    """One person's claims with their time, none of which touch: those about the same time are one,
    with the most contacts that were claimed for it."""
    found: list[Window] = []
    for claim in sorted(claims, key=lambda c: (c.published_at, c.mention_id)):
        if claim.contacts is None or claim.days is None:
            continue
        start, most = claim.published_at - timedelta(days=claim.days), 0
        while found and found[-1].end >= start:
            before = found.pop()
            start, most = min(start, before.start), most + before.contacts
        found.append(Window(start, claim.published_at, max(most, claim.contacts)))
    return found


def summed(complaints: Iterable[Complaint]) -> Claims:
    by_author: dict[str, list[Complaint]] = {}
    told = 0
    for complaint in complaints:
        if complaint.contacts is not None:
            told += 1
            by_author.setdefault(complaint.author, []).append(complaint)
    contacts, dated, stretches = 0, 0, []
    dated_people = 0
    for theirs in by_author.values():
        their_windows = windows(theirs)
        their_dated = sum(w.contacts for w in their_windows)
        # Without its time a claim may be about the same contacts.
        undated = max((c.contacts or 0 for c in theirs if c.days is None), default=0)
        contacts += max(their_dated, undated)
        dated += their_dated
        dated_people += bool(their_windows)
        stretches += their_windows
    return Claims(
        told=told,
        people=len(by_author),
        contacts=contacts,
        dated=dated,
        dated_people=dated_people,
        start=min((w.start for w in stretches), default=None),
        end=max((w.end for w in stretches), default=None),
    )


def of_customers(
    complaints: Iterable[Complaint], matched: Iterable[Matched], local: Collection[str]
) -> dict[str, list[Window]]:
    """The windows of each customer of the CRM `local` who claims something with its time; a customer
    with several accounts is one person."""
    who = {m.mention_id: m.ref for m in matched if m.crm in local}
    by_ref: dict[str, list[Complaint]] = {}
    for complaint in complaints:
        if complaint.mention_id in who:
            by_ref.setdefault(who[complaint.mention_id], []).append(complaint)
    return {ref: found for ref, theirs in by_ref.items() if (found := windows(theirs))}


def compared(
    theirs: Mapping[str, Sequence[Window]], contacts: Iterable[tuple[str, datetime]]
) -> Compared:
    logged = sum(any(w.start <= at <= w.end for w in theirs.get(ref, ())) for ref, at in contacts)
    return Compared(
        customers=len(theirs),
        claimed=sum(w.contacts for of_one in theirs.values() for w in of_one),
        logged=logged,
    )
