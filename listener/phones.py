"""One written form for every phone number, so that what a person posts meets what the CRM holds.

Numbers that fit no assigned range are kept all the same when their length fits: ranges are opened
faster than libphonenumber's tables are published.
"""

from __future__ import annotations

import re
from functools import lru_cache

import phonenumbers

_DIGITS = re.compile(r"\D+")
_SHORT_MAX = 6
_EXTENSION = re.compile(
    r"(?:ext|extension|anexo|ramal|interno|poste|x)\.? ?\d{1,6}$", re.IGNORECASE
)


@lru_cache(maxsize=65536)
def normalise(written: str, country: str = "") -> str | None:
    """E.164, or None when the text is no full number; `country` (ISO alpha-2) reads national forms.

    Variants of one line become one value: Mexico's 044, 045, 01 and +52 1, Argentina's +54 9 and
    15, Brazil's mobiles without the ninth digit.
    """
    text = written.strip()
    digits = _DIGITS.sub("", text)
    if not 7 <= len(digits) <= 17:
        return None
    if country == "MX" and not text.startswith("+"):
        text = re.sub(r"^(?:04[45]|01)(?=\d{10}$)", "", digits)
    if country == "AR" and not text.startswith("+") and (local := _argentine(digits)):
        text = local
    if text.startswith("00"):
        text = "+" + digits[2:]
    try:
        number = phonenumbers.parse(_EXTENSION.sub("", text), country or None)
    except phonenumbers.NumberParseException:
        return None
    e164 = _one_line(phonenumbers.format_number(number, phonenumbers.PhoneNumberFormat.E164))
    return e164 if is_assigned(e164) or _fits(e164) else None


def _fits(e164: str) -> bool:
    """By its length a subscriber's number. One without its area code is dialled in many places."""
    try:
        number = phonenumbers.parse(e164)
    except phonenumbers.NumberParseException:
        return False
    fits = phonenumbers.is_possible_number_for_type_with_reason(
        number, phonenumbers.PhoneNumberType.FIXED_LINE_OR_MOBILE
    )
    return bool(fits == phonenumbers.ValidationResult.IS_POSSIBLE)


@lru_cache(maxsize=65536)
def is_assigned(e164: str) -> bool:
    """Whether libphonenumber knows the number's range as given to subscribers."""
    try:
        return phonenumbers.is_valid_number(phonenumbers.parse(e164))
    except phonenumbers.NumberParseException:
        return False


def _argentine(digits: str) -> str | None:
    """ "011 15 2345 6789": the area code, then 15 for a mobile, eight or fewer digits."""
    found = re.fullmatch(r"0?(\d{2,4})15(\d{6,8})", digits)
    return found[1] + found[2] if found and len(found[1] + found[2]) == 10 else None


def _one_line(e164: str) -> str:
    if re.fullmatch(r"\+521\d{10}", e164):
        return "+52" + e164[4:]
    if re.fullmatch(r"\+549\d{10}", e164):
        return "+54" + e164[4:]
    if re.fullmatch(r"\+55\d{2}[6-9]\d{7}", e164):
        return e164[:5] + "9" + e164[5:]
    return e164


def normalise_caller(written: str, country: str = "") -> str:
    """E.164 for a full number; the digits as dialled for a short code ("1004", "+34 1004");
    what was written, without blanks at its ends, for anything else."""
    text = written.strip()
    digits = _DIGITS.sub("", text)
    if len(digits) <= _SHORT_MAX + 4 and text.startswith(("+", "00")) and country:
        code = str(phonenumbers.country_code_for_region(country))
        rest = digits.removeprefix("00").removeprefix(code)
        if rest and len(rest) <= _SHORT_MAX:
            return rest
    if 0 < len(digits) <= _SHORT_MAX:
        return digits
    return normalise(text, country) or text


@lru_cache(maxsize=4096)
def is_prefix(number: str, country: str) -> bool:
    """Whether three digits or fewer are no line by themselves, but how one begins: "the 900"."""
    if len(number) > 3 or not number.isdigit() or not country:
        return False
    try:
        short = phonenumbers.parse(number, country)
    except phonenumbers.NumberParseException:
        return True
    return not phonenumbers.is_valid_short_number_for_region(short, country)


def mask(number: str) -> str:
    """The last three digits, for logs and stored reasons."""
    return "•••" + number[-3:] if len(number) > 4 else number
