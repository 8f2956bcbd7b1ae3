"""Mentions, cases and alerts page by page, as the API gives them."""

from __future__ import annotations

from dataclasses import replace

from listener.desk.office import Office
from listener.desk.rights import ABOUT_AUTHOR, may_see, may_work, nameless, unmatched, visible
from listener.errors import NotAllowed, NotFound
from listener.storage import alerts, listing
from listener.storage.alerts import StoredAlert
from listener.storage.case_detail import CaseDetail
from listener.storage.case_summary import CaseSummary
from listener.storage.listing import CasePageFilter, ListedMention, MentionFilter
from listener.storage.people import User


class ListDesk:
    """Of the brands that the user sees. `below` is the last id of the page before."""

    def __init__(self, office: Office) -> None:
        self.office = office

    def mentions(
        self, user: User, wanted: MentionFilter, *, below: int | None = None, limit: int = 50
    ) -> list[ListedMention]:
        brands = visible(user, wanted.brands)
        if brands is None:
            return []
        with self.office.db.read() as session:
            found = listing.mentions(
                session, replace(wanted, brands=brands), below=below, limit=limit
            )
        return [_of_brands(user, m) for m in found]

    def mention(self, user: User, mention_id: int) -> ListedMention:
        """Raises NotFound, or NotAllowed where it is about none of the user's brands."""
        with self.office.db.read() as session:
            found = listing.mention(session, mention_id)
        if found is None:
            raise NotFound("mention {id} does not exist", id=mention_id)
        if user.brands and not any(may_see(user, brand) for brand in found.brands):
            raise NotAllowed("this mention is about no brand that you see")
        return _of_brands(user, found)

    def cases(
        self, user: User, wanted: CasePageFilter, *, below: int | None = None, limit: int = 50
    ) -> list[CaseSummary]:
        brands = visible(user, wanted.brands)
        if brands is None:
            return []
        with self.office.db.read() as session:
            found = listing.cases(session, replace(wanted, brands=brands), below=below, limit=limit)
        return found if may_work(user) else [unmatched(c) for c in found]

    def case(self, user: User, case_id: int) -> CaseDetail:
        """Without the customer's record, which their CRM would be asked for."""
        with self.office.db.read() as session:
            detail = self.office.seen(session, user, case_id)
        return detail if may_work(user) else nameless(detail)

    def alerts(
        self,
        user: User,
        *,
        brands: tuple[str, ...] = (),
        kinds: tuple[str, ...] = (),
        open_only: bool = False,
        below: int | None = None,
        limit: int = 50,
    ) -> list[StoredAlert]:
        seen = visible(user, brands)
        if seen is None:
            return []
        with self.office.db.read() as session:
            found = listing.alerts(
                session, brands=seen, kinds=kinds, open_only=open_only, below=below, limit=limit
            )
        return [_told(user, alert) for alert in found]

    def alert(self, user: User, alert_id: int) -> StoredAlert:
        with self.office.db.read() as session:
            found = alerts.get(session, alert_id)
        if found is None:
            raise NotFound("alert {id} does not exist", id=alert_id)
        if not may_see(user, found.brand):
            raise NotAllowed("this alert is about a brand that you do not see")
        return _told(user, found)


def _told(user: User, alert: StoredAlert) -> StoredAlert:
    """That somebody is a customer is told to those alone who may know."""
    if may_work(user):
        return alert
    return replace(alert, reasons=tuple(r for r in alert.reasons if r.key not in ABOUT_AUTHOR))


def _of_brands(user: User, mention: ListedMention) -> ListedMention:
    return replace(
        mention,
        brands={b: muted for b, muted in mention.brands.items() if may_see(user, b)},
        cases=tuple((i, b) for i, b in mention.cases if may_see(user, b)),
    )
