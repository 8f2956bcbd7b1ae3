"""What notes, campaigns and posts tell of a contact, by the words of `contact_words.toml`. Pure.

Agents write in haste ("cli dice k no le interesa"), so that nothing here parses a sentence: a notion
is there when one of its words is.
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime, timedelta
from enum import StrEnum
from functools import cache, lru_cache
from pathlib import Path

from classifiers import number_words
from classifiers.folding import fold
from listener.domain import ContactEvent, Disposition

_FILE = Path(__file__).with_suffix(".toml")


class Purpose(StrEnum):
    """What a contact was for. A service contact counts neither for causes nor for breaches."""

    SALES = "sales"
    COLLECTION = "collection"
    SERVICE = "service"


@cache
def _words() -> Mapping[str, re.Pattern[str]]:
    table = tomllib.loads(_FILE.read_text(encoding="utf-8"))
    found = {name: _any(words) for name, words in table.items() if name != "registers"}
    found |= {f"register_{place}": _any(words) for place, words in table["registers"].items()}
    return found


def _any(words: Sequence[str]) -> re.Pattern[str]:
    return re.compile(rf"(?<!\w)(?:{'|'.join(words)})")


# As agents shorten words, and people in a hurry, too.
_SHORT = tuple(
    (re.compile(rf"(?<![\w.+]){short}(?![\w+])"), long)
    for short, long in (
        ("[kq]", "que"),
        ("ke", "que"),
        ("x", "por"),
        ("d", "de"),
        ("pa", "para"),
        (r"cl(?:i|ta|te|t)?", "cliente"),
        (r"c(?:te|lte|ust|x)", "cliente"),
        ("preg", "pregunta"),
        ("pq", "porque"),
        ("xq", "porque"),
        ("nn", "no"),
        ("ñ", "nao"),
        ("n", "nao"),
        ("tb", "tambien"),
        ("vc", "voce"),
        ("rdv", "rendez-vous"),
        (r"\+", "mas"),
        ("2(?= be)", "to"),
        ("c/", "con"),
        ("s/", "sin"),
    )
)
_NEVER = re.compile(
    r"(?:(?<!\w)(?:no|ni|sin|nunca|never|not|n't|didn.t|nao|ne|non|nicht|keine?n?)(?: \w+)?) $"
)


@lru_cache(maxsize=65536)
def plain(text: str) -> str:
    """Folded, with the commonest short forms of notes written out. Offsets are not kept."""
    folded = fold(text).replace("\n", " ")
    for short, long in _SHORT:
        folded = short.sub(long, folded)
    return folded


def _says(what: str, text: str) -> bool:
    return bool(text) and _words()[what].search(plain(text)) is not None


# ---------------------------------------------------------------------------- one contact


@lru_cache(maxsize=65536)
def _purpose(campaign: str, note: str) -> Purpose:
    sells = _says("sells", campaign) or _says("sells", note)
    if _says("collection", campaign or note):
        return Purpose.COLLECTION
    named = _says("service", campaign or note) or _says("announces", note)
    return Purpose.SERVICE if named and not sells else Purpose.SALES


# Nobody is interested in an appointment, or not.
_OFFERED = frozenset({Disposition.SALE, Disposition.INTERESTED, Disposition.NOT_INTERESTED})


def purpose(event: ContactEvent) -> Purpose:
    """By what the campaign is called, by the note where there is none or it announces something;
    sales where neither says otherwise, or either sells, or its code answers an offer."""
    told = _purpose(event.campaign, event.note)
    return Purpose.SALES if told is Purpose.SERVICE and event.disposition in _OFFERED else told


def note_refuses(note: str) -> bool:
    """The person said no, or asked that it stop."""
    return _says("refusal", note)


def note_stops(note: str) -> bool:
    """... and for good, not for this offer only."""
    return note_refuses(note) and _says("stop", note)


def note_suppresses(note: str) -> bool:
    """The number was put on the company's own do-not-contact list."""
    return _says("suppressed", note)


def note_argues(note: str) -> bool:
    return _says("argument", note)


