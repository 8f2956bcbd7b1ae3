"""The tree of a boolean query: what was asked, as data. `str()` of a node is a query again."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from dataclasses import field as attribute

FIELDS = ("author", "site", "lang", "source", "tag", "url", "number")


@dataclass(frozen=True, slots=True)
class Term:
    """A word, a `quoted` phrase, or the value of a `field` ("" for plain text).

    `text` is as written, without quotes and field; `position` its place in the query, in code
    points from 0.
    """

    text: str
    field: str = ""
    quoted: bool = False
    position: int = attribute(default=0, compare=False)

    def __str__(self) -> str:
        value = f'"{self.text}"' if self.quoted else self.text
        return f"{self.field}:{value}" if self.field else value

    @property
    def kind(self) -> str:
        """`word phrase wildcard tag handle`, or the name of the field."""
        if self.field:
            return self.field
        if self.quoted:
            return "phrase"
        if "*" in self.text:
            return "wildcard"
        return {"#": "tag", "@": "handle"}.get(self.text[:1], "word")


@dataclass(frozen=True, slots=True)
class Near:
    """Each operand stands at most `distances[i]` words from the next; operands are terms in the
    text, numbers, or an Or of these."""

    operands: tuple[Node, ...]
    distances: tuple[int, ...]

    def __str__(self) -> str:
        return written(self)


@dataclass(frozen=True, slots=True)
class Not:
    child: Node
    position: int = attribute(default=0, compare=False)

    def __str__(self) -> str:
        return written(self)


@dataclass(frozen=True, slots=True)
class And:
    """At least one child is not a `Not`; no child is an `And`."""

    children: tuple[Node, ...]

    def __str__(self) -> str:
        return written(self)


@dataclass(frozen=True, slots=True)
class Or:
    """No child is a `Not` or an `Or`."""

    children: tuple[Node, ...]

    def __str__(self) -> str:
        return written(self)


Node = Term | Near | Not | And | Or


def written(node: Node) -> str:
    """`node` as a query that reads as `node` again."""
    parts: list[str] = []
    _write(node, parts)
    return "".join(parts)


def _write(node: Node, parts: list[str]) -> None:
    # One call a level: a query of 100 levels must not reach Python's limit.
    between: list[str]
    match node:
        case Term():
            parts.append(str(node))
            return
        case Not():
            parts.append("NOT ")
            children: tuple[Node, ...] = (node.child,)
            between = []
        case Near():
            children = node.operands
            between = [f" NEAR/{distance} " for distance in node.distances]
        case And() | Or():
            children = node.children
            between = [" AND " if isinstance(node, And) else " OR "] * (len(children) - 1)
    for child, after in zip(children, [*between, ""], strict=True):
        # No parentheses that are not needed: with them a query could be too deep to be read again.
        compound = isinstance(child, Or) or (isinstance(child, And) and isinstance(node, Not))
        parts.append("(" if compound else "")
        _write(child, parts)
        parts.append(f"){after}" if compound else after)


def all_of(nodes: Sequence[Node]) -> Node:
    """One And of `nodes`, with the Ands among them taken apart."""
    flat = [
        part for node in nodes for part in (node.children if isinstance(node, And) else (node,))
    ]
    return flat[0] if len(flat) == 1 else And(tuple(flat))


def any_of(nodes: Sequence[Node]) -> Node:
    """One Or of `nodes`, with the Ors among them taken apart."""
    flat = [part for node in nodes for part in (node.children if isinstance(node, Or) else (node,))]
    return flat[0] if len(flat) == 1 else Or(tuple(flat))


def first_position(node: Node) -> int:
    """Where `node` begins in the query, in code points (its first term or NOT)."""
    while not isinstance(node, Term | Not):
        node = node.operands[0] if isinstance(node, Near) else node.children[0]
    return node.position


def explain(node: Node) -> str:
    """One line a node, drawn as a tree."""
    return "\n".join(_lines(node, "", ""))


def _lines(node: Node, lead: str, below: str) -> Iterator[str]:
    children: tuple[Node, ...] = ()
    match node:
        case Term():
            value = f'"{node.text}"' if node.quoted else node.text
            yield f"{lead}{node.kind} {value}"
        case Near():
            yield f"{lead}NEAR within {', '.join(map(str, node.distances))} words"
            children = node.operands
        case Not():
            yield f"{lead}NOT (keeps, but mutes)"
            children = (node.child,)
        case And() | Or():
            yield f"{lead}{'all of' if isinstance(node, And) else 'any of'}"
            children = node.children
    for number, child in enumerate(children, 1):
        last = number == len(children)
        yield from _lines(
            child, below + ("└─ " if last else "├─ "), below + ("   " if last else "│  ")
        )
