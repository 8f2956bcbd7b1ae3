"""What can be configured: config/*.toml as one frozen Settings, read by `settings_files.py`.

    listener.toml          the service: database, schedule, dashboard, e-mail, limits
    brands.toml            what is watched: brands, their numbers and their queries
    sources.toml           where we listen
    crms.toml              systems of record: CRMs and diallers, in the order in which they are asked
    rules/priority.toml    points for urgency
    rules/routing.toml     queues, due times, working hours
    rules/alerts.toml      what is worth an e-mail, and to whom
    rules/calling/ES.toml  the calling rules of a country, one file each
    rules/company.toml     the company's own contact policy
    rules/diagnosis.toml   from when on a cause holds
    templates/replies.toml drafts of replies, by situation and language

Secrets are never in these files: a key that ends in `_env` names the environment variable that
holds the secret, and `secret()` reads it when it is needed.
"""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from datetime import date, time, timedelta
from pathlib import Path
from typing import Any, Literal
from zoneinfo import ZoneInfo

from pydantic import Field, field_validator, model_validator

from listener.calendars import holidays_in
from listener.calling_rules import CallingRules, CompanyPolicy, Thresholds
from listener.domain import NumberKind, PriorityLevel
from listener.errors import MissingCredential, Sentence, sentence
from listener.oidc_settings import Oidc
from listener.replies import ReplyTemplates
from listener.sections import Country, Duration, Key, Language, Section, ZoneName

# ---------------------------------------------------------------------------- listener.toml


class Service(Section):
    language: Literal["es", "en"] = "es"
    time_zone: ZoneName = "Europe/Madrid"
    public_url: str = "http://127.0.0.1:8501"
    log_format: Literal["text", "json"] = "text"

    @property
    def zone(self) -> ZoneInfo:
        return ZoneInfo(self.time_zone)


class Schedule(Section):
    """How often each loop wakes; a source's own `every` decides when it is due."""

    collect: Duration = timedelta(seconds=30)
    process: Duration = timedelta(seconds=10)
    deliver: Duration = timedelta(seconds=10)
    forget: Duration = timedelta(days=1)


class Dashboard(Section):
    host: str = "127.0.0.1"
    port: int = Field(8501, ge=1, le=65535)
    session_idle: Duration = timedelta(hours=12)
    session_max: Duration = timedelta(days=7)


class Api(Section):
    """What other systems may ask of /api/v1 and /metrics."""

    per_minute: int = Field(300, ge=1)  # requests of one token
    max_bytes: int = Field(10_000_000, ge=10_000)  # of one request
    # Behind a proxy every request comes from the loopback: only where nothing is in between.
    metrics_from_loopback: bool = False


class Process(Section):
    batch_size: int = Field(64, ge=1, le=2048)
    threads: int = Field(0, ge=0, le=256)  # 0: as many as the machine has cores, up to four
    near_duplicate: float = Field(0.8, gt=0, le=1)
    max_attempts: int = Field(3, ge=1)
    weights: str = ""  # empty: those of `listener retrain`, or that ship with the package
    sentiment_model: str = ""  # a hub's model or a folder; empty: our own head


class Http(Section):
    user_agent: str = "Listener/0.1 (reputation monitoring; contact: set [http] user_agent)"
    timeout: Duration = timedelta(seconds=20)
    max_bytes: int = Field(20_000_000, ge=1000)
    per_host_interval: Duration = timedelta(seconds=1)
    # Pages of the internal network are not ours to read: a feed must not make us ask them.
    allow_private_addresses: bool = False


class Email(Section):
    enabled: bool = False
    host: str = "localhost"
    port: int = Field(587, ge=1, le=65535)
    security: Literal["starttls", "tls", "none"] = "starttls"
    ca_file: str = ""
    username_env: str = "LISTENER_SMTP_USERNAME"
    password_env: str = "LISTENER_SMTP_PASSWORD"  # noqa: S105 - the name of a variable
    sender: str = "Listener <listener@localhost>"
    timeout: Duration = timedelta(seconds=20)


class Delivery(Section):
    # With the two below for about five days, as RFC 5321 (4.5.4.1) advises.
    max_attempts: int = Field(128, ge=1)
    first_retry: Duration = timedelta(seconds=30)
    longest_retry: Duration = timedelta(hours=1)


class Matching(Section):
    threshold: float = Field(0.85, gt=0, le=1)
    # Imported items of these are matched with nobody: the terms of X forbid it without opt-in.
    forbidden: tuple[str, ...] = ("x", "twitter")


class PrivateLinkTimes(Section):
    """How long a link is good, and how long what was left there is kept."""

    lasts: Duration = Field(timedelta(hours=72), gt=timedelta(0), le=timedelta(days=30))
    kept: Duration = Field(timedelta(days=30), gt=timedelta(0))


