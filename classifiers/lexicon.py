"""The words of each language by which call facts are told, compiled once from TOML files."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

FOLDER = Path(__file__).parent / "call_facts_lexicon"
LANGUAGES = ("es", "en", "pt", "fr", "it", "de")
CHANNELS = ("call", "sms", "whatsapp", "email", "visit", "other")

Pattern = re.Pattern[str]
NOTHING = re.compile(r"(?!)")

_MARK = re.compile(r"(?<![\w\\\[])([NOPTDM])(?!\w)")


def compile_any(patterns: Sequence[str], *, right: bool = True) -> Pattern:
    """One pattern for any of them, on word borders; N, O, P, T stand for marked figures."""
    if not patterns:
        return NOTHING
    body = "|".join(_MARK.sub(r"\1+", p) for p in patterns)
    return re.compile(rf"(?<!\w)(?:{body})" + (r"(?!\w)" if right else ""))


@dataclass(frozen=True, slots=True)
class Rates:
    """How often: a day, a week, a month; every day; on working days only."""

    units: tuple[tuple[Pattern, int], ...]
    each: tuple[tuple[Pattern, int], ...]
    workdays: Pattern


@dataclass(frozen=True, slots=True)
class Periods:
    """How long: durations in days, fixed phrases, names of days and months."""

    durations: tuple[tuple[Pattern, float], ...]
    fixed: tuple[tuple[Pattern, int], ...]
    weekdays: tuple[Pattern, ...]
    weekday: Pattern
    weekday_range: Pattern
    date_range: Pattern
    month: Pattern
    date: Pattern
    not_after: Pattern
    refused_then: Pattern  # "a year ago I asked you to stop": the day of a refusal
    ago_before: Pattern  # "hace" tres días
    ago_after: Pattern  # three days "ago"
    not_before: Pattern
    tail: Pattern
    lead: Pattern
    within: Pattern
    some_day: Pattern
    plural_day: Pattern
    to_come: Pattern
    today: Pattern
    yesterday: Pattern
    holiday: Pattern
    in_a_row: Pattern
    evenings: tuple[Pattern, ...]  # "three evenings running"


@dataclass(frozen=True, slots=True)
class Counts:
    """What is counted, and how."""

    item: Pattern
    times: Pattern
    total: Pattern  # "40 in all": what a sum is said to be
    only: Pattern  # "one single call"
    bare: Pattern
    ordinal: Pattern
    said: Pattern
    ordinals: tuple[tuple[Pattern, int], ...]
    dozens: tuple[tuple[Pattern, int], ...]
    multiples: tuple[tuple[Pattern, int], ...]
    future: Pattern
    rate: Pattern
    run: Pattern
    another: Pattern


@dataclass(frozen=True, slots=True)
class Clock:
    """Times of day in words and figures."""

    lead: Pattern
    strict: Pattern
    morning: Pattern
    evening: Pattern
    half: Pattern
    half_before: Pattern
    quarter: Pattern
    quarter_to: Pattern
    past: Pattern
    after: Pattern


@dataclass(frozen=True, slots=True)
class Lexicon:
    """Everything that the rules of one language look for."""

    lang: str
    countries: tuple[str, ...]
    channels: dict[str, Pattern]
    message: Pattern
    voicemail: Pattern
    own_contact: Pattern
    dialled: Pattern
    said: dict[str, Pattern]
    unsaid: dict[str, Pattern]
    not_person: Pattern
    rates: Rates
    periods: Periods
    counts: Counts
    clock: Clock
    any_contact: Pattern


def _periods(table: dict[str, Any]) -> Periods:
    units = {"day": 1, "week": 7, "month": 30, "year": 365}
    one = table.get("one", "(?:un|una)")
    number = f"(?:N+|{one})"
    between = rf"(?: (?:{table.get('between', 'ultimos|ultimas|solos|enteros?|enteras?')}))?"
    durations: list[tuple[Pattern, float]] = [
        (re.compile(rf"(?<!\w){number}{between} ?(?:{table[name]})(?!\w)"), days)
        for name, days in units.items()
    ]
    durations.append((re.compile(rf"(?<!\w){number}{between} ?(?:{table['hour']})(?!\w)"), 1 / 24))
    durations.append((re.compile(rf"(?<!\w){number}{between} (?:{table['weekend']})(?!\w)"), 2))
    evenings = re.compile(rf"(?<!\w)N+ (?:{table['evening']})(?!\w)")
    durations.append((evenings, 1))
    fixed = [(compile_any([p]), int(d)) for p, d in table["one_and_half"].items()]
    fixed += [(compile_any([p]), int(d)) for p, d in table["fixed"].items()]
    weekday = "|".join(f"(?:{w})" for w in table["weekdays"])
    month = "|".join(f"(?:{m})" for m in table["months"])
    return Periods(
        durations=tuple(durations),
        fixed=tuple(fixed),
        weekdays=tuple(compile_any([w]) for w in table["weekdays"]),
        weekday=re.compile(rf"(?<!\w)(?:{weekday})(?!\w)"),
        weekday_range=re.compile(
            rf"(?<!\w)({weekday})\.? ?(?:{table['to']}|-) ?(?:el |la |o |al |the )?({weekday})(?!\w)"
        ),
        date_range=re.compile(
            rf"(?<!\w)(?:{table.get('from', 'del?')}) (N+|O+) (?:{table['to']}) (N+|O+)(?!\w)"
        ),
        month=re.compile(rf"(?<!\w)(?:{month})(?!\w)"),
        date=re.compile(
            rf"(?<!\w)(?:(?:N+|O+)(?: de| d[eo]|\.)? ?(?:{month})|(?:{month}) (?:N+|O+)|D+)(?!\w)"
        ),
        not_after=compile_any(table["not_after"]),
        refused_then=compile_any(table["refused_then"]),
        ago_before=re.compile(rf"(?<!\w)(?:{'|'.join(table['ago_before']) or '(?!)'})(?: \w+)? $"),
        ago_after=compile_any(table["ago_after"]),
        not_before=re.compile(rf"(?<!\w)(?:{'|'.join(table['not_before'])}) $"),
        tail=compile_any(table["tail"]),
        lead=re.compile(rf"(?<!\w)(?:{'|'.join(table['lead'])})(?: \w+)? $"),
        within=re.compile(rf"(?<!\w)(?:{table['within']}) $"),
        some_day=re.compile(rf"(?<!\w)(?:{table['some_day']}) $"),
        plural_day=compile_any([table["plural_day"]]),
        to_come=compile_any([table["to_come"]]),
        today=compile_any([table["today"]]),
        yesterday=compile_any([table["yesterday"]]),
        holiday=compile_any(table["holidays"]),
        evenings=(evenings,),
        in_a_row=compile_any([f"O (?:{table['day']}) {table['in_a_row']}"]),
    )


def _counts(table: dict[str, Any], rate: dict[str, Any], period: dict[str, Any]) -> Counts:
    one, evening = period.get("one", "(?:un|una)"), period["evening"]
    nouns = "|".join(table["nouns"])
    times = "|".join(table["times"])
    stop = table.get(
        "stop",
        "de|en|por|al|a|que|y|para|con|del|los|las|el|la|dias?|semanas?|mes|meses|anos?|horas?|minutos?|euros?|o",
    )
    filler = rf"(?: (?:de|di|d'|of))?(?: (?!(?:{stop})(?!\w))[^\W\d_][\w'-]*){{0,2}}?"
    nouns = rf"[\"'«“„]?(?:\w{{2,20}}-)?(?:{nouns})"
    units = "|".join([*rate["alternate"], *rate["day"], *rate["week"], *rate["month"]])
    units = _MARK.sub(r"\1+", units)
    return Counts(
        item=re.compile(
            rf"(?<!\w)(N+|{one})\+?(?:-odd|-ish| or so| oder so| ou plus)?(?:{filler} |-| d')(?:{nouns})(?!\w)"
        ),
        times=re.compile(rf"(?<!\w)(N+)\+?(?: (?:de|di|of))? ?(?:{times})(?!\w)"),
        total=compile_any(table["total"]),
        only=compile_any(table["only"]),
        bare=compile_any(table["bare"]),
        ordinal=re.compile(
            rf"(?<!\w)O+{filler} (?:{nouns}|{times})(?!\w)|(?<!\w)(?:{nouns}|{times}) (?:numero |number |n\. |nummer )?O+(?!\w)"
            rf"|{compile_any(table['ordinal_alone']).pattern}"
        ),
        said=compile_any(table["said"]),
        ordinals=tuple(
            (
                re.compile(
                    rf"(?<!\w){name}(?:{table.get('ordinal_ending', '(?:o|a|os|as|)')})(?!\w)"
                ),
                value,
            )
            for name, value in table["ordinals"].items()
        ),
        dozens=tuple((compile_any([name]), value) for name, value in table["dozens"].items()),
        multiples=tuple(
            (compile_any([name]), value) for name, value in table.get("multiples", {}).items()
        ),
        future=compile_any(table.get("future", [])),
        another=compile_any(table["another"]),
        run=re.compile(rf"(?<!\w)(N+) (?:{evening})(?!\w)"),
        rate=re.compile(
            rf"(?<!\w)(N+|{one})\+?(?:(?:-| ?)(?:{times}|[^\W\d_]+))?(?: (?!(?:in|en|em|im|within|over|sur|dans)(?!\w))[^\W\d_]+){{0,2}}?,? (?:{units})(?!\w)"
        ),
    )


@cache
def load(lang: str) -> Lexicon:
    """The lexicon of one of the six languages; ``KeyError`` for any other."""
    if lang not in LANGUAGES:
        raise KeyError(lang)
    table = tomllib.loads((FOLDER / f"{lang}.toml").read_text(encoding="utf-8"))
    rate = table["rate"]
    hours = table["off_hours"]
    said = {name: compile_any(table["said"][name]) for name in ("opt_out", "churn", "legal")}
    said["off_hours"] = compile_any(hours["patterns"])
    unsaid = {
        name: compile_any(table["said"][f"{name}_not"]) for name in ("opt_out", "churn", "legal")
    }
    unsaid["off_hours"] = compile_any(hours["not"])
    channels = {name: compile_any(table["channels"][name]) for name in CHANNELS}
    every = [p for name in CHANNELS for p in table["channels"][name]]
    return Lexicon(
        lang=lang,
        countries=tuple(table["countries"]),
        channels=channels,
        voicemail=compile_any(table["channels"]["voicemail"]),
        message=compile_any(table["channels"]["message"]),
        own_contact=compile_any(table["self"]["channels"]),
        dialled=re.compile(rf"(?<!\w)(?:{'|'.join(table['numbers']['dialled'])})[ :(]*$"),
        said=said,
        unsaid=unsaid,
        not_person=re.compile(rf"(?<!\w){table['said'].get('not_person', '(?!)')}"),
        rates=Rates(
            units=(
                (compile_any(rate["alternate"]), 2),
                (compile_any(rate["day"]), 1),
                (compile_any(rate["week"]), 7),
                (compile_any(rate["month"]), 30),
            ),
            each=(
                (compile_any(rate["alternate"]), 2),
                (compile_any(rate["each"]), 1),
                (compile_any(rate["each_week"]), 7),
            ),
            workdays=compile_any(rate["workdays"]),
        ),
        periods=_periods(table["period"]),
        counts=_counts(table["count"], rate, table["period"]),
        clock=Clock(
            lead=compile_any(hours["clock"]),
            strict=re.compile(rf"(?<!\w)(?:{hours['strict']}) ?(?P<hour>N+)(?!\w)"),
            morning=compile_any(hours["morning"], right=False),
            evening=compile_any(hours["evening"], right=False),
            half=re.compile(_MARK.sub(r"\1+", hours["half"])),
            half_before=re.compile(hours.get("half_before", "(?!)")),
            quarter=re.compile(_MARK.sub(r"\1+", hours["quarter"])),
            past=re.compile(_MARK.sub(r"\1+", hours["past"])),
            quarter_to=re.compile(_MARK.sub(r"\1+", hours["quarter_to"])),
            after=re.compile(rf"(?:{hours['after']})$"),
        ),
        any_contact=compile_any([*every, *table["channels"]["message"], *table["contact"]]),
    )
