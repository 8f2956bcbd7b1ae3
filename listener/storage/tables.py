"""The tables. Rows are handled in `listener/storage` and where whole tables are worked through: the
processing, the retention, the sample and the CRM `local`, whose tables are here too. What crosses
to the pages and decisions are the frozen types of `listener.domain` and of the storage modules."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import (
    JSON,
    BigInteger,
    Boolean,
    DateTime,
    Dialect,
    Float,
    ForeignKey,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    String,
    Text,
    UniqueConstraint,
    text,
)
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column
from sqlalchemy.types import TypeDecorator

from listener.errors import Said


class UtcDateTime(TypeDecorator[datetime]):
    """Aware datetimes in, aware UTC out; a naive one is a bug and is refused.

    SQLite keeps no zone, so the value is stored as UTC without one and gets it back on reading.
    """

    impl = DateTime(timezone=True)
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        if value is None:
            return None
        if value.tzinfo is None:
            raise ValueError(f"naive datetime {value!r}: storage is UTC, give it a time zone")
        value = value.astimezone(UTC)
        return value.replace(tzinfo=None) if dialect.name == "sqlite" else value

    def process_result_value(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        if value is None:
            return None
        return value.replace(tzinfo=UTC) if value.tzinfo is None else value.astimezone(UTC)


# What no database keeps alike: PostgreSQL refuses NUL, and UTF-8 has no lone surrogates.
_UNSTORABLE = re.compile("[\x00\ud800-\udfff]")


def storable(text: str) -> str:
    """The text with U+FFFD in place of the few characters that cannot be stored."""
    return _UNSTORABLE.sub("\N{REPLACEMENT CHARACTER}", text)


class Words(TypeDecorator[str]):
    """Any text from outside: one odd character must not make a page, or the report of an error,
    impossible to store."""

    impl = Text
    cache_ok = True

    def process_bind_param(self, value: str | None, dialect: Dialect) -> str | None:
        return storable(value) if isinstance(value, str) else value


class Told(TypeDecorator[str]):
    """What an error said, kept with its parts so that people read it in their language."""

    impl = Text
    cache_ok = True

    def process_bind_param(self, value: str | None, dialect: Dialect) -> str | None:
        if value is None:
            return None
        said = value if isinstance(value, Said) else Said(value)
        kept = said.sentence.to_text()
        return storable(kept if len(kept) <= _LONGEST_TOLD else str(value)[:_LONGEST_TOLD])

    def process_result_value(self, value: str | None, dialect: Dialect) -> Said | None:
        return None if value is None else Said.from_text(value)


_LONGEST_TOLD = 4000
BigId = BigInteger().with_variant(Integer, "sqlite")  # SQLite counts up only an INTEGER key


class Base(DeclarativeBase):
    # Named constraints, so that migrations can speak of them on every database.
    metadata = MetaData(
        naming_convention={
            "ix": "ix_%(table_name)s_%(column_0_N_name)s",
            "uq": "uq_%(table_name)s_%(column_0_N_name)s",
            "fk": "fk_%(table_name)s_%(column_0_N_name)s",
            "pk": "pk_%(table_name)s",
        }
    )
    type_annotation_map = {  # noqa: RUF012 - SQLAlchemy's own form
        datetime: UtcDateTime,
        dict[str, Any]: JSON,
        list[Any]: JSON,
        bytes: LargeBinary,
        str: Words,
    }


# ---------------------------------------------------------------------------- collect


class Subscription(Base):
    """One configured source asked for one brand (or for all): its cursor and its health."""

    __tablename__ = "subscriptions"
    key: Mapped[str] = mapped_column(String(200), primary_key=True)  # "mastodon-es/movistar"
    source_name: Mapped[str] = mapped_column(String(80), index=True)
    source_type: Mapped[str] = mapped_column(String(40))
    cursor: Mapped[str | None]
    last_attempt_at: Mapped[datetime | None]
    last_success_at: Mapped[datetime | None]
    last_item_at: Mapped[datetime | None]  # when the last new mention came in
    watched_since: Mapped[datetime]
    not_before: Mapped[datetime | None]  # the server asked us to wait
    wanted_at: Mapped[datetime | None]  # a person asked for it to be asked out of turn
    failures: Mapped[int] = mapped_column(Integer, default=0)  # in a row
    failing_since: Mapped[datetime | None]
    last_error: Mapped[str | None] = mapped_column(Told)
    items: Mapped[int] = mapped_column(Integer, default=0)
    pages: Mapped[int] = mapped_column(Integer, default=0)
    problems: Mapped[int] = mapped_column(Integer, default=0)


class CollectDay(Base):
    """What a day (UTC, ISO) brought a subscription: how often it answered, how often it failed, how
    many posts were new (null: not counted then). Days without an answer are gaps in charts."""

    __tablename__ = "collect_days"
    subscription: Mapped[str] = mapped_column(String(200), primary_key=True)
    day: Mapped[str] = mapped_column(String(10), primary_key=True)
    answers: Mapped[int] = mapped_column(Integer, default=0)
    failures: Mapped[int] = mapped_column(Integer, default=0)
    items: Mapped[int | None] = mapped_column(Integer)
    last_error: Mapped[str | None] = mapped_column(Told)


class RawPageRow(Base):
    __tablename__ = "raw_pages"
    id: Mapped[int] = mapped_column(BigId, primary_key=True)
    subscription: Mapped[str] = mapped_column(String(200), index=True)
    source_type: Mapped[str] = mapped_column(String(40))
    url: Mapped[str]
    content_type: Mapped[str]
    fetched_at: Mapped[datetime] = mapped_column(index=True)
    body_gzip: Mapped[bytes]
    meta: Mapped[dict[str, Any]]


class AuthorRow(Base):
    __tablename__ = "authors"
    __table_args__ = (UniqueConstraint("source", "handle"),)
    id: Mapped[int] = mapped_column(BigId, primary_key=True)
    source: Mapped[str] = mapped_column(String(40))
    handle: Mapped[str] = mapped_column(String(300))
    name: Mapped[str]
    url: Mapped[str]
    followers: Mapped[int | None] = mapped_column(Integer)
    invented: Mapped[bool] = mapped_column(Boolean, default=False)


class MentionRow(Base):
    __tablename__ = "mentions"
    __table_args__ = (
        UniqueConstraint("source", "external_id"),
        Index("ix_mentions_state_id", "state", "id"),
        Index("ix_mentions_published_at_id", "published_at", "id"),
        # Few or none are: without it, counting them reads every text.
        Index(
            "ix_mentions_invented",
            "id",
            sqlite_where=text("invented IS 1"),
            postgresql_where=text("invented IS true"),
        ),
    )
    id: Mapped[int] = mapped_column(BigId, primary_key=True)
    source: Mapped[str] = mapped_column(String(40))
    external_id: Mapped[str] = mapped_column(String(600))
    subscription: Mapped[str] = mapped_column(String(200), index=True)
    raw_page_id: Mapped[int | None] = mapped_column(BigId)
    author_id: Mapped[int | None] = mapped_column(ForeignKey("authors.id"), index=True)
    title: Mapped[str]
    text: Mapped[str]
    url: Mapped[str]
    site: Mapped[str]
    lang_hint: Mapped[str | None] = mapped_column(String(10))
    published_at: Mapped[datetime]
    collected_at: Mapped[datetime] = mapped_column(index=True)
    reply_to: Mapped[str | None] = mapped_column(index=True)
    repost_of: Mapped[str | None] = mapped_column(index=True)
    tags: Mapped[list[Any]]
    links: Mapped[list[Any]]
    reach: Mapped[int | None] = mapped_column(Integer)
    invented: Mapped[bool] = mapped_column(Boolean, default=False)
    fingerprint: Mapped[str | None] = mapped_column(String(64), index=True)
    duplicate_of: Mapped[int | None] = mapped_column(BigId, index=True)
    duplicate_kind: Mapped[str | None] = mapped_column(String(10))
    duplicate_similarity: Mapped[float | None] = mapped_column(Float)
    # pending -> processed | failed ("failed" keeps its reason and is shown with the source)
    state: Mapped[str] = mapped_column(String(10), default="pending")
    attempts: Mapped[int] = mapped_column(Integer, default=0)
    error: Mapped[str | None]


class MentionBrand(Base):
    """Which brand's query found the mention, and what in it; `muted` when a NOT excluded it."""

    __tablename__ = "mention_brands"
    mention_id: Mapped[int] = mapped_column(ForeignKey("mentions.id"), primary_key=True)
    brand: Mapped[str] = mapped_column(String(60), primary_key=True, index=True)
    muted: Mapped[bool] = mapped_column(Boolean, default=False)
    hits: Mapped[list[Any]]
    # Processed for this brand. A mention that a further brand's query finds later is pending again.
    followed: Mapped[bool] = mapped_column(Boolean, default=False)