class Retention(Section):
    raw_pages: Duration = timedelta(days=30)
    deliveries: Duration = timedelta(days=30)  # what webhooks were told


class ListenerFile(Section):
    service: Service = Service()
    schedule: Schedule = Schedule()
    dashboard: Dashboard = Dashboard()
    oidc: Oidc = Oidc()
    api: Api = Api()
    process: Process = Process()
    http: Http = Http()
    email: Email = Email()
    delivery: Delivery = Delivery()
    matching: Matching = Matching()
    private_link: PrivateLinkTimes = PrivateLinkTimes()
    retention: Retention = Retention()


# ---------------------------------------------------------------------------- brands.toml


class BrandNumber(Section):
    number: str
    kind: NumberKind = NumberKind.OWN
    owner: str = ""
    campaign: str = ""
    valid_from: date | None = None
    valid_to: date | None = None


class Brand(Section):
    """`query` is the boolean search that decides what is a mention of it."""

    key: Key
    name: str
    kind: Literal["own", "competitor"] = "own"
    countries: tuple[Country, ...] = ("ES",)
    languages: tuple[Language, ...] = ("es",)
    time_zone: ZoneName = "Europe/Madrid"
    query: str
    handles: tuple[str, ...] = ()  # the brand's own accounts, `platform:name`: never a complaint
    numbers: tuple[BrandNumber, ...] = ()

    @field_validator("handles")
    @classmethod
    def _with_server(cls, handles: tuple[str, ...]) -> tuple[str, ...]:
        for handle in handles:
            platform, _, name = handle.partition(":")
            if platform.casefold() == "mastodon" and "@" not in name.lstrip("@"):
                raise ValueError(
                    sentence(
                        "{handle}: anybody may register that name on another server; write "
                        "{handle}@its.server",
                        handle=handle,
                    )
                )
        return handles


class BrandsFile(Section):
    brands: tuple[Brand, ...] = ()

    @model_validator(mode="after")
    def _unique(self) -> BrandsFile:
        _no_twins(sentence("brands"), [b.key for b in self.brands])
        return self


# ---------------------------------------------------------------------------- sources.toml


class SourceConfig(Section):
    """One place to listen to. `options` are the source kind's own, checked by its module."""

    name: Key
    type: str
    enabled: bool = True
    every: Duration = timedelta(minutes=10)
    # Longer than this without one new item, and people are told; 0s switches it off.
    silent_after: Duration = timedelta(hours=48)
    brands: tuple[str, ...] = ()  # empty: all
    options: Mapping[str, Any] = Field(default_factory=dict)


class SourcesFile(Section):
    sources: tuple[SourceConfig, ...] = ()

    @model_validator(mode="after")
    def _unique(self) -> SourcesFile:
        _no_twins(sentence("sources"), [s.name for s in self.sources])
        return self


# ---------------------------------------------------------------------------- crms.toml


class CrmConfig(Section):
    """One system of record. `options` are its kind's own, checked by its module."""

    name: Key
    type: str
    enabled: bool = True
    timeout: Duration = timedelta(seconds=10)
    # After so many failures in a row it is left alone for so long: one that is down stops nothing.
    failures: int = Field(3, ge=1)
    pause: Duration = timedelta(minutes=1)
    options: Mapping[str, Any] = Field(default_factory=dict)


_LOCAL_ALONE = (CrmConfig(name="local", type="local"),)


class CrmsFile(Section):
    """Asked in this order. Without the file: `local` alone."""

    crms: tuple[CrmConfig, ...] = _LOCAL_ALONE

    @model_validator(mode="after")
    def _unique(self) -> CrmsFile:
        _no_twins(sentence("CRMs"), [c.name for c in self.crms])
        return self


# ---------------------------------------------------------------------------- rules/*.toml


class PriorityRules(Section):
    """Points per reason; a level begins at its number of points."""

    harassment: int = 40
    complaint: int = 15
    negative: int = 5
    refused: int = 15
    off_hours: int = 10
    legal_threat: int = 15
    churn_threat: int = 10
    contacts_each: int = 3
    contacts_max: int = 20
    own_number: int = 5
    is_customer: int = 5
    again: int = 10  # another mention by the same person on the same matter
    reach_each_tenfold: int = 4
    levels: Mapping[PriorityLevel, int] = Field(
        default_factory=lambda: {
            PriorityLevel.URGENT: 75,
            PriorityLevel.HIGH: 50,
            PriorityLevel.NORMAL: 20,
            PriorityLevel.LOW: -1000,
        }
    )


class QueueRule(Section):
    """The first rule whose every condition holds decides. An empty condition always holds."""

    queue: Key
    brands: tuple[str, ...] = ()
    languages: tuple[str, ...] = ()
    categories: tuple[str, ...] = ()
    levels: tuple[PriorityLevel, ...] = ()


