"""Private links: each stands on one case, is good once and for a while, and carries what was left
there, sealed. Whoever works on a link locks its case first, so that no two wait for each other."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy.orm import Session

from listener.domain import CaseStatus, Reason
from listener.storage import case_opening, cases
from listener.storage.alerts import reason_to_json
from listener.storage.tables import CaseRow, PrivateLink

LEFT = "phone_left"
MADE = "private_link"


@dataclass(frozen=True, slots=True)
class Link:
    """`brand` is the case's; `sealed` is empty until somebody has left a phone."""

    digest: str
    case_id: int
    brand: str
    made_by: str
    made_at: datetime
    expires_at: datetime
    used_at: datetime | None
    sealed: str


def add(
    session: Session, digest: str, case_id: int, *, by: str, now: datetime, expires_at: datetime
) -> None:
    """A new link of a case that the caller has locked; an older one that nobody used ends."""
    session.execute(
        sa.update(PrivateLink)
        .where(
            PrivateLink.case_id == case_id,
            PrivateLink.used_at.is_(None),
            PrivateLink.expires_at > now,
        )
        .values(expires_at=now)
    )
    session.add(
        PrivateLink(
            digest=digest,
            case_id=case_id,
            made_by=by,
            made_at=now,
            expires_at=expires_at,
            used_at=None,
            sealed="",
        )
    )
    cases.changed(session, case_id, now, by, MADE, {"until": expires_at.isoformat()})


def find(session: Session, digest: str) -> Link | None:
    return _one(session, PrivateLink.digest == digest)


def newest(session: Session, case_id: int) -> Link | None:
    return _one(session, PrivateLink.case_id == case_id)


def left(session: Session, case_id: int) -> list[str]:
    """What was left at the links of a case, sealed, the oldest first."""
    query = (
        sa.select(PrivateLink.sealed)
        .where(PrivateLink.case_id == case_id, PrivateLink.used_at.is_not(None))
        .where(PrivateLink.sealed != "")
        .order_by(PrivateLink.used_at, PrivateLink.digest)
    )
    return list(session.scalars(query))


def use(session: Session, link: Link, sealed: str, now: datetime) -> bool:
    """Spend the link, by one statement: of two browsers at once one gets True. Locks the case."""
    session.execute(sa.select(CaseRow.id).where(CaseRow.id == link.case_id).with_for_update())
    spent = session.scalars(
        sa.update(PrivateLink)
        .where(
            PrivateLink.digest == link.digest,
            PrivateLink.used_at.is_(None),
            PrivateLink.expires_at > now,
        )
        .values(used_at=now, sealed=sealed)
        .returning(PrivateLink.digest)
    ).first()
    return spent is not None


def put_on_case(
    session: Session, case_id: int, told: dict[str, Any], *, due_at: datetime, now: datetime
) -> None:
    """The case says that its author left a phone. It is open again where it waited or was closed
    (then it is due at `due_at`), and the CRMs are asked at the next turn, unless its customer is
    known. Those whom a person has refused as the author stay refused."""
    cases.changed(session, case_id, now, cases.LISTENER, LEFT, told)
    row = session.get_one(CaseRow, case_id)
    kept = [r for r in row.priority_reasons if r["key"] != LEFT]
    row.priority_reasons = [reason_to_json(Reason("phone_left")), *kept]
    row.awaits_answer = True
    case_opening.wake(session, row, LEFT, now)
    if row.status in (CaseStatus.PENDING, CaseStatus.CLOSED):
        _open_again(session, row, due_at, now)
    if row.customer_ref is None:
        row.match = _to_be_asked(row.match or {})


def _open_again(session: Session, row: CaseRow, due_at: datetime, now: datetime) -> None:
    before, row.status = row.status, CaseStatus.OPEN
    if before == CaseStatus.CLOSED:
        row.open_key = cases.key_if_free(session, row)
        row.resolution = row.closed_at = None
        row.due_at = due_at
    data = {"from": before, "to": CaseStatus.OPEN, "resolution": None}
    cases.log(session, row.id, now, cases.LISTENER, "status", data)


def _to_be_asked(match: dict[str, Any]) -> dict[str, Any]:
    refused = match.get("refused", [])
    if match.get("confirmed_by"):  # and no customer: it is none of these
        refused = [[c["crm"], c["ref"]] for c in match.get("candidates", ())]
    kept = {k: v for k, v in match.items() if k not in ("confirmed_by", "refused")}
    asked = {**kept, "reasons": ["not_asked:"]}
    return {**asked, "refused": refused} if refused else asked


def spent_before(moment: datetime) -> sa.Delete:
    """Links that were used, or ran out, before a moment: with them goes what was left there."""
    ended = sa.func.coalesce(PrivateLink.used_at, PrivateLink.expires_at)
    return sa.delete(PrivateLink).where(ended < moment)


def _one(session: Session, condition: sa.ColumnElement[bool]) -> Link | None:
    found = session.execute(
        sa.select(PrivateLink, CaseRow.brand)
        .join(CaseRow, CaseRow.id == PrivateLink.case_id)
        .where(condition)
        .order_by(PrivateLink.made_at.desc(), PrivateLink.digest)
        .limit(1)
    ).first()
    if found is None:
        return None
    row: PrivateLink = found[0]
    return Link(
        digest=row.digest,
        case_id=row.case_id,
        brand=found[1],
        made_by=row.made_by,
        made_at=row.made_at,
        expires_at=row.expires_at,
        used_at=row.used_at,
        sealed=row.sealed,
    )
