"""What may be asked: checked in full, and an unknown parameter is an error."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from typing import Annotated, Any, Literal

from fastapi import Depends, Header, Query
from fastapi import Path as PathParameter
from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    StrictStr,
    StringConstraints,
)

from classifiers.heads import CATEGORIES, SENTIMENTS
from dashboard.api import cursors
from listener.domain import AlertKind, CaseStatus, HookEvent, PriorityLevel, Resolution
from listener.storage.listing import CasePageFilter, MentionFilter
from listener.storage.tables import storable

_RFC3339 = re.compile(
    r"\d{4}-\d\d-\d\d[Tt]\d\d:\d\d:\d\d(\.\d{1,9})?([Zz]|[+-]\d\d:\d\d)", re.ASCII
)


def _moment(value: Any) -> datetime:
    if not isinstance(value, str) or not _RFC3339.fullmatch(value):
        raise ValueError("write a moment with its zone, as 2026-11-23T09:00:00Z")
    try:
        return datetime.fromisoformat(value.upper()).astimezone(UTC)
    except (ValueError, OverflowError) as error:
        raise ValueError(f"there is no such moment ({error})") from error


def _one_of(values: Any) -> Any:
    names = [str(v) for v in values]
    return StringConstraints(pattern=f"^({'|'.join(names)})$")


Moment = Annotated[datetime, BeforeValidator(_moment)]
Id = Annotated[int, PathParameter(ge=1, le=2**53)]
_Key = Annotated[str, StringConstraints(pattern=r"^[a-z0-9][a-z0-9_-]{0,59}$")]
_Name = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9][A-Za-z0-9._@-]{0,63}$")]
_Lang = Annotated[str, StringConstraints(pattern=r"^[a-z]{2,3}$")]
_Many: Any = Field(default=[], max_length=50)
_Text = Annotated[StrictStr, AfterValidator(storable)]


def _repeatable(
    key: Annotated[
        str | None,
        Header(
            alias="Idempotency-Key",
            pattern=r"^[\x21-\x7e]{1,255}$",
            description="The same for a request and its repetitions: it is carried out once.",
        ),
    ] = None,
) -> None:
    """Only for the document and its check: repeats.py acts on it."""


REPEATABLE = [Depends(_repeatable)]


class _Asked(BaseModel):
    model_config = ConfigDict(extra="forbid")


def _cursor(listed: str) -> Any:
    return Field(
        default=None, pattern=cursors.pattern(listed), description="`next` of the page before."
    )


class _Paged(_Asked):
    limit: int = Field(default=50, ge=1, le=200)


class MentionsAsked(_Paged):
    """All conditions hold together; a repeated parameter means any of its values."""

    cursor: str | None = _cursor(cursors.MENTIONS)
    brand: list[_Key] = _Many
    source: list[_Key] = _Many
    lang: list[_Lang] = _Many
    sentiment: list[Annotated[str, _one_of(SENTIMENTS)]] = _Many
    category: list[Annotated[str, _one_of(CATEGORIES)]] = _Many
    complaint: bool | None = None
    harassment: bool | None = None
    published_from: Moment | None = None
    published_to: Moment | None = None
    collected_from: Moment | None = None
    search: Annotated[str, AfterValidator(storable), Field(max_length=200)] = Field(
        default="", description='Words in texts and authors; "a phrase", begin*.'
    )
    muted: bool = Field(default=False, description="With those that a NOT of the query excludes.")

    def filter(self) -> MentionFilter:
        return MentionFilter(
            brands=tuple(self.brand),
            sources=tuple(self.source),
            languages=tuple(self.lang),
            sentiments=tuple(self.sentiment),
            categories=tuple(self.category),
            complaint=self.complaint,
            harassment=self.harassment,
            published_from=self.published_from,
            published_to=self.published_to,
            collected_from=self.collected_from,
            search=self.search,
            muted=self.muted,
        )


class CasesAsked(_Paged):
    cursor: str | None = _cursor(cursors.CASES)
    brand: list[_Key] = _Many
    status: list[CaseStatus] = _Many
    level: list[PriorityLevel] = _Many
    queue: list[_Key] = _Many
    matter: list[Annotated[str, _one_of(CATEGORIES)]] = _Many
    owner: _Name | None = None
    updated_from: Moment | None = None

    def filter(self) -> CasePageFilter:
        return CasePageFilter(
            brands=tuple(self.brand),
            statuses=tuple(self.status),
            levels=tuple(self.level),
            queues=tuple(self.queue),
            matters=tuple(self.matter),
            owner=self.owner,
            updated_from=self.updated_from,
        )


class AlertsAsked(_Paged):
    cursor: str | None = _cursor(cursors.ALERTS)
    brand: list[_Key] = _Many
    kind: list[AlertKind] = _Many
    open: bool = Field(default=False, description="Only those that have not ended.")


# ---------------------------------------------------------------------------- bodies


def _whole(value: Any) -> Any:
    """A number without a fraction, however it is written: 7.0 is one, "7" and true are none."""
    if isinstance(value, float) and value.is_integer():
        return int(value)
    if isinstance(value, bool) or not isinstance(value, int):
        raise ValueError("write a whole number")
    return value


class _Changing(_Asked):
    version: Annotated[int, BeforeValidator(_whole)] = Field(
        ge=1,
        le=2**31 - 1,
        description="The case's, as you saw it: a later change by others is 409.",
    )


class Assignment(_Changing):
    owner: Annotated[StrictStr, StringConstraints(pattern=_Name.__metadata__[0].pattern)] | None = (
        Field(description="Who gets the case; null gives it back.")
    )


_ENDINGS = tuple(r for r in Resolution if r is not Resolution.MERGED)


class Closing(_Changing):
    status: Literal[CaseStatus.CLOSED]
    resolution: Annotated[StrictStr, _one_of(_ENDINGS)] = Field(description="How it ended.")
    reason: Annotated[_Text, Field(max_length=2000)] = Field(
        default="", description="More in words; with `other` it must be said."
    )


class Moving(_Changing):
    status: Literal[CaseStatus.NEW, CaseStatus.OPEN, CaseStatus.PENDING]
    resolution: None = None


StatusChange = Annotated[Closing | Moving, Field(discriminator="status")]


class Note(_Asked):
    text: Annotated[_Text, Field(min_length=1, max_length=10_000, pattern=r"\S")]


class NewTag(_Changing):
    tag: Annotated[_Text, Field(min_length=1, max_length=100)]


Version = Annotated[int, Query(ge=1, le=2**31 - 1, description="The case's, as you saw it.")]
TagName = Annotated[str, PathParameter(min_length=1, max_length=100), AfterValidator(storable)]


class Approval(_Changing):
    """Phones of the customer's record and those left at a private link are suppressed anyway."""

    phone: Annotated[_Text, Field(max_length=40)] = Field(
        default="", description="A further phone."
    )
    reason: Annotated[_Text, Field(max_length=1000)] = ""


class NewWebhook(_Asked):
    url: Annotated[StrictStr, Field(min_length=10, max_length=2000, pattern=r"^https?://[!-~]+$")]
    events: Annotated[list[HookEvent], Field(min_length=1, max_length=10)]
