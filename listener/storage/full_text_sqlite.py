"""Full text on SQLite: an FTS5 table without a copy of the texts (https://sqlite.org/fts5.html).

Its third column holds one word where the mention is on a case, so that a search of the inbox joins
two lists inside of the index, and does not look up a million mentions for a common word. A table
without contents forgets a row only when told what it held, so the triggers say the old values.
"""

# ruff: noqa: S608 - statements of our own, with no value from outside

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import sqlalchemy as sa

if TYPE_CHECKING:
    from listener.storage.full_text import Unit

_ON_CASE = "oncase"
_AUTHOR = "coalesce((SELECT a.handle || ' ' || a.name FROM authors a WHERE a.id = {author}), '')"
_MARK = f"CASE WHEN EXISTS (SELECT 1 FROM case_mentions c WHERE c.mention_id = {{id}}) THEN '{_ON_CASE}' ELSE '' END"
_ADD = "INSERT INTO mention_words (rowid, text, author, marks) "
_FORGET = "INSERT INTO mention_words (mention_words, rowid, text, author, marks) "


def _row(row: str) -> str:
    """The values of one row of mentions: the author as it is, the mark as it is."""
    author, mark = _AUTHOR.format(author=f"{row}.author_id"), _MARK.format(id=f"{row}.id")
    return f"{row}.id, {row}.text, {author}, {mark}"


def _of(row: str, mark: str) -> str:
    """... of the mention of a row of case_mentions."""
    author = _AUTHOR.format(author="m.author_id")
    return f"m.id, m.text, {author}, '{mark}' FROM mentions m WHERE m.id = {row}.mention_id"


def _others(row: str) -> str:
    return (
        f"(SELECT 1 FROM case_mentions c WHERE c.mention_id = {row}.mention_id "
        f"AND c.case_id <> {row}.case_id)"
    )


def _by(row: str) -> str:
    """... of every mention of a row of authors."""
    mark = _MARK.format(id="m.id")
    return (
        f"m.id, m.text, {row}.handle || ' ' || {row}.name, {mark} "
        f"FROM mentions m WHERE m.author_id = {row}.id"
    )


MADE = [
    "CREATE VIRTUAL TABLE mention_words USING fts5 (text, author, marks, content='', "
    "columnsize=0, tokenize='unicode61 remove_diacritics 2')",
    f"{_ADD} SELECT {_row('m')} FROM mentions m ORDER BY m.id",
    f"CREATE TRIGGER words_mentions_insert AFTER INSERT ON mentions BEGIN "
    f"{_ADD} SELECT {_row('NEW')}; END",
    f"CREATE TRIGGER words_mentions_update AFTER UPDATE OF text, author_id ON mentions BEGIN "
    f"{_FORGET} SELECT 'delete', {_row('OLD')}; {_ADD} SELECT {_row('NEW')}; END",
    f"CREATE TRIGGER words_mentions_delete AFTER DELETE ON mentions BEGIN "
    f"{_FORGET} SELECT 'delete', {_row('OLD')}; END",
    f"CREATE TRIGGER words_authors_update AFTER UPDATE OF handle, name ON authors BEGIN "
    f"{_FORGET} SELECT 'delete', {_by('OLD')}; {_ADD} SELECT {_by('NEW')}; END",
    f"CREATE TRIGGER words_case_mentions_insert AFTER INSERT ON case_mentions "
    f"WHEN NOT EXISTS {_others('NEW')} BEGIN "
    f"{_FORGET} SELECT 'delete', {_of('NEW', '')}; {_ADD} SELECT {_of('NEW', _ON_CASE)}; END",
    f"CREATE TRIGGER words_case_mentions_delete AFTER DELETE ON case_mentions "
    f"WHEN NOT EXISTS {_others('OLD')} BEGIN "
    f"{_FORGET} SELECT 'delete', {_of('OLD', _ON_CASE)}; {_ADD} SELECT {_of('OLD', '')}; END",
]

DROPPED = [
    *("DROP TRIGGER words_mentions_insert", "DROP TRIGGER words_mentions_update"),
    *("DROP TRIGGER words_mentions_delete", "DROP TRIGGER words_authors_update"),
    *("DROP TRIGGER words_case_mentions_insert", "DROP TRIGGER words_case_mentions_delete"),
    "DROP TABLE mention_words",
]


def matching(wanted: Sequence[Unit], *, on_cases: bool) -> sa.Select[Any]:
    said = " AND ".join(_unit(unit) for unit in wanted)
    asked = f"{{text author}} : ({said})"
    if on_cases:
        asked += f" AND marks : {_ON_CASE}"
    table = sa.table("mention_words", sa.column("rowid"))
    return sa.select(table.c.rowid).where(sa.literal_column("mention_words").op("MATCH")(asked))


def _unit(unit: Unit) -> str:
    """Tokens are letters and figures alone, so that nothing in quotes is an operator."""
    return f'"{" ".join(unit.tokens)}"' + (" *" if unit.open_end else "")
