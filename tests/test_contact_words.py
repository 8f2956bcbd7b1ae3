"""What notes, campaigns and posts tell of a contact."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from classifiers.folding import fold
from listener import contact_words as words
from listener.contact_words import Purpose
from listener.domain import Channel, ContactEvent, Direction, Disposition

NOW = datetime(2026, 5, 14, 12, tzinfo=UTC)  # a Thursday


def event(campaign: str = "", note: str = "") -> ContactEvent:
    return ContactEvent("E", NOW, Direction.OUT, Channel.CALL, campaign=campaign, note=note)


@pytest.mark.parametrize(
    ("campaign", "note", "purpose"),
    [
        ("Fibra otoño", "", Purpose.SALES),
        ("", "", Purpose.SALES),
        ("Cita instalación", "", Purpose.SERVICE),
        ("", "código de verificación", Purpose.SERVICE),
        ("Fibra otoño", "dice que ya paga mucho en su factura", Purpose.SALES),
        ("Factura electrónica", "aprovecho y ofrezco el dúo", Purpose.SALES),
        ("Recobro tardío", "", Purpose.COLLECTION),
        ("Fraud alerts", "card blocked", Purpose.SERVICE),
        ("Winback Q2", "", Purpose.SALES),
        ("Inkasso", "", Purpose.COLLECTION),
        ("Rendez-vous technicien", "", Purpose.SERVICE),
        ("Mantenimiento caldera", "", Purpose.SALES),
        ("Mantenimiento programado", "", Purpose.SERVICE),
        ("Aviso factura", "la factura de enero sale devuelta", Purpose.SERVICE),
    ],
)
def test_what_a_contact_was_for(campaign: str, note: str, purpose: Purpose) -> None:
    assert words.purpose(event(campaign, note)) is purpose


def test_what_was_answered_with_interest_or_without_was_an_offer() -> None:
    told = event("Instalación solar")
    assert words.purpose(told) is Purpose.SERVICE
    assert words.purpose(replace(told, disposition=Disposition.NOT_INTERESTED)) is Purpose.SALES


@pytest.mark.parametrize(
    "note",
    [
        "atendido, móvil metido en la lista de exclusión interna",
        "supresión hecha el 12/03",
        "added to our DNC list",
        "inscrit sur la liste d'opposition",
        "auf die Sperrliste gesetzt, steht auf der Sperrliste",
    ],
)
def test_a_note_that_tells_of_a_suppression(note: str) -> None:
    assert words.note_suppresses(note)
    assert not words.note_suppresses("no está en ninguna lista")


@pytest.mark.parametrize(
    "note",
    [
        "cli dice k no le interesa",
        "no quiere nada, pide baja de la lista",
        "cte. pide que no le llamen más",
        "asked to be taken off the list",
        "cust not interested, said no",
        "cliente disse que não tem interesse",
        "pas intéressé, demande à ne plus être appelé",
        "non interessato, non richiamare",
        "kein Interesse, nicht mehr anrufen",
    ],
)
def test_a_note_that_refuses(note: str) -> None:
    assert words.note_refuses(note)


@pytest.mark.parametrize(
    "note",
    [
        "TT no coge",
        "",
        "cuelga",
        "comunica",
        "no answer",
        "vm left",
        "volver a llamar",
        "está en Robinson",
    ],
)
def test_a_note_that_refuses_nothing(note: str) -> None:
    assert not words.note_refuses(note)


def test_who_wanted_the_call_back() -> None:
    assert words.asked_for_callback("pide que le llamen el martes")
    assert words.asked_for_callback("customer requested a callback tomorrow")
    assert not words.asked_for_callback("reprogramo rellamada")
    assert not words.asked_for_callback("pide que no le llamen más")


def test_a_refusal_told_is_no_request() -> None:
    text = "Les dije que no me interesa. No me llaméis más."
    first, second = text.index("no me interesa"), text.index("No me llaméis")
    assert words.told_refusals(text, [(first, first + 14)]) == ["les dije que no me interesa"]
    assert words.told_refusals(text, [(second, second + 17)]) == []


@pytest.mark.parametrize(
    ("text", "country", "since"),
    [
        ("Estoy en la Lista Robinson", "ES", None),
        ("me apunté al REPEP hace dos semanas", "MX", datetime(2026, 4, 30, 12, tzinfo=UTC)),
        ("on the TPS since March", "GB", datetime(2026, 3, 1, tzinfo=UTC)),
        ("inscrita no Não Me Perturbe desde 2023", "BR", datetime(2023, 1, 1, tzinfo=UTC)),
    ],
)
def test_since_when_on_a_register(text: str, country: str, since: datetime | None) -> None:
    assert words.register_named(text, country, NOW) == since


def test_the_register_of_another_country_does_not_bind() -> None:
    assert words.register_named("estoy en la Lista Robinson", "MX", NOW) is False
    assert words.register_named("no pinta nada aquí", "ES", NOW) is False


@pytest.mark.parametrize(
    ("sentence", "days"),
    [("ayer les dije que no", [13]), ("on tuesday i told them", [12]), ("anteontem", [12]), ("hace tres dias", [11]), ("jamas", [])],
)  # fmt: skip
def test_the_days_a_sentence_names(sentence: str, days: list[int]) -> None:
    assert [d.day for d in words.days_named(sentence, NOW)] == days


@pytest.mark.parametrize(
    ("said", "expected"),
    [
        ("asked for someone else", True),
        ("has cover w/ someone else", False),
        ("already with someone else", False),
        ("preguntan por Marcos", True),
        ("fragt nach Herrn Weber", True),
        ("Kd fragt nach Abschlag", False),
    ],
)
def test_who_asks_for_somebody_else(said: str, expected: bool) -> None:
    assert words.for_somebody_else(said) is expected


@given(text=st.text(max_size=200))
def test_any_text_can_be_read(text: str) -> None:
    assert words.note_refuses(text) in (True, False)
    assert words.for_somebody_else(text) in (True, False)
    assert words.purpose(event(text, text)) in words.Purpose
    named = words.register_named(text, "ES", NOW)
    assert named in (False, None) or named <= NOW
    assert all(day <= NOW.date() for day in words.days_named(fold(text), NOW))
