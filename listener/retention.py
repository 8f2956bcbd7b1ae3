"""What is erased, and when. Raw pages are kept for a while so that a parser fix can be replayed;
they hold what strangers wrote, brand or not, and so they are the first to go."""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa

from listener import api_tokens
from listener.pipeline import Road
from listener.storage import api_answers, presence, private_links, webhooks
from listener.storage.tables import RawPageRow, Reject, SessionRow, SetupLink


def forget(road: Road) -> dict[str, Any]:
    """Erase raw pages and refused items older than [retention] raw_pages, sessions and links that have run out,
    who looked at cases, private links with the phones that were left there after [private_link] kept, the
    API's kept answers after a day, and what webhooks were told after [retention] deliveries.
    Returns how many of each."""
    now = road.now()
    settings = road.settings.listener
    old = {
        "raw_pages": sa.delete(RawPageRow).where(
            RawPageRow.fetched_at < now - settings.retention.raw_pages
        ),
        # An excerpt of what was refused is a stranger's text as well.
        "rejects": sa.delete(Reject).where(Reject.at < now - settings.retention.raw_pages),
        "sessions": sa.delete(SessionRow).where(
            sa.or_(
                SessionRow.seen_at < now - settings.dashboard.session_idle,
                SessionRow.created_at < now - settings.dashboard.session_max,
            )
        ),
        "links": sa.delete(SetupLink).where(SetupLink.expires_at < now),
        "viewers": presence.gone_before(now - presence.LASTS),
        "answers": api_answers.older_than(now - api_tokens.ANSWERS_KEPT),
        "deliveries": webhooks.settled_before(now - settings.retention.deliveries),
        "private_links": private_links.spent_before(now - settings.private_link.kept),
    }
    erased: dict[str, Any] = {}
    for name, statement in old.items():
        with road.db.write() as session:
            erased[name] = session.execute(statement).rowcount  # type: ignore[attr-defined]
    return erased
