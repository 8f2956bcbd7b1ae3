"""Erasing one person: what of theirs is stored, and taking it away. Rows that others need stay, and
say nothing of the person any more: a mention still counts, a case keeps who did what.

What stays, and why: of a suppression that stands the keyed index of the phone (and, where another
system is watched, the customer's reference there), so that the promise can still be kept; of each
mention a digest, so that it is not collected again.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy.orm import Session

from listener.domain import SuppressionStatus, WriteStatus
from listener.errors import StorageError
from listener.storage import cases
from listener.storage.database import insert_new
from listener.storage.erased_items import digest
from listener.storage.readings import LABELS
from listener.storage.tables import (
    AlertRow,
    AuthorRow,
    CaseEvent,
    CaseRow,
    CaseTag,
    Correction,
    CrmEvent,
    CrmIdentifier,
    CrmPerson,
    CrmSuppression,
    CrmTicket,
    CrmWriteRow,
    ErasedItem,
    MentionBand,
    MentionRow,
    PrivateLink,
    RawPageRow,
    ReadingRow,
    SuppressedPhone,
    SuppressionRow,
)

LOCAL = "local"
_DATE = re.compile(r"\d{4}-\d\d-\d\d(?:[T ].*)?")
# What the timeline may still say after: names of states and people of the house, nothing written.
_KEPT = {
    "status": ("from", "to", "resolution"),
    "assigned": ("from", "to"),
    "handed_over": ("to", "queue", "from_queue"),
    "routed": ("queue", "owner"),
    "raised": ("from", "to"),
}
_PART = 500


@dataclass(frozen=True, slots=True)
class Known:
    """What is stored of a person, by the ids of the rows. `also` are other ways to the same person
    that the cases or the CRM suggest; whether they are, a person must say."""

    authors: tuple[int, ...]
    customers: tuple[tuple[str, str], ...]
    phones: tuple[str, ...]
    mentions: tuple[int, ...]
    copies: tuple[int, ...]
    cases: tuple[int, ...]
    suppressions: tuple[int, ...]
    also: tuple[str, ...]


def find(
    session: Session,
    *,
    authors: Sequence[tuple[str, str]] = (),
    customers: Sequence[tuple[str, str]] = (),
    phones: Sequence[str] = (),
) -> Known:
    """`authors` as (source, handle), `customers` as (system, reference), `phones` as keyed indexes."""
    author_ids = _ids(
        session,
        AuthorRow.id,
        [sa.and_(AuthorRow.source == s, AuthorRow.handle == h) for s, h in authors],
    )
    of_customer = [sa.and_(CaseRow.crm == c, CaseRow.customer_ref == r) for c, r in customers]
    case_ids = _ids(session, CaseRow.id, [CaseRow.author_id.in_(author_ids), *of_customer])
    mentions = _ids(session, MentionRow.id, [MentionRow.author_id.in_(author_ids)])
    copies = [
        found
        for part in _parts(mentions)
        for found in session.scalars(
            sa.select(MentionRow.id).where(MentionRow.duplicate_of.in_(part))
        )
        if found not in set(mentions)
    ]
    of_phone = sa.select(SuppressedPhone.suppression_id).where(SuppressedPhone.number.in_(phones))
    orders = _ids(
        session,
        SuppressionRow.id,
        [
            SuppressionRow.case_id.in_(case_ids),
            SuppressionRow.author_id.in_(author_ids),
            SuppressionRow.id.in_(of_phone),
            *(
                sa.and_(SuppressionRow.crm == c, SuppressionRow.customer_ref == r)
                for c, r in customers
            ),
        ],
    )
    return Known(
        authors=tuple(author_ids),
        customers=tuple(customers),
        phones=tuple(phones),
        mentions=tuple(mentions),
        copies=tuple(copies),
        cases=tuple(case_ids),
        suppressions=tuple(orders),
        also=tuple(_also(session, author_ids, case_ids, customers, phones)),
    )


def _also(
    session: Session,
    authors: Collection[int],
    case_ids: Collection[int],
    customers: Sequence[tuple[str, str]],
    phones: Sequence[str],
) -> list[str]:
    found: list[str] = []
    rows = session.execute(
        sa.select(
            CaseRow.crm, CaseRow.customer_ref, AuthorRow.id, AuthorRow.source, AuthorRow.handle
        )
        .outerjoin(AuthorRow, AuthorRow.id == CaseRow.author_id)
        .where(CaseRow.id.in_(case_ids))
    )
    for crm, ref, author, source, handle in rows:
        if ref and (crm, ref) not in customers:
            found.append(f"--customer {crm}:{ref}")
        if author is not None and author not in authors:
            found.append(f"--author {source}:{handle}")
    known = [ref for crm, ref in customers if crm == LOCAL]
    by_phone = sa.select(CrmIdentifier.customer_id).where(
        CrmIdentifier.kind == "phone", CrmIdentifier.value.in_(phones)
    )
    found += [f"--customer {LOCAL}:{r}" for r in session.scalars(by_phone) if r not in known]
    handles = sa.select(CrmIdentifier.value).where(
        CrmIdentifier.kind == "handle", CrmIdentifier.customer_id.in_(known)
    )
    found += [f"--author {value}" for value in session.scalars(handles)]
    return list(dict.fromkeys(found))


def unwritten(session: Session, known: Known) -> list[str]:
    """The systems to which a suppression of the person is still to be written."""
    rows = session.scalars(
        sa.select(CrmWriteRow.system).where(
            CrmWriteRow.suppression_id.in_(known.suppressions),
            CrmWriteRow.status.in_((WriteStatus.PENDING, WriteStatus.CLAIMED)),
        )
    )
    return sorted(set(rows))


def erase(session: Session, known: Known, *, by: str, now: datetime) -> dict[str, int]:
    """Take it away; how many of what. Raises StorageError while a suppression of the person is
    being written: without the phone it could not be."""
    if waiting := unwritten(session, known):
        raise StorageError(
            "a suppression of this person is still to be written to {systems}; without their phone "
            "it could not be. Wait until it is in effect, or lift it on its case, and try again.",
            systems=", ".join(waiting),
        )
    counts = {
        "mentions": _mentions(session, known, now),
        "copies": len(known.copies),
        "cases": _cases(session, known, by, now),
        **_orders(session, known),
        **_customers(session, known),
    }
    session.execute(
        sa.update(SuppressionRow)
        .where(SuppressionRow.author_id.in_(known.authors))
        .values(author_id=None)
    )
    session.execute(sa.delete(AuthorRow).where(AuthorRow.id.in_(known.authors)))
    counts["authors"] = len(known.authors)
    return counts


# ---------------------------------------------------------------------------- parts


def _mentions(session: Session, known: Known, now: datetime) -> int:
    for part in _parts(known.mentions):
        rows = session.execute(
            sa.select(
                MentionRow.id, MentionRow.source, MentionRow.external_id, MentionRow.raw_page_id
            ).where(MentionRow.id.in_(part))
        ).all()
        told = [{"digest": digest(r.source, r.external_id), "at": now} for r in rows]
        insert_new(session, ErasedItem, told)
        pages = {r.raw_page_id for r in rows if r.raw_page_id is not None}
        session.execute(sa.delete(RawPageRow).where(RawPageRow.id.in_(pages)))
        for row in rows:
            session.execute(
                sa.update(MentionRow)
                .where(MentionRow.id == row.id)
                .values(
                    external_id=f"erased:{digest(row.source, row.external_id)}",
                    author_id=None,
                    reply_to=None,
                    repost_of=None,
                    reach=None,
                )
            )
    for part in _parts([*known.mentions, *known.copies]):
        session.execute(
            sa.update(MentionRow)
            .where(MentionRow.id.in_(part))
            .values(
                title="", text="", url="", tags=[], links=[], fingerprint=None,
                raw_page_id=None, error=None, state="processed",
            )
        )  # fmt: skip
        session.execute(
            sa.update(ReadingRow)
            .where(ReadingRow.mention_id.in_(part))
            .values(facts={}, evidence=[], embedding=None, doubtful=False)
        )
        session.execute(
            sa.delete(Correction).where(
                Correction.mention_id.in_(part), Correction.question.not_in(list(LABELS))
            )
        )
        session.execute(sa.delete(MentionBand).where(MentionBand.mention_id.in_(part)))
    return len(known.mentions)


def _cases(session: Session, known: Known, by: str, now: datetime) -> int:
    for part in _parts(known.cases):
        for entry in session.scalars(sa.select(CaseEvent).where(CaseEvent.case_id.in_(part))):
            entry.data = _silent(entry.data, _KEPT.get(entry.kind, ()))
        for alert in session.scalars(sa.select(AlertRow).where(AlertRow.case_id.in_(part))):
            alert.subject = _silent(alert.subject, ("case", "level", "queue", "brand", "source"))
        session.execute(sa.delete(CaseTag).where(CaseTag.case_id.in_(part)))
        session.execute(
            sa.update(PrivateLink).where(PrivateLink.case_id.in_(part)).values(sealed="")
        )
        for row in session.scalars(sa.select(CaseRow).where(CaseRow.id.in_(part))):
            row.crm = row.customer_ref = row.match = None
            if row.author_id in known.authors:
                row.author_id = None
            cases.changed(session, row.id, now, by, "erased", {})
    return len(known.cases)


def _silent(given: Any, kept: Collection[str]) -> Any:
    """The same form without a word of what was said: numbers, dates and what is `kept` stay."""
    return {k: v if k in kept else _without_words(v) for k, v in given.items()}


def _without_words(value: Any) -> Any:
    if isinstance(value, dict):
        return {k: _without_words(v) for k, v in value.items()}
    if isinstance(value, list):
        return [_without_words(v) for v in value]
    if isinstance(value, str):
        return value if _DATE.fullmatch(value) else ""
    return value


def _orders(session: Session, known: Known) -> dict[str, int]:
    stands = SuppressionRow.status != SuppressionStatus.LIFTED
    ours = SuppressionRow.id.in_(known.suppressions)
    kept = list(session.scalars(sa.select(SuppressionRow.id).where(ours, stands)))
    ended = [i for i in known.suppressions if i not in kept]
    session.execute(
        sa.update(SuppressedPhone).where(SuppressedPhone.suppression_id.in_(kept)).values(sealed="")
    )
    session.execute(sa.delete(SuppressedPhone).where(SuppressedPhone.suppression_id.in_(ended)))
    session.execute(sa.update(SuppressionRow).where(ours).values(reason="", author_id=None))
    session.execute(
        sa.update(SuppressionRow)
        .where(ours, sa.or_(~stands, SuppressionRow.crm == LOCAL))
        .values(crm=None, customer_ref=None)
    )
    writes = sa.or_(
        CrmWriteRow.suppression_id.in_(known.suppressions), CrmWriteRow.case_id.in_(known.cases)
    )
    session.execute(
        sa.update(CrmWriteRow).where(writes).values(sealed="", customer_ref=None, data={})
    )
    return {"suppressions_kept_by_index": len(kept), "suppressions_ended": len(ended)}


def _customers(session: Session, known: Known) -> dict[str, int]:
    refs = [ref for crm, ref in known.customers if crm == LOCAL]
    theirs = sa.or_(CrmEvent.customer_id.in_(refs), CrmEvent.customer_number.in_(known.phones))
    standing = sa.select(SuppressedPhone.number)
    events = session.execute(
        sa.update(CrmEvent)
        .where(theirs)
        .values(
            customer_id=None,
            customer_number_sealed="",
            customer_number=sa.case(
                (CrmEvent.customer_number.in_(standing), CrmEvent.customer_number), else_=""
            ),
            note="",
            extra={},
        )
    )
    session.execute(
        sa.update(CrmSuppression)
        .where(
            sa.or_(CrmSuppression.customer_id.in_(refs), CrmSuppression.number.in_(known.phones))
        )
        .values(number_sealed="", customer_id=None, reason="")
    )
    session.execute(sa.delete(CrmTicket).where(CrmTicket.customer_id.in_(refs)))
    session.execute(
        sa.delete(CrmIdentifier).where(
            sa.or_(
                CrmIdentifier.customer_id.in_(refs),
                sa.and_(CrmIdentifier.kind == "phone", CrmIdentifier.value.in_(known.phones)),
            )
        )
    )
    people = session.execute(sa.delete(CrmPerson).where(CrmPerson.customer_id.in_(refs)))
    return {
        "customers": int(people.rowcount),  # type: ignore[attr-defined]
        "contact_events": int(events.rowcount),  # type: ignore[attr-defined]
    }


def _ids(session: Session, column: Any, conditions: Iterable[Any]) -> list[int]:
    either = list(conditions)
    if not either:
        return []
    return list(session.scalars(sa.select(column).where(sa.or_(*either)).order_by(column)))


def _parts(ids: Sequence[Any]) -> Iterable[Sequence[Any]]:
    return (ids[start : start + _PART] for start in range(0, len(ids), _PART))
