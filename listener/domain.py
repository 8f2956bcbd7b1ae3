"""The words of the field as types. Frozen, no behaviour, imports none of our code.

Times are aware datetimes in UTC. Texts are as the source gave them after clean-up.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Any

# ---------------------------------------------------------------------------- collected


@dataclass(frozen=True, slots=True)
class RawPage:
    """What a source returned, kept so that a parser fix can be replayed.

    `cursor` is how far we have read once this page's mentions are stored; None keeps the old one.
    `meta` holds small facts that `parse` needs and the body does not say (base URL, tag, path).
    """

    url: str
    body: bytes
    content_type: str
    fetched_at: datetime
    cursor: str | None = None
    meta: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Author:
    """A public identity on one source; `handle` is unique there (`user@server` on Mastodon)."""

    handle: str
    name: str = ""
    url: str = ""
    followers: int | None = None


@dataclass(frozen=True, slots=True)
class Mention:
    """One public item. `external_id` is unique within `source` (a kind of source, not a query)."""

    source: str
    external_id: str
    text: str
    published_at: datetime
    author: Author | None = None
    title: str = ""
    url: str = ""
    lang: str | None = None  # what the source says, a hint only
    site: str = ""
    reply_to: str | None = None
    repost_of: str | None = None
    tags: tuple[str, ...] = ()
    links: tuple[str, ...] = ()
    reach: int | None = None  # people who may have seen it, as far as the source tells
    article_url: str | None = None  # where the full text is, when `text` is only a summary
    brand: str | None = None  # set by imports that say so; otherwise queries decide
    invented: bool = False


@dataclass(frozen=True, slots=True)
class Problem:
    """An item that could not be parsed: kept, never dropped. `line` is 1-based where it has one."""

    reason: str
    excerpt: str = ""
    line: int | None = None


@dataclass(frozen=True, slots=True)
class Parsed:
    mentions: tuple[Mention, ...] = ()
    problems: tuple[Problem, ...] = ()


# ---------------------------------------------------------------------------- people and calls


class Direction(StrEnum):
    OUT = "out"
    IN = "in"


class Channel(StrEnum):
    CALL = "call"
    SMS = "sms"
    WHATSAPP = "whatsapp"
    EMAIL = "email"
    VISIT = "visit"
    OTHER = "other"


class Disposition(StrEnum):
    """How a contact was coded, after mapping from each system's own codes."""

    SALE = "sale"
    INTERESTED = "interested"
    NOT_INTERESTED = "not_interested"
    DO_NOT_CALL = "do_not_call"
    CALLBACK = "callback"
    NO_ANSWER = "no_answer"
    BUSY = "busy"
    VOICEMAIL = "voicemail"
    WRONG_NUMBER = "wrong_number"
    HANG_UP_BY_AGENT = "hang_up_by_agent"
    HANG_UP_BY_CUSTOMER = "hang_up_by_customer"
    ABANDONED = "abandoned"
    NONE = "none"


class NumberKind(StrEnum):
    OWN = "own"
    CARE_ONLY = "care_only"
    AGENCY = "agency"
    RETIRED = "retired"
    IMPOSTOR = "impostor"
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True)
class Customer:
    """A person as the CRM has them. `ref` is the CRM's own id."""

    crm: str
    ref: str
    name: str
    phones: tuple[str, ...] = ()  # E.164 where they parse, as given otherwise
    emails: tuple[str, ...] = ()
    handles: tuple[str, ...] = ()  # "platform:name"
    country: str = ""
    time_zone: str = ""
    consent: str = "none"
    consent_at: datetime | None = None
    preferred_channel: str = ""
    status: str = "customer"
    region: str = ""  # within the country, where the record tells it: "MD", "FL"
    invented: bool = False


@dataclass(frozen=True, slots=True)
class ContactEvent:
    """One call, message or visit in the CRM's or dialler's log."""

    event_id: str
    at: datetime
    direction: Direction
    channel: Channel
    customer_ref: str | None = None
    customer_number: str = ""
    caller_number: str = ""
    campaign: str = ""
    list_name: str = ""
    list_loaded_at: datetime | None = None
    centre: str = ""
    agent: str = ""
    disposition: Disposition = Disposition.NONE
    duration_s: int | None = 0  # None: the system does not tell
    note: str = ""


@dataclass(frozen=True, slots=True)
class CallerNumber:
    number: str
    brand: str
    kind: NumberKind
    owner: str = ""
    valid_from: datetime | None = None
    valid_to: datetime | None = None
    campaign: str = ""