class MentionBand(Base):
    """MinHash bands: two mentions that share one are compared in full."""

    __tablename__ = "mention_bands"
    band: Mapped[int] = mapped_column(Integer, primary_key=True)
    hash: Mapped[int] = mapped_column(BigInteger, primary_key=True)
    mention_id: Mapped[int] = mapped_column(ForeignKey("mentions.id"), primary_key=True, index=True)


class Reject(Base):
    """What could not be read: kept with its reason, never dropped."""

    __tablename__ = "rejects"
    id: Mapped[int] = mapped_column(BigId, primary_key=True)
    origin: Mapped[str] = mapped_column(String(300), index=True)  # subscription, or file
    raw_page_id: Mapped[int | None] = mapped_column(BigId)
    line: Mapped[int | None] = mapped_column(Integer)
    reason: Mapped[str]
    excerpt: Mapped[str]
    digest: Mapped[str] = mapped_column(String(64), unique=True)
    at: Mapped[datetime]


# ---------------------------------------------------------------------------- process


class ReadingRow(Base):
    __tablename__ = "readings"
    mention_id: Mapped[int] = mapped_column(ForeignKey("mentions.id"), primary_key=True)
    lang: Mapped[str] = mapped_column(String(10), index=True)
    sentiment: Mapped[str] = mapped_column(String(10), index=True)
    complaint: Mapped[bool] = mapped_column(Boolean, index=True)
    category: Mapped[str | None] = mapped_column(String(30), index=True)
    harassment: Mapped[bool] = mapped_column(Boolean, index=True)
    scores: Mapped[dict[str, Any]]
    uncertain: Mapped[list[Any]]
    doubtful: Mapped[bool] = mapped_column(Boolean, index=True)  # waits for a person's word
    facts: Mapped[dict[str, Any]]
    evidence: Mapped[list[Any]]
    model: Mapped[str] = mapped_column(String(80))
    read_at: Mapped[datetime]
    embedding: Mapped[bytes | None]  # float16, as many as the encoder is wide


