"""Who the author of a case is in the CRM: what the systems say, and what a person says, which stands."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy.orm import Session

from listener.domain import CaseStatus, CustomerMatch
from listener.storage import cases
from listener.storage.tables import AuthorRow, CaseRow, MentionRow


@dataclass(frozen=True, slots=True)
class Unmatched:
    """A case whose author a CRM has still to tell, by its newest mention."""

    id: int
    brand: str
    text: str
    source: str
    author: str | None


def waiting_for_crm(session: Session, *, limit: int) -> list[Unmatched]:
    """Open cases without a customer of which a CRM could not be asked, oldest first."""
    told = sa.cast(CaseRow.match, sa.Text)
    rows = session.execute(
        sa.select(CaseRow, MentionRow, AuthorRow.handle)
        .join(MentionRow, MentionRow.id == CaseRow.last_mention_id)
        .outerjoin(AuthorRow, AuthorRow.id == MentionRow.author_id)
        .where(
            CaseRow.status != CaseStatus.CLOSED,
            CaseRow.customer_ref.is_(None),
            sa.or_(told.contains("crm_unavailable:"), told.contains("not_asked:")),
        )
        .order_by(CaseRow.id)
        .limit(limit)
    ).all()
    return [Unmatched(c.id, c.brand, m.text, m.source, handle) for c, m, handle in rows]


def learn(row: CaseRow, match: CustomerMatch) -> None:
    """What a further mention tells of its author, where that is more than is known. A person's word
    stands."""
    told = (row.match or {}).get("confirmed_by")
    if not told and not row.customer_ref and _says_more(match, row.match):
        _matched(row, match)


def rematched(session: Session, case_id: int, match: CustomerMatch, now: datetime) -> bool:
    """What the CRMs say now; True when they name the customer. A person's word stands."""
    row = cases.lock(session, case_id)
    if row.customer_ref or (row.match or {}).get("confirmed_by"):
        return False
    _matched(row, match)
    if row.customer_ref:
        data = {"from": None, "to": row.customer_ref, "crm": row.crm, "basis": match.basis}
        cases.stamp(session, row, now, cases.LISTENER, "customer", data)
    return bool(row.customer_ref)


def confirm_customer(
    session: Session,
    case_id: int,
    crm: str | None,
    ref: str | None,
    *,
    by: str,
    version: int,
    now: datetime,
) -> None:
    """A person says who this is (ref None: none of the candidates)."""
    row = cases.hold(session, case_id, version)
    before = row.customer_ref
    row.crm, row.customer_ref = crm, ref
    known = row.match or {}
    chosen = [c for c in known.get("candidates", ()) if (c["crm"], c["ref"]) == (crm, ref)]
    row.match = {
        **known,
        "decided": ref is not None,
        "crm": crm,
        "ref": ref,
        "name": chosen[0]["name"] if chosen else None,
        "basis": chosen[0].get("basis") if chosen else None,
        "confirmed_by": by,
    }
    cases.stamp(session, row, now, by, "customer", {"from": before, "to": ref, "crm": crm})


def match_to_json(match: CustomerMatch) -> dict[str, Any]:
    return {
        "decided": match.decided,
        "ref": match.customer.ref if match.customer else None,
        "crm": match.customer.crm if match.customer else None,
        "name": match.customer.name if match.customer else None,
        "confidence": match.confidence,
        "basis": match.basis,
        "reasons": list(match.reasons),
        "candidates": [
            {
                "crm": c.customer.crm,
                "ref": c.customer.ref,
                "name": c.customer.name,
                "found_by": c.found_by.kind.value,
                "basis": c.found_by.basis,
            }
            for c in match.candidates
        ],
    }


def _matched(row: CaseRow, match: CustomerMatch) -> None:
    """Whom a person has refused as the author before, only a person makes the author."""
    refused = (row.match or {}).get("refused", [])
    stored = match_to_json(match) | ({"refused": refused} if refused else {})
    customer = match.customer if match.decided else None
    if customer is not None and [customer.crm, customer.ref] in refused:
        stored |= {"decided": False, "reasons": [*match.reasons, "refused_before:"]}
        customer = None
    row.match = stored
    row.crm = match.customer.crm if match.customer else row.crm
    row.customer_ref = customer.ref if customer else None


def _says_more(match: CustomerMatch, stored: Mapping[str, Any] | None) -> bool:
    known = len(stored["candidates"]) if stored else 0
    return match.decided or len(match.candidates) > known
