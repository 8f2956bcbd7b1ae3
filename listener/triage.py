"""What a read mention means for the work: nothing, a case, or a further post on one. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from listener.settings import Brand


class Action(StrEnum):
    IGNORE = "ignore"
    CASE = "case"  # open one, or put it on the author's open one
    ATTACH = "attach"  # a copy: belongs to the case of what it copies
    ANSWER = "answer"  # the brand itself speaks


@dataclass(frozen=True, slots=True)
class Triage:
    action: Action
    reason: str
    matter: str | None = None


def triage(
    *,
    brand: Brand,
    muted: bool,
    platform: str,
    author: str | None,
    complaint: bool,
    category: str | None,
    harassment: bool,
    copied: bool,
    same_author: bool,
) -> Triage:
    """`copied`, from a post on the same brand: with `same_author` somebody who repeats themselves, and
    so insists; without it, somebody who passes on what another wrote."""
    if speaks_for(brand, platform, author):
        return Triage(Action.ANSWER, "the brand's own account")
    if muted:
        return Triage(Action.IGNORE, "muted by the query's NOT")
    if brand.kind == "competitor":
        return Triage(Action.IGNORE, "a competitor's: counted in trends, not ours to answer")
    if copied and not same_author:
        return Triage(Action.ATTACH, "a copy of another mention")
    if not complaint:
        return Triage(Action.IGNORE, "no complaint")
    return Triage(Action.CASE, "a complaint", "harassment" if harassment else category or "other")


def speaks_for(brand: Brand, platform: str, author: str | None) -> bool:
    """Whether an account is one of the brand's handles (`platform:name`): exactly, with its server,
    because anybody may register the same name on another."""
    if not author:
        return False
    known = {handle.replace(":@", ":").casefold() for handle in brand.handles}
    return f"{platform}:{author.lstrip('@')}".casefold() in known
