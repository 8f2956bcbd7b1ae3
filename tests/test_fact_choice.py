"""The rules propose, the encoder chooses: with hints written by hand."""

from __future__ import annotations

import re
from collections.abc import Mapping

import numpy as np
import pytest

from classifiers.call_facts import extract
from classifiers.fact_choice import Hints, passages
from classifiers.heads import FACTS, NEUTRAL_CALIBRATION, TAGS
from classifiers.phone_numbers import read_as_written
from classifiers.reading import CallFacts


def hints(text: str, said: Mapping[str, float] = {}, **passage: str) -> Hints:
    """As the encoder would say it: logits by fact (-4 where not given) and passages by tag."""
    words = [(m.start(), m.end()) for m in re.finditer(r"\S+", text)]
    chances = np.full((len(words), len(TAGS)), 0.01, np.float32)
    for tag, part in passage.items():
        start = text.index(part)
        for row, (a, b) in enumerate(words):
            if a < start + len(part) and start < b:
                chances[row, TAGS.index(tag)] = 0.95
    logits = {name: said.get(name, -4.0) for name in FACTS} | {"call": said.get("call", 4.0)}
    return Hints(logits, words, chances, NEUTRAL_CALIBRATION.mix)


def read(text: str, said: Mapping[str, float] = {}, lang: str = "es", **passage: str) -> CallFacts:
    return extract(text, lang=lang, hints=hints(text, said, **passage))


TEXT = "Llamé 3 veces al 1002 para pedir que paren. El 1004 me ha llamado 7 veces en 5 días."


def test_the_number_that_calls_and_not_the_one_that_is_dialled() -> None:
    facts = read(TEXT, numbers="1004")
    assert [n.text for n in facts.numbers] == ["1004"]
    assert TEXT[slice(*facts.numbers[0].span)] == "1004"


def test_the_calls_that_one_got_and_not_those_that_one_made() -> None:
    said = {"contact_count": 4.0, "period_days": 4.0}
    got = read(TEXT, said, contact_count="7 veces", period_days="en 5 días.")
    assert (got.contact_count, got.period_days) == (7, 5)
    made = read(TEXT, said, contact_count="3 veces")
    assert made.contact_count == 3


def test_the_days_of_a_count_are_not_added_to_it_when_a_refusal_follows() -> None:
    text = "Seis llamadas en tres días y ya os dije que no"
    said = {"contact_count": 4.0, "period_days": 4.0, "opt_out": 4.0}
    facts = read(text, said, contact_count="Seis llamadas en tres días", period_days="tres días")
    assert (facts.contact_count, facts.period_days) == (6, 3)


def test_what_the_encoder_does_not_believe_is_not_claimed() -> None:
    facts = read(TEXT, {"contact_count": -6.0, "opt_out": -6.0})
    assert facts.contact_count is None
    assert not facts.opt_out
    assert "contact_count" not in facts.spans
    assert "opt_out" not in facts.spans


def test_a_refusal_that_no_rule_knows_is_found_where_it_is_said() -> None:
    text = "A la cuarta le canté una saeta hasta que colgó el del 1004."
    facts = read(text, {"opt_out": 5.0}, opt_out="le canté una saeta")
    assert facts.opt_out
    [span] = facts.spans["opt_out"]
    assert text[slice(*span)] == "le canté una saeta"
    assert facts.confidence["opt_out"] > 0.9


def test_channels_come_from_both() -> None:
    facts = read("Los del gimnasio no paran, ni el domingo", {"call": -5.0, "whatsapp": 5.0})
    assert facts.channels == ("whatsapp",)
    nothing = read("Los del gimnasio no paran", {"call": -2.0})
    assert len(nothing.channels) == 1  # a contact came by something


