"""What another query would have found: decided on stored mentions, those that were drawn. Pure.

Only what some query found was stored (and what was imported), so that a wider query finds more from
now on than it shows here; whoever shows a preview says so.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from enum import StrEnum

from listener.query import Prepared, Query, prepare
from listener.storage.query_sample import Sample, Stratum, Tried

EXAMPLES = 5


class State(StrEnum):
    """What a query makes of a mention: it counts, it is kept and muted, or it is not kept."""

    FOUND = "found"
    MUTED = "muted"
    LEFT = "left"


@dataclass(frozen=True, slots=True)
class Example:
    """`hits` are places in the text that the query which finds it found."""

    mention: Tried
    hits: tuple[tuple[int, int], ...]
    now: State


@dataclass(slots=True)
class Preview:
    """Counts are of all `total` mentions of the window that may be seen; `exact` is False where
    they were reckoned from the `looked_at` that were drawn."""

    total: int
    looked_at: int = 0
    exact: bool = True
    before: float = 0
    after: float = 0
    muted: float = 0
    added: float = 0
    dropped: float = 0
    found: list[Example] = field(default_factory=list)
    gained: list[Example] = field(default_factory=list)
    lost: list[Example] = field(default_factory=list)


def preview(new: Query, old: Query | None, sample: Sample) -> Preview:
    """`old` is None where there is none yet, for a new brand."""
    made = Preview(total=sample.own.of + sample.others.of)
    for stratum in (sample.own, sample.others):
        made.looked_at += len(stratum.mentions)
        made.exact = made.exact and len(stratum.mentions) == stratum.of
        for mention, weight in _weighed(stratum):
            words = prepare(mention.words)
            now, hits = _state(new, words)
            was, old_hits = _state(old, words) if old else (State.LEFT, ())
            made.before += weight * (was is State.FOUND)
            made.after += weight * (now is State.FOUND)
            made.muted += weight * (now is State.MUTED)
            if now is State.FOUND and was is not State.FOUND:
                made.added += weight
                made.gained.append(Example(mention, hits, now))
            elif was is State.FOUND and now is not State.FOUND:
                made.dropped += weight
                made.lost.append(Example(mention, old_hits, now))
            elif now is State.FOUND:
                made.found.append(Example(mention, hits, now))
    for examples in (made.found, made.gained, made.lost):
        examples.sort(key=lambda e: e.mention.published_at, reverse=True)
        del examples[EXAMPLES:]
    return made


def _weighed(stratum: Stratum) -> Iterator[tuple[Tried, float]]:
    for mention in stratum.mentions:
        yield mention, stratum.of / len(stratum.mentions)


def _state(query: Query, words: Prepared) -> tuple[State, tuple[tuple[int, int], ...]]:
    verdict = query.match(words)
    if not verdict.found:
        return State.LEFT, ()
    hits = tuple((h.start, h.end) for h in verdict.hits if h.field == "text")
    return (State.MUTED if verdict.muted else State.FOUND), hits
