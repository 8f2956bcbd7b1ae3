"""What goes out, as documented; times in UTC, texts as they were written: show them as text."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from datetime import datetime
from typing import Any, Generic, TypeVar

from pydantic import BaseModel, ConfigDict, Field

from listener.domain import Reason
from listener.storage.alerts import StoredAlert
from listener.storage.case_detail import CaseDetail, CaseMentionView
from listener.storage.case_summary import CaseSummary
from listener.storage.listing import ListedMention
from listener.storage.readings import StoredReading

Item = TypeVar("Item")


class Shape(BaseModel):
    model_config = ConfigDict(from_attributes=True)


class Page(Shape, Generic[Item]):
    """The newest first. `next` is the cursor of the next page, null on the last."""

    items: list[Item]
    next: str | None


class WhoIAm(Shape):
    """What the token may do: no more than its user."""

    username: str
    role: str
    brands: list[str] = Field(description="Empty: every brand.")
    scopes: list[str]
    token: str
    expires_at: datetime


class WhyOut(Shape):
    key: str
    values: dict[str, Any]
    points: int


class ReadingOut(Shape):
    """`corrected` names who corrected which answer; `scores` are the model's own."""

    lang: str
    sentiment: str
    complaint: bool
    category: str | None
    harassment: bool
    scores: dict[str, float]
    facts: dict[str, Any]
    evidence: list[tuple[int, int]]
    model: str
    corrected: dict[str, str]


class AuthorOut(Shape):
    handle: str
    name: str
    followers: int | None


class OfBrand(Shape):
    brand: str
    muted: bool


class OnCase(Shape):
    id: int
    brand: str


class MentionOut(Shape):
    id: int
    source: str
    external_id: str
    site: str
    url: str
    title: str
    text: str
    author: AuthorOut | None
    published_at: datetime
    collected_at: datetime
    state: str = Field(description="pending, processed, or failed.")
    duplicate_of: int | None
    invented: bool
    brands: list[OfBrand]
    cases: list[OnCase]
    reading: ReadingOut | None = Field(description="Null until it is read.")


class CaseOut(Shape):
    id: int
    brand: str
    matter: str
    lang: str
    status: str
    level: str
    score: int
    priority_reasons: list[WhyOut]
    queue: str
    owner: str | None
    due_at: datetime
    opened_at: datetime
    updated_at: datetime
    mentions_count: int
    newest_mention: int
    author: str
    source: str
    text: str
    customer_ref: str | None = Field(description="For those who work on cases.")
    invented: bool
    version: int


class CaseMentionOut(Shape):
    id: int
    source: str
    site: str
    url: str
    title: str
    text: str
    author: str
    author_name: str
    published_at: datetime
    collected_at: datetime
    duplicate_of: int | None
    duplicate_kind: str | None
    reading: ReadingOut | None


class HappenedOut(Shape):
    at: datetime
    actor: str
    kind: str
    data: dict[str, Any]


class WholeCase(CaseOut):
    resolution: str | None
    closed_at: datetime | None
    assigned_at: datetime | None
    answered_at: datetime | None
    snoozed_until: datetime | None
    tags: list[str]
    route_reasons: list[WhyOut]
    crm: str | None
    mentions: list[CaseMentionOut]
    timeline: list[HappenedOut]


class AlertOut(Shape):
    id: int
    kind: str
    brand: str | None
    case: OnCase | None = Field(description="The case that it is about.")
    subject: dict[str, Any]
    reasons: list[WhyOut]
    raised_at: datetime
    ended_at: datetime | None
    muted: bool = Field(description="A silence held when it was raised.")
    invented: bool


class RefusedOut(Shape):
    line: int | None
    reason: str


class TakenOut(Shape):
    """`refused` counts all; `reasons` tells of the first hundred."""

    new: int
    known: int
    refused: int
    reasons: list[RefusedOut]


class WriteOut(Shape):
    system: str
    status: str
    attempts: int
    done_at: datetime | None
    last_error: str | None


class SuppressionOut(Shape):
    """In effect once every system that was asked has said so."""

    status: str
    reason: str
    approved_by: str
    approved_at: datetime
    effective_at: datetime | None
    writes: list[WriteOut]


class DeliveryOut(Shape):
    message_id: str
    event: str
    status: str = Field(description="pending, claimed, sent, or failed.")
    attempts: int
    made_at: datetime
    next_attempt_at: datetime
    sent_at: datetime | None
    last_error: str | None


class WebhookOut(Shape):
    id: int
    url: str
    events: list[str]
    username: str
    made_at: datetime


class NewWebhookOut(WebhookOut):
    secret: str = Field(description="Shown once: signatures are made with it.")


class WholeWebhook(WebhookOut):
    deliveries: list[DeliveryOut]


# ---------------------------------------------------------------------------- made


def mention(found: ListedMention) -> MentionOut:
    return MentionOut(
        **_same(found, MentionOut, without={"author", "brands", "cases", "reading"}),
        author=AuthorOut(handle=found.author, name=found.author_name, followers=found.followers)
        if found.author
        else None,
        brands=[OfBrand(brand=b, muted=muted) for b, muted in found.brands.items()],
        cases=[OnCase(id=i, brand=b) for i, b in found.cases],
        reading=_reading(found.reading),
    )


def alert(found: StoredAlert) -> AlertOut:
    known = found.case_id is not None and found.brand is not None
    return AlertOut(
        **_same(found, AlertOut, without={"case", "reasons", "muted"}),
        muted=found.silence_id is not None,
        case=OnCase(id=found.case_id, brand=found.brand) if known else None,
        reasons=_whys(found.reasons),
    )


def case(found: CaseSummary) -> CaseOut:
    return CaseOut(**_case(found))


def whole_case(found: CaseDetail) -> WholeCase:
    return WholeCase(
        **_case(found.summary),
        resolution=found.resolution,
        closed_at=found.closed_at,
        assigned_at=found.assigned_at,
        answered_at=found.summary.answered_at,
        snoozed_until=found.summary.snoozed_until,
        tags=list(found.tags),
        route_reasons=_whys(found.route_reasons),
        crm=found.crm,
        mentions=[_case_mention(m) for m in found.mentions],
        timeline=[
            HappenedOut(at=e.at, actor=e.actor, kind=e.kind, data=dict(e.data))
            for e in found.timeline
        ],
    )


def _case(found: CaseSummary) -> dict[str, Any]:
    counted = {"mentions_count", "newest_mention", "priority_reasons"}
    return _same(found, CaseOut, without=counted) | {
        "mentions_count": found.mentions,
        "newest_mention": found.mention_id,
        "priority_reasons": _whys(found.priority_reasons),
    }


def _case_mention(found: CaseMentionView) -> CaseMentionOut:
    values = _same(found, CaseMentionOut, without={"reading"})
    return CaseMentionOut(**values, reading=_reading(found.reading))


def _reading(found: StoredReading | None) -> ReadingOut | None:
    return ReadingOut(**_same(found, ReadingOut)) if found else None


def _whys(reasons: Sequence[Reason]) -> list[WhyOut]:
    return [WhyOut(key=r.key, values=dict(r.values), points=r.points) for r in reasons]


def _same(found: object, shape: type[BaseModel], without: Collection[str] = ()) -> dict[str, Any]:
    return {name: getattr(found, name) for name in shape.model_fields if name not in without}