class Correction(Base):
    """A person's override of one question of a reading; the newest that nobody took back wins, for
    ever. `asked` tells whether the reader was in doubt; it is null where `before` was not kept."""

    __tablename__ = "corrections"
    id: Mapped[int] = mapped_column(BigId, primary_key=True)
    mention_id: Mapped[int] = mapped_column(ForeignKey("mentions.id"), index=True)
    question: Mapped[str] = mapped_column(String(40))
    value: Mapped[Any] = mapped_column(JSON)
    implied: Mapped[bool] = mapped_column(Boolean)  # follows from an answer to another question
    by_user: Mapped[str] = mapped_column(String(200))
    at: Mapped[datetime] = mapped_column(index=True)
    before: Mapped[Any | None] = mapped_column(JSON)  # what was said until then
    asked: Mapped[bool | None] = mapped_column(Boolean)
    undone_at: Mapped[datetime | None]
    undone_by: Mapped[str | None] = mapped_column(String(200))


class ReportedNumber(Base):
    """A number that a harassment complaint names as the caller's."""

    __tablename__ = "reported_numbers"
    __table_args__ = (Index("ix_reported_numbers_digits_published_at", "digits", "published_at"),)
    mention_id: Mapped[int] = mapped_column(ForeignKey("mentions.id"), primary_key=True)
    digits: Mapped[str] = mapped_column(String(40), primary_key=True)  # E.164, or a short code
    brand: Mapped[str] = mapped_column(String(60), primary_key=True)
    published_at: Mapped[datetime] = mapped_column(index=True)


