"""Which mentions: of these days, brands, sources and so on. One form for the counts of a chart, the
list of posts behind them, and the address that leads there. Pure.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, fields, replace
from datetime import date, timedelta
from typing import Any, Protocol
from urllib.parse import urlencode

from listener.domain import Outcome
from listener.errors import BadSelection, sentence

LONGEST = timedelta(days=1100)
NONE = "-"
"""The value of what has none: no category, no known country."""

_WORDS = ("brands", "sources", "langs", "countries", "sentiments", "categories")
_PARAMETERS = {
    "brands": "brand",
    "sources": "source",
    "langs": "lang",
    "countries": "country",
    "sentiments": "sentiment",
    "categories": "category",
}
_MANY, _LONG = 60, 120  # values of one kind, characters of one


class Counted(Protocol):
    """What a selection looks at in a tally. `country` is empty where nobody knows it."""

    @property
    def day(self) -> date: ...
    @property
    def brand(self) -> str: ...
    @property
    def source(self) -> str: ...
    @property
    def lang(self) -> str: ...
    @property
    def country(self) -> str: ...
    @property
    def sentiment(self) -> str: ...
    @property
    def complaint(self) -> bool: ...
    @property
    def harassment(self) -> bool: ...
    @property
    def category(self) -> str | None: ...


@dataclass(frozen=True, slots=True)
class Selection:
    """Published from the first to the last day, both included, in a person's zone. An empty tuple
    and None mean any. `weekday` (Monday is 0) and `hour` are of the same zone. `number` and
    `campaign` are of the complaints that name it, or followed its contacts. `answered`: not what was
    published in these days, but the post with which each case began that was opened in them and
    ended so."""

    first: date
    last: date
    brands: tuple[str, ...] = ()
    sources: tuple[str, ...] = ()
    langs: tuple[str, ...] = ()
    countries: tuple[str, ...] = ()
    sentiments: tuple[str, ...] = ()
    categories: tuple[str, ...] = ()
    complaint: bool | None = None
    harassment: bool | None = None
    weekday: int | None = None
    hour: int | None = None
    number: str = ""
    campaign: str | None = None  # "" is that of contacts without one
    answered: Outcome | None = None
    invented: bool = True

    @property
    def days(self) -> int:
        return (self.last - self.first).days + 1

    def before(self) -> Selection:
        """The same in the equally long period just before."""
        return replace(
            self,
            first=self.first - timedelta(days=self.days),
            last=self.first - timedelta(days=1),
        )

    def fits(self, tally: Counted) -> bool:
        """By what a tally says: hours, numbers and campaigns are not in it."""
        return (
            self.first <= tally.day <= self.last
            and (not self.brands or tally.brand in self.brands)
            and (not self.sources or tally.source in self.sources)
            and (not self.langs or tally.lang in self.langs)
            and (not self.countries or (tally.country or NONE) in self.countries)
            and (not self.sentiments or tally.sentiment in self.sentiments)
            and (not self.categories or (tally.category or NONE) in self.categories)
            and self.complaint in (None, tally.complaint)
            and self.harassment in (None, tally.harassment)
        )

    # ------------------------------------------------------------------ as an address

    def to_parameters(self) -> dict[str, str | list[str]]:
        found: dict[str, str | list[str]] = {
            "from": self.first.isoformat(),
            "to": self.last.isoformat(),
        }
        for name in _WORDS:
            if values := getattr(self, name):
                found[_PARAMETERS[name]] = list(values)
        for name in ("complaint", "harassment"):
            if (said := getattr(self, name)) is not None:
                found[name] = "yes" if said else "no"
        for name in ("weekday", "hour"):
            if (slot := getattr(self, name)) is not None:
                found[name] = str(slot)
        if self.number:
            found["number"] = self.number
        if self.campaign is not None:
            found["campaign"] = self.campaign
        if self.answered is not None:
            found["answered"] = self.answered.value
        if not self.invented:
            found["invented"] = "no"
        return found

    def to_query(self) -> str:
        return urlencode(self.to_parameters(), doseq=True)


def from_parameters(get: Callable[[str], Sequence[str]], today: date) -> Selection:
    """`get` gives every value of a parameter, none where there is none; without days it is the
    last thirty. Raises BadSelection, which names the parameter."""

    def one(name: str) -> str | None:
        values = get(name)
        return values[-1][:_LONG] if values else None

    def day(name: str, usual: date) -> date:
        written = one(name)
        if written is None:
            return usual
        try:
            return date.fromisoformat(written)
        except ValueError:
            raise BadSelection(name, written, sentence("a day, as 2026-03-05")) from None

    def said(name: str) -> bool | None:
        return _choice(name, one(name), {"yes": True, "no": False, None: None})

    last = day("to", today)
    first = day("from", last - timedelta(days=29))
    if not timedelta(0) <= last - first <= LONGEST:
        raise BadSelection(
            "from",
            first.isoformat(),
            sentence("a day at most {days} days before {last}", days=LONGEST.days, last=last),
        )
    words: dict[str, Any] = {
        name: tuple(v[:_LONG] for v in get(_PARAMETERS[name])[:_MANY]) for name in _WORDS
    }
    return Selection(
        first=first,
        last=last,
        complaint=said("complaint"),
        harassment=said("harassment"),
        weekday=_slot("weekday", one("weekday"), 7),
        hour=_slot("hour", one("hour"), 24),
        number=one("number") or "",
        campaign=one("campaign"),
        answered=_outcome(one("answered")),
        invented=said("invented") is not False,
        **words,
    )


def _choice(
    name: str, written: str | None, choices: Mapping[str | None, bool | None]
) -> bool | None:
    if written not in choices:
        raise BadSelection(name, written or "", sentence("yes or no"))
    return choices[written]


def _outcome(written: str | None) -> Outcome | None:
    if written is None:
        return None
    if written not in tuple(Outcome):
        known = ", ".join(Outcome)
        raise BadSelection("answered", written, sentence("one of {names}", names=known))
    return Outcome(written)


def _slot(name: str, written: str | None, size: int) -> int | None:
    if written is None:
        return None
    if not (written.isdecimal() and written.isascii() and int(written) < size):
        raise BadSelection(name, written, sentence("a number from 0 to {last}", last=size - 1))
    return int(written)


def narrowed(selection: Selection) -> tuple[str, ...]:
    """The names of what the selection asks for, besides its days."""
    usual = Selection(selection.first, selection.last)
    return tuple(
        f.name
        for f in fields(Selection)
        if f.name not in ("first", "last", "invented")
        and getattr(selection, f.name) != getattr(usual, f.name)
    )
