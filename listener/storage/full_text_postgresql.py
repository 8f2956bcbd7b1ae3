"""Full text on PostgreSQL: a row of lexemes for each mention, found by a GIN index.

The configuration `simple` knows no language and no accents, so both sides are folded by a function
of our own; the extension `unaccent` may not be there, and could not be indexed by if it were.
Punctuation becomes space, because the parser would take addresses and paths for single words.
"""

# ruff: noqa: S608 - statements of our own, with no value from outside

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import sqlalchemy as sa

if TYPE_CHECKING:
    from listener.storage.full_text import Unit

_ACCENTED = "àáâãäåçèéêëìíîïñòóôõöøùúûüýÿăąćčďđėęěğģıłńňőřśşšţťůűźżž"
_PLAIN = "aaaaaaceeeeiiiinoooooouuuuyyaaccddeeeggilnnorsssttuuzzz"
_BETWEEN = "!\"#$%&'()*+,-./:;<=>?@[\\]^_`{|}~¡¿«»‘’“”…–—·€"
_LONGEST = 200_000  # letters of a text that are looked at: the lexemes of one must fit a row
_WORDS = (
    f"to_tsvector('simple', listener_folded(left(m.text, {_LONGEST}) || ' ' || "
    "coalesce(a.handle || ' ' || a.name, '')))"
)
_SOURCE = f"SELECT m.id, {_WORDS} FROM mentions m LEFT JOIN authors a ON a.id = m.author_id"
_SET = "ON CONFLICT (mention_id) DO UPDATE SET words = excluded.words"


def _trigger(name: str, body: str, event: str) -> list[str]:
    return [
        f"CREATE FUNCTION listener_words_{name}() RETURNS trigger LANGUAGE plpgsql AS $$ "
        f"BEGIN {body}; RETURN NULL; END $$",
        f"CREATE TRIGGER words_{name} AFTER {event} FOR EACH ROW "
        f"EXECUTE FUNCTION listener_words_{name}()",
    ]


MADE = [
    "CREATE FUNCTION listener_folded(written text) RETURNS text LANGUAGE sql IMMUTABLE STRICT AS "
    f"$$ SELECT translate(translate(lower(written), '{_ACCENTED + _ACCENTED.upper()}', "
    f"'{_PLAIN * 2}'), '{_BETWEEN.replace(chr(39), chr(39) * 2)}', '{' ' * len(_BETWEEN)}') $$",
    "CREATE TABLE mention_words (mention_id bigint PRIMARY KEY REFERENCES mentions (id) "
    "ON DELETE CASCADE, words tsvector NOT NULL)",
    f"INSERT INTO mention_words {_SOURCE}",
    "CREATE INDEX ix_mention_words_words ON mention_words USING gin (words)",
    *_trigger(
        "mentions",
        f"INSERT INTO mention_words {_SOURCE} WHERE m.id = NEW.id {_SET}",
        "INSERT OR UPDATE OF text, author_id ON mentions",
    ),
    *_trigger(
        "authors",
        f"INSERT INTO mention_words {_SOURCE} WHERE m.author_id = NEW.id {_SET}",
        "UPDATE OF handle, name ON authors",
    ),
]

DROPPED = [
    *("DROP TRIGGER words_mentions ON mentions", "DROP TRIGGER words_authors ON authors"),
    *("DROP FUNCTION listener_words_mentions()", "DROP FUNCTION listener_words_authors()"),
    *("DROP TABLE mention_words", "DROP FUNCTION listener_folded(text)"),
]


def matching(wanted: Sequence[Unit], *, on_cases: bool) -> sa.Select[Any]:
    table = sa.table("mention_words", sa.column("mention_id", sa.BigInteger), sa.column("words"))
    query = sa.select(table.c.mention_id)
    for unit in wanted:
        query = query.where(table.c.words.op("@@")(_unit(unit)))
    if on_cases:
        held = sa.table("case_mentions", sa.column("mention_id", sa.BigInteger))
        query = query.where(table.c.mention_id.in_(sa.select(held.c.mention_id)))
    return query


def _unit(unit: Unit) -> sa.ColumnElement[Any]:
    """Tokens are letters and figures alone, so that none of them is an operator."""
    last = ":*" if unit.open_end else ""
    parts = [sa.func.listener_folded(token) for token in unit.tokens]
    said: sa.ColumnElement[Any] = parts[0]
    for part in parts[1:]:
        said = said.concat(sa.literal(" <-> ")).concat(part)
    return sa.func.to_tsquery("simple", said.concat(sa.literal(last)) if last else said)
