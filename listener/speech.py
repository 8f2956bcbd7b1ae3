"""The words of a page or report for one reader: language, brands by name, the zone of its days."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from zoneinfo import ZoneInfo

from babel import Locale
from babel.dates import format_date

from listener import i18n
from listener.selection import NONE


@dataclass(frozen=True, slots=True)
class Speech:
    language: str
    time_zone: str
    brands: Mapping[str, str]  # key -> name

    @property
    def zone(self) -> ZoneInfo:
        return ZoneInfo(self.time_zone)

    def gettext(self, message: str, **values: object) -> str:
        return i18n.text(message, self.language, values or None)

    def label(self, kind: str, value: object) -> str:
        return i18n.label(kind, value, self.language)

    def number(self, value: float) -> str:
        return i18n.number(value, self.language)

    def percent(self, value: float) -> str:
        """A share between 0 and 1; a small one with one decimal, so that it is not nought."""
        return i18n.percent(value, self.language, decimals=1 if 0 < value < 0.1 else 0)

    def day(self, day: date, pattern: str = "d MMM y") -> str:
        return format_date(day, pattern, locale=self.language)

    def when(self, moment: datetime) -> str:
        return i18n.when(moment, self.language, self.zone)

    def span(self, length: timedelta) -> str:
        return i18n.span(length, self.language)

    def named(self, kind: str, key: str) -> str:
        """The value of an attribute as people say it: of `brand`, `source`, `lang`, `country`,
        `category` or `sentiment`."""
        if kind == "brand":
            return self.brands.get(key, key)
        if kind == "lang":
            return i18n.language_name(key, self.language)
        if kind == "country":
            if not key or key == NONE:
                return self.gettext("not known")
            return str(Locale.parse(self.language).territories.get(key, key))
        if kind == "category" and (not key or key == NONE):
            return self.gettext("no complaint")
        return self.label(kind, key)
