"""Conversations: Lucía complains, the brand answers, she answers back, others join in."""

from __future__ import annotations

from dataclasses import dataclass

from hypothesis import given
from hypothesis import strategies as st

from listener.threads import DEEPEST, in_threads


@dataclass(frozen=True)
class Post:
    id: int
    answers: int | None = None


def order(*posts: Post) -> list[tuple[int, int]]:
    return [(post.id, depth) for post, depth in in_threads(posts)]


def test_answers_stand_under_what_they_answer() -> None:
    lucia, pedro, brand, again = Post(1), Post(2), Post(3, 1), Post(4, 3)
    assert order(lucia, pedro, brand, again) == [(1, 0), (3, 1), (4, 2), (2, 0)]


def test_what_answers_something_else_begins_anew() -> None:
    assert order(Post(5, 99), Post(6, 5)) == [(5, 0), (6, 1)]


def test_a_long_dispute_gets_no_narrower() -> None:
    posts = [Post(0), *(Post(n, n - 1) for n in range(1, 2000))]
    assert [depth for _, depth in in_threads(posts)][-1] == DEEPEST


def test_posts_that_answer_each_other_are_all_there() -> None:
    assert order(Post(1, 2), Post(2, 1), Post(3, 3)) == [(1, 0), (2, 1), (3, 0)]


@given(
    st.lists(st.tuples(st.integers(0, 9), st.none() | st.integers(0, 9)), unique_by=lambda p: p[0])
)
def test_nothing_is_lost_or_shown_twice(posts: list[tuple[int, int | None]]) -> None:
    found = in_threads([Post(*p) for p in posts])
    assert sorted(post.id for post, _ in found) == sorted(id for id, _ in posts)
    assert all(0 <= depth <= DEEPEST for _, depth in found)
