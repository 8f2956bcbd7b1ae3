"""The rules on commercial contacts as data: `config/rules/calling/<country>.toml`, the company's
own policy in `config/rules/company.toml`, and from when on a cause holds in
`config/rules/diagnosis.toml`. Forms and sources: docs/calling-rules.md."""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import date, time, timedelta
from typing import Literal

from pydantic import Field, field_validator, model_validator

from listener.calendars import holidays_in
from listener.domain import Channel
from listener.errors import sentence
from listener.sections import Duration, Key, Section, ZoneName

Span = tuple[time, time]
WEEKDAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")


class Rule(Section):
    """What all rules have. A rule that nobody has verified is shown and never relied on."""

    id: Key
    text: Mapping[str, str]  # what it says, with its article, by language; English must be there
    source: str
    verified: bool = True
    valid_from: date | None = None
    valid_to: date | None = None  # the last day
    channels: tuple[Channel, ...] = (Channel.CALL,)
    collection: bool = False  # holds for the collection of debts, too

    @field_validator("text")
    @classmethod
    def _in_english(cls, text: Mapping[str, str]) -> Mapping[str, str]:
        if not text.get("en"):
            raise ValueError(
                sentence('give the text as { en = "...", es = "..." }, in English at least')
            )
        return text

    def in_force(self, day: date) -> bool:
        return (self.valid_from is None or self.valid_from <= day) and (
            self.valid_to is None or day <= self.valid_to
        )


class HoursRule(Rule):
    """Hours per weekday in which contacts are permitted, both ends included; an absent weekday has
    none, nor has a holiday of `holidays` (a country, or country-region)."""

    mon: tuple[Span, ...] = ()
    tue: tuple[Span, ...] = ()
    wed: tuple[Span, ...] = ()
    thu: tuple[Span, ...] = ()
    fri: tuple[Span, ...] = ()
    sat: tuple[Span, ...] = ()
    sun: tuple[Span, ...] = ()
    holidays: str = ""
    region: str = ""  # the rule holds there only, in place of the country's

    @field_validator("holidays")
    @classmethod
    def _known(cls, place: str) -> str:
        if place:
            holidays_in(place, 2026)
        return place

    def of(self, weekday: int) -> tuple[Span, ...]:
        spans: tuple[Span, ...] = getattr(self, WEEKDAYS[weekday])
        return spans


class FrequencyRule(Rule):
    """At most so many contacts within any stretch of `window`; `same_day`: on one calendar day,
    counted from a contact that was answered on."""

    most: int = Field(ge=1)
    window: Duration
    same_day: bool = False


class RegisterRule(Rule):
    """An opt-out register of the country, and after how many days it binds."""

    grace: Duration = timedelta(0)


_RANGE_DIGITS = 4  # what a numbering plan reserves is named by so many digits at most


class NumberRule(Rule):
    """Numbers that may not be used to sell: those that `forbidden` matches (a regular expression
    over E.164), or all that `required` does not match as they were dialled."""

    forbidden: str = ""
    required: str = ""

    @model_validator(mode="after")
    def _one_of_them(self) -> NumberRule:
        if bool(self.forbidden) == bool(self.required):
            raise ValueError(sentence("give one of forbidden and required"))
        for pattern in (self.forbidden, self.required):
            try:
                re.compile(pattern)
            except re.error as error:
                raise ValueError(
                    sentence(
                        "{pattern!r} is no regular expression: {why}", pattern=pattern, why=error
                    )
                ) from None
        return self

    def names_range(self, number: str) -> bool:
        """Whether somebody who says these digits means the range itself ("0303"), no number of it."""
        short = sum(c.isdigit() for c in number) <= _RANGE_DIGITS
        return bool(short and self.required and re.fullmatch(self.required, number))


class ConsentRule(Rule):
    """Who may be called only with consent: people of these standings."""

    standings: tuple[Literal["prospect", "former", "customer"], ...] = ("prospect", "former")


class CallingRules(Section):
    """One country. `time_zone` is that of a person of whom nothing better is known."""

    time_zone: ZoneName
    hours: tuple[HoursRule, ...] = ()
    frequency: tuple[FrequencyRule, ...] = ()
    registers: tuple[RegisterRule, ...] = ()
    numbers: tuple[NumberRule, ...] = ()
    consent: tuple[ConsentRule, ...] = ()


_DAY = timedelta(days=1)
_ANY = tuple(Channel)


def _own(name: str, most: int, days: int, en: str, es: str) -> FrequencyRule:
    said = {"en": en, "es": es}
    return FrequencyRule(
        id=name, text=said, source="company policy", channels=_ANY, most=most, window=days * _DAY
    )


class CompanyPolicy(Section):
    """What the company allows itself, stricter than the law; `hours` may be given, too."""

    hours: tuple[HoursRule, ...] = ()
    frequency: tuple[FrequencyRule, ...] = (
        _own(
            "company-24h",
            2,
            1,
            "at most 2 contacts within 24 hours",
            "como mucho 2 contactos en 24 horas",
        ),
        _own(
            "company-7d",
            3,
            7,
            "at most 3 contacts within 7 days",
            "como mucho 3 contactos en 7 días",
        ),
        _own(
            "company-30d",
            4,
            30,
            "at most 4 contacts within 30 days",
            "como mucho 4 contactos en 30 días",
        ),
    )
    apart: Duration = timedelta(hours=24)  # two contacts closer than this show weak supervision
    cool_off: Duration = timedelta(days=90)  # after "not interested"


class Thresholds(Section):
    """From when on a cause holds (docs/diagnosis.md)."""

    burnt_sources: int = Field(3, ge=2)  # campaigns, or lists, that dialled the same person
    burnt_sources_window: Duration = timedelta(days=60)
    burnt_calls: int = Field(15, ge=2)
    burnt_calls_window: Duration = timedelta(days=30)
    burnt_list_age: Duration = timedelta(days=365)
    weak_contacts: int = Field(3, ge=1)  # contacts against the policy
    weak_agents: int = Field(2, ge=2)
    in_log_share: float = Field(0.5, gt=0, le=1)  # of the claimed contacts, at least


Calling = Mapping[str, CallingRules]
