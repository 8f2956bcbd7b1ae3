"""The same, nearly the same, a repost: with the reason. Pure, and alike on every machine.

What counts as a duplicate is decided against one mistake above all: to fold the complaint of a
second person into the first one's. Two people who write "otra vez el 1004" are two people who were
called. So

- a text by *another* author is a copy only from 12 words on (syndicated news, campaigns, bots):
  people do not hit on the same 12 words by chance;
- a text by the *same* author is the same from the first word when it is exact, and from 5 words on
  when it is nearly so; given times, a short one only within a day: who writes "otra vez el 1004"
  on Monday and on Thursday was called twice;
- nearly the same texts must name the same figures: "van 3 llamadas" and "van 4 llamadas" are two
  reports. A duplicate missed is one line too many; one seen wrongly hides a person;
- a repost is one because the source says so or the text starts with `RT @name:`, at any length;
  words of one's own around a quoted post make it a post.

Nearness is the Jaccard similarity of five-character shingles of the folded words: it works in every
script, and a changed word costs as much as it is long. Candidates come from MinHash bands; what
shares a band is then compared exactly, so a band too many costs time and never a wrong mark.
"""

from __future__ import annotations

import hashlib
import math
import re
from collections.abc import Hashable, Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

import numpy as np
import numpy.typing as npt

from listener.normalise import canonical_url, urls, without_urls
from listener.tokens import fold, is_unspaced, plain_words

THRESHOLD = 0.8
MIN_WORDS_NEAR = 5
MIN_WORDS_OTHER_AUTHOR = 12
SAME_AUTHOR_WINDOW = timedelta(days=1)
# A text at the threshold shares a band with probability 1 - (1 - 0.8**4)**12 = 0.998; one at 0.5
# with 0.54, which the exact comparison then refuses. Change both, and the stored bands are void.
BANDS = 12
ROWS = 4
MAX_CHARACTERS = 50_000  # compared of a text; news that agree so far are copies
_SHINGLE = 5
_CHUNK = 8192

_Hashes = npt.NDArray[np.uint64]


class DuplicateKind(StrEnum):
    EXACT = "exact"
    NEAR = "near"
    REPOST = "repost"


@dataclass(frozen=True, slots=True)
class DuplicateReason:
    """`of` is the id of the earlier post; None for a repost of something that is not stored."""

    kind: DuplicateKind
    of: int | str | None
    similarity: float


@dataclass(frozen=True, slots=True)
class Post:
    """What deduplication needs to know of a mention.

    `author` is any key that is the same for one author; None is nobody's. `external_id` and
    `repost_of` are the source's own ids, so compare posts of one source.
    """

    id: int | str
    text: str
    author: Hashable = None
    handle: str = ""
    published_at: datetime | None = None
    external_id: str | None = None
    repost_of: str | None = None


@dataclass(frozen=True, slots=True)
class Fingerprinted:
    """What is stored beside a text, to find its duplicates later."""

    fingerprint: str
    signature: tuple[int, ...]

    @classmethod
    def of(cls, text: str) -> Fingerprinted:
        return cls(fingerprint(text), signature(text))


# ------------------------------------------------------------------------------------- of a text


@dataclass(frozen=True, slots=True)
class _Content:
    words: tuple[str, ...]
    count: int
    links: tuple[str, ...]

    @property
    def line(self) -> str:
        return " ".join(self.words)[:MAX_CHARACTERS]

    @property
    def figures(self) -> frozenset[str]:
        return frozenset(word for word in self.words if any(map(str.isdigit, word)))


def _content(text: str) -> _Content:
    links = tuple(canonical_url(url) or url for url in urls(text))
    words = tuple(word.lstrip("@#") for word in plain_words(without_urls(text)))
    # A character of a script without spaces is about half a word.
    single = sum(len(word) == 1 and is_unspaced(word) for word in words)
    return _Content(words, len(words) - single + math.ceil(single / 2), links)


def fingerprint(text: str) -> str:
    """64 hexadecimal digits, the same for texts of the same words: case, accents, punctuation,
    blanks and the signs of hashtags aside. Links count only where there are few words beside
    them, because shorteners give every share another one."""
    key = _key(_content(text), text)
    return hashlib.sha256(key.encode("utf-8", "replace")).hexdigest()


def _key(content: _Content, text: str) -> str:
    parts = list(content.words)
    if content.count < MIN_WORDS_OTHER_AUTHOR:
        parts += sorted(content.links)
    return " ".join(parts) if parts else text.strip()


def signature(text: str) -> tuple[int, ...]:
    """One signed 64-bit hash per band, for a table (band, hash, mention); () for a text of fewer
    than 5 words, which is never nearly another."""
    content = _content(text)
    if content.count < MIN_WORDS_NEAR:
        return ()
    shingles = _shingle_hashes(content.line)
    least = np.full(BANDS * ROWS, np.iinfo(np.uint64).max, dtype=np.uint64)
    for start in range(0, len(shingles), _CHUNK):
        mixed = shingles[start : start + _CHUNK, None] * _FACTORS + _OFFSETS
        np.minimum(least, mixed.min(axis=0), out=least)
    bands = least.reshape(BANDS, ROWS)
    hashes = np.zeros(BANDS, dtype=np.uint64)
    for row in range(ROWS):
        hashes = _mixed(hashes ^ bands[:, row])
    return tuple(hashes.view(np.int64).tolist())


def similarity(a: str, b: str) -> float:
    """Exact Jaccard similarity, 0 to 1, of the shingles of two texts; 0 when one has no words."""
    return _jaccard(_content(a).line, _content(b).line)