class CountedMention(Base):
    """What trends count (storage/counted.py): kept in step by triggers, never written by hand.
    `hour` is in whole hours since 1970 UTC."""

    __tablename__ = "counted_mentions"
    __table_args__ = (
        Index(
            "ix_counted_mentions_hour_all",
            *("hour", "brand", "source", "lang", "sentiment"),
            *("complaint", "harassment", "category", "invented"),
        ),
    )
    mention_id: Mapped[int] = mapped_column(BigId, primary_key=True, autoincrement=False)
    brand: Mapped[str] = mapped_column(String(60), primary_key=True)
    hour: Mapped[int] = mapped_column(Integer)
    source: Mapped[str] = mapped_column(String(40))
    lang: Mapped[str] = mapped_column(String(10))
    sentiment: Mapped[str] = mapped_column(String(10))
    complaint: Mapped[bool] = mapped_column(Boolean)
    harassment: Mapped[bool] = mapped_column(Boolean)
    category: Mapped[str | None] = mapped_column(String(30))
    invented: Mapped[bool] = mapped_column(Boolean)


class CaseRow(Base):
    """The unit of work: one author, one brand, one matter. `version` guards against lost
    updates. At most one case that is not closed exists per (brand, author, matter): `open_key`
    is their hash while it is open, or merged into one that is, and null afterwards."""

    __tablename__ = "cases"
    __table_args__ = (
        Index("ix_cases_status_score", "status", "score"),
        Index("ix_cases_updated_at_opened_at", "updated_at", "opened_at"),
    )
    id: Mapped[int] = mapped_column(BigId, primary_key=True)
    open_key: Mapped[str | None] = mapped_column(String(64), unique=True)
    brand: Mapped[str] = mapped_column(String(60), index=True)
    author_id: Mapped[int | None] = mapped_column(ForeignKey("authors.id"), index=True)
    matter: Mapped[str] = mapped_column(String(30), index=True)  # harassment, or the category
    lang: Mapped[str] = mapped_column(String(10))
    status: Mapped[str] = mapped_column(String(10))
    resolution: Mapped[str | None] = mapped_column(String(30))
    score: Mapped[int] = mapped_column(Integer)
    level: Mapped[str] = mapped_column(String(10))
    priority_reasons: Mapped[list[Any]]
    queue: Mapped[str] = mapped_column(String(60), index=True)
    owner: Mapped[str | None] = mapped_column(String(200), index=True)
    assigned_at: Mapped[datetime | None]
    route_reasons: Mapped[list[Any]]
    due_at: Mapped[datetime] = mapped_column(index=True)
    opened_at: Mapped[datetime] = mapped_column(index=True)
    updated_at: Mapped[datetime]
    closed_at: Mapped[datetime | None]
    first_mention_id: Mapped[int] = mapped_column(BigId)
    last_mention_id: Mapped[int] = mapped_column(BigId)
    crm: Mapped[str | None] = mapped_column(String(40))
    customer_ref: Mapped[str | None] = mapped_column(String(200), index=True)
    match: Mapped[dict[str, Any] | None]  # the whole CustomerMatch, or why it is pending
    version: Mapped[int] = mapped_column(Integer, default=1)
    invented: Mapped[bool] = mapped_column(Boolean, default=False)
    answered_at: Mapped[datetime | None]  # the first answer, which is never moved
    answered_by: Mapped[str | None] = mapped_column(String(200))  # a user, or "listener"
    # Something that its author wrote has no reply yet; true again when they write again.
    awaits_answer: Mapped[bool] = mapped_column(Boolean, default=True)
    snoozed_until: Mapped[datetime | None]  # out of the inbox until then
    merged_into: Mapped[int | None] = mapped_column(ForeignKey("cases.id"), index=True)


class CaseMention(Base):
    """`by_person`: somebody put it there, by merging or splitting, and there it stays."""

    __tablename__ = "case_mentions"
    case_id: Mapped[int] = mapped_column(ForeignKey("cases.id"), primary_key=True)
    mention_id: Mapped[int] = mapped_column(ForeignKey("mentions.id"), primary_key=True, index=True)
    by_person: Mapped[bool] = mapped_column(Boolean, default=False)


class CaseTag(Base):
    """A free word on a case, in its normal form (storage/case_tags.py)."""

    __tablename__ = "case_tags"
    case_id: Mapped[int] = mapped_column(ForeignKey("cases.id"), primary_key=True)
    tag: Mapped[str] = mapped_column(String(40), primary_key=True, index=True)


