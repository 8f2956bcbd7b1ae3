"""Who may do and see what: pure functions of the user."""

from __future__ import annotations

from dataclasses import replace

from listener.domain import Role
from listener.errors import NotAllowed
from listener.storage.case_detail import CaseDetail, TimelineEntry
from listener.storage.case_summary import CaseSummary
from listener.storage.people import User

_WORKERS = frozenset({Role.COMMUNITY_MANAGER.value, Role.ADMINISTRATOR.value})

# Reasons of a priority that say what the CRM knows of the author.
ABOUT_AUTHOR = frozenset({"is_customer", "phone_left"})
_MATCHED = ABOUT_AUTHOR | {"promise_broken"}
_ABOUT_CUSTOMER = frozenset(
    {
        *("customer", "suppression_approved", "suppressed", "in_effect", "not_written"),
        "suppression_lifted",
        *("record_approved", "recorded", "promise_broken", "phone_left"),
    }
)


def may_work(user: User) -> bool:
    return user.role in _WORKERS


def is_administrator(user: User) -> bool:
    return user.role == Role.ADMINISTRATOR


def may_see(user: User, brand: str | None) -> bool:
    """What belongs to no brand (the health of a source) is everybody's."""
    return brand is None or not user.brands or brand in user.brands


def may_edit_brand(user: User, brand: str) -> bool:
    """Its query and its numbers."""
    manages = user.role == Role.BRAND_MANAGER and may_see(user, brand)
    return manages or is_administrator(user)


def editor(user: User, brand: str) -> None:
    if not may_edit_brand(user, brand):
        raise NotAllowed(
            f"{user.username} may not change {brand}: that is for its brand managers and "
            "administrators"
        )


def worker(user: User) -> None:
    if not may_work(user):
        raise NotAllowed(
            f"{user.username} may look but not change: that is for community managers and "
            "administrators"
        )


def administrator(user: User) -> None:
    if not is_administrator(user):
        raise NotAllowed(f"{user.username} is no administrator")


def visible(user: User, asked: tuple[str, ...]) -> tuple[str, ...] | None:
    """The brands to ask storage for; None when the user sees none of those asked for."""
    if not user.brands:
        return asked
    if not asked:
        return user.brands
    both = tuple(b for b in asked if b in user.brands)
    return both or None


def nameless(detail: CaseDetail) -> CaseDetail:
    """The case without a word of who its author is in the CRM."""
    return replace(
        detail,
        summary=unmatched(detail.summary),
        crm=None,
        match=None,
        timeline=tuple(
            _silent(e)
            for e in detail.timeline
            if _ABOUT_CUSTOMER.isdisjoint((e.kind, e.data.get("why")))
        ),
    )


def unmatched(summary: CaseSummary) -> CaseSummary:
    reasons = tuple(r for r in summary.priority_reasons if r.key not in _MATCHED)
    return replace(summary, customer_ref=None, priority_reasons=reasons)


def _silent(entry: TimelineEntry) -> TimelineEntry:
    told = entry.data.get("reasons")
    if not isinstance(told, list):
        return entry
    return replace(
        entry, data={**entry.data, "reasons": [r for r in told if r.get("key") not in _MATCHED]}
    )


def named(detail: CaseDetail) -> set[tuple[str | None, str]]:
    """The customers that a case speaks of: decided, confirmed, or only candidates."""
    found: set[tuple[str | None, str]] = set()
    if detail.summary.customer_ref:
        found.add((detail.crm, detail.summary.customer_ref))
    match = detail.match or {}
    if match.get("ref"):
        found.add((match.get("crm"), match["ref"]))
    found |= {(c["crm"], c["ref"]) for c in match.get("candidates", ())}
    return found
