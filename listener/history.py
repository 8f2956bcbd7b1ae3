"""What happened between a company and one person, on one line of time: every contact of the log,
what the person wrote in public, their refusals, the suppression, and what came after it. Pure."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from listener.contact_log import REFUSED
from listener.domain import ContactEvent
from listener.storage.case_detail import CaseMentionView
from listener.storage.suppressions import Suppression


class Happened(StrEnum):
    CONTACT = "contact"
    POST = "post"
    APPROVED = "approved"  # a person ordered that contact ends
    IN_EFFECT = "in_effect"  # every system has taken the order


@dataclass(frozen=True, slots=True)
class Moment:
    """`refused`: the person said no, to an agent or in public. `broken`: it came after a
    suppression was in effect."""

    at: datetime
    kind: Happened
    event: ContactEvent | None = None
    mention: CaseMentionView | None = None
    by: str = ""  # who approved
    refused: bool = False
    broken: bool = False


def line(
    events: Iterable[ContactEvent],
    mentions: Iterable[CaseMentionView] = (),
    order: Suppression | None = None,
) -> list[Moment]:
    """Oldest first; what happened at one moment in the order: contact, post, order, effect."""
    broken = {what for what, _ in order.broken} if order else set()
    moments = [_contact(e, broken) for e in events]
    moments += [_post(m, broken) for m in mentions]
    if order is not None:
        moments.append(Moment(order.approved_at, Happened.APPROVED, by=order.approved_by))
        if order.effective_at is not None:
            moments.append(Moment(order.effective_at, Happened.IN_EFFECT))
    rank = {kind: place for place, kind in enumerate(Happened)}
    return sorted(moments, key=lambda m: (m.at, rank[m.kind]))


def _contact(event: ContactEvent, broken: Collection[str]) -> Moment:
    return Moment(
        event.at,
        Happened.CONTACT,
        event=event,
        refused=event.disposition in REFUSED,
        broken=f"event:{event.event_id}" in broken,
    )


def _post(mention: CaseMentionView, broken: Collection[str]) -> Moment:
    read = mention.reading
    return Moment(
        mention.published_at,
        Happened.POST,
        mention=mention,
        refused=bool(read and read.facts.get("opt_out")),
        broken=f"mention:{mention.id}" in broken,
    )