class CaseViewer(Base):
    """Who has a case before them; a row counts for a minute (storage/presence.py)."""

    __tablename__ = "case_viewers"
    case_id: Mapped[int] = mapped_column(ForeignKey("cases.id"), primary_key=True)
    username: Mapped[str] = mapped_column(ForeignKey("users.username"), primary_key=True)
    seen_at: Mapped[datetime] = mapped_column(index=True)


class CaseEvent(Base):
    """The timeline: who, when, what. `actor` is a user's name or "listener"."""

    __tablename__ = "case_events"
    id: Mapped[int] = mapped_column(BigId, primary_key=True)
    case_id: Mapped[int] = mapped_column(ForeignKey("cases.id"), index=True)
    at: Mapped[datetime]
    actor: Mapped[str] = mapped_column(String(200))
    kind: Mapped[str] = mapped_column(String(30))
    data: Mapped[dict[str, Any]]


# ---------------------------------------------------------------------------- deliver


class SilenceRow(Base):
    """Alerts that are muted: every condition that is not null must hold."""

    __tablename__ = "silences"
    id: Mapped[int] = mapped_column(BigId, primary_key=True)
    kind: Mapped[str | None] = mapped_column(String(30))
    brand: Mapped[str | None] = mapped_column(String(60))
    number: Mapped[str | None] = mapped_column(String(40))
    source: Mapped[str | None] = mapped_column(String(200))
    case_id: Mapped[int | None] = mapped_column(ForeignKey("cases.id"), index=True)
    until: Mapped[datetime] = mapped_column(index=True)
    reason: Mapped[str]
    by_user: Mapped[str] = mapped_column(String(200))
    at: Mapped[datetime]
    ended_at: Mapped[datetime | None]
    ended_by: Mapped[str | None] = mapped_column(String(200))


class AlertRow(Base):
    __tablename__ = "alerts"
    id: Mapped[int] = mapped_column(BigId, primary_key=True)
    key: Mapped[str] = mapped_column(String(300), unique=True)
    kind: Mapped[str] = mapped_column(String(30), index=True)
    brand: Mapped[str | None] = mapped_column(String(60), index=True)
    case_id: Mapped[int | None] = mapped_column(ForeignKey("cases.id"), index=True)
    subject: Mapped[dict[str, Any]]
    reasons: Mapped[list[Any]]
    raised_at: Mapped[datetime] = mapped_column(index=True)
    ended_at: Mapped[datetime | None]
    invented: Mapped[bool] = mapped_column(Boolean, default=False)
    # What muted it when it was raised: nobody was written to.
    silence_id: Mapped[int | None] = mapped_column(ForeignKey("silences.id"), index=True)


class Outgoing:
    """What every outbox's row has: it waits, is claimed by one worker, and is done or given up."""

    id: Mapped[int] = mapped_column(BigId, primary_key=True)
    status: Mapped[str] = mapped_column(String(10))  # pending, claimed, done or sent, failed
    attempts: Mapped[int] = mapped_column(Integer, default=0)
    next_attempt_at: Mapped[datetime]
    claimed_by: Mapped[str | None] = mapped_column(String(80))
    claimed_at: Mapped[datetime | None]
    last_error: Mapped[str | None] = mapped_column(Told)


class NotificationRow(Outgoing, Base):
    """The outbox: one row per alert, way out and recipient, written in the alert's own commit."""

    __tablename__ = "notifications"
    __table_args__ = (
        UniqueConstraint("alert_id", "notifier", "recipient"),
        Index("ix_notifications_status_next_attempt_at", "status", "next_attempt_at"),
    )
    alert_id: Mapped[int] = mapped_column(ForeignKey("alerts.id"))
    notifier: Mapped[str] = mapped_column(String(40))
    recipient: Mapped[str] = mapped_column(String(320))
    language: Mapped[str] = mapped_column(String(10))
    time_zone: Mapped[str] = mapped_column(String(60))
    message_id: Mapped[str] = mapped_column(String(200), unique=True)
    status: Mapped[str] = mapped_column(String(15))  # also: transmitting, in_doubt
    sent_at: Mapped[datetime | None]