def note_of_callback(note: str) -> bool:
    return _says("callback", note)


def asked_for_callback(note: str) -> bool:
    """The person wanted to be called again; "did not ask for a call-back" is no wish."""
    told = plain(note)
    match = _words()["asked_for_callback"].search(told)
    wanted = match is not None and not _NEVER.search(told[: match.start()])
    return wanted and not note_refuses(note)


def for_somebody_else(text: str) -> bool:
    """They ask for a person who is not there."""
    return _says("somebody_else", text) or _ASKS_FOR_NAME.search(text) is not None


# "preguntan por Marcos": with its capital letter it is a name. Not so in German, where every noun has one.
_ASKS_FOR_NAME = re.compile(
    r"\b(?i:preg(?:\.|unt\w*)? ?(?:x|por)|busc\w+ a|ask\w* for|looking for|pergunt\w+ (?:por|pel[oa])"
    r"|procur\w+ (?:por |pel[oa] |[oa] )?|demand(?:ent|e) (?:a parler a|à parler à)?|chied\w+ di"
    r"|habl\w+ (?:con|c/)) ?(?:(?i:el|la|un|una|o|a|le|il|der|die|sr|sra|don|doña|mr|mrs|ms|c/)\.? )*"
    r"[A-ZÁÉÍÓÚÑÇÄÖÜ][a-záéíóúñçäöüß]{2,}"
)

# ---------------------------------------------------------------------------- posts

_SENTENCE_END = re.compile(r"[.!?\n;]+(?=\s|$)|\n")


def _sentence(text: str, start: int, end: int) -> str:
    first = max((m.end() for m in _SENTENCE_END.finditer(text, 0, start)), default=0)
    last = _SENTENCE_END.search(text, end)
    return text[first : last.start() if last else len(text)]


def told_refusals(text: str, spans: Sequence[tuple[int, int]]) -> list[str]:
    """The sentences (folded) in which the author tells that they refused, of the passages that say
    a refusal; "stop calling me" to the brand is a request and told of no call."""
    folded = fold(text)
    told = []
    for start, end in spans:
        sentence = _sentence(folded, start, end)
        # "I told them that I am not Pedro" corrects them and refuses nothing.
        corrects = for_somebody_else(sentence) and not note_refuses(sentence)
        if _words()["told_refusal"].search(sentence) and not corrects:
            told.append(sentence)
    return told


def every_time(sentence: str) -> bool:
    return _says("every_time", sentence)


def first_time(sentence: str) -> bool:
    return _says("first_time", sentence)


def register_named(text: str, country: str, told_at: datetime) -> datetime | bool | None:
    """Whether the text says that the person is on the country's opt-out register: False when not;
    else since when, None where it does not say."""
    pattern = _words().get(f"register_{country}")
    folded = fold(text)
    match = pattern.search(folded) if pattern else None
    if match is None:
        return False
    sentence = _sentence(folded, *match.span())
    return since(sentence, told_at)


