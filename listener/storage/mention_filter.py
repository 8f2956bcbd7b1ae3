"""Which of the counted mentions (storage/counted.py), in one place for the charts and for the list of
posts behind them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

import sqlalchemy as sa

from listener.selection import NONE
from listener.storage import local_time, service_rows
from listener.storage.service_rows import Opened
from listener.storage.tables import (
    CaseMention,
    CaseRow,
    CountedMention,
    CrmPerson,
    MentionRow,
    ReportedNumber,
)

_HOURS, _DAYS = range(24), range(7)


@dataclass(frozen=True, slots=True)
class Where:
    """What tells the country of a mention: `brands` the country of those that are of one only;
    `local` the CRMs whose people are in our own tables, None where the reader may not learn who an
    author is."""

    brands: Mapping[str, str] = field(default_factory=dict)
    local: tuple[str, ...] | None = None

    def _cases(self, *columns: Any) -> sa.Select[Any]:
        """Of customers in our own tables, by the cases whose author they are."""
        return (
            sa.select(*columns)
            .select_from(CaseMention)
            .join(CaseRow, CaseRow.id == CaseMention.case_id)
            .join(CrmPerson, CrmPerson.customer_id == CaseRow.customer_ref)
            .where(CaseRow.crm.in_(self.local or ()), CrmPerson.country != "")
        )

    def is_customer(self) -> sa.ColumnElement[bool]:
        """Whether the author may have a country of their own: `customer` tells."""
        return CountedMention.mention_id.in_(self._cases(CaseMention.mention_id))

    def customer(self) -> sa.ColumnElement[str]:
        """The country of a mention's author by their customer record; empty where it is not known."""
        found = (
            self._cases(sa.func.max(CrmPerson.country))
            .join(MentionRow, MentionRow.id == CaseMention.mention_id)
            .where(
                CaseMention.mention_id == CountedMention.mention_id,
                CaseRow.brand == CountedMention.brand,
                CaseRow.author_id == MentionRow.author_id,
            )
        )
        # PostgreSQL takes an expression with parameters for another one in GROUP BY.
        return sa.func.coalesce(
            found.correlate(CountedMention).scalar_subquery(), sa.literal_column("''")
        )

    def within(self, countries: Sequence[str]) -> sa.ColumnElement[bool]:
        """Whether a mention is of one of the countries; NONE stands for those nobody knows."""
        wanted = {"" if c == NONE else c for c in countries}
        known = [b for b, country in self.brands.items() if country]
        theirs = [b for b in known if self.brands[b] in wanted]
        by_brand: sa.ColumnElement[bool] = CountedMention.brand.in_(theirs)
        if "" in wanted:
            by_brand = sa.or_(by_brand, CountedMention.brand.not_in(known))
        if not self.local:
            return by_brand
        named = sorted(wanted - {""})
        return sa.or_(
            sa.and_(self.is_customer(), self.customer().in_(named)),
            sa.and_(by_brand, sa.or_(~self.is_customer(), self.customer() == "")),
        )


@dataclass(frozen=True, slots=True)
class MentionFilter:
    """Published in [start, end); empty and None mean any. `weekday` (Monday is 0) and `hour` are of
    the zone. `case_ids`: by the author of one of these cases; `began`: the post with which one
    of these cases began."""

    start: datetime
    end: datetime
    zone: ZoneInfo
    brands: tuple[str, ...] = ()
    sources: tuple[str, ...] = ()
    langs: tuple[str, ...] = ()
    countries: tuple[str, ...] = ()
    sentiments: tuple[str, ...] = ()
    categories: tuple[str, ...] = ()
    complaint: bool | None = None
    harassment: bool | None = None
    weekday: int | None = None
    hour: int | None = None
    number: str = ""
    case_ids: tuple[int, ...] | None = None
    began: Opened | None = None
    invented: bool = True
    where: Where = field(default_factory=Where)


def conditions(wanted: MentionFilter) -> list[sa.ColumnElement[bool]]:
    """On what is counted."""
    found = [local_time.within(wanted.start, wanted.end)]
    for column, values in (
        (CountedMention.brand, wanted.brands),
        (CountedMention.source, wanted.sources),
        (CountedMention.lang, wanted.langs),
        (CountedMention.sentiment, wanted.sentiments),
    ):
        if values:
            found.append(column.in_(values))
    if wanted.categories:
        category: sa.ColumnElement[bool] = CountedMention.category.in_(wanted.categories)
        if NONE in wanted.categories:
            category = sa.or_(category, CountedMention.category.is_(None))
        found.append(category)
    if wanted.complaint is not None:
        found.append(CountedMention.complaint.is_(wanted.complaint))
    if wanted.harassment is not None:
        found.append(CountedMention.harassment.is_(wanted.harassment))
    if wanted.weekday is not None or wanted.hour is not None:
        found.append(_at(wanted))
    if wanted.number:
        found.append(_names(wanted.number))
    if wanted.case_ids is not None:
        found.append(_of_cases(wanted.case_ids))
    if wanted.began is not None:
        post = sa.tuple_(CountedMention.mention_id, CountedMention.brand)
        found.append(post.in_(service_rows.began(wanted.began)))
    if not wanted.invented:
        found.append(CountedMention.invented.is_(False))
    if wanted.countries:
        found.append(wanted.where.within(wanted.countries))
    return found


def _at(wanted: MentionFilter) -> sa.ColumnElement[bool]:
    slots = [
        local_time.slot(weekday, hour)
        for weekday in (_DAYS if wanted.weekday is None else (wanted.weekday,))
        for hour in (_HOURS if wanted.hour is None else (wanted.hour,))
    ]
    return local_time.slot_of(wanted.zone, wanted.start, wanted.end).in_(slots)


def _names(number: str) -> sa.ColumnElement[bool]:
    return sa.exists().where(
        ReportedNumber.mention_id == CountedMention.mention_id,
        ReportedNumber.brand == CountedMention.brand,
        ReportedNumber.digits == number,
    )


def _of_cases(case_ids: Sequence[int]) -> sa.ColumnElement[bool]:
    return sa.exists().where(
        CaseMention.mention_id == CountedMention.mention_id,
        CaseRow.id == CaseMention.case_id,
        CaseRow.brand == CountedMention.brand,
        MentionRow.id == CaseMention.mention_id,
        CaseRow.author_id.is_not_distinct_from(MentionRow.author_id),
        CaseRow.id.in_(case_ids),
    )
