"""Free words on a case, in one normal form, so that "VIP" and "#vip " are the same."""

from __future__ import annotations

import unicodedata
from collections.abc import Sequence
from datetime import datetime

import sqlalchemy as sa
from sqlalchemy.orm import Session

from listener.errors import CaseError
from listener.storage import cases
from listener.storage.database import insert_new
from listener.storage.tables import CaseRow, CaseTag

LONGEST, MOST = 40, 20  # characters of a tag; tags of a case


def normal(written: str) -> str:
    """Small letters, single spaces, no leading "#"; empty where nothing to read is left."""
    text = unicodedata.normalize("NFKC", written).casefold()
    text = "".join(c if c.isprintable() else " " for c in text)
    text = " ".join(text.split()).lstrip("# ").rstrip()
    return text if any(c.isalnum() for c in text) else ""


def add(
    session: Session, case_id: int, written: str, *, by: str, version: int, now: datetime
) -> str:
    """Returns the tag as it is kept; one that is there already changes nothing."""
    row = cases.hold(session, case_id, version)
    tag = normal(written)
    if not 0 < len(tag) <= LONGEST:
        raise CaseError(
            f"a tag has 1 to {LONGEST} characters, with a letter or figure among them",
            key="case.tag",
            longest=LONGEST,
        )
    there = of(session, [case_id]).get(case_id, ())
    if tag in there:
        return tag
    if len(there) >= MOST:
        raise CaseError(
            f"case {case_id} has {MOST} tags already: remove one first", key="case.tags", most=MOST
        )
    insert_new(session, CaseTag, [{"case_id": case_id, "tag": tag}])
    cases.stamp(session, row, now, by, "tagged", {"tag": tag})
    return tag


def remove(
    session: Session, case_id: int, tag: str, *, by: str, version: int, now: datetime
) -> None:
    row = cases.hold(session, case_id, version)
    gone = session.scalar(
        sa.delete(CaseTag)
        .where(CaseTag.case_id == case_id, CaseTag.tag == tag)
        .returning(CaseTag.tag)
    )
    if gone is not None:
        cases.stamp(session, row, now, by, "untagged", {"tag": tag})


def of(session: Session, case_ids: Sequence[int]) -> dict[int, tuple[str, ...]]:
    """The tags of cases, sorted."""
    found: dict[int, tuple[str, ...]] = {}
    for start in range(0, len(case_ids), 500):
        rows = session.execute(
            sa.select(CaseTag.case_id, CaseTag.tag)
            .where(CaseTag.case_id.in_(case_ids[start : start + 500]))
            .order_by(CaseTag.tag)
        )
        for case_id, tag in rows:
            found[case_id] = (*found.get(case_id, ()), tag)
    return found


def known(session: Session, brands: Sequence[str] = (), *, limit: int = 200) -> list[str]:
    """The tags in use on cases of these brands (none named: of all), the most used first."""
    query = (
        sa.select(CaseTag.tag)
        .join(CaseRow, CaseRow.id == CaseTag.case_id)
        .group_by(CaseTag.tag)
        .order_by(sa.func.count().desc(), CaseTag.tag)
        .limit(limit)
    )
    if brands:
        query = query.where(CaseRow.brand.in_(brands))
    return list(session.scalars(query))
