"""The forms in which a system may hold a phone: asked for in all of them, it is found in any. What
comes back is compared by `phones.normalise`."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

import phonenumbers
from phonenumbers import PhoneNumberFormat

from listener import phones
from listener.crm.countries import home_of
from listener.settings import Settings


@dataclass(frozen=True, slots=True)
class Spelt:
    """One phone in its parts. `national` are its digits without the country's code, `dialled` those
    with the trunk prefix that the country dials; `grouped` and `international` have blanks."""

    e164: str
    code: str
    national: str
    dialled: str
    grouped: str
    international: str
    area: int  # how many digits of `national` are the area's; 0: not known


def spelt(e164: str) -> Spelt | None:
    """None for what is no full number."""
    try:
        number = phonenumbers.parse(e164)
    except phonenumbers.NumberParseException:
        return None
    grouped = phonenumbers.format_number(number, PhoneNumberFormat.NATIONAL)
    return Spelt(
        e164=e164,
        code=str(number.country_code),
        national=phonenumbers.national_significant_number(number),
        dialled=re.sub(r"\D", "", grouped),
        grouped=grouped,
        international=phonenumbers.format_number(number, PhoneNumberFormat.INTERNATIONAL),
        area=phonenumbers.length_of_geographical_area_code(number),
    )


def lines(e164: str) -> tuple[str, ...]:
    """The E.164 forms that `phones.normalise` makes one of, that one first."""
    if found := re.fullmatch(r"\+(52|54)(\d{10})", e164):
        return e164, f"+{found[1]}{'1' if found[1] == '52' else '9'}{found[2]}"
    if found := re.fullmatch(r"(\+55\d{2})9(\d{8})", e164):
        return e164, found[1] + found[2]
    return (e164,)


def _without_ninth(national: str) -> str:
    """A Brazilian mobile as it was before it got a ninth digit; empty for any other phone."""
    found = re.fullmatch(r"(\d\d)9(\d{8})", national)
    return found[1] + found[2] if found else ""


def dialled_forms(e164: str) -> list[str]:
    """The digits of every way to write a line: with and without its country code, 00 and trunk
    prefix, and as the variants that `phones.normalise` reads as one line."""
    forms: list[str] = []
    for line in filter(None, map(spelt, lines(e164))):
        for short in (line.national, line.dialled, line.dialled.removeprefix("0")):
            forms += [line.code + short, short, "00" + line.code + short]
    if forms and e164.startswith("+52"):
        forms += [start + e164[3:] for start in _MEXICAN]
    return list(dict.fromkeys(forms))


_MEXICAN = ("044", "045", "01")


def old_forms(line: Spelt, areas: Iterable[int]) -> Iterator[str]:
    """The digits that old lists still hold in Mexico, Argentina and Brazil, and that reach today's
    line. `areas`: how many digits an Argentine area's code may have, behind which a mobile's 15 is
    dialled."""
    if line.code == "52":
        yield from (start + line.national for start in ("521", *_MEXICAN))
    if line.code == "54":
        yield "549" + line.national
        for size in areas:
            mobile = f"{line.national[:size]}15{line.national[size:]}"
            yield from (mobile, "0" + mobile)
    if line.code == "55" and (short := _without_ninth(line.national)):
        yield from (short, "55" + short)


def tails(e164: str) -> list[str]:
    """The last digits of a line, one for each way to write it that ends otherwise."""
    found: list[str] = []
    for line in filter(None, map(spelt, lines(e164))):
        whole = line.dialled.endswith(line.national)
        found += [line.national if whole else line.dialled.removeprefix("0")]
    return [tail for tail in dict.fromkeys(found) if not _ends_with_another(tail, found)]


def _ends_with_another(tail: str, tails: Iterable[str]) -> bool:
    return any(tail != other and tail.endswith(other) for other in tails)


def like_pattern(e164: str) -> str:
    """For LIKE: the subscriber's digits in their order, with anything between them. That finds
    blanks, brackets, country code, 00, trunk prefix, extension, Mexico's 1, Argentina's 9 and 15;
    Brazil's ninth digit is left out, because old records lack it. Empty for what is no full
    number."""
    line = spelt(e164)
    if line is None:
        return ""
    digits = (line.code == "55" and _without_ninth(line.national)) or line.national
    return "%" + "%".join(digits) + "%" if len(digits) >= 6 else ""


def in_one_form(written: Iterable[str], country: str) -> tuple[str, ...]:
    """A record's phones in E.164; one that cannot be read as it is written."""
    return tuple(dict.fromkeys(phones.normalise(n, country) or n for n in written if n))


# ---------------------------------------------------------------------------- of a log


@dataclass(frozen=True, slots=True)
class Plan:
    """How a log writes phones. `countries` are those whose national numbers it holds, the likeliest
    first, at least one; other countries' numbers are told by their country code only."""

    countries: tuple[str, ...]

    def read(self, written: str) -> str | None:
        """By the first country that has assigned the number, else as an international one without
        its plus, else by the first whose length fits."""
        tried = [phones.normalise(written, country) for country in self.countries]
        tried.append(phones.normalise("+" + re.sub(r"\D", "", written)))
        read = [number for number in tried if number]
        return next((n for n in read if phones.is_assigned(n)), read[0] if read else None)

    def forms(self, number: str, *, spaced: bool = False) -> tuple[str, ...]:
        """Every form in which the log may hold a phone, `spaced` as people write it too. A form
        that the log would mean another phone by is none of them."""
        line = spelt(self.read(number) or "")
        if line is None:
            return ()
        old = list(old_forms(line, (line.area or 2,)))
        if line.code in ("54", "55"):
            old += ["0" + form for form in (line.national, _without_ninth(line.national)) if form]
        grouped = (line.grouped, line.international) if spaced else ()
        whole = line.e164.removeprefix("+")
        written = [line.national, line.dialled, *old, whole, "00" + whole, line.e164, *grouped]
        return tuple(dict.fromkeys(form for form in written if self.read(form) == line.e164))

    def forms_of(self, numbers: Iterable[str], *, spaced: bool = False) -> dict[str, str]:
        """Every form of several phones, and whose it is."""
        return {
            form: e164
            for number in numbers
            if (e164 := self.read(number))
            for form in self.forms(number, spaced=spaced)
        }


def plan_of(countries: Sequence[str], settings: Settings) -> Plan:
    """Without a choice only the first country of our first brand: in that of another, a national
    number could be somebody else's."""
    return Plan(tuple(countries) or (home_of(settings),))