class CauseKind(StrEnum):
    """Why somebody was contacted again; several may hold (docs/diagnosis.md)."""

    REFUSAL_NOT_CODED = "refusal_not_coded"
    REFUSAL_NOT_HONOURED = "refusal_not_honoured"
    BURNT_LIST = "burnt_list"
    AGENT_CONDUCT = "agent_conduct"
    WEAK_SUPERVISION = "weak_supervision"
    OPEN_CALLBACK = "open_callback"
    RESELLER = "reseller"
    IMPOSTOR = "impostor"
    WRONG_PERSON = "wrong_person"
    NOT_IN_LOG = "not_in_log"


class BreachKind(StrEnum):
    HOURS = "hours"
    DAY = "day"
    FREQUENCY = "frequency"
    AFTER_REFUSAL = "after_refusal"
    AFTER_REGISTER = "after_register"
    NUMBER_RANGE = "number_range"
    NO_CONSENT = "no_consent"


class Action(StrEnum):
    """What to do about a case, and what to keep from doing."""

    APOLOGISE = "apologise"
    SUPPRESS = "suppress"
    STOP_MARKETING = "stop_marketing"
    CORRECT_DISPOSITION = "correct_disposition"
    CLOSE_CALLBACK = "close_callback"
    RETIRE_LIST = "retire_list"
    COACH_AGENT = "coach_agent"
    REVIEW_POLICY = "review_policy"
    TALK_TO_AGENCY = "talk_to_agency"
    REPORT_IMPOSTOR = "report_impostor"
    CORRECT_OWNER_OF_NUMBER = "correct_owner_of_number"
    ANSWER_CALMLY = "answer_calmly"
    HAND_TO_DATA_PROTECTION = "hand_to_data_protection"
    CONTACT_ON_PREFERRED_CHANNEL = "contact_on_preferred_channel"
    SALES_OFFER = "sales_offer"
    WIN_BACK_OFFER = "win_back_offer"
    PHONE_CALL = "phone_call"
    ASK_FOR_PAYMENT = "ask_for_payment"
    DENY_CONTACT = "deny_contact"
    ACCUSE_OF_LYING = "accuse_of_lying"
    SUPPRESS_ALL_CONTACT = "suppress_all_contact"


class IdentifierKind(StrEnum):
    CUSTOMER_ID = "customer_id"
    EMAIL = "email"
    PHONE = "phone"
    HANDLE = "handle"


class MatchBasis(StrEnum):
    """How the link between an author and a customer was obtained."""

    GIVEN_IN_POST = "given_in_post"  # they wrote it of themselves in public
    DECLARED_ACCOUNT = "declared_account"  # the customer's record names this public account
    PRIVATE_LINK = "private_link"  # they left their phone for this, in private and with consent


@dataclass(frozen=True, slots=True)
class Identifier:
    """Something that may tell who wrote: phone in E.164, handle as `platform:name`."""

    kind: IdentifierKind
    value: str
    basis: MatchBasis = MatchBasis.GIVEN_IN_POST
    own: bool = True  # the author's; False: somebody's they speak for ("my mother's line is ...")


@dataclass(frozen=True, slots=True)
class Candidate:
    customer: Customer
    found_by: Identifier


@dataclass(frozen=True, slots=True)
class CustomerMatch:
    """`decided` only above the threshold; otherwise a person confirms one of the candidates. `basis`
    is the strongest of the identifiers that named the customer."""

    decided: bool
    customer: Customer | None
    confidence: float
    reasons: tuple[str, ...]
    candidates: tuple[Candidate, ...] = ()
    basis: MatchBasis | None = None


# ---------------------------------------------------------------------------- work


@dataclass(frozen=True, slots=True)
class Reason:
    """Why something was decided: a catalogue key and its values, so that people read it in
    their own language."""

    key: str
    values: Mapping[str, Any] = field(default_factory=dict)
    points: int = 0


@dataclass(frozen=True, slots=True)
class Cause:
    """A root cause that holds: the events that show it, and what speaks against it."""

    kind: CauseKind
    confidence: float
    reasons: tuple[Reason, ...]
    evidence: tuple[str, ...]
    against: tuple[Reason, ...] = ()


@dataclass(frozen=True, slots=True)
class Breach:
    """A *possible* breach of one rule (its text by language), by the events that it names."""

    kind: BreachKind
    rule: Mapping[str, str]
    source: str
    event_ids: tuple[str, ...]
    by_law: bool


@dataclass(frozen=True, slots=True)
class Step:
    """One action that is proposed, or warned of, and why."""

    action: Action
    reason: Reason


@dataclass(frozen=True, slots=True)
class NextBestAction:
    do: tuple[Step, ...]
    avoid: tuple[Step, ...]


@dataclass(frozen=True, slots=True)
class Diagnosis:
    """Why we contacted somebody again. `logged_in_period` counts the log's contacts in the period
    that the person claims, None where they claim none."""

    causes: tuple[Cause, ...]
    breaches: tuple[Breach, ...]
    claimed_count: int | None
    claimed_days: int | None
    logged_in_period: int | None
    next_best_action: NextBestAction