class WorkingHours(Section):
    """Due times run only in these hours. An absent day is a day off."""

    time_zone: ZoneName = "Europe/Madrid"
    holidays: str = "ES"  # country, or country-region as in ES-MD; empty: none
    mon: tuple[time, time] | None = None
    tue: tuple[time, time] | None = None
    wed: tuple[time, time] | None = None
    thu: tuple[time, time] | None = None
    fri: tuple[time, time] | None = None
    sat: tuple[time, time] | None = None
    sun: tuple[time, time] | None = None

    @field_validator("holidays")
    @classmethod
    def _known(cls, place: str) -> str:
        if place:
            holidays_in(place, 2026)  # any year: what is known does not depend on it
        return place


_DAY = (time(9), time(19))
_OFFICE = WorkingHours(mon=_DAY, tue=_DAY, wed=_DAY, thu=_DAY, fri=_DAY)


class RoutingRules(Section):
    default_queue: Key = "general"
    rules: tuple[QueueRule, ...] = ()
    due: Mapping[PriorityLevel, Duration] = Field(
        default_factory=lambda: {
            PriorityLevel.URGENT: timedelta(hours=1),
            PriorityLevel.HIGH: timedelta(hours=4),
            PriorityLevel.NORMAL: timedelta(hours=10),
            PriorityLevel.LOW: timedelta(hours=30),
        }
    )
    # Due times of these levels run day and night.
    around_the_clock: tuple[PriorityLevel, ...] = ()
    working_hours: WorkingHours = _OFFICE


class SevereHarassment(Section):
    enabled: bool = True
    level: PriorityLevel = PriorityLevel.URGENT


class NumberComplaints(Section):
    enabled: bool = True
    count: int = Field(3, ge=2)
    window: Duration = timedelta(hours=24)


class UnknownNumber(Section):
    """A number that is in no registry of ours: fewer people are enough, over a longer time."""

    enabled: bool = True
    count: int = Field(2, ge=2)
    window: Duration = timedelta(days=7)


class SourceFailing(Section):
    enabled: bool = True
    failures: int = Field(3, ge=1)


class SourceSilent(Section):
    """How long is too long stands with each source: `silent_after`."""

    enabled: bool = True


class AlertRules(Section):
    recipients: tuple[str, ...] = ()  # besides the case's owner
    # An import of last year's posts opens cases but wakes nobody.
    newer_than: Duration = timedelta(days=7)
    severe_harassment: SevereHarassment = SevereHarassment()
    number_complaints: NumberComplaints = NumberComplaints()
    unknown_number: UnknownNumber = UnknownNumber()
    source_failing: SourceFailing = SourceFailing()
    source_silent: SourceSilent = SourceSilent()

    @field_validator("recipients")
    @classmethod
    def _addresses(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        for address in value:
            if not re.fullmatch(r"[^@\s,;<>]+@[^@\s,;<>]+", address):
                raise ValueError(sentence("{address!r} is not an e-mail address", address=address))
        return value


# ---------------------------------------------------------------------------- together


class Settings(Section):
    """`edits` is how many edits of the dashboard there were when it was put together."""

    folder: Path
    database_url: str
    var: Path
    edits: int = 0
    listener: ListenerFile = ListenerFile()
    brands: tuple[Brand, ...] = ()
    sources: tuple[SourceConfig, ...] = ()
    crms: tuple[CrmConfig, ...] = _LOCAL_ALONE
    priority: PriorityRules = PriorityRules()
    routing: RoutingRules = RoutingRules()
    alerts: AlertRules = AlertRules()
    calling: Mapping[str, CallingRules] = Field(default_factory=dict)  # by country
    company: CompanyPolicy = CompanyPolicy()
    diagnosis: Thresholds = Thresholds()
    replies: ReplyTemplates = ReplyTemplates()

    def brand(self, key: str) -> Brand | None:
        return next((b for b in self.brands if b.key == key), None)


def var_folder(env: Mapping[str, str] = os.environ) -> Path:
    """Where the service writes: `LISTENER_VAR`, by default `var` in the current folder."""
    return Path(env.get("LISTENER_VAR") or "var").absolute()


def secret(variable: str, needed_by: str | Sentence) -> str:
    """The value of an environment variable, read when needed so that it lives in no object."""
    value = os.environ.get(variable, "")
    if not value:
        raise MissingCredential(variable, needed_by)
    return value


def _no_twins(what: Sentence, names: list[str]) -> None:
    twins = sorted({n for n in names if names.count(n) > 1})
    if twins:
        raise ValueError(
            sentence(
                "two {what} are called {names}; give each its own name",
                what=what,
                names=", ".join(twins),
            )
        )
