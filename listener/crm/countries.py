"""Countries and their parts, as records and our configuration name them."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from functools import lru_cache

import phonenumbers
from babel import Locale

from listener.settings import Settings

# The languages in which people write the name of a country into a record.
_LANGUAGES = ("en", "es", "pt", "fr", "it", "de")


def country_of(written: str) -> str:
    """The two letters of a country that is written as these or by its name; empty: unknown."""
    return _countries().get(written.strip().casefold(), "")


@lru_cache(maxsize=1)
def _countries() -> Mapping[str, str]:
    codes = phonenumbers.SUPPORTED_REGIONS
    names = {
        name.casefold(): code
        for language in _LANGUAGES
        for code, name in Locale(language).territories.items()
        if code in codes
    }
    return names | {code.casefold(): code for code in codes} | {"uk": "GB"}


def state_of(written: str) -> str:
    """The letters of a state or province that is written as these; empty for any other form."""
    state = written.strip().upper()
    return state if re.fullmatch(r"[A-Z]{2,3}", state) else ""


def country_of_phones(numbers: Iterable[str]) -> str:
    """The country of the first phone (E.164) that tells one; empty: none does."""
    for number in numbers:
        try:
            return phonenumbers.region_code_for_number(phonenumbers.parse(number)) or ""
        except phonenumbers.NumberParseException:
            continue
    return ""


def home_of(settings: Settings) -> str:
    """The first country of our first brand, which reads numbers that stand without one."""
    brands = sorted(settings.brands, key=lambda brand: brand.kind != "own")
    return next((country for brand in brands for country in brand.countries), "ES")
