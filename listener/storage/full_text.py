"""Full text: which mentions hold words that somebody typed, found by the database's own index.

    words("factura \\"me han llamado\\" telef* @lucia")

Every word must be there, whole, in the text or in the author's name or handle; "..." is a phrase, and
so is what punctuation holds together (`@lucia`, `10.30`, `a@b.example`); `*` at the end of a word
stands for any ending. Letters count without their case and accents.

The index holds every mention and says which of them are on a case. Triggers keep it in step, in the
commit of the mention (full_text_sqlite.py, full_text_postgresql.py).
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import sqlalchemy as sa
from sqlalchemy.orm import Session

from listener.storage import full_text_postgresql, full_text_sqlite

_UNITS = re.compile(r'"([^"]*)"?|(\S+)')
_TOKENS = re.compile(r"[^\W_]+")
_MOST = 16  # units of one search; the rest is not looked at

TABLE = "mention_words"


class _Kind(Protocol):
    MADE: list[str]
    DROPPED: list[str]

    def matching(self, wanted: Sequence[Unit], *, on_cases: bool) -> sa.Select[Any]: ...


@dataclass(frozen=True, slots=True)
class Unit:
    """Words that follow one another; with `open_end` the last is only a beginning."""

    tokens: tuple[str, ...]
    open_end: bool = False


def words(written: str) -> tuple[Unit, ...]:
    """What to look for; empty where nothing is written that could be found, as of "%"."""
    units = []
    for phrase, word in _UNITS.findall(unicodedata.normalize("NFC", written)):
        tokens = tuple(_TOKENS.findall(phrase or word))
        if tokens:
            units.append(Unit(tokens, word.endswith("*")))
    return tuple(units[:_MOST])


def matching(session: Session, wanted: tuple[Unit, ...], *, on_cases: bool) -> sa.Select[Any]:
    """The ids of the mentions that hold all that is wanted; `on_cases`: of those on a case only."""
    return _of(session.get_bind().dialect.name).matching(wanted, on_cases=on_cases)


def made(dialect: str) -> list[str]:
    """The statements that make the index of what is there and its triggers."""
    return _of(dialect).MADE


def dropped(dialect: str) -> list[str]:
    return _of(dialect).DROPPED


def _of(dialect: str) -> _Kind:
    return full_text_postgresql if dialect == "postgresql" else full_text_sqlite
