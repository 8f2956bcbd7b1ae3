"""Looking for what a mention copies: by fingerprint, by MinHash bands, or because it says so.

Only originals keep their bands, so that the hundredth copy of a text is compared with one text and
not with ninety-nine. A repost of something that we do not have keeps them too: servers list posts in
no certain order, and what it repeats may come after it.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import sqlalchemy as sa
from sqlalchemy.orm import Session, aliased

from listener import dedupe
from listener.dedupe import DuplicateKind, Fingerprinted, Post
from listener.storage.database import insert_new
from listener.storage.tables import AuthorRow, MentionBand, MentionRow

_COMPARED = 20  # candidates of one mention that are compared in full
_JOINED = 5000  # rows of a batch's candidates; a flood of one text must not fill the memory


@dataclass(frozen=True, slots=True)
class Copy:
    """What a mention repeats. `of` is an original, never itself a copy; None for a repost of
    something that we have not stored."""

    of: int | None
    kind: DuplicateKind
    similarity: float
    same_author: bool


@dataclass(frozen=True, slots=True)
class Printed:
    """A mention of the batch with what finds its like."""

    id: int
    author_id: int | None
    printed: Fingerprinted


def find_and_store(
    session: Session, batch: Sequence[Printed], *, threshold: float
) -> dict[int, Copy]:
    """Mark every copy in the batch, with the reason; earlier mentions of the batch count, too."""
    _store(session, batch)
    similar = _sharing_a_band(session, [m.id for m in batch])
    copies: dict[int, Copy] = {}
    for mention in batch:
        row = session.get_one(MentionRow, mention.id)
        candidates = list(_candidates(session, row, similar.get(mention.id, ())))
        reason = dedupe.duplicate_of(
            _post(session, row), [_post(session, c) for c in candidates], threshold=threshold
        )
        if reason is None:
            _claim_early_reposts(session, row, similar.get(mention.id, ()), threshold)
            continue
        original = next((c for c in candidates if c.id == reason.of), None)
        row.duplicate_kind = reason.kind
        row.duplicate_similarity = reason.similarity
        if original is not None:
            row.duplicate_of = original.duplicate_of or original.id
        copies[mention.id] = Copy(
            of=row.duplicate_of,
            kind=reason.kind,
            similarity=reason.similarity,
            same_author=original is not None
            and row.author_id is not None
            and original.author_id == row.author_id,
        )
        # The next of the batch must see the mark.
        session.flush()
    placed = [mention_id for mention_id, copy in copies.items() if copy.of is not None]
    _forget_bands(session, placed)
    return copies


def _claim_early_reposts(
    session: Session, original: MentionRow, similar: Sequence[int], threshold: float
) -> None:
    """Reposts that came in before what they repeat, and their own copies, now belong to it."""
    # Each by its index: an "or" of both makes SQLite read every mention, while others wait.
    alike = sa.select(MentionRow.id).where(MentionRow.id.in_(sorted(similar)[:_COMPARED]))
    repeats = sa.select(MentionRow.id).where(
        MentionRow.repost_of == original.external_id, MentionRow.source == original.source
    )
    early = session.scalars(
        sa.select(MentionRow)
        .where(
            MentionRow.id.in_(sa.union_all(alike, repeats)),
            MentionRow.id != original.id,
            MentionRow.duplicate_kind == DuplicateKind.REPOST,
            MentionRow.duplicate_of.is_(None),
        )
        .order_by(MentionRow.id)
    ).all()
    claimed: list[int] = []
    for row in early:
        reason = dedupe.duplicate_of(
            _post(session, row), [_post(session, original)], threshold=threshold
        )
        if reason is None or reason.of is None:
            continue
        row.duplicate_of = original.id
        row.duplicate_similarity = reason.similarity
        claimed.append(row.id)
    if claimed:
        session.execute(
            sa.update(MentionRow)
            .where(MentionRow.duplicate_of.in_(claimed))
            .values(duplicate_of=original.id)
        )
        _forget_bands(session, claimed)


def _forget_bands(session: Session, mention_ids: Sequence[int]) -> None:
    if mention_ids:
        session.execute(sa.delete(MentionBand).where(MentionBand.mention_id.in_(mention_ids)))


def _store(session: Session, batch: Sequence[Printed]) -> None:
    if not batch:
        return
    session.execute(
        sa.update(MentionRow),
        [{"id": m.id, "fingerprint": m.printed.fingerprint} for m in batch],
    )
    insert_new(
        session,
        MentionBand,
        [
            {"band": band, "hash": value, "mention_id": m.id}
            for m in batch
            for band, value in enumerate(m.printed.signature)
        ],
    )


def _sharing_a_band(session: Session, ids: Sequence[int]) -> dict[int, tuple[int, ...]]:
    mine, theirs = aliased(MentionBand), aliased(MentionBand)
    rows = session.execute(
        sa.select(mine.mention_id, theirs.mention_id)
        .join(
            theirs,
            sa.and_(
                theirs.band == mine.band,
                theirs.hash == mine.hash,
                theirs.mention_id < mine.mention_id,
            ),
        )
        .where(mine.mention_id.in_(ids))
        .distinct()
        .limit(_JOINED)
    )
    found: dict[int, tuple[int, ...]] = {}
    for one, other in rows:
        found[one] = (*found.get(one, ()), other)
    return found


def _candidates(session: Session, row: MentionRow, similar: Sequence[int]) -> Iterator[MentionRow]:
    seen: set[int] = set()
    for found in (
        _reposted(session, row),
        _same_fingerprint(session, row),
        [session.get_one(MentionRow, i) for i in sorted(similar)[:_COMPARED]],
    ):
        for candidate in found:
            if candidate.id not in seen:
                seen.add(candidate.id)
                yield candidate


def _reposted(session: Session, row: MentionRow) -> Sequence[MentionRow]:
    if row.repost_of is None:
        return ()
    return session.scalars(
        sa.select(MentionRow).where(
            MentionRow.source == row.source, MentionRow.external_id == row.repost_of
        )
    ).all()


def _same_fingerprint(session: Session, row: MentionRow) -> Sequence[MentionRow]:
    """The author's own first: a short text is a copy only of the same person's."""
    return session.scalars(
        sa.select(MentionRow)
        .where(
            MentionRow.fingerprint == row.fingerprint,
            MentionRow.id < row.id,
            MentionRow.duplicate_of.is_(None),
        )
        .order_by((MentionRow.author_id == row.author_id).desc().nulls_last(), MentionRow.id.desc())
        .limit(_COMPARED)
    ).all()


def _post(session: Session, row: MentionRow) -> Post:
    author = session.get(AuthorRow, row.author_id) if row.author_id is not None else None
    return Post(
        id=row.id,
        text=row.text,
        author=row.author_id,
        handle=author.handle if author else "",
        published_at=row.published_at,
        external_id=row.external_id,
        repost_of=row.repost_of,
    )
