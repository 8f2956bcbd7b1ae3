"""Collected items: the page, its mentions and the cursor in one commit."""

from __future__ import annotations

import gzip
import hashlib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy.orm import Session

from listener.domain import Author, Mention, Problem, RawPage
from listener.storage import health
from listener.storage.database import insert_new
from listener.storage.erased_items import erased
from listener.storage.tables import (
    AuthorRow,
    MentionBrand,
    MentionRow,
    RawPageRow,
    Reject,
    storable,
)


@dataclass(frozen=True, slots=True)
class BrandHit:
    """Why a brand's query found a mention; `muted` when one of its NOT clauses excluded it."""

    brand: str
    muted: bool = False
    hits: tuple[Mapping[str, Any], ...] = ()


@dataclass(frozen=True, slots=True)
class Found:
    """A mention and the brands that it is about."""

    mention: Mention
    brands: tuple[BrandHit, ...]


@dataclass(slots=True)
class Saved:
    new: int = 0
    known: int = 0
    rejected: int = 0
    new_ids: list[int] = field(default_factory=list)

    def add(self, other: Saved) -> None:
        self.new += other.new
        self.known += other.known
        self.rejected += other.rejected
        self.new_ids += other.new_ids


def save_page(
    session: Session,
    *,
    subscription: str,
    source_type: str,
    page: RawPage,
    found: Sequence[Found],
    problems: Sequence[Problem],
    expected_cursor: str | None,
    now: datetime,
) -> Saved:
    """Store one page: raw, mentions, problems and the cursor that passed them.

    Raises health.CursorMoved when another collector has read on in the meantime; then nothing of
    this page is stored, because the other one stored it.
    """
    health.move_cursor(session, subscription, expected_cursor, page.cursor, now)
    raw = RawPageRow(
        subscription=subscription,
        source_type=source_type,
        url=page.url,
        content_type=page.content_type,
        fetched_at=page.fetched_at,
        body_gzip=gzip.compress(page.body, 6),
        meta=dict(page.meta),
    )
    session.add(raw)
    session.flush()
    saved = save_found(session, subscription, found, now=now, raw_page_id=raw.id)
    saved.rejected = save_problems(session, subscription, problems, now=now, raw_page_id=raw.id)
    health.count_page(session, subscription, items=saved.new, problems=saved.rejected, now=now)
    return saved


def save_found(
    session: Session,
    subscription: str,
    found: Sequence[Found],
    *,
    now: datetime,
    raw_page_id: int | None = None,
) -> Saved:
    """Store mentions once per (source, external id); what is known already only gains brands, and
    waits to be processed for those."""
    unique: dict[tuple[str, str], Found] = {}
    # Pages are newest first more often than not; ids, and so all that follows, go by time.
    for item in sorted(map(_storable, found), key=lambda f: f.mention.published_at):
        unique.setdefault((item.mention.source, item.mention.external_id), item)
    for key in erased(session, list(unique)):
        del unique[key]
    authors = _authors(session, [f.mention for f in unique.values()])
    rows = [_row(f.mention, subscription, raw_page_id, authors, now) for f in unique.values()]
    new_ids = insert_new(session, MentionRow, rows, returning=MentionRow.id)
    ids = _ids(session, list(unique))
    gained = insert_new(
        session,
        MentionBrand,
        [
            {
                "mention_id": ids[key],
                "brand": hit.brand,
                "muted": hit.muted,
                "hits": [dict(h) for h in hit.hits],
                "followed": False,
            }
            for key, item in unique.items()
            for hit in item.brands
        ],
        returning=MentionBrand.mention_id,
    )
    _wait_again(session, set(gained) - set(new_ids))
    return Saved(new=len(new_ids), known=len(found) - len(new_ids), new_ids=list(new_ids))


