"""Mentions, cases, alerts."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, Any

from fastapi import APIRouter, Query

from dashboard.api import cursors, shapes
from dashboard.api.inputs import AlertsAsked, CasesAsked, Id, MentionsAsked
from dashboard.api.rights import Asking, InForce, Reader
from dashboard.api.shapes import AlertOut, CaseOut, MentionOut, Page, WhoIAm, WholeCase


def routes(desk: InForce) -> APIRouter:
    router = APIRouter(tags=["reading"])

    @router.get("/me")
    def who_am_i(bearer: Asking) -> WhoIAm:
        """Who the token speaks for, and what it may do."""
        return WhoIAm(
            username=bearer.user.username,
            role=bearer.user.role,
            brands=list(bearer.user.brands),
            scopes=list(bearer.token.scopes),
            token=bearer.token.name,
            expires_at=bearer.token.expires_at,
        )

    @router.get("/mentions")
    def list_mentions(user: Reader, asked: Annotated[MentionsAsked, Query()]) -> Page[MentionOut]:
        """Mentions of the brands that the user sees, the newest first."""
        below = cursors.load(asked.cursor)
        found = desk().lists.mentions(user, asked.filter(), below=below, limit=asked.limit + 1)
        return Page[MentionOut](**_page(cursors.MENTIONS, found, asked.limit, shapes.mention))

    @router.get("/mentions/{mention_id}")
    def get_mention(user: Reader, mention_id: Id) -> MentionOut:
        """One mention with what was read of it."""
        return shapes.mention(desk().lists.mention(user, mention_id))

    @router.get("/cases")
    def list_cases(user: Reader, asked: Annotated[CasesAsked, Query()]) -> Page[CaseOut]:
        """Cases, the newest first."""
        below = cursors.load(asked.cursor)
        found = desk().lists.cases(user, asked.filter(), below=below, limit=asked.limit + 1)
        return Page[CaseOut](**_page(cursors.CASES, found, asked.limit, shapes.case))

    @router.get("/cases/{case_id}")
    def get_case(user: Reader, case_id: Id) -> WholeCase:
        """A case with its mentions and its timeline."""
        return shapes.whole_case(desk().lists.case(user, case_id))

    @router.get("/alerts")
    def list_alerts(user: Reader, asked: Annotated[AlertsAsked, Query()]) -> Page[AlertOut]:
        """Alerts, the newest first; those about the service itself belong to no brand."""
        found = desk().lists.alerts(
            user,
            brands=tuple(asked.brand),
            kinds=tuple(asked.kind),
            open_only=asked.open,
            below=cursors.load(asked.cursor),
            limit=asked.limit + 1,
        )
        return Page[AlertOut](**_page(cursors.ALERTS, found, asked.limit, shapes.alert))

    @router.get("/alerts/{alert_id}")
    def get_alert(user: Reader, alert_id: Id) -> AlertOut:
        """One alert."""
        return shapes.alert(desk().lists.alert(user, alert_id))

    return router


def _page(listed: str, found: Sequence[Any], limit: int, shape: Any) -> dict[str, Any]:
    """One more than the page holds was asked for: it tells whether another page follows."""
    shown = found[:limit]
    more = len(found) > limit
    return {
        "items": [shape(item) for item in shown],
        "next": cursors.dump(listed, shown[-1].id) if more else None,
    }