_UNITS = (
    (re.compile(r"(?:dias?|days?|jours?|giorn[io]|tage?n?)"), 1.0),
    (re.compile(r"(?:semanas?|weeks?|semaines?|settiman[ae]|wochen?)"), 7.0),
    (re.compile(r"(?:mes(?:es)?|months?|mois|mes[ei]|monate?n?|mes)"), 30.4),
    (re.compile(r"(?:anos?|years?|yrs?|ans?|annees?|ann[io]|jahre?n?)"), 365.25),
)
_ONE = re.compile(r"(?:un[ao]?|um[a]?|une?|ein(?:e[mnr]?)?|an?|one)")
_QUANTITY = re.compile(
    r"(?P<number>\d{1,3}|[a-z]+(?:[ -](?:y|and|e|et|und) [a-z]+)?) (?P<half>y medio|and a half|e meio|e mezzo|et demi)? ?"
    r"(?P<unit>dias?|days?|jours?|giorn[io]|tage?n?|semanas?|weeks?|semaines?|settiman[ae]|wochen?|mes(?:es)?|months?|mois|mes[ei]|monate?n?|anos?|years?|yrs?|ans?|annees?|ann[io]|jahre?n?)"
    r"(?P<after> y medio| and a half| e meio| e mezzo| et demi)?(?!\w)"
)
_AGO = re.compile(
    r"(?<!\w)(?:hace|desde hace|llevo|ha|faz|tem|depuis|il y a|da|seit|vor|for|since|por)(?: (?:ya|mas de|casi|unos|unas|over|about|almost|mais de|plus de|piu di|uber))* $"
)
_AGO_AFTER = re.compile(r" (?:ago|fa|atras|now|ya)(?!\w)")
_LAST = (
    (re.compile(r"(?<!\w)(?:semana pasada|last week|semana passada|semaine derniere|settimana scorsa|letzte woche)"), 7.0),
    (re.compile(r"(?<!\w)(?:mes pasado|last month|mes passado|mois dernier|mese scorso|letzten monat)"), 30.0),
    (re.compile(r"(?<!\w)(?:ano pasado|last year|ano passado|an(?:nee)? dernier\w*|anno scorso|letztes jahr)"), 365.0),
    (re.compile(r"(?<!\w)(?:ayer|yesterday|ontem|hier|ieri|gestern)(?!\w)"), 1.0),
    (re.compile(r"(?<!\w)(?:hoy|today|hoje|aujourd.hui|oggi|heute)(?!\w)"), 0.0),
)  # fmt: skip
_YEAR = re.compile(r"(?<!\d)(20\d\d)(?!\d)")
_MONTHS = re.compile(
    r"(?<!\w)(?:(?P<m1>enero|january|janeiro|janvier|gennaio|januar|janner)|(?P<m2>febrero|february|fevereiro|fevrier|febbraio|februar)"
    r"|(?P<m3>marzo|march|marco|mars|marz)|(?P<m4>abril|april|avril|aprile)|(?P<m5>mayo|maio|mai|maggio)"
    r"|(?P<m6>junio|june|junho|juin|giugno|juni)|(?P<m7>julio|july|julho|juillet|luglio|juli)|(?P<m8>agosto|august|aout)"
    r"|(?P<m9>septiembre|setiembre|september|setembro|septembre|settembre)|(?P<m10>octubre|october|outubro|octobre|ottobre|oktober)"
    r"|(?P<m11>noviembre|november|novembro|novembre)|(?P<m12>diciembre|december|dezembro|decembre|dicembre|dezember))(?!\w)"
)


def since(sentence: str, told_at: datetime) -> datetime | None:
    """Since when, as a folded sentence of `told_at` says it: "desde hace dos meses", "last week",
    "since March", "en 2023"; None where it does not say."""
    for match in _QUANTITY.finditer(sentence):
        ago = _AGO.search(sentence[: match.start()]) or _AGO_AFTER.match(sentence, match.end())
        number = _number(match["number"])
        if ago and number is not None:
            days = next(d for unit, d in _UNITS if unit.fullmatch(match["unit"]))
            half = 0.5 if match["half"] or match["after"] else 0.0
            return told_at - timedelta(days=(number + half) * days)
    for pattern, days in _LAST:
        if pattern.search(sentence):
            return told_at - timedelta(days=days)
    return _date(sentence, told_at)


_DAY_BEFORE = re.compile(r"(\d{1,2})(?:st|nd|rd|th|er|\.|o|a)?(?: of| de| d[eo]l?)? $")
_DAY_AFTER = re.compile(r" (?:the )?(\d{1,2})(?:st|nd|rd|th)?(?!\d|:)")
_NUMERIC = re.compile(r"(?<![\d/.-])(\d{1,2})[/.-](\d{1,2})[/.-](\d{4}|\d\d)(?![\d/-])")


