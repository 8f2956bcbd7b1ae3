"""config/*.toml and the environment become one frozen Settings; an unknown key is an error.

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

What people edit in the dashboard stands in place of a file (`edited`, from listener/in_force.py): of
listener.toml the tables that are for them alone, of sources.toml and crms.toml nothing, because who
signs in to a page must not decide where the machine connects.
"""

from __future__ import annotations

import difflib
import os
import re
import tomllib
from collections.abc import Mapping
from datetime import date, time, timedelta
from pathlib import Path
from typing import Any, Literal, get_args
from zoneinfo import ZoneInfo

from pydantic import BaseModel, Field, ValidationError, field_validator, model_validator

from listener.calendars import holidays_in
from listener.calling_rules import CallingRules, CompanyPolicy, Thresholds
from listener.domain import NumberKind, PriorityLevel
from listener.errors import ConfigError, MissingCredential
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
                    f"{handle}: anybody may register that name on another server; write "
                    f"{handle}@its.server"
                )
        return handles


class BrandsFile(Section):
    brands: tuple[Brand, ...] = ()

    @model_validator(mode="after")
    def _unique(self) -> BrandsFile:
        _no_twins("brands", [b.key for b in self.brands])
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
        _no_twins("sources", [s.name for s in self.sources])
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
        _no_twins("CRMs", [c.name for c in self.crms])
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
                raise ValueError(f"{address!r} is not an e-mail address")
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


def secret(variable: str, needed_by: str) -> str:
    """The value of an environment variable, read when needed so that it lives in no object."""
    value = os.environ.get(variable, "")
    if not value:
        raise MissingCredential(variable, needed_by)
    return value


_FILES: Mapping[str, type[Section]] = {
    "listener.toml": ListenerFile,
    "brands.toml": BrandsFile,
    "sources.toml": SourcesFile,
    "crms.toml": CrmsFile,
    "rules/priority.toml": PriorityRules,
    "rules/routing.toml": RoutingRules,
    "rules/alerts.toml": AlertRules,
    "rules/company.toml": CompanyPolicy,
    "rules/diagnosis.toml": Thresholds,
    "templates/replies.toml": ReplyTemplates,
}
_CALLING = re.compile(r"rules/calling/([A-Z]{2})\.toml")
_IN_FILES_ONLY = ("sources.toml", "crms.toml")
EDITED_TABLES = ("retention", "private_link")
"""What is edited of listener.toml in the dashboard; the rest of it stays in its file."""


def database_url(env: Mapping[str, str] = os.environ) -> str:
    return env.get("LISTENER_DATABASE_URL") or f"sqlite:///{var_folder(env)}/listener.db"


def config_folder(folder: Path | str | None, env: Mapping[str, str] = os.environ) -> Path:
    """Raises ConfigError where it is not there, or holds what is none of ours."""
    base = Path(folder or env.get("LISTENER_CONFIG") or "config")
    if not base.is_dir():
        raise ConfigError(
            f"the configuration folder {base} does not exist. Start in the project's folder, or set "
            "LISTENER_CONFIG to the folder that holds listener.toml, brands.toml and sources.toml."
        )
    for path in sorted(base.rglob("*.toml")):
        name = path.relative_to(base).as_posix()
        if name not in _FILES and not _CALLING.fullmatch(name):
            close = difflib.get_close_matches(name, _FILES, n=1)
            known = ", ".join([*_FILES, "rules/calling/ES.toml for each country"])
            hint = f" Did you mean {close[0]}?" if close else f" Known: {known}."
            raise ConfigError(f"{path}: not a configuration file that Listener reads.{hint}")
    return base


def document_names(base: Path) -> list[str]:
    """Every file of a configuration, there or not, and the calling rules that are there."""
    calling = sorted((base / "rules" / "calling").glob("*.toml"))
    return [*_FILES, *(path.relative_to(base).as_posix() for path in calling)]


def is_editable(name: str) -> bool:
    """Whether the dashboard may hold this document in place of its file."""
    return name not in _IN_FILES_ONLY and (name in _FILES or bool(_CALLING.fullmatch(name)))