def save_problems(
    session: Session,
    origin: str,
    problems: Iterable[Problem],
    *,
    now: datetime,
    raw_page_id: int | None = None,
) -> int:
    """Keep what could not be read; the same problem of the same origin is kept once."""
    rows: dict[str, dict[str, Any]] = {}
    for problem in problems:
        digest = hashlib.sha256(
            f"{origin}\0{problem.line}\0{problem.reason}\0{problem.excerpt}".encode(
                "utf-8", "replace"
            )
        ).hexdigest()
        rows[digest] = {
            "origin": origin,
            "raw_page_id": raw_page_id,
            "line": problem.line,
            "reason": problem.reason,
            "excerpt": problem.excerpt[:2000],
            "digest": digest,
            "at": now,
        }
    return len(insert_new(session, Reject, list(rows.values()), returning=Reject.id))


@dataclass(frozen=True, slots=True)
class StoredReject:
    """What could not be read, and why. `origin` is a subscription or a file."""

    origin: str
    line: int | None
    reason: str
    excerpt: str
    at: datetime


def follow_again(session: Session, mention_id: int, brand: str | None = None) -> None:
    """What follows from the mention (for one brand, or all) is decided anew at the next turn."""
    links = sa.update(MentionBrand).where(MentionBrand.mention_id == mention_id)
    if brand is not None:
        links = links.where(MentionBrand.brand == brand)
    session.execute(links.values(followed=False))
    session.execute(
        sa.update(MentionRow)
        .where(MentionRow.id == mention_id, MentionRow.state == "processed")
        .values(state="pending", attempts=0)
    )


def speaks_of(session: Session, mention_id: int | None, brand: str) -> bool:
    """Whether a mention was found for the brand; one that we do not have (None) counts as one."""
    if mention_id is None:
        return True
    found = sa.select(MentionBrand.brand).where(
        MentionBrand.mention_id == mention_id, MentionBrand.brand == brand
    )
    return session.scalar(found) is not None


def are_there(session: Session) -> bool:
    return session.scalar(sa.select(MentionRow.id).limit(1)) is not None


def are_invented(session: Session) -> tuple[bool, bool]:
    """(whether some are, whether all are); both false where there is none."""
    some, others = (
        session.scalar(sa.select(MentionRow.id).where(MentionRow.invented.is_(yes)).limit(1))
        for yes in (True, False)
    )
    return some is not None, some is not None and others is None


def rejects(
    session: Session, *, origin: str | None = None, limit: int = 50, offset: int = 0
) -> list[StoredReject]:
    """The latest first; of one subscription or file, or of all."""
    query = sa.select(Reject).order_by(Reject.id.desc()).limit(limit).offset(offset)
    if origin is not None:
        query = query.where(Reject.origin == origin)
    rows = session.scalars(query)
    return [StoredReject(r.origin, r.line, r.reason, r.excerpt, r.at) for r in rows]


def reject_origins(session: Session) -> dict[str, int]:
    """How many items could not be read, by subscription or file, the most first."""
    count = sa.func.count()
    query = sa.select(Reject.origin, count).group_by(Reject.origin)
    rows = session.execute(query.order_by(count.desc(), Reject.origin))
    return {row[0]: row[1] for row in rows}


def volume(session: Session, since: datetime, brands: Sequence[str]) -> dict[str, dict[str, int]]:
    """How many posts came in since then, by subscription and brand; with `brands`, of these only."""
    query = (
        sa.select(MentionRow.subscription, MentionBrand.brand, sa.func.count())
        .join(MentionBrand, MentionBrand.mention_id == MentionRow.id)
        .where(MentionRow.collected_at >= since, MentionBrand.muted.is_(False))
        .group_by(MentionRow.subscription, MentionBrand.brand)
    )
    if brands:
        query = query.where(MentionBrand.brand.in_(brands))
    found: dict[str, dict[str, int]] = {}
    for subscription, brand, count in session.execute(query):
        found.setdefault(subscription, {})[brand] = count
    return found


