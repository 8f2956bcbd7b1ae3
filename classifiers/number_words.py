"""Numbers written out in words, in six languages, with their place in the text.

The grammar is small: a table of words per language, tens and units, hundreds, thousands. German
and Italian write whole numbers as one word; those go to the text2num library.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache

from text_to_num import text2num

LANGUAGES = ("es", "en", "pt", "fr", "it", "de")


@dataclass(frozen=True, slots=True)
class NumberWord:
    """A number below one million and its half-open span in code points."""

    value: int
    start: int
    end: int
    words: int


def _table(words: str) -> dict[str, int]:
    """``"uno un una=1 dos=2"`` to a dictionary."""
    table: dict[str, int] = {}
    names: list[str] = []
    for token in words.split():
        name, _, value = token.partition("=")
        names.append(name)
        if value:
            table.update(dict.fromkeys(names, int(value)))
            names = []
    return table


_WORDS: dict[str, dict[str, int]] = {
    "es": _table(
        "cero=0 uno un una=1 dos=2 tres=3 cuatro=4 cinco=5 seis=6 siete=7 ocho=8 nueve=9 diez=10"
        " once=11 doce=12 trece=13 catorce=14 quince=15 dieciseis=16 diecisiete=17 dieciocho=18"
        " diecinueve=19 veinte=20 veintiuno veintiun veintiuna=21 veintidos=22 veintitres=23"
        " veinticuatro=24 veinticinco=25 veintiseis=26 veintisiete=27 veintiocho=28 veintinueve=29"
        " treinta=30 cuarenta=40 cincuenta=50 sesenta=60 setenta=70 ochenta=80 noventa=90"
        " cien ciento=100 doscientos doscientas=200 trescientos trescientas=300"
        " cuatrocientos cuatrocientas=400 quinientos quinientas=500 seiscientos seiscientas=600"
        " setecientos setecientas=700 ochocientos ochocientas=800 novecientos novecientas=900"
        " mil=1000"
    ),
    "en": _table(
        "zero nil=0 one=1 two=2 three=3 four=4 five=5 six=6 seven=7 eight=8 nine=9 ten=10"
        " eleven=11 twelve=12 thirteen=13 fourteen=14 fifteen=15 sixteen=16 seventeen=17"
        " eighteen=18 nineteen=19 twenty=20 thirty=30 forty fourty=40 fifty=50 sixty=60"
        " seventy=70 eighty=80 ninety=90 hundred=100 thousand=1000"
    ),
    "pt": _table(
        "zero=0 um uma=1 dois duas=2 tres=3 quatro=4 cinco=5 seis=6 sete=7 oito=8 nove=9 dez=10"
        " onze=11 doze=12 treze=13 catorze quatorze=14 quinze=15 dezesseis dezasseis=16"
        " dezessete dezassete=17 dezoito=18 dezenove dezanove=19 vinte=20 trinta=30 quarenta=40"
        " cinquenta=50 sessenta=60 setenta=70 oitenta=80 noventa=90 cem cento=100"
        " duzentos duzentas=200 trezentos trezentas=300 quatrocentos quatrocentas=400"
        " quinhentos quinhentas=500 seiscentos seiscentas=600 setecentos setecentas=700"
        " oitocentos oitocentas=800 novecentos novecentas=900 mil=1000"
    ),
    "fr": _table(
        "zero=0 un une=1 deux=2 trois=3 quatre=4 cinq=5 six=6 sept=7 huit=8 neuf=9 dix=10"
        " onze=11 douze=12 treize=13 quatorze=14 quinze=15 seize=16 vingt vingts=20 trente=30"
        " quarante=40 cinquante=50 soixante=60 septante=70 huitante octante=80 nonante=90"
        " cent cents=100 mille mil=1000"
    ),
    "it": _table(
        "zero=0 uno un una=1 due=2 tre=3 quattro=4 cinque=5 sei=6 sette=7 otto=8 nove=9 dieci=10"
        " undici=11 dodici=12 tredici=13 quattordici=14 quindici=15 sedici=16 diciassette=17"
        " diciotto=18 diciannove=19 venti=20 trenta=30 quaranta=40 cinquanta=50 sessanta=60"
        " settanta=70 ottanta=80 novanta=90 cento=100 mille=1000"
    ),
    "de": _table(
        "null=0 eins ein eine einen einem einer=1 zwei zwo=2 drei=3 vier=4 funf fuenf=5 sechs=6"
        " sieben=7 acht=8 neun=9 zehn=10 elf=11 zwolf zwoelf=12 dreizehn=13 vierzehn=14"
        " funfzehn fuenfzehn=15 sechzehn=16 siebzehn=17 achtzehn=18 neunzehn=19 zwanzig=20"
        " dreißig dreissig=30 vierzig=40 funfzig fuenfzig=50 sechzig=60 siebzig=70 achtzig=80"
        " neunzig=90 hundert=100 tausend=1000"
    ),
}

# The words that may stand between two parts of one number.
_JOINERS = {
    "es": frozenset({"y"}),
    "en": frozenset({"and"}),
    "pt": frozenset({"e"}),
    "fr": frozenset({"et"}),
    "it": frozenset({"e"}),
    "de": frozenset({"und"}),
}
# "twenty one" is 21; "veinte uno" is two numbers, the way a person dictates a telephone number.
_TENS_NEED_JOINER = frozenset({"es", "pt", "it"})

_COMPOUND = {
    "it": re.compile(
        r"(?=.{6,60}$)(?:un|due|tre|quattro|cinque|sei|sette|otto|nove|dieci|undici|dodici|tredici"
        r"|quattordici|quindici|sedici|diciassette|diciotto|diciannove|vent[i]?|trent[a]?"
        r"|quarant[a]?|cinquant[a]?|sessant[a]?|settant[a]?|ottant[a]?|novant[a]?|cento?|mille"
        r"|mila|uno)+"
    ),
    "de": re.compile(
        r"(?=.{7,80}$)(?:ein|eine|zwei|zwo|drei|vier|funf|fuenf|sechs?|sieb|en|acht|neun|zehn|elf"
        r"|zwolf|zwoelf|zwanzig|ßig|ssig|zig|hundert|tausend|und|s)+"
    ),
}
_GERMAN_SPELLING = (("fuenf", "fünf"), ("funf", "fünf"), ("zwoelf", "zwölf"), ("zwolf", "zwölf"))

_TOKEN = re.compile(r"[^\W\d_]+(?:\u0301[^\W\d_]*)*")
_GAP = re.compile(r" ?-? ?")

_COMPOUND_HINT = re.compile(
    r"zig|zehn|hundert|tausend|vent|vant|trent|rant|uant|ssant|ttant|cent|mil"
)


@lru_cache(maxsize=4096)
def word_value(word: str, lang: str) -> int | None:
    """What one folded word says by itself, or None."""
    value = _WORDS[lang].get(word)
    if value is not None:
        return value
    compound = _COMPOUND.get(lang)
    if compound is None or not _COMPOUND_HINT.search(word) or not compound.fullmatch(word):
        return None
    if lang == "de":
        for plain, spelled in _GERMAN_SPELLING:
            word = word.replace(plain, spelled)
    try:
        return int(text2num(word, lang))
    except ValueError:
        return None


def tokens(folded: str) -> list[tuple[str, int, int]]:
    """Words of a folded text with their spans; digits and punctuation are left out."""
    return [(m.group(), m.start(), m.end()) for m in _TOKEN.finditer(folded)]


def _close(folded: str, end: int, start: int) -> bool:
    """Only a blank or a hyphen between two words."""
    return start - end <= 3 and _GAP.fullmatch(folded, end, start) is not None


def find(
    folded: str, lang: str, words: list[tuple[str, int, int]] | None = None
) -> Iterator[NumberWord]:
    """Every number in words of one language, left to right, longest reading first.

    "diez cero cuatro" is three numbers (10, 0, 4), "mil cuatro" one (1004).
    """
    if words is None:
        words = tokens(folded)
    table = _WORDS[lang]
    compounds = lang in _COMPOUND
    i = 0
    while i < len(words):
        word = words[i][0]
        if word in table or (compounds and len(word) > 5 and word_value(word, lang) is not None):
            value, used = _read(folded, words, i, lang)
            yield NumberWord(value, words[i][1], words[i + used - 1][2], used)
            i += used
        else:
            i += 1


class _Cursor:
    """Looks ahead over words that stand close together."""

    def __init__(self, folded: str, words: list[tuple[str, int, int]], at: int, lang: str) -> None:
        self.folded, self.words, self.at, self.lang = folded, words, at, lang

    def _close(self, i: int) -> bool:
        return _close(self.folded, self.words[i - 1][2], self.words[i][1])

    def follows(self, joiner: str) -> tuple[int | None, int]:
        """The value after an optional joiner, and the words that it takes to get past it.

        ``joiner``: "no", "may" or "must" stand before it.
        """
        i = self.at
        if i >= len(self.words) or not self._close(i):
            return None, 0
        if joiner != "no" and self.words[i][0] in _JOINERS[self.lang]:
            if i + 1 < len(self.words) and self._close(i + 1):
                return word_value(self.words[i + 1][0], self.lang), 2
            return None, 0
        if joiner == "must":
            return None, 0
        return word_value(self.words[i][0], self.lang), 1


def _read(folded: str, words: list[tuple[str, int, int]], at: int, lang: str) -> tuple[int, int]:
    cursor = _Cursor(folded, words, at, lang)
    total = _below_thousand(cursor)
    value, used = cursor.follows("no")
    if total == 1000 or (value == 1000 and 1 < total < 1000) or (value == 1000 and total == 1):
        if total != 1000:
            total *= 1000
            cursor.at += used
        value, used = cursor.follows("may")
        if value is not None and 0 < value < 1000:
            cursor.at += used - 1
            total += _below_thousand(cursor)
    return total, cursor.at - at


def _below_thousand(cursor: _Cursor) -> int:
    """Reads hundreds, tens and units (or the bare word thousand) and moves the cursor past them."""
    first = word_value(cursor.words[cursor.at][0], cursor.lang)
    cursor.at += 1
    assert first is not None
    if first >= 1000:
        return first
    hundreds = 0
    if first < 100:
        first = _below_hundred(cursor, first)
        value, used = cursor.follows("no")
        multiplies = value == 100 and 1 <= first <= 99 and cursor.lang in ("en", "fr", "de")
        if not multiplies:
            return first
        cursor.at += used
        hundreds = first * 100
    elif first % 100:
        return first
    else:
        hundreds = first
    value, used = cursor.follows("may")
    if value is not None and 0 < value < 100:
        cursor.at += used
        return hundreds + _below_hundred(cursor, value)
    return hundreds


def _below_hundred(cursor: _Cursor, first: int) -> int:
    """Adds what follows a multiple of ten; French counts by twenties."""
    lang = cursor.lang
    if lang == "fr":
        value, used = cursor.follows("no")
        if first == 4 and value == 20:
            cursor.at += used
            first = 80
        elif first == 10 and value in (7, 8, 9):
            cursor.at += used
            return 10 + value
    if first < 20 or first % 10:
        return first
    joiner = "must" if lang in _TENS_NEED_JOINER else "may" if lang == "fr" else "no"
    value, used = cursor.follows(joiner)
    teens = lang == "fr" and first in (60, 80)
    if value is None or not 0 < value < (20 if teens else 10):
        return first
    cursor.at += used
    if teens and value == 10:
        return first + _below_hundred(cursor, 10)
    return first + value


def may_spell_digits(words: list[tuple[str, int, int]], lang: str) -> bool:
    """Cheap test: a number of three digits, or two number words side by side."""
    table = _WORDS[lang]
    compounds = lang in _COMPOUND
    last = -3
    for i, (word, _, _) in enumerate(words):
        value = table.get(word)
        if value is None:
            if compounds and len(word) > 7 and word_value(word, lang) is not None:
                return True
            continue
        if i - last <= 3:  # "one double oh four"
            return True
        last = i
    return False