class LoopRow(Base):
    """The last run of each loop, for `listener status` and the health page."""

    __tablename__ = "loops"
    name: Mapped[str] = mapped_column(String(20), primary_key=True)
    started_at: Mapped[datetime | None]
    finished_at: Mapped[datetime | None]
    succeeded_at: Mapped[datetime | None]
    last_error: Mapped[str | None] = mapped_column(Told)
    last_counts: Mapped[dict[str, Any]]


# ---------------------------------------------------------------------------- people


class UserRow(Base):
    """An account; people of a queue get cases. Empty brands, languages, queues mean all."""

    __tablename__ = "users"
    username: Mapped[str] = mapped_column(String(200), primary_key=True)
    name: Mapped[str]
    email: Mapped[str] = mapped_column(String(320))
    role: Mapped[str] = mapped_column(String(30))
    language: Mapped[str] = mapped_column(String(10))
    time_zone: Mapped[str] = mapped_column(String(60))
    brands: Mapped[list[Any]]
    languages: Mapped[list[Any]]
    queues: Mapped[list[Any]]
    password_hash: Mapped[str | None]
    failed_sign_ins: Mapped[int] = mapped_column(Integer, default=0)
    locked_until: Mapped[datetime | None]
    disabled: Mapped[bool] = mapped_column(Boolean, default=False)
    created_at: Mapped[datetime]


class SavedView(Base):
    """A filter and order of the inbox under a name: its owner's, or with a brand, of all who work for
    that brand."""

    __tablename__ = "saved_views"
    __table_args__ = (UniqueConstraint("owner", "name"),)
    id: Mapped[int] = mapped_column(BigId, primary_key=True)
    owner: Mapped[str] = mapped_column(ForeignKey("users.username"))
    brand: Mapped[str | None] = mapped_column(String(60), index=True)
    name: Mapped[str] = mapped_column(String(80))
    wanted: Mapped[dict[str, Any]]  # listener/wishes.py
    made_at: Mapped[datetime]


class DefaultView(Base):
    """With which view somebody's inbox opens."""

    __tablename__ = "default_views"
    username: Mapped[str] = mapped_column(ForeignKey("users.username"), primary_key=True)
    view_id: Mapped[int] = mapped_column(ForeignKey("saved_views.id"), index=True)


class SessionRow(Base):
    """A signed-in browser. Only the hash of its token is stored."""

    __tablename__ = "sessions"
    token_hash: Mapped[str] = mapped_column(String(64), primary_key=True)
    username: Mapped[str] = mapped_column(ForeignKey("users.username"), index=True)
    created_at: Mapped[datetime]
    seen_at: Mapped[datetime]


class SetupLink(Base):
    """A link that sets a password once: the first administrator's, or a forgotten one's."""

    __tablename__ = "setup_links"
    token_hash: Mapped[str] = mapped_column(String(64), primary_key=True)
    username: Mapped[str] = mapped_column(ForeignKey("users.username"))
    expires_at: Mapped[datetime]
    used_at: Mapped[datetime | None]


class IdentityRow(Base):
    """Who an account is at the company's OpenID Connect provider."""

    __tablename__ = "user_identities"
    issuer: Mapped[str] = mapped_column(String(500), primary_key=True)
    subject: Mapped[str] = mapped_column(String(255), primary_key=True)
    username: Mapped[str] = mapped_column(ForeignKey("users.username"), index=True)
    created_at: Mapped[datetime]


class ConfigEdit(Base):
    """A document of the configuration as somebody left it: each edit a row that stays, the newest
    in force."""

    __tablename__ = "config_edits"
    __table_args__ = (UniqueConstraint("name", "version"),)
    id: Mapped[int] = mapped_column(BigId, primary_key=True)
    name: Mapped[str] = mapped_column(String(100))  # brands.toml, rules/routing.toml
    version: Mapped[int] = mapped_column(Integer)  # of this document, from 1
    text: Mapped[str | None]  # none: the file is in force again
    by_user: Mapped[str] = mapped_column(String(200))
    at: Mapped[datetime]
    note: Mapped[str]


class ErasedItem(Base):
    """A mention that was erased on request: its digest, so that it is not stored again."""

    __tablename__ = "erased_items"
    digest: Mapped[str] = mapped_column(String(64), primary_key=True)
    at: Mapped[datetime]


