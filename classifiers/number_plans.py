"""Numbering plans, as libphonenumber knows them: which digits are a number, and its E.164 form."""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache

import phonenumbers
from phonenumbers import shortnumberinfo

# Tried, in this order, for numbers that fit no plan of the brand's own countries.
# Germany and Austria are left out: their open plans take nearly every sequence of digits.
OTHER_COUNTRIES = (
    *("ES", "MX", "AR", "CO", "CL", "PE", "BR", "PT", "US", "GB", "FR", "IT", "IE", "CH", "BE"),
    *("EC", "UY", "VE", "BO", "PY", "CR", "DO", "AU", "IN"),
)
MAX_DIGITS = 15  # E.164


@lru_cache(maxsize=8192)
def parse_number(written: str, country: str | None) -> tuple[str, bool] | None:
    """E.164 form and whether the numbering plan knows it; None when it cannot be one."""
    try:
        number = phonenumbers.parse(written, country)
    except phonenumbers.NumberParseException:
        return None
    if not phonenumbers.is_possible_number(number):
        return None
    valid = phonenumbers.is_valid_number(number)
    return phonenumbers.format_number(number, phonenumbers.PhoneNumberFormat.E164), valid


@lru_cache(maxsize=4096)
def is_short_code(digits: str, countries: tuple[str, ...]) -> bool:
    for country in countries:
        try:
            number = phonenumbers.parse(digits, country)
        except phonenumbers.NumberParseException:
            continue
        if shortnumberinfo.is_valid_short_number_for_region(number, country):
            return True
    return False


def dialled(folded: str, start: int, end: int) -> str:
    """The form that libphonenumber reads: digits and plus sign only, 00 as a plus sign."""
    text = folded[start:end]
    digits = "".join(c for c in text if c.isdigit())
    if "+" in text or (digits.startswith("00") and len(digits) > 9):
        return "+" + digits.removeprefix("00")
    return digits


def e164_of(written: str, countries: Sequence[str]) -> tuple[str | None, float]:
    """The E.164 form by the first country whose plan fits, and how likely this is a number (0: no).

    A number that only fits a plan of another country keeps its E.164 form to itself.
    """
    if written.startswith("+"):
        # "+34 (0)91 ...": the trunk zero in brackets is not dialled from abroad
        found = parse_number(written, None)
        return (found[0], 0.99 if found[1] else 0.7) if found else (None, 0.0)
    for country in countries:
        found = parse_number(written, country)
        if found and found[1]:
            return found[0], 0.97
    for country in OTHER_COUNTRIES:
        if country not in countries:
            found = parse_number(written, country)
            if found and found[1]:
                return None, 0.8
    return None, 0.0
