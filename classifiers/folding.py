"""Letters and digits made plain without moving anything: offsets stay those of the original."""

from __future__ import annotations

import unicodedata

_DASHES = "\u2010\u2011\u2012\u2013\u2014\u2015\u2212\ufe58\ufe63\uff0d\u00ad"
_SPACES = "\u00a0\u1680\u2000\u2001\u2002\u2003\u2004\u2005\u2006\u2007\u2008\u2009\u200a\u202f\u205f\u3000\t"
_APOSTROPHES = "\u2018\u2019\u201b\u02bc\u00b4`\u2032\uff07"


class _FoldTable(dict[int, int]):
    """Code point to code point, worked out once per character met."""

    def __missing__(self, code: int) -> int:
        folded = _fold_one(chr(code))
        if len(self) < 20_000:  # a hostile text cannot make the table grow without end
            self[code] = folded
        return folded


def _fold_one(char: str) -> int:
    if char in _DASHES:
        return ord("-")
    if char in _SPACES:
        return ord(" ")
    if char in _APOSTROPHES:
        return ord("'")
    digit = unicodedata.digit(char, None)
    if digit is not None and unicodedata.category(char) == "Nd":
        return ord("0") + digit
    if not char.isalpha():
        return ord(char)
    plain = unicodedata.normalize("NFKD", char)[0]
    if not plain.isalpha():
        plain = char
    return ord(plain.lower()[0])


_TABLE = _FoldTable()


def fold(text: str) -> str:
    """Lower case, no accents, ASCII digits, dashes, spaces and apostrophes; same length as given.

    ``ß``, ``æ`` and ``œ`` stay themselves, since two letters would move every offset after them.
    A combining accent written as a character of its own stays where it is.
    """
    return text.translate(_TABLE)
