"""Matching a compiled query: whether it finds a mention, where, and what mutes it.

Three answers of every node, so that NOT never deletes: `_NO` the positive part does not match,
`_FOUND`, and `_MUTED` where it matches but a NOT excludes it.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Protocol

from listener.query_doc import Hit, Prepared, Verdict
from listener.query_terms import Leaf, Malformed, leaf_of, near_leaf
from listener.query_tree import And, Near, Node, Not, Or, Term

MAX_HITS = 1000

_NO, _MUTED, _FOUND = 0, 1, 2


@dataclass(slots=True)
class _State:
    doc: Prepared
    found: list[Leaf] = field(default_factory=list)
    muting: list[Leaf] = field(default_factory=list)


class Compiled(Protocol):
    cost: int

    def match(self, state: _State) -> int:
        """`_NO`, `_MUTED` or `_FOUND`; leaves that matched are added to `state.found`, unless
        the answer is `_NO`."""


class _One:
    def __init__(self, leaf: Leaf) -> None:
        self.leaf = leaf
        self.cost = leaf.cost

    def match(self, state: _State) -> int:
        if not self.leaf.test(state.doc):
            return _NO
        state.found.append(self.leaf)
        return _FOUND


class _All:
    def __init__(self, wanted: list[Compiled], unwanted: list[Compiled]) -> None:
        # The cheap ones first: most mentions fail one of them.
        self._wanted = sorted(wanted, key=lambda node: node.cost)
        self._unwanted = unwanted
        self.cost = self._wanted[-1].cost + 1

    def match(self, state: _State) -> int:
        answer = _FOUND
        before = len(state.found)
        for node in self._wanted:
            one = node.match(state)
            if one == _NO:
                del state.found[before:]
                return _NO
            answer = min(answer, one)
        for node in self._unwanted:
            inner = _State(state.doc)
            if node.match(inner) == _FOUND:
                state.muting += inner.found
                answer = _MUTED
        return answer


class _Any:
    def __init__(self, nodes: list[Compiled]) -> None:
        self._nodes = nodes
        self.cost = max(node.cost for node in nodes) + 1

    def match(self, state: _State) -> int:
        # Every branch is asked, because each one's hits are shown.
        answer = _NO
        for node in self._nodes:
            answer = max(answer, node.match(state))
        return answer


def compile_tree(node: Node, countries: tuple[str, ...]) -> Compiled:
    """Raises `Malformed` for a value that its field cannot take."""
    match node:
        case Term():
            return _One(leaf_of(node, countries))
        case Near():
            return _One(near_leaf(node, countries))
        case Or():
            return _Any([compile_tree(child, countries) for child in node.children])
        case And():
            wanted = [c for c in node.children if not isinstance(c, Not)]
            unwanted = [c.child for c in node.children if isinstance(c, Not)]
            return _All(
                [compile_tree(c, countries) for c in wanted or node.children[:1]],
                [compile_tree(c, countries) for c in unwanted],
            )
        case Not():
            raise Malformed(
                "this says only what is not wanted. Say what is: write the words to find, then "
                "NOT and the words that mute",
                node.position,
            )


def run(compiled: Compiled, doc: Prepared) -> Verdict:
    state = _State(doc)
    answer = compiled.match(state)
    if answer == _NO:
        return Verdict(found=False, muted=False)
    muted = answer == _MUTED
    return Verdict(
        found=True,
        muted=muted,
        hits=_tidy(state.found, doc),
        muted_by=_tidy(state.muting, doc) if muted else (),
    )


_ORDER = {name: number for number, name in enumerate(("title", "text", "tags"))}


def _tidy(leaves: Iterable[Leaf], doc: Prepared) -> tuple[Hit, ...]:
    """In order, without hits that lie inside another of the same term (a hashtag's parts)."""
    hits = {hit for leaf in leaves for hit in leaf.hits(doc)}
    kept: list[Hit] = []
    ends: dict[tuple[str, int, str], int] = {}
    for hit in sorted(
        hits, key=lambda h: (_ORDER.get(h.field, 9), h.field, h.item, h.start, -h.end)
    ):
        key = (hit.field, hit.item, hit.term)
        if hit.end > ends.get(key, -1):
            ends[key] = hit.end
            kept.append(hit)
    return tuple(kept[:MAX_HITS])