class CaseStatus(StrEnum):
    NEW = "new"
    OPEN = "open"
    PENDING = "pending"
    CLOSED = "closed"


class Resolution(StrEnum):
    ANSWERED = "answered"
    SUPPRESSED = "suppressed"
    NOT_OURS = "not_ours"
    NO_REPLY_NEEDED = "no_reply_needed"
    IMPOSTOR = "impostor"
    MISREAD = "misread"
    OTHER = "other"
    MERGED = "merged"  # by merging only


class Outcome(StrEnum):
    """What became of a case that somebody had to answer. What was closed without an answer is
    unanswered still."""

    ON_TIME = "on_time"
    LATE = "late"
    OVERDUE = "overdue"  # unanswered, and was due
    WAITING = "waiting"  # unanswered, and not due yet


class PriorityLevel(StrEnum):
    URGENT = "urgent"
    HIGH = "high"
    NORMAL = "normal"
    LOW = "low"


@dataclass(frozen=True, slots=True)
class Priority:
    score: int
    level: PriorityLevel
    reasons: tuple[Reason, ...]


@dataclass(frozen=True, slots=True)
class Route:
    """Queue, person and due time of a case, with the rule that said so."""

    queue: str
    owner: str | None
    due_at: datetime
    reasons: tuple[Reason, ...]


class AlertKind(StrEnum):
    SEVERE_HARASSMENT = "severe_harassment"
    NUMBER_COMPLAINTS = "number_complaints"
    UNKNOWN_NUMBER = "unknown_number"
    SOURCE_FAILING = "source_failing"
    SOURCE_SILENT = "source_silent"
    PROMISE_BROKEN = "promise_broken"


@dataclass(frozen=True, slots=True)
class Alert:
    """Something needs attention. `key` makes it one alert however often it is found again."""

    kind: AlertKind
    key: str
    brand: str | None
    subject: Mapping[str, Any]
    reasons: tuple[Reason, ...]
    case_id: int | None = None


@dataclass(frozen=True, slots=True)
class Scope:
    """What a silence mutes: alerts of which every condition that is set holds (None: any)."""

    kind: AlertKind | None = None
    brand: str | None = None
    number: str | None = None  # as in the alert's subject
    source: str | None = None  # a subscription, or a source with all of its subscriptions
    case_id: int | None = None


@dataclass(frozen=True, slots=True)
class Silence:
    """A muted alert: what the scope covers is still raised and shown, and nobody is written to,
    until that moment or until somebody ends it."""

    id: int
    scope: Scope
    until: datetime
    reason: str
    by: str
    at: datetime
    ended_at: datetime | None = None
    ended_by: str | None = None


class SuppressionStatus(StrEnum):
    """`in_effect` once every system that was asked has said so."""

    PENDING = "pending"
    IN_EFFECT = "in_effect"
    FAILED = "failed"  # a system has refused for good; a person looks
    LIFTED = "lifted"  # a person took it back: the watch has ended


class WriteStatus(StrEnum):
    PENDING = "pending"
    CLAIMED = "claimed"
    DONE = "done"
    FAILED = "failed"


class NotificationStatus(StrEnum):
    """`transmitting` is committed just before the byte that makes the receiver responsible. A
    process that dies between that and its answer leaves the row `in_doubt`: almost certainly
    delivered, so never sent again by itself, but shown to people, who can."""

    PENDING = "pending"
    CLAIMED = "claimed"
    TRANSMITTING = "transmitting"
    SENT = "sent"
    IN_DOUBT = "in_doubt"
    FAILED = "failed"


@dataclass(frozen=True, slots=True)
class Message:
    """What a notifier delivers. `message_id` is the same on every attempt, so that a receiver
    can tell a repeated transmission from a second message."""

    message_id: str
    recipient: str
    subject: str
    text: str
    html: str


class Role(StrEnum):
    COMMUNITY_MANAGER = "community_manager"
    BRAND_MANAGER = "brand_manager"
    MARKETING_LEAD = "marketing_lead"
    ADMINISTRATOR = "administrator"


class TokenScope(StrEnum):
    """What a token of the API may be used for; its user's role and brands bound it as well."""

    READ = "read"  # mentions, cases, alerts
    WORK = "work"  # change cases
    INGEST = "ingest"  # bring mentions
    SUPPRESS = "suppress"  # approve that somebody is contacted no more
    ADMIN = "admin"  # webhooks
    METRICS = "metrics"  # /metrics


class HookEvent(StrEnum):
    """What a webhook is told."""

    CASE_OPENED = "case.opened"
    CASE_CLOSED = "case.closed"
    ALERT_RAISED = "alert.raised"
    PROMISE_BROKEN = "promise.broken"
    TEST = "test"