class AuditEntry(Base):
    """What was done that stands on no case: to accounts, and what was erased. Nothing of a person."""

    __tablename__ = "audit_entries"
    id: Mapped[int] = mapped_column(BigId, primary_key=True)
    at: Mapped[datetime] = mapped_column(index=True)
    actor: Mapped[str] = mapped_column(String(200))
    kind: Mapped[str] = mapped_column(String(30))
    data: Mapped[dict[str, Any]]


# ---------------------------------------------------------------------------- crm/local


class CrmPerson(Base):
    __tablename__ = "crm_people"
    customer_id: Mapped[str] = mapped_column(String(200), primary_key=True)
    name: Mapped[str]
    country: Mapped[str] = mapped_column(String(2))
    time_zone: Mapped[str] = mapped_column(String(60))
    consent: Mapped[str] = mapped_column(String(10))
    consent_at: Mapped[datetime | None]
    preferred_channel: Mapped[str] = mapped_column(String(20))
    status: Mapped[str] = mapped_column(String(10))
    extra: Mapped[dict[str, Any]]  # unknown columns, kept aside
    invented: Mapped[bool] = mapped_column(Boolean, default=False)


class CrmIdentifier(Base):
    """E-mails (lower case) and handles (`platform:name`) as they are; of a phone `value` is its
    keyed index, and `as_written` holds it sealed (listener/vault.py)."""

    __tablename__ = "crm_identifiers"
    __table_args__ = (Index("ix_crm_identifiers_kind_value", "kind", "value"),)
    customer_id: Mapped[str] = mapped_column(ForeignKey("crm_people.customer_id"), primary_key=True)
    kind: Mapped[str] = mapped_column(String(20), primary_key=True)
    value: Mapped[str] = mapped_column(String(320), primary_key=True)
    as_written: Mapped[str]


class CrmEvent(Base):
    __tablename__ = "crm_events"
    __table_args__ = (
        Index("ix_crm_events_customer_id_at", "customer_id", "at"),
        Index("ix_crm_events_customer_number_at", "customer_number", "at"),
        Index("ix_crm_events_caller_number_at", "caller_number", "at"),
    )
    event_id: Mapped[str] = mapped_column(String(200), primary_key=True)
    at: Mapped[datetime]
    direction: Mapped[str] = mapped_column(String(3))
    channel: Mapped[str] = mapped_column(String(10))
    customer_id: Mapped[str | None] = mapped_column(String(200))
    customer_number: Mapped[str] = mapped_column(String(40))  # the keyed index of the phone
    customer_number_sealed: Mapped[str] = mapped_column(default="")
    caller_number: Mapped[str] = mapped_column(String(40))
    campaign: Mapped[str]
    list_name: Mapped[str]
    list_loaded_at: Mapped[datetime | None]
    centre: Mapped[str]
    agent: Mapped[str]
    disposition: Mapped[str] = mapped_column(String(30))
    duration_s: Mapped[int] = mapped_column(Integer)
    note: Mapped[str]
    extra: Mapped[dict[str, Any]]
    invented: Mapped[bool] = mapped_column(Boolean, default=False)


class CrmNumber(Base):
    __tablename__ = "crm_numbers"
    number: Mapped[str] = mapped_column(String(40), primary_key=True)  # E.164, or a short code
    brand: Mapped[str] = mapped_column(String(60), primary_key=True)
    valid_from_day: Mapped[str] = mapped_column(String(10), primary_key=True, default="")
    valid_to_day: Mapped[str] = mapped_column(String(10), default="")
    kind: Mapped[str] = mapped_column(String(15))
    owner: Mapped[str]
    invented: Mapped[bool] = mapped_column(Boolean, default=False)


class CrmSuppression(Base):
    """A phone that `local` may not be contacted for sales; one row a phone, the first order stays."""

    __tablename__ = "crm_suppressions"
    number: Mapped[str] = mapped_column(String(40), primary_key=True)  # the keyed index
    number_sealed: Mapped[str]
    customer_id: Mapped[str | None] = mapped_column(String(200), index=True)
    reason: Mapped[str]
    key: Mapped[str] = mapped_column(String(200))
    at: Mapped[datetime]
    until: Mapped[datetime | None]


