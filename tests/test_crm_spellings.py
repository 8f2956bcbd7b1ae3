"""Whatever form a phone is written in, it is asked for in that form."""

from __future__ import annotations

import re
from pathlib import Path

import phonenumbers
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from listener import phones
from listener.crm import spellings
from listener.crm.spellings import Plan, plan_of
from listener.settings import Settings

WRITTEN = [
    *((w, "ES", "+34755102030") for w in ("755102030", "+34 755 10 20 30", "0034 755-102-030")),
    *((w, "GB", "+447700900123") for w in ("07700 900123", "+44 (0)7700 900123", "7700900123")),
    *(
        (w, "MX", "+525512345678")
        for w in ("+52 1 55 1234 5678", "044 5512345678", "045 5512345678", "5512345678")
    ),
    *((w, "AR", "+541123456789") for w in ("+54 9 11 2345-6789", "011 15 2345 6789")),
    *((w, "BR", "+5511987654321") for w in ("+55 11 8765-4321", "(11) 98765-4321")),
    *((w, "US", "+12025550123") for w in ("(202) 555-0123", "1-202-555-0123")),
]
NO_PHONE = ("", " ", "x", "+", "1004", "+52", "755102030")


@pytest.mark.parametrize(("written", "country", "e164"), WRITTEN)
def test_a_phone_is_asked_for_as_it_is_written(written: str, country: str, e164: str) -> None:
    assert phones.normalise(written, country) == e164
    digits = re.sub(r"\D", "", written)
    assert digits in spellings.dialled_forms(e164)
    assert any(digits.endswith(tail) for tail in spellings.tails(e164))
    assert re.fullmatch(spellings.like_pattern(e164).replace("%", ".*"), f"{written} x12")


@pytest.mark.parametrize(("written", "country", "e164"), WRITTEN)
def test_a_log_holds_it_as_it_is_dialled(written: str, country: str, e164: str) -> None:
    plan = Plan((country,))
    assert plan.read(written) == e164
    forms = plan.forms(e164)
    parts = spellings.spelt(e164)
    assert parts is not None
    assert {e164, e164[1:], "00" + e164[1:], parts.national} <= set(forms)
    assert plan.forms_of([written]) == dict.fromkeys(forms, e164)


@pytest.mark.parametrize("value", NO_PHONE)
def test_what_is_no_phone_is_not_asked_for(value: str) -> None:
    assert spellings.spelt(value) is None
    assert spellings.dialled_forms(value) == []
    assert spellings.tails(value) == []
    assert spellings.like_pattern(value) == ""


def test_the_lines_that_are_one_are_read_as_one() -> None:
    for e164 in ("+525512345678", "+541123456789", "+5511987654321", "+34755102030"):
        first, *others = spellings.lines(e164)
        assert first == e164
        assert {phones.normalise(other) for other in others} <= {e164}
    assert spellings.lines("+34755102030") == ("+34755102030",)


def test_old_lists_of_argentina_hold_the_area_before_the_15() -> None:
    line = spellings.spelt("+543814123456")
    assert line is not None
    assert line.area == 3
    assert set(spellings.old_forms(line, (line.area,))) == {
        "5493814123456",
        "381154123456",
        "0381154123456",
    }


def test_what_cannot_be_read_stays_as_it_is_written() -> None:
    written = ["755 10 20 30", "", "+34755102030", "centralita"]
    assert spellings.in_one_form(written, "ES") == ("+34755102030", "centralita")


# ---------------------------------------------------------------------------- of a log


@settings(max_examples=300, deadline=None)
@given(st.text(max_size=25), st.lists(st.sampled_from(["ES", "MX", "BR", "US"]), min_size=1))
def test_any_text_is_a_number_or_none(written: str, countries: list[str]) -> None:
    plan = Plan(tuple(countries))
    number = plan.read(written)
    assert number is None or number.startswith("+")
    for form, owner in plan.forms_of([written]).items():
        assert plan.read(form) == owner == number


@pytest.mark.parametrize("country", sorted(phonenumbers.SUPPORTED_REGIONS))
def test_every_form_means_that_phone_alone(country: str) -> None:
    example = phonenumbers.example_number_for_type(country, phonenumbers.PhoneNumberType.MOBILE)
    if example is None:
        pytest.skip(f"no mobile number is known for {country}")
    number = phonenumbers.format_number(example, phonenumbers.PhoneNumberFormat.E164)
    for countries in ((country,), ("ES", country), ("ES",)):
        plan = Plan(countries)
        forms = plan.forms(number, spaced=True)
        assert {plan.read(form) for form in forms} == {plan.read(number)}
        assert plan.read(number) in forms


def test_countries_come_from_the_options_or_our_first_brand(tmp_path: Path) -> None:
    home = Settings(folder=tmp_path, var=tmp_path, database_url="")
    assert plan_of((), home).countries == ("ES",)
    assert plan_of(("MX", "CO"), home).countries == ("MX", "CO")