def known_ids(session: Session, source: str, external_ids: Sequence[str]) -> set[str]:
    found: set[str] = set()
    for start in range(0, len(external_ids), 500):
        found.update(
            session.scalars(
                sa.select(MentionRow.external_id).where(
                    MentionRow.source == source,
                    MentionRow.external_id.in_(external_ids[start : start + 500]),
                )
            )
        )
    return found


def _storable(item: Found) -> Found:
    """Keys as the database will hold them, so that they are found again."""
    mention = item.mention
    author = mention.author
    if author is not None:
        author = replace(author, handle=_key(author.handle, 300))
    return Found(
        replace(
            mention,
            external_id=_key(mention.external_id, 600),
            author=author,
            reply_to=_key(mention.reply_to, 600) if mention.reply_to else None,
            repost_of=_key(mention.repost_of, 600) if mention.repost_of else None,
            lang=storable(mention.lang)[:10] if mention.lang else None,
        ),
        item.brands,
    )


def _key(value: str, limit: int) -> str:
    """An overlong key keeps its beginning and gets a hash."""
    value = storable(value)
    if len(value) <= limit:
        return value
    return f"{value[: limit - 33]}#{hashlib.sha256(value.encode()).hexdigest()[:32]}"


def _wait_again(session: Session, mention_ids: Iterable[int]) -> None:
    ids = sorted(mention_ids)
    for start in range(0, len(ids), 500):
        session.execute(
            sa.update(MentionRow)
            .where(MentionRow.id.in_(ids[start : start + 500]))
            # In the value and not in the condition: a row that is just being processed is waited
            # for, and then judged as it has become.
            .values(
                state=sa.case((MentionRow.state == "processed", "pending"), else_=MentionRow.state)
            )
        )


def _row(
    mention: Mention,
    subscription: str,
    raw_page_id: int | None,
    authors: Mapping[tuple[str, str], int],
    now: datetime,
) -> dict[str, Any]:
    return {
        "source": mention.source,
        "external_id": mention.external_id,
        "subscription": subscription,
        "raw_page_id": raw_page_id,
        "author_id": authors.get((mention.source, mention.author.handle))
        if mention.author
        else None,
        "title": mention.title,
        "text": mention.text,
        "url": mention.url,
        "site": mention.site,
        "lang_hint": mention.lang,
        "published_at": mention.published_at,
        "collected_at": now,
        "reply_to": mention.reply_to,
        "repost_of": mention.repost_of,
        "tags": list(mention.tags),
        "links": list(mention.links),
        "reach": mention.reach,
        "invented": mention.invented,
        "state": "pending",
        "attempts": 0,
    }


def _authors(session: Session, mentions: Sequence[Mention]) -> dict[tuple[str, str], int]:
    people: dict[tuple[str, str], tuple[Author, bool]] = {
        (m.source, m.author.handle): (m.author, m.invented) for m in mentions if m.author
    }
    insert_new(
        session,
        AuthorRow,
        [
            {
                "source": source,
                "handle": handle,
                "name": author.name,
                "url": author.url,
                "followers": author.followers,
                "invented": invented,
            }
            for (source, handle), (author, invented) in people.items()
        ],
    )
    keys = list(people)
    ids: dict[tuple[str, str], int] = {}
    for start in range(0, len(keys), 300):
        part = keys[start : start + 300]
        for row in session.execute(
            sa.select(AuthorRow.id, AuthorRow.source, AuthorRow.handle).where(
                sa.tuple_(AuthorRow.source, AuthorRow.handle).in_(part)
            )
        ):
            ids[row.source, row.handle] = row.id
    return ids


def _ids(session: Session, keys: Sequence[tuple[str, str]]) -> dict[tuple[str, str], int]:
    ids: dict[tuple[str, str], int] = {}
    for start in range(0, len(keys), 300):
        part = keys[start : start + 300]
        for row in session.execute(
            sa.select(MentionRow.id, MentionRow.source, MentionRow.external_id).where(
                sa.tuple_(MentionRow.source, MentionRow.external_id).in_(part)
            )
        ):
            ids[row.source, row.external_id] = row.id
    return ids
