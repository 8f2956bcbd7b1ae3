"""Posts in the order of their conversations. Pure."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from typing import Protocol, TypeVar

DEEPEST = 4  # answers to answers beyond stand as deep as these: a phone is narrow


class Answering(Protocol):
    @property
    def id(self) -> int: ...

    @property
    def answers(self) -> int | None:
        """The id of the post that it answers."""
        ...


P = TypeVar("P", bound=Answering)


def in_threads(posts: Sequence[P]) -> list[tuple[P, int]]:
    """Each post after the one that it answers, with how deep it stands (0 to DEEPEST); otherwise in
    the order given. What answers none of them, or in a circle, stands at 0."""
    here = {post.id for post in posts}
    below: dict[int | None, list[P]] = defaultdict(list)
    for post in posts:
        below[post.answers if post.answers in here else None].append(post)
    found: list[tuple[P, int]] = []
    seen: set[int] = set()

    def place(roots: Iterable[P]) -> None:
        waiting = [(post, 0) for post in reversed(list(roots))]
        while waiting:
            post, depth = waiting.pop()
            if post.id in seen:
                continue
            seen.add(post.id)
            found.append((post, depth))
            deeper = min(depth + 1, DEEPEST)
            waiting += [(child, deeper) for child in reversed(below[post.id])]

    place(below[None])
    for post in posts:  # those of a circle
        place([post])
    return found