def _jaccard(a: str, b: str) -> float:
    if not a or not b:
        return 0.0
    one, other = _shingles(a), _shingles(b)
    shared = len(one & other)
    return shared / (len(one) + len(other) - shared)


def _shingles(line: str) -> frozenset[str]:
    return frozenset(line[at : at + _SHINGLE] for at in range(max(1, len(line) - _SHINGLE + 1)))


def _mixed(values: _Hashes) -> _Hashes:
    """The finaliser of SplitMix64 (Steele, Lea, Flood 2014): every bit moves every other."""
    values = (values ^ (values >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    values = (values ^ (values >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return values ^ (values >> np.uint64(31))


def _sequence(start: int, count: int) -> _Hashes:
    steps = np.arange(start, start + count, dtype=np.uint64)
    return _mixed(steps * np.uint64(0x9E3779B97F4A7C15))


# Multiply-shift hashing modulo 2**64 needs odd factors. Fixed, because the bands are stored.
_FACTORS = _sequence(1, BANDS * ROWS) | np.uint64(1)
_OFFSETS = _sequence(1001, BANDS * ROWS)


def _shingle_hashes(line: str) -> _Hashes:
    codes = np.frombuffer(line.encode("utf-32-le", "replace"), dtype="<u4").astype(np.uint64)
    count = max(1, len(codes) - _SHINGLE + 1)
    hashes = np.zeros(count, dtype=np.uint64)
    for offset in range(min(_SHINGLE, len(codes))):
        hashes = hashes * np.uint64(0x100000001B3) + codes[offset : offset + count]
    return _mixed(hashes)


# ------------------------------------------------------------------------------------- of two posts

_RETWEET = re.compile(r"\s*RT @([\w.-]+)(?:@[\w.-]+(?::\d+)?)?:\s*(.*)", re.DOTALL)


def duplicate_of(
    post: Post,
    earlier: Iterable[Post],
    *,
    threshold: float = THRESHOLD,
    window: timedelta = SAME_AUTHOR_WINDOW,
) -> DuplicateReason | None:
    """Why `post` is a duplicate of one of `earlier`, or None when it stands for itself.

    `earlier`: the posts that share its fingerprint or a band, and the one it reposts. A repost
    wins over an exact copy, that over the nearest; among equals the first given. Threshold: 0
    to 1; below 0.7 the bands leave out too many candidates.
    """
    others = [other for other in earlier if other.id != post.id]
    retweet = _RETWEET.match(post.text)
    if post.repost_of is not None:
        return _repost(post, others, threshold)
    if retweet:
        return _retweet(retweet[1], retweet[2], others, threshold)
    mine = _content(post.text)
    if not mine.words and not mine.links:
        return None
    nearest: DuplicateReason | None = None
    for other in others:
        if passes_on(other):
            continue  # it came in earlier, and still it is the copy
        found = _copy(post, mine, other, threshold, window)
        if found and found.kind is DuplicateKind.EXACT:
            return found
        if found and (nearest is None or found.similarity > nearest.similarity):
            nearest = found
    return nearest


def passes_on(post: Post) -> bool:
    """Whether a post only repeats another's words: as its source says, or by hand ("RT @name:")."""
    return post.repost_of is not None or _RETWEET.match(post.text) is not None


def _copy(
    post: Post, mine: _Content, other: Post, threshold: float, window: timedelta
) -> DuplicateReason | None:
    theirs = _content(other.text)
    same_author = post.author is not None and post.author == other.author
    words = min(mine.count, theirs.count)
    if words < MIN_WORDS_OTHER_AUTHOR and not (same_author and _within(post, other, window)):
        return None
    if _key(mine, post.text) == _key(theirs, other.text):
        return DuplicateReason(DuplicateKind.EXACT, other.id, 1.0)
    if words < MIN_WORDS_NEAR or mine.figures != theirs.figures:
        return None
    likeness = _jaccard(mine.line, theirs.line)
    # The same words with other links are not nearly, but another share of something else.
    if likeness < threshold or (words < MIN_WORDS_OTHER_AUTHOR and mine.links != theirs.links):
        return None
    return DuplicateReason(DuplicateKind.NEAR, other.id, round(likeness, 4))


def _within(post: Post, other: Post, window: timedelta) -> bool:
    if post.published_at is None or other.published_at is None:
        return True
    return abs(post.published_at - other.published_at) <= window


def _repost(post: Post, others: list[Post], threshold: float) -> DuplicateReason | None:
    original = next((other for other in others if other.external_id == post.repost_of), None)
    if original is None:
        return DuplicateReason(DuplicateKind.REPOST, None, 1.0)
    mine, theirs = _content(post.text).line, _content(original.text).line
    retweet = _RETWEET.match(post.text)
    if not mine or retweet or theirs.startswith(mine):
        return DuplicateReason(DuplicateKind.REPOST, original.id, 1.0)
    likeness = _jaccard(mine, theirs)
    if likeness < threshold:
        return None  # a quote with words of its own
    return DuplicateReason(DuplicateKind.REPOST, original.id, round(likeness, 4))


def _retweet(handle: str, text: str, others: list[Post], threshold: float) -> DuplicateReason:
    mine = _content(text)
    for other in others:
        theirs = _content(other.text)
        named = fold(other.handle.lstrip("@").partition("@")[0]) == fold(handle)
        likeness = _jaccard(mine.line, theirs.line)
        if mine.words and theirs.line.startswith(mine.line):
            likeness = 1.0  # the client cut it off
        # A few words prove nothing without the name.
        if likeness >= threshold and (named or mine.count >= MIN_WORDS_NEAR):
            return DuplicateReason(DuplicateKind.REPOST, other.id, round(likeness, 4))
    return DuplicateReason(DuplicateKind.REPOST, None, 1.0)
