"""The boolean query language: read a query, explain it, match it, tell sources what to search.

`parse` once, then `Query.match` every mention. The language is described for people in
docs/query-language.md; its grammar is query.lark. Everything here is pure.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cache
from itertools import product
from typing import NoReturn

from lark import Lark, Token, Transformer
from lark.exceptions import UnexpectedInput

from listener.errors import QueryError, Sentence, sentence
from listener.query_doc import Hit, Prepared, Searchable, Verdict, prepare
from listener.query_match import Compiled
from listener.query_match import compile_tree as _compile
from listener.query_match import run as _run
from listener.query_terms import Malformed
from listener.query_tree import (
    FIELDS,
    And,
    Near,
    Node,
    Not,
    Or,
    Term,
    all_of,
    any_of,
    first_position,
)
from listener.query_tree import explain as _explain

__all__ = [
    "And",
    "Hit",
    "Near",
    "Node",
    "Not",
    "Or",
    "Prepared",
    "Query",
    "QueryError",
    "Searchable",
    "Term",
    "Verdict",
    "parse",
    "prepare",
]

MAX_LENGTH = 10_000
MAX_DEPTH = 100
MAX_DISTANCE = 1000
DEFAULT_DISTANCE = 10

# What keyboards and word processors make of the signs, one character for one.
_SIGNS = str.maketrans("“”„‟«»＂（）：＊－", '"""""""():*-')
_UNKNOWN_FIELD = re.compile(r"([^\W\d]\w*):(?!//)")


@dataclass(frozen=True, eq=False)
class Query:
    """A query that has been read. Two are equal when they ask the same in the same order.

    `str()` writes it out with every operator and the fields of groups at each term; parsing that
    gives an equal query (a query near the length limit may outgrow it). `text` is as given.
    """

    root: Node = field(repr=False)
    countries: tuple[str, ...]
    text: str
    _compiled: Compiled = field(repr=False)

    def __str__(self) -> str:
        return str(self.root)

    # By what is written, because comparing deep trees member by member reaches Python's limit.
    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Query):
            return NotImplemented
        return (str(self), self.countries) == (str(other), other.countries)

    def __hash__(self) -> int:
        return hash((str(self), self.countries))

    def match(self, doc: Searchable | Prepared) -> Verdict:
        """Whether the query finds `doc`, which places did it, and whether a NOT mutes it."""
        prepared = doc if isinstance(doc, Prepared) else prepare(doc)
        return _run(self._compiled, prepared)

    def explain(self) -> str:
        """The query as a tree, one line a node."""
        return _explain(self.root)

    def terms(self, *, limit: int = 50) -> tuple[tuple[Term, ...], ...]:
        """What a source may search for: alternatives, each a conjunction of terms.

        Whatever the query finds fits at least one alternative, in all its terms; a source that
        cannot express a term leaves it out and finds more. NOT and NEAR's distance are left to
        `match`. Where writing out every combination would give more than `limit` alternatives,
        only the most selective part of a conjunction is kept.
        """
        return tuple(_alternatives(self.root, limit))


def parse(text: str, *, countries: Sequence[str] = ("ES",)) -> Query:
    """Read a query. `countries` (ISO 3166) say how `number:` may be written nationally.

    Raises QueryError, and nothing else, with the position of what cannot be read.
    """
    if len(text) > MAX_LENGTH:
        long = sentence(
            "the query has {given} characters; at most {most} are read. Split it into several "
            "queries",
            given=len(text),
            most=MAX_LENGTH,
        )
        _fail(long, text, MAX_LENGTH)
    plain = text.translate(_SIGNS)
    try:
        _check(list(_parser().lex(plain)))
        root = _to_node(_parser().parse(plain))
        compiled = _compile(root, tuple(countries))
    except Malformed as problem:
        _fail(problem.reason, text, problem.position)
    except UnexpectedInput as problem:
        position = problem.pos_in_stream or 0
        if plain[position : position + 1] == '"':
            open_ = sentence("this quote is never closed. Write another one after the phrase")
            _fail(open_, text, position)
        strange = sentence("this is not expected here. Put it in quotes to search for it")
        _fail(strange, text, position)
    return Query(root, tuple(countries), text, compiled)


def _fail(reason: Sentence, text: str, position: int) -> NoReturn:
    raise QueryError(reason, text=text, position=position) from None


# ------------------------------------------------------------------------------------- grammar


class _Build(Transformer[Token, Node]):
    """Runs while the parser reduces, so that deep queries need no recursion."""

    def start(self, parts: list[Node]) -> Node:
        return parts[0]

    def either(self, parts: list[Node]) -> Node:
        return any_of(parts)

    def both(self, parts: list[Node]) -> Node:
        return all_of(parts)

    def negated(self, parts: list[Token | Node]) -> Node:
        sign, child = parts
        assert isinstance(sign, Token) and not isinstance(child, Token)  # noqa: PT018
        return Not(child, _start(sign))

    def nearby(self, parts: list[Token | Node]) -> Node:
        operands = tuple(part for part in parts if not isinstance(part, Token))
        return Near(operands, tuple(_distance(p) for p in parts if isinstance(p, Token)))

    def in_field(self, parts: list[Token | Node]) -> Node:
        name, value = parts
        assert isinstance(name, Token) and not isinstance(value, Token)  # noqa: PT018
        return _within(name[:-1].lower(), value)

    def term(self, parts: list[Token]) -> Node:
        token = parts[0]
        quoted = token.type == "PHRASE"
        text = token[1:-1] if quoted else str(token)
        return Term(text, "", quoted, _start(token) + quoted)


@cache
def _parser() -> Lark:
    return Lark.open(
        "query.lark",
        rel_to=__file__,
        parser="lalr",
        lexer="basic",
        transformer=_Build(),
        maybe_placeholders=False,
    )


def _to_node(parsed: object) -> Node:
    assert isinstance(parsed, Term | Near | Not | And | Or)
    return parsed


def _start(token: Token) -> int:
    return token.start_pos or 0


def _distance(token: Token) -> int:
    written = token[len("NEAR") :].removeprefix("/")
    if not written and not token.endswith("/"):
        return DEFAULT_DISTANCE
    known = re.fullmatch("[0-9]{1,4}", written)
    if not known or not 1 <= int(written) <= MAX_DISTANCE:
        raise Malformed(
            "'{word}' needs a distance in words from 1 to {most}, as in NEAR/5",
            _start(token),
            word=str(token),
            most=MAX_DISTANCE,
        )
    return int(written)


def _within(name: str, node: Node) -> Node:
    """The terms of a group in a field, each with that field."""
    match node:
        case Term(field=""):
            return Term(node.text, name, node.quoted, node.position)
        case Not():
            return Not(_within(name, node.child), node.position)
        case And():
            return And(tuple(_within(name, child) for child in node.children))
        case Or():
            return Or(tuple(_within(name, child) for child in node.children))
    raise Malformed(
        "inside {field}: only words, phrases, AND, OR and NOT can stand. Close its parentheses "
        "before this",
        first_position(node),
        field=name,
    )


# ------------------------------------------------------------------------------------- checks

_OPERATORS = ("_AND", "_OR", "NOT", "MINUS", "NEAR")
_VALUES = ("WORD", "PHRASE", "LPAR")


def _check(tokens: list[Token]) -> None:
    """What the grammar would refuse as well, in words that say why and what to do."""
    open_at: list[tuple[int, int]] = []
    depth = 0
    before: Token | None = None
    for token in [*tokens, None]:
        _check_pair(before, token)
        if token is None:
            break
        if token.type == "LPAR":
            negated = before is not None and before.type in ("NOT", "MINUS")
            open_at.append((_start(token), depth))
            depth += 1 + negated
            if depth > MAX_DEPTH:
                raise Malformed(
                    "the parentheses are nested more than {most} deep. Write the query flatter, "
                    "or split it",
                    _start(token),
                    most=MAX_DEPTH,
                )
        elif token.type == "RPAR":
            if not open_at:
                raise Malformed(
                    "this parenthesis closes nothing. Remove it, or open one before",
                    _start(token),
                )
            _, depth = open_at.pop()
        elif token.type == "NEAR":
            _distance(token)
        before = token
    if open_at:
        raise Malformed("this parenthesis is never closed. Add a ')'", open_at[-1][0])


def _check_pair(before: Token | None, token: Token | None) -> None:
    """`before` and `token` stand side by side; None is the beginning or the end."""
    if before is None and token is None:
        raise Malformed("the query is empty. Write at least one word to find", 0)
    if before is not None:
        _check_after(before, token)
    starts = before is None or before.type == "LPAR"
    if token is not None and starts and token.type in ("_AND", "_OR", "NEAR"):
        raise Malformed(
            '{word} has nothing before it. Write a word there, or put "{word}" in quotes to '
            "search for the word",
            _start(token),
            word=str(token),
        )
    if token is not None and token.type == "WORD" and (before is None or before.type != "FIELD"):
        unknown = _UNKNOWN_FIELD.match(token)
        if unknown:
            raise Malformed(
                "there is no field '{field}'. The fields are {fields}; put the whole in quotes to "
                "search for it as text",
                _start(token),
                field=unknown[1],
                fields=", ".join(FIELDS),
            )


def _check_after(before: Token, token: Token | None) -> None:
    kind = token.type if token is not None else ""
    at = _start(before)
    if before.type == "LPAR" and kind == "RPAR":
        raise Malformed("there is nothing between these parentheses. Write a word there", at)
    if before.type == "FIELD" and kind not in _VALUES:
        raise Malformed(
            "{field} has no value. Write it right after the colon, in quotes if it has blanks",
            at,
            field=str(before),
        )
    if before.type not in _OPERATORS or (kind in (*_VALUES, "FIELD")):
        return
    sign = "-" if before.type == "MINUS" else str(before)
    if kind in ("", "RPAR"):
        raise Malformed(
            '{word} has nothing after it. Write a word there, or put "{word}" in quotes to search '
            "for the word",
            at,
            word=sign,
        )
    negation = kind in ("NOT", "MINUS")
    if negation and before.type in ("_AND", "_OR"):
        return
    second = _start(token) if token is not None else at
    if negation and before.type == "NEAR":
        raise Malformed("NEAR cannot have a NOT beside it. Write NOT (a NEAR/5 b)", second)
    if negation:
        raise Malformed("this negates twice. Leave both out", at)
    raise Malformed(
        "{one} and {other} stand side by side. Remove one of them",
        second,
        one=sign,
        other=str(token),
    )


# ------------------------------------------------------------------------------------- sources


def _alternatives(node: Node, limit: int) -> list[tuple[Term, ...]]:
    match node:
        case Term():
            return [(node,)]
        case Or():
            found = [part for child in node.children for part in _alternatives(child, limit)]
            return list(dict.fromkeys(found))
        case Not():
            return []
    parts = node.operands if isinstance(node, Near) else node.children
    wanted = [_alternatives(part, limit) for part in parts if not isinstance(part, Not)]
    # Leaving a conjunct out finds more, never less; the one with fewest alternatives stays.
    total, kept = 1, set[int]()
    for number in sorted(range(len(wanted)), key=lambda n: len(wanted[n])):
        if kept and total * len(wanted[number]) > limit:
            break
        total *= len(wanted[number])
        kept.add(number)
    chosen = [wanted[number] for number in sorted(kept)]
    return [
        tuple(dict.fromkeys(term for part in parts for term in part)) for parts in product(*chosen)
    ]
