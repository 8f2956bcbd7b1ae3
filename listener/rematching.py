"""Cases whose author nobody could tell yet, because a CRM did not answer or was not asked, or
because the author has left a phone since: asked again at each turn, a few at a time, until every
system has spoken."""

from __future__ import annotations

from typing import TYPE_CHECKING

import structlog

from listener.authors import match_author
from listener.errors import StorageError
from listener.private_links import PrivateLinks
from listener.storage import case_customers

if TYPE_CHECKING:
    from listener.pipeline import Road

AT_ONCE = 20
log = structlog.get_logger()


def rematch(road: Road) -> dict[str, int]:
    """Ask the CRMs again for the open cases that wait for them."""
    with road.db.read() as session:
        waiting = case_customers.waiting_for_crm(session, limit=AT_ONCE)
    links = PrivateLinks(road.db, road.settings)
    found = 0
    for case in waiting:
        brand = road.settings.brand(case.brand)
        if brand is None or road.stop.is_set():
            continue
        try:
            left = links.numbers(case.id)
        except StorageError as error:  # sealed with another key: the case waits for that key
            log.warning("phone not opened", case=case.id, error=str(error))
            continue
        match = match_author(
            road.crms, road.settings, case.text, case.source, case.author, brand, left
        )
        with road.db.write() as session:
            found += case_customers.rematched(session, case.id, match, road.now())
        if any(reason.startswith("crm_unavailable:") for reason in match.reasons):
            break  # it does not answer now; the others wait for the next turn
    return {"matched_later": found}