def _date(sentence: str, told_at: datetime) -> datetime | None:
    """A day, month or year that a sentence names, the last such one; the first of a month or year
    where it says no more."""
    numeric, year = _NUMERIC.search(sentence), _YEAR.search(sentence)
    month = _MONTHS.search(sentence)
    if numeric:
        day, number, written = (int(numeric[i]) for i in (1, 2, 3))
        return _on(told_at, written + 2000 if written < 100 else written, number, day)
    if month:
        number = int(next(name for name, value in month.groupdict().items() if value)[1:])
        before = _DAY_BEFORE.search(sentence[: month.start()])
        after = None if before else _DAY_AFTER.match(sentence, month.end())
        day = int((before or after)[1]) if before or after else 1  # type: ignore[index]
        if year:
            return _on(told_at, int(year[1]), number, day)
        then = _on(told_at, told_at.year, number, day)
        return (
            then if then is None or then <= told_at else _on(told_at, told_at.year - 1, number, day)
        )
    if year:
        return _on(told_at, int(year[1]), 1, 1)
    return None


def _on(told_at: datetime, year: int, month: int, day: int) -> datetime | None:
    try:
        return told_at.replace(year=year, month=month, day=day, hour=0, minute=0, second=0)
    except ValueError:
        return None


def _number(word: str) -> int | None:
    if word.isdecimal():
        return int(word)
    if _ONE.fullmatch(word):
        return 1
    for lang in number_words.LANGUAGES:
        found = list(number_words.find(word, lang))
        if len(found) == 1 and found[0].end - found[0].start == len(word):
            return found[0].value
    return None


_WEEKDAYS = (
    r"(?:lunes|monday|segunda(?:-feira)?|lundi|lunedi|montag)",
    r"(?:martes|tuesday|terca(?:-feira)?|mardi|martedi|dienstag)",
    r"(?:miercoles|wednesday|quarta(?:-feira)?|mercredi|mercoledi|mittwoch)",
    r"(?:jueves|thursday|quinta(?:-feira)?|jeudi|giovedi|donnerstag)",
    r"(?:viernes|friday|sexta(?:-feira)?|vendredi|venerdi|freitag)",
    r"(?:sabado|saturday|samedi|sabato|samstag|sonnabend)",
    r"(?:domingo|sunday|dimanche|domenica|sonntag)",
)
_DAY_WORDS = tuple(re.compile(rf"(?<!\w){name}s?(?!\w)") for name in _WEEKDAYS)
_BEFORE_YESTERDAY = re.compile(
    r"(?<!\w)(?:anteayer|antier|antes de ayer|anteontem|avant-hier|l.altro ieri|vorgestern|day before yesterday)(?!\w)"
)
_YESTERDAY = re.compile(
    r"(?<!\w)(?:ayer|yesterday|ontem|hier|ieri|gestern|anoche|last night)(?!\w)"
)
_TODAY = re.compile(
    r"(?<!\w)(?:hoy|today|hoje|aujourd.hui|oggi|heute|esta (?:manana|tarde|noche)|this (?:morning|afternoon|evening)|ce (?:matin|soir)|stamattina|stasera|heute)(?!\w)"
)


def days_named(sentence: str, told_at: datetime) -> Iterator[datetime]:
    """The days (some moment of each, in the zone of `told_at`) that a folded sentence names:
    "ayer", "el lunes", "on Tuesday"; a weekday is the last one, today included."""
    if _BEFORE_YESTERDAY.search(sentence):
        yield told_at - timedelta(days=2)
    elif _YESTERDAY.search(sentence):
        yield told_at - timedelta(days=1)
    if _TODAY.search(sentence):
        yield told_at
    for number, pattern in enumerate(_DAY_WORDS):
        if pattern.search(sentence):
            yield told_at - timedelta(days=(told_at.weekday() - number) % 7)
    for match in _QUANTITY.finditer(sentence):
        number_ = _number(match["number"])
        ago = _AGO.search(sentence[: match.start()]) or _AGO_AFTER.match(sentence, match.end())
        if ago and number_ is not None and _UNITS[0][0].fullmatch(match["unit"]):
            yield told_at - timedelta(days=number_)


def folded(text: str) -> str:
    """As every notion here reads it."""
    return fold(text)