@pytest.mark.parametrize(
    ("written", "digits", "e164"),
    [
        ("oh eight five, treble two, six one nine four", "0852226194", None),
        ("nought two oh, three nine one one, four four seven six", "02039114476", "+442039114476"),
        ("plus one, four one six, five five five, oh one nine nine", "14165550199", "+14165550199"),
        ("07911 12 double 3 45", "07911123345", "+447911123345"),
    ],
)
def test_a_number_in_words_is_whole(written: str, digits: str, e164: str | None) -> None:
    text = f"It was {written}, at dinner."
    told = hints(text, numbers=f"was {written},")
    facts = extract(text, lang="en", hints=told, countries=("GB",))
    [number] = facts.numbers
    assert (number.text, number.digits) == (written, digits)
    assert e164 is None or number.e164 == e164


def test_a_number_of_words_and_digits_is_one_number() -> None:
    text = "Otra vez el 6 treinta y 4, 88 00 noventa, en misa"
    facts = read(text, numbers="6 treinta y 4, 88 00 noventa")
    [number] = facts.numbers
    assert number.text == "6 treinta y 4, 88 00 noventa"
    assert number.span == (12, 12 + len(number.text))


@pytest.mark.parametrize(
    ("written", "lang", "country", "digits", "e164"),
    [
        ("nueve 12, 34 cinco 6 78", "es", "ES", "912345678", "+34912345678"),
        ("zero due, 87 zero 4 11 9", "it", "IT", "028704119", "+39028704119"),
        ("+34 912 345 678", "es", "ES", "34912345678", "+34912345678"),
        ("0800 ninety five", "en", "GB", "080095", None),
        ("--", "es", "ES", "", None),
    ],
)
def test_a_passage_is_read_as_dialled(
    written: str, lang: str, country: str, digits: str, e164: str | None
) -> None:
    text = f"dice el {written} cada tarde"
    number = read_as_written(text, (8, 8 + len(written)), lang=lang, countries=(country,))
    assert (number.digits, number.e164) == (digits, e164)


def test_hints_beyond_the_passage_that_is_read_do_no_harm() -> None:
    text = "me llaman sin parar " + "x bla " * 4000 + "y os dije que no me llaméis más"
    said = {"opt_out": 5.0, "contact_count": 5.0}
    facts = read(text, said, opt_out="no me llaméis más", numbers="llaman", contact_count="sin")
    assert all(0 <= a < b <= len(text) for spans in facts.spans.values() for a, b in spans)
    late = "x bla " * 5000 + "llaman del 1004"
    assert read(late, numbers="1004").numbers[0].span == (len(late) - 4, len(late))


@pytest.mark.parametrize("lang", ["es", "ca", "und"])
def test_words_that_only_look_like_a_number_are_none(lang: str) -> None:
    text = "llama un número oculto, y luego otros dos, de 90 m²"
    for part in ("un número oculto", "dos", "m²"):
        assert read(text, lang=lang, numbers=part).numbers == ()


def test_a_bare_figure_where_the_encoder_points_is_the_count() -> None:
    text = "Van 14 y no es ni mediodía"
    facts = read(text, {"contact_count": 5.0}, contact_count="Van 14")
    assert facts.contact_count == 14


def test_passages_may_pause_for_a_blank_and_no_longer() -> None:
    text = "no no no y luego otra cosa no no"
    found = hints(text, opt_out="no no no")
    assert [text[a:b] for a, b in passages(found, "opt_out")] == ["no no no"]


@pytest.mark.parametrize("lang", ["es", "en", "pt", "fr", "it", "de", "hi", "und"])
def test_any_text_with_any_hints_keeps_its_spans_inside(lang: str) -> None:
    rng = np.random.default_rng(4)
    for text in (TEXT, "", " ", "😡 1004 😡", "a" * 300, "x 12 y 30 z " * 40):
        words = [(m.start(), m.end()) for m in re.finditer(r"\S+", text)]
        told = Hints(
            {name: float(rng.normal(0, 4)) for name in FACTS},
            words,
            rng.random((len(words), len(TAGS))).astype(np.float32),
            NEUTRAL_CALIBRATION.mix,
        )
        facts = extract(text, lang=lang, hints=told)
        assert facts.channels
        for number in facts.numbers:
            assert text[slice(*number.span)] == number.text
        for spans in facts.spans.values():
            assert all(0 <= a < b <= len(text) for a, b in spans)