class CrmTicket(Base):
    """A case noted on a customer's record of `local`."""

    __tablename__ = "crm_tickets"
    key: Mapped[str] = mapped_column(String(200), primary_key=True)
    customer_id: Mapped[str | None] = mapped_column(String(200), index=True)
    title: Mapped[str]
    text: Mapped[str]
    link: Mapped[str]
    at: Mapped[datetime]


# ---------------------------------------------------------------------------- the promise


class SuppressionRow(Base):
    """A do-not-contact order that a person approved, for one customer or phone, until it is lifted.
    It is in effect once every system that was asked has said so."""

    __tablename__ = "suppressions"
    __table_args__ = (Index("ix_suppressions_crm_customer_ref", "crm", "customer_ref"),)
    id: Mapped[int] = mapped_column(BigId, primary_key=True)
    case_id: Mapped[int | None] = mapped_column(ForeignKey("cases.id"), index=True)
    brand: Mapped[str] = mapped_column(String(60), index=True)
    author_id: Mapped[int | None] = mapped_column(BigId, index=True)
    crm: Mapped[str | None] = mapped_column(String(60))
    customer_ref: Mapped[str | None] = mapped_column(String(200))
    status: Mapped[str] = mapped_column(String(12))  # pending, in_effect, failed, lifted
    reason: Mapped[str]
    approved_by: Mapped[str] = mapped_column(String(200))
    approved_at: Mapped[datetime]
    complained_at: Mapped[datetime]  # when the person wrote
    effective_at: Mapped[datetime | None] = mapped_column(index=True)
    watched_at: Mapped[datetime | None] = mapped_column(index=True)
    watch_error: Mapped[str | None]
    invented: Mapped[bool] = mapped_column(Boolean, default=False)


class SuppressedPhone(Base):
    __tablename__ = "suppressed_phones"
    suppression_id: Mapped[int] = mapped_column(ForeignKey("suppressions.id"), primary_key=True)
    number: Mapped[str] = mapped_column(String(40), primary_key=True, index=True)  # keyed index
    sealed: Mapped[str]


class CrmWriteRow(Outgoing, Base):
    """The outbox to CRMs and diallers: one row for each thing to write, in the commit of the
    decision. `key` is the same on every attempt."""

    __tablename__ = "crm_writes"
    __table_args__ = (Index("ix_crm_writes_status_next_attempt_at", "status", "next_attempt_at"),)
    key: Mapped[str] = mapped_column(String(200), unique=True)
    kind: Mapped[str] = mapped_column(String(10))  # suppress, record
    system: Mapped[str] = mapped_column(String(60))
    suppression_id: Mapped[int | None] = mapped_column(ForeignKey("suppressions.id"), index=True)
    case_id: Mapped[int | None] = mapped_column(ForeignKey("cases.id"), index=True)
    customer_ref: Mapped[str | None] = mapped_column(String(200))
    sealed: Mapped[str]  # the phone; empty for a record
    data: Mapped[dict[str, Any]]
    done_at: Mapped[datetime | None]
    reference: Mapped[str | None]
    already: Mapped[bool] = mapped_column(Boolean, default=False)


class BrokenPromise(Base):
    """A contact, or a new complaint, after a suppression took effect; each once."""

    __tablename__ = "broken_promises"
    suppression_id: Mapped[int] = mapped_column(ForeignKey("suppressions.id"), primary_key=True)
    what: Mapped[str] = mapped_column(String(300), primary_key=True)  # event:ID or mention:ID
    at: Mapped[datetime]
    found_at: Mapped[datetime] = mapped_column(index=True)


class PrivateLink(Base):
    """A link by which a person may leave their phone, once; `digest` is of the token."""

    __tablename__ = "private_links"
    digest: Mapped[str] = mapped_column(String(64), primary_key=True)
    case_id: Mapped[int] = mapped_column(ForeignKey("cases.id"), index=True)
    made_by: Mapped[str] = mapped_column(String(200))
    made_at: Mapped[datetime]
    expires_at: Mapped[datetime] = mapped_column(index=True)
    used_at: Mapped[datetime | None]
    sealed: Mapped[str]  # what was left: a phone
