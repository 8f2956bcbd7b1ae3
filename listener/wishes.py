"""What somebody wants to see in the inbox, as it is saved under a name. Pure.

A wish outlives the code that wrote it: what is not understood any more is left out, so that a view
shows rather too much than nothing. `mine` means whoever looks, so that a team can share it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields
from datetime import datetime
from typing import Any, Literal, get_args

from listener.domain import CaseStatus
from listener.storage.case_search import CaseFilter, Sort

Owner = Literal["all", "mine", "unassigned"]
Asleep = Literal["hidden", "only", "shown"]
Matched = Literal["any", "yes", "no"]

_CHOICES: Mapping[str, tuple[str, ...]] = {
    "owner": get_args(Owner),
    "snoozed": get_args(Asleep),
    "matched": get_args(Matched),
    "sort": tuple(Sort),
}
_LONGEST = 200  # characters of a search, entries of a list


@dataclass(frozen=True, slots=True)
class Wish:
    """Empty lists mean any. As it stands: what is open and not put off, the most urgent first."""

    statuses: tuple[str, ...] = tuple(s.value for s in CaseStatus if s is not CaseStatus.CLOSED)
    levels: tuple[str, ...] = ()
    brands: tuple[str, ...] = ()
    queues: tuple[str, ...] = ()
    matters: tuple[str, ...] = ()
    languages: tuple[str, ...] = ()
    sources: tuple[str, ...] = ()
    tags: tuple[str, ...] = ()
    owner: Owner = "all"
    snoozed: Asleep = "hidden"
    matched: Matched = "any"
    unanswered: bool = False
    overdue: bool = False
    search: str = ""
    sort: Sort = Sort.URGENCY

    def filter(self, username: str, now: datetime) -> CaseFilter:
        """For whoever looks, at this moment."""
        return CaseFilter(
            brands=self.brands,
            statuses=self.statuses,
            queues=self.queues,
            levels=self.levels,
            matters=self.matters,
            languages=self.languages,
            sources=self.sources,
            tags=self.tags,
            owner=username if self.owner == "mine" else None,
            unassigned=self.owner == "unassigned",
            matched={"yes": True, "no": False}.get(self.matched),
            unanswered=self.unanswered,
            overdue=self.overdue,
            snoozed={"hidden": False, "only": True}.get(self.snoozed),
            search=self.search,
            at=now,
        )

    def to_json(self) -> dict[str, Any]:
        return {k: list(v) if isinstance(v, tuple) else v for k, v in asdict(self).items()}


def from_json(data: Mapping[str, Any]) -> Wish:
    known: dict[str, Any] = {}
    for field in fields(Wish):
        value = data.get(field.name)
        if field.name in _CHOICES:
            if value in _CHOICES[field.name]:
                known[field.name] = Sort(value) if field.name == "sort" else value
        elif field.name == "search":
            known["search"] = str(value or "")[:_LONGEST]
        elif field.name in ("unanswered", "overdue"):
            known[field.name] = value is True
        elif isinstance(value, list):
            known[field.name] = tuple(str(v) for v in value[:_LONGEST])
    return Wish(**known)
