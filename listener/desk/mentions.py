"""The mentions behind a figure, and what is counted of them besides days: hours, numbers, campaigns."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from zoneinfo import ZoneInfo

from sqlalchemy.orm import Session

from listener import ledger
from listener.desk import figures
from listener.desk.office import Office
from listener.desk.rights import may_work, visible
from listener.errors import NotAllowed
from listener.selection import Selection
from listener.storage import ledger as ledger_log
from listener.storage import mention_search, service_rows
from listener.storage.ledger import By
from listener.storage.mention_filter import MentionFilter
from listener.storage.mention_search import Figures
from listener.storage.people import User
from listener.storage.posts import Post
from listener.storage.service_rows import Opened

_HOUR = timedelta(hours=1)  # what is counted is counted by the hour


@dataclass(frozen=True, slots=True)
class Laid:
    """Complaints laid to campaigns: the cases by campaign, those of customers whom no contact came
    before, and those of nobody known."""

    campaigns: Mapping[str, tuple[int, ...]]
    untouched: int
    unknown: int


class MentionDesk:
    """Of the brands that the user sees. Which customers' posts follow a campaign says who their
    authors are: that list is for those who work on cases."""

    def __init__(self, office: Office) -> None:
        self.office = office

    def search(
        self, user: User, selection: Selection, zone: ZoneInfo, *, limit: int, offset: int = 0
    ) -> tuple[list[Post], int]:
        """(a page of posts, the newest first; how many there are)."""
        if selection.campaign is not None and not may_work(user):
            raise NotAllowed("which posts follow a campaign is shown to community managers only")
        with self.office.db.read() as session:
            wanted = self._filter(session, user, selection, zone)
            if wanted is None:
                return [], 0
            return mention_search.search(session, wanted, limit=limit, offset=offset)

    def by_slot(
        self, user: User, selection: Selection, zone: ZoneInfo
    ) -> Mapping[tuple[int, int], Figures]:
        """By (weekday, hour) of the zone; Monday is 0."""
        with self.office.db.read() as session:
            wanted = self._filter(session, user, selection, zone)
            return {} if wanted is None else mention_search.by_slot(session, wanted)

    def by_number(
        self, user: User, selection: Selection, zone: ZoneInfo
    ) -> Mapping[tuple[str, str], int]:
        """Complaints of harassment by (number, brand)."""
        with self.office.db.read() as session:
            wanted = self._filter(session, user, selection, zone)
            return {} if wanted is None else mention_search.by_number(session, wanted)

    def by_campaign(self, user: User, selection: Selection, zone: ZoneInfo) -> Laid:
        """Cases of harassment by the campaigns that contacted their authors in the 30 days before."""
        with self.office.db.read() as session:
            return self._laid(session, user, selection, zone)

    def _filter(
        self, session: Session, user: User, selection: Selection, zone: ZoneInfo
    ) -> MentionFilter | None:
        """None where the user sees none of the brands asked for."""
        brands = visible(user, selection.brands)
        if brands is None:
            return None
        start, end = figures.span(selection.first, selection.last, zone)
        langs, opened = selection.langs, None
        if selection.answered is not None:
            own = [b for b in self.office.own_brands(user) if not brands or b in brands]
            opened = Opened(
                own, start, end, self.office.now(), langs, selection.invented, selection.answered
            )
            span = service_rows.written(session, opened)
            if span is None:
                return None
            # The days and the language are the cases'.
            start, end, langs = span[0] - _HOUR, span[1] + _HOUR, ()
        case_ids = None
        if selection.campaign is not None:
            laid = self._laid(session, user, selection, zone).campaigns
            case_ids = laid.get(ledger.folded(selection.campaign), ())
        return MentionFilter(
            start,
            end,
            zone,
            brands=brands,
            sources=selection.sources,
            langs=langs,
            countries=selection.countries,
            sentiments=selection.sentiments,
            categories=selection.categories,
            complaint=selection.complaint,
            harassment=selection.harassment,
            weekday=selection.weekday,
            hour=selection.hour,
            number=selection.number,
            case_ids=case_ids,
            began=opened,
            invented=selection.invented,
            where=figures.where(self.office, user),
        )

    def _laid(self, session: Session, user: User, selection: Selection, zone: ZoneInfo) -> Laid:
        figures.sees_log(self.office, user)
        start, end = figures.span(selection.first, selection.last, zone)
        told = ledger_log.complaints(
            session,
            start=start,
            end=end,
            local=figures.local(self.office),
            invented=selection.invented,
        )
        touches = ledger_log.touches(session, told, invented=selection.invented)
        laid = ledger.attributed(told, touches)
        cases: dict[str, list[int]] = {}
        for complaint in told:
            for name in {ledger.folded(t.of[By.CAMPAIGN]) for t in laid[complaint.id]}:
                cases.setdefault(name, []).append(complaint.id)
        return Laid(
            {name: tuple(ids) for name, ids in cases.items()},
            sum(c.known and not laid[c.id] for c in told),
            sum(not c.known for c in told),
        )