def load(
    folder: Path | str | None = None,
    environ: Mapping[str, str] | None = None,
    *,
    edited: Mapping[str, str] | None = None,
    edits: int = 0,
) -> Settings:
    """Read every file of the folder (LISTENER_CONFIG, default `config/`); the text of a document in
    `edited` counts in place of its file.

    Raises ConfigError, which names file, key, reason and remedy; all mistakes of a file at once.
    """
    env = os.environ if environ is None else environ
    base = config_folder(folder, env)
    given = dict(edited or {})
    if strange := sorted(name for name in given if not is_editable(name)):
        raise ConfigError(f"{strange[0]} is not edited in the dashboard; it stays a file")
    parts = {name: _read(base, name, model, given) for name, model in _FILES.items()}
    calling = {
        found[1]: name
        for name in sorted({*document_names(base), *given})
        if (found := _CALLING.fullmatch(name))
    }
    settings = Settings(
        folder=base.absolute(),
        var=var_folder(env),
        database_url=database_url(env),
        edits=edits,
        listener=parts["listener.toml"],
        brands=parts["brands.toml"].brands,
        sources=parts["sources.toml"].sources,
        crms=parts["crms.toml"].crms,
        priority=parts["rules/priority.toml"],
        routing=parts["rules/routing.toml"],
        alerts=parts["rules/alerts.toml"],
        company=parts["rules/company.toml"],
        diagnosis=parts["rules/diagnosis.toml"],
        replies=parts["templates/replies.toml"],
        calling={
            country: _read(base, name, CallingRules, given) for country, name in calling.items()
        },
    )
    _cross_check(settings, base)
    return settings


def again(settings: Settings, edited: Mapping[str, str], edits: int) -> Settings:
    """The same installation, with what was edited since."""
    env = {"LISTENER_VAR": str(settings.var), "LISTENER_DATABASE_URL": settings.database_url}
    return load(settings.folder, env, edited=edited, edits=edits)


def _read(base: Path, name: str, model: type[Section], edited: Mapping[str, str]) -> Any:
    path = base / name
    place = str(path)
    if name not in edited:
        if not path.exists():
            return model()
        data = _parsed(path)
    else:
        place = f"{name}, as edited in the dashboard"
        data = _toml(edited[name], place)
        if name == "listener.toml":
            if strange := sorted(set(data) - set(EDITED_TABLES)):
                raise ConfigError(
                    f"{place}: {strange[0]} stays in the file; only {', '.join(EDITED_TABLES)} are "
                    "edited in the dashboard"
                )
            data = (_parsed(path) if path.exists() else {}) | data
    try:
        return model.model_validate(data)
    except ValidationError as error:
        lines = [_explain(model, e) for e in error.errors(include_url=False)]
        raise ConfigError("\n".join(f"{place}: {line}" for line in lines)) from error


def _parsed(path: Path) -> dict[str, Any]:
    try:
        return _toml(path.read_text(encoding="utf-8"), str(path))
    except UnicodeDecodeError as error:
        raise ConfigError(f"{path}: not UTF-8 (byte {error.start}). Save it as UTF-8.") from error


def _toml(text: str, place: str) -> dict[str, Any]:
    try:
        return tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise ConfigError(f"{place}: not valid TOML: {error}.") from error


def _explain(model: type[BaseModel], error: Mapping[str, Any]) -> str:
    where = "".join(
        f"[{part}]" if isinstance(part, int) else f".{part}" for part in error["loc"]
    ).lstrip(".")
    if error["type"] == "extra_forbidden":
        known = _known_keys(model, error["loc"][:-1])
        close = difflib.get_close_matches(str(error["loc"][-1]), known, n=1)
        hint = f"did you mean {close[0]}?" if close else f"known keys: {', '.join(sorted(known))}"
        return f"{where}: unknown key; {hint}"
    if error["type"] == "missing":
        return f"{where}: this key is required and missing"
    message = str(error["msg"]).removeprefix("Value error, ")
    given = error.get("input")
    shown = "" if isinstance(given, dict | list) else f" (it is {given!r})"
    return f"{where}: {message}{shown}"


def _known_keys(model: type[BaseModel], path: tuple[int | str, ...]) -> list[str]:
    current: type[BaseModel] = model
    for part in path:
        if isinstance(part, int):
            continue
        field = current.model_fields.get(str(part))
        nested = _section_in(field.annotation) if field else None
        if nested is None:
            return []
        current = nested
    return list(current.model_fields)


def _section_in(annotation: Any) -> type[BaseModel] | None:
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return annotation
    for inner in get_args(annotation):
        if (found := _section_in(inner)) is not None:
            return found
    return None


def _no_twins(what: str, names: list[str]) -> None:
    twins = sorted({n for n in names if names.count(n) > 1})
    if twins:
        raise ValueError(f"two {what} are called {', '.join(twins)}; give each its own name")


def _cross_check(settings: Settings, base: Path) -> None:
    known = [b.key for b in settings.brands]
    for source in settings.sources:
        for key in source.brands:
            if key not in known:
                close = difflib.get_close_matches(key, known, n=1)
                hint = f"; did you mean {close[0]}?" if close else f"; known: {', '.join(known)}"
                raise ConfigError(
                    f"{base / 'sources.toml'}: source {source.name}: brand {key!r} is not in "
                    f"brands.toml{hint}"
                )
