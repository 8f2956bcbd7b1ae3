"""Numbers as people write them, in the form of the registry and the log: those that a post names as
the caller's, and one that somebody types. Pure.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence

import phonenumbers

from classifiers.reading import NumberMention
from listener import phones
from listener.domain import Identifier, IdentifierKind


def callers(
    text: str,
    found: Iterable[NumberMention],
    given: Iterable[Identifier],
    countries: Sequence[str],
) -> set[str]:
    """The numbers that a post names as the caller's, in the form of the registry and the log. What
    the author gives as a phone of their own, or as a customer number, called nobody."""
    told = list(given)
    own = {i.value for i in told if i.kind is IdentifierKind.PHONE}
    refs = [
        m.span()
        for i in told
        if i.kind is IdentifierKind.CUSTOMER_ID
        for m in re.finditer(re.escape(i.value), text, re.IGNORECASE)
    ]
    return {
        plain[:40]
        for number in found
        if (plain := _plain(number, countries))
        and own.isdisjoint((plain, number.e164))
        and not any(a <= number.span[0] and number.span[1] <= b for a, b in refs)
    }


def _plain(number: NumberMention, countries: Sequence[str]) -> str:
    """One without a country's code is of the brand's own where its length fits there: impostors
    call from ranges that no plan has assigned, and that are another country's."""
    abroad = "+" in number.text or number.digits.startswith("00")
    if number.e164 and (abroad or country_of(number.e164) in countries):
        return phones.normalise_caller(number.e164)
    home = (phones.normalise(number.digits, c) for c in countries)
    return next((n for n in home if n), None) or phones.normalise_caller(
        number.e164 or number.digits
    )


def country_of(number: str) -> str:
    """The country of a full number; empty for a short code, which is of wherever it is dialled."""
    try:
        return phonenumbers.region_code_for_number(phonenumbers.parse(number)) or ""
    except phonenumbers.NumberParseException:
        return ""


def forms(written: str, countries: Iterable[str]) -> tuple[str, ...]:
    """As a number that somebody wrote may be stored: in its plain form, by each country's reading,
    and as it stands."""
    text = written.strip()[:40]
    plain = [phones.normalise_caller(text, c)[:40] for c in (*countries, "")]
    return tuple(dict.fromkeys(n for n in (*plain, text) if n))
