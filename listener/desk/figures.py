"""What is counted: mentions by day, the contact log, what is stored."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from listener import ledger, service_figures
from listener.desk.office import Office
from listener.desk.rights import may_work, visible
from listener.errors import NotAllowed
from listener.ledger import Counts
from listener.service_figures import Service
from listener.storage import gauges, health, mentions, service_rows, trends
from listener.storage import ledger as ledger_log
from listener.storage.gauges import Gauges
from listener.storage.health import SubscriptionHealth
from listener.storage.mention_filter import Where
from listener.storage.people import User
from listener.storage.service_rows import Opened
from listener.storage.trends import Tally


@dataclass(frozen=True, slots=True)
class Trends:
    """`gaps` are the days in which nothing can have been collected."""

    tallies: tuple[Tally, ...]
    gaps: frozenset[date]
    failing: tuple[SubscriptionHealth, ...]


class FigureDesk:
    """Counts over the brands that the user sees."""

    def __init__(self, office: Office) -> None:
        self.office = office

    def trends(
        self,
        user: User,
        *,
        first: date,
        last: date,
        zone: ZoneInfo,
        brands: Sequence[str] = (),
        invented: bool = True,
    ) -> Trends:
        """What was published from the first to the last day, both included, in the user's zone."""
        start, end = span(first, last, zone)
        seen = visible(user, tuple(brands))
        with self.office.db.read() as session:
            watched = health.subscriptions(session)
            answered = health.answered_days(session)
            found = (
                []
                if seen is None
                else trends.placed(
                    session,
                    trends.tallies(
                        session, start=start, end=end, zone=zone, brands=seen, invented=invented
                    ),
                    start=start,
                    end=end,
                    zone=zone,
                    where=where(self.office, user),
                    brands=seen,
                    invented=invented,
                )
            )
        return Trends(
            tuple(found),
            gaps(watched, answered, first, last, zone, self.office.now()),
            tuple(w for w in watched if w.failing_since is not None),
        )

    def service(
        self,
        user: User,
        *,
        first: date,
        last: date,
        zone: ZoneInfo,
        brands: Sequence[str] = (),
        langs: Sequence[str] = (),
        invented: bool = False,
    ) -> Service:
        """How well people are answered and promises kept, of our own brands that the user sees; the
        language is that of the cases."""
        start, end = span(first, last, zone)
        own = self.office.own_brands(user)
        seen = [b for b in own if b in brands] if brands else own
        with self.office.db.read() as session:
            opened = Opened(seen, start, end, self.office.now(), langs, invented)
            asked = service_rows.asked(session, opened)
            kept = service_rows.kept(session, seen, start=start, end=end, invented=invented)
        return service_figures.service(asked, kept, opened.now, zone)

    def ledger(
        self,
        user: User,
        by: ledger_log.By,
        *,
        start: datetime | None = None,
        end: datetime | None = None,
        invented: bool = False,
    ) -> Counts:
        """What the contact log and the cases of [start, end) hold, for whoever sees every brand of
        ours: the log does not tell them apart. No customer is named to anybody."""
        sees_log(self.office, user)
        with self.office.db.read() as session:
            found = ledger_log.read(
                session, by, start=start, end=end, local=local(self.office), invented=invented
            )
        return ledger.count(found)

    def gauges(self) -> Gauges:
        """What monitoring counts: no text, no name of anybody."""
        with self.office.db.read() as session:
            return gauges.read(session, self.office.now())

    def has_mentions(self) -> bool:
        """Whether anything was collected at all; quick, unlike counting."""
        with self.office.db.read() as session:
            return mentions.are_there(session)

    def invented(self) -> tuple[bool, bool]:
        """(whether some of what was collected is invented, whether all is); quick."""
        with self.office.db.read() as session:
            return mentions.are_invented(session)

    def counts(self) -> Mapping[str, Any]:
        with self.office.db.read() as session:
            return trends.counts(session)


def sees_log(office: Office, user: User) -> None:
    """The contact log does not tell brands apart: only who sees every one of ours sees it."""
    own = {b.key for b in office.settings.brands if b.kind == "own"}
    if user.brands and not own <= set(user.brands):
        raise NotAllowed("the contact log is of brands that you do not see")


def local(office: Office) -> tuple[str, ...]:
    """The CRMs whose people are in our own tables."""
    return tuple(c.name for c in office.settings.crms if c.type == "local")


def where(office: Office, user: User) -> Where:
    """What tells this user the country of a mention: the customer's record only who may see it."""
    only = {b.key: b.countries[0] for b in office.settings.brands if len(b.countries) == 1}
    return Where(only, local(office) if may_work(user) else None)


def gaps(
    watched: Sequence[SubscriptionHealth],
    answered: Collection[date],
    first: date,
    last: date,
    zone: ZoneInfo,
    now: datetime,
) -> frozenset[date]:
    """Days of `zone`, up to today, in which no source answered. `answered` are days of UTC: each
    stands for the day of the zone of which it holds the noon, and the last answers are known to the
    second. With no source watched, nothing is known of gaps: what there is came from files."""
    if not watched:
        return frozenset()
    newest = {
        w.last_success_at.astimezone(zone).date() for w in watched if w.last_success_at is not None
    }

    def silent(day: date) -> bool:
        noon = datetime(day.year, day.month, day.day, 12, tzinfo=zone).astimezone(UTC)
        return noon.date() not in answered and day not in newest

    today = now.astimezone(zone).date()
    days = (first + timedelta(days=n) for n in range((min(last, today) - first).days + 1))
    return frozenset(d for d in days if silent(d))


def span(first: date, last: date, zone: ZoneInfo) -> tuple[datetime, datetime]:
    """From the beginning of the first day to that of the day after the last."""
    after = last + timedelta(days=1)
    return (
        datetime(first.year, first.month, first.day, tzinfo=zone),
        datetime(after.year, after.month, after.day, tzinfo=zone),
    )
