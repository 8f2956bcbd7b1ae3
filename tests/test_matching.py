"""Which identifiers a post gives of its author, and what the candidates amount to."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from listener.domain import (
    Candidate,
    Customer,
    CustomerMatch,
    Identifier,
    IdentifierKind,
    MatchBasis,
)
from listener.matching import CONFIDENCE, decide, handle, identifiers

PHONE, EMAIL, ID, HANDLE = (
    IdentifierKind.PHONE,
    IdentifierKind.EMAIL,
    IdentifierKind.CUSTOMER_ID,
    IdentifierKind.HANDLE,
)


def read(text: str, kind: IdentifierKind, country: str = "ES") -> list[tuple[str, bool]]:
    found = identifiers(text, countries=(country,))
    return [(i.value, i.own) for i in found if i.kind is kind]


# ---------------------------------------------------------------------------- one's own phone

OWN = [
    ("ES", "mi número es 755 123 456", "+34755123456"),
    ("ES", "Mi móvil: 755123456, dejadme en paz", "+34755123456"),
    ("ES", "mi teléfono es el +34 755 123 456", "+34755123456"),
    ("ES", "Me llamáis todos los días al 755 123 456", "+34755123456"),
    ("ES", "dejad de llamarme al 755-123-456 ya", "+34755123456"),
    ("ES", "755 123 456 es mi número, borradlo", "+34755123456"),
    ("ES", "soy titular de la línea 840 234 567", "+34840234567"),
    ("ES", "mi nº de teléfono 755 12 34 56", "+34755123456"),
    ("ES", "Mi número, el que os sabéis de memoria, es 755 123 456", "+34755123456"),
    ("ES", "mi fijo 84 023 45 67 no para de sonar", "+34840234567"),
    ("ES", "mi numero de contacto es 755.123.456", "+34755123456"),
    ("MX", "Llevo un mes así. Mi cel es 55 1234 5678", "+525512345678"),
    ("GB", "my number is 07700 900123", "+447700900123"),
    ("GB", "you keep calling me on 07700 900 123", "+447700900123"),
    ("GB", "Please remove my mobile 07700900123 from the list", "+447700900123"),
    ("US", "stop texting me at (202) 555-0123", "+12025550123"),
    ("GB", "07700 900123 is my number, take it off", "+447700900123"),
    ("BR", "meu número é (20) 98123-4567", "+5520981234567"),
    ("BR", "me ligam todo dia no 20 98123-4567", "+5520981234567"),
    ("PT", "o meu telemóvel é o 940 345 678", "+351940345678"),
    ("PT", "ligam-me para o 940 345 678", "+351940345678"),
    ("FR", "mon numéro est le 06 39 98 12 34", "+33639981234"),
    ("FR", "vous m'appelez sur le 06 39 98 12 34", "+33639981234"),
    ("FR", "arrêtez de m'appeler au 06 39 98 12 34", "+33639981234"),
    ("IT", "il mio numero è 300 123 4567", "+393001234567"),
    ("IT", "smettetela di chiamarmi al 300 123 4567", "+393001234567"),
    ("DE", "meine Handynummer lautet 0171 3920012", "+491713920012"),
    ("DE", "ihr ruft mich ständig unter 0171 3920012 an", "+491713920012"),
    ("DE", "0171 3920012 ist meine Nummer", "+491713920012"),
]


@pytest.mark.parametrize(("country", "text", "number"), OWN)
def test_the_authors_own_number_is_read(country: str, text: str, number: str) -> None:
    assert read(text, PHONE, country) == [(number, True)]


CALLERS = [
    ("ES", "me llaman del 755 123 456"),
    ("ES", "el 840 234 567 no para de llamarme"),
    ("ES", "mi móvil recibe llamadas del 840 234 567 a diario"),
    ("ES", "me llaman desde el 840234567"),
    ("ES", "me dicen que llame al 900 123 456"),
    ("ES", "me llaman para que llame al 900 123 456"),
    ("ES", "mi número de cuenta es 2100 0418 4502"),
    ("ES", "755 123 456 no es mi número"),
    ("ES", "mi número no es 755 123 456"),
    ("ES", "Ojo con este número: 755 123 456"),
    ("ES", "Me han llamado 14 veces. El 840 234 567 otra vez"),
    ("ES", "mi numero lo tienen los del 840 234 567"),
    ("ES", "llama a mi número el 840 234 567"),
    ("ES", "en mi móvil aparece 840 234 567"),
    ("ES", "mi teléfono: 840 234 567 llamando otra vez"),
    ("GB", "I get calls from 0800 111 2233"),
    ("GB", "they call me from 07700 900123"),
    ("GB", "call them on 0800 111 2233"),
    ("GB", "my order number is 600123456"),
    ("GB", "My number is on TPS and 0800 111 2233 still rings"),
    ("BR", "o número 20 98123-4567 me liga todo dia"),
    ("FR", "le 01 99 00 12 34 m'appelle"),
    ("IT", "mi chiamano dal 300 123 4567"),
    ("DE", "mich ruft ständig 030 23125123 an"),
    ("BR", "Hoje, dia 03/07/2018, meu celular apresentou problema"),
    ("BR", "meu telefone é 98859-6419"),  # no area code: dialled in sixty places
    ("DE", "Meine Nummer habt ihr gesperrt, aber 030 23125123 ruft weiter an"),
]


@pytest.mark.parametrize(("country", "text"), CALLERS)
def test_the_number_that_calls_is_nobodys(country: str, text: str) -> None:
    assert read(text, PHONE, country) == []


@pytest.mark.parametrize(
    ("country", "text"),
    [
        ("ES", "el número de mi madre es 755 222 333"),
        ("ES", "llamáis a mi madre al 755 222 333"),
        ("ES", "la llamáis cada día al 755 222 333"),
        ("GB", "my mum's number is 07700 900123"),
        ("GB", "they ring my gran daily on 07700 900123"),
        ("FR", "le numéro de ma mère est 06 39 98 12 34"),
        ("BR", "o número da minha mãe é 20 98123-4567"),
        ("IT", "il numero di mia madre è 300 123 4567"),
        ("DE", "die Nummer meiner Mutter ist 0171 3920012"),
    ],
)
def test_the_line_of_somebody_they_speak_for_is_not_their_own(country: str, text: str) -> None:
    assert [own for _, own in read(text, PHONE, country)] == [False]


def test_a_post_with_both_gives_the_authors_line_and_not_the_callers() -> None:
    text = "Otra vez el 840 55 66 77. Mi número es 755 10 20 30 y ya dije que no al 1004"
    assert read(text, PHONE) == [("+34755102030", True)]


def test_a_number_of_the_registry_is_never_a_customers() -> None:
    text = "mi número es 840 55 66 77"
    assert identifiers(text, registry=("+34840556677",)) == ()
    assert len(identifiers(text)) == 1


def test_a_country_that_has_assigned_the_number_reads_it_before_one_whose_length_fits() -> None:
    text = "my number is 202-555-0123"
    assert [i.value for i in identifiers(text, countries=("GB", "US"))] == ["+12025550123"]


def test_the_first_country_whose_length_fits_reads_an_unassigned_number() -> None:
    assert [i.value for i in identifiers("my number is 07700 900123", countries=("ES", "GB"))] == [
        "+447700900123"
    ]


# ---------------------------------------------------------------------------- ids, addresses


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("soy cliente 12345678", "12345678"),
        ("Nº de cliente: MOV-004512", "MOV-004512"),
        ("mi número de cliente es el 88213", "88213"),
        ("customer number 4412345", "4412345"),
        ("I'm customer 4412345 btw", "4412345"),
        ("account no. ac-99812", "AC-99812"),
        ("sou cliente 998877", "998877"),
        ("n° client : 445566", "445566"),
        ("codice cliente 778899", "778899"),
        ("meine Kundennummer lautet K-123456", "K-123456"),
    ],
)
def test_a_customer_id_is_read(text: str, value: str) -> None:
    assert read(text, ID) == [(value, True)]


@pytest.mark.parametrize(
    "text",
    [
        "soy cliente desde 1998",
        "soy cliente 1998",
        "soy cliente 20 años",
        "atención al cliente 1004",
        "llamé a atención al cliente 900123123",
        "servicio al cliente: 1004",
        "customer for 10000 years",
        "pedido nº 12345678",
        "número de contrato 12345678",
    ],
)
def test_what_only_stands_near_the_word_customer_is_no_id(text: str) -> None:
    assert read(text, ID) == []


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("mi correo es Ana.Ruiz@ejemplo.es", True),
        ("ana.ruiz@ejemplo.es is my email", True),
        ("escribidme a ana.ruiz@ejemplo.es", True),
        ("meine E-Mail ist ana.ruiz@ejemplo.es", True),
        ("mon adresse mail est ana.ruiz@ejemplo.es", True),
        ("escribí a ana.ruiz@ejemplo.es y nada", False),
        ("me mandan correos desde ana.ruiz@ejemplo.es", False),
        ("spam from ana.ruiz@ejemplo.es", False),
    ],
)
def test_an_address_is_read_where_it_is_called_ones_own(text: str, found: bool) -> None:
    assert read(text, EMAIL) == ([("ana.ruiz@ejemplo.es", True)] if found else [])


def test_the_public_account_is_an_identifier_that_was_not_given_in_the_text() -> None:
    assert identifiers("hola", author="Mastodon:@Ana@Example.org") == (
        Identifier(HANDLE, "mastodon:ana@example.org", MatchBasis.DECLARED_ACCOUNT),
    )
    assert handle("bluesky: @Ana") == "bluesky:ana"


def test_kinds_come_strongest_first_and_each_once() -> None:
    text = "Mi número es 755102030. Soy cliente 88213. Repito: mi número es 755 10 20 30"
    assert [i.kind for i in identifiers(text, author="x:ana")] == [ID, PHONE, HANDLE]


@given(st.text(max_size=300))
def test_any_text_can_be_read(text: str) -> None:
    for found in identifiers(text, author="x:ana", countries=("ES", "GB")):
        assert found.value


@pytest.mark.parametrize(
    "piece",
    [
        "mi número es ",
        "me llam ",
        "a@",
        "1 2 3 4 5 6 7 ",
        "cliente no ",
        "mi madre ",
        "((((",
        "a.a.",
    ],
)
def test_a_hostile_text_takes_no_more_than_its_length(piece: str) -> None:
    """Twice the text, about twice the work: a pattern that runs away takes minutes here."""
    found = identifiers(piece * 20_000 + "755 123 456")
    assert all(i.value for i in found)


# ---------------------------------------------------------------------------- decisions


def candidate(ref: str, by: Identifier, crm: str = "local") -> Candidate:
    return Candidate(Customer(crm, ref, ref.title()), by)


BY_PHONE = Identifier(PHONE, "+34755102030")
BY_EMAIL = Identifier(EMAIL, "ana.ruiz@ejemplo.es")
BY_ID = Identifier(ID, "88213")
BY_HANDLE = Identifier(HANDLE, "mastodon:ana", MatchBasis.DECLARED_ACCOUNT)
BY_MOTHERS_PHONE = Identifier(PHONE, "+34755222333", own=False)


def keys(match: CustomerMatch) -> list[str]:
    return [r.partition(":")[0] for r in match.reasons]


def test_ana_is_found_by_the_phone_that_she_gave() -> None:
    match = decide([candidate("ana", BY_PHONE)], [BY_PHONE], 0.85)
    assert match.decided
    assert match.customer is not None
    assert match.customer.ref == "ana"
    assert match.confidence == CONFIDENCE[PHONE]
    assert match.reasons == ("phone_given:•••030",)


def test_identifiers_that_agree_add_up() -> None:
    found = [candidate("ana", i) for i in (BY_PHONE, BY_HANDLE)]
    match = decide(found, [BY_PHONE, BY_HANDLE], 0.98)
    assert match.decided
    assert match.confidence > max(CONFIDENCE[PHONE], CONFIDENCE[HANDLE])
    assert keys(match) == ["phone_given", "handle_declared"]
    assert [c.customer.ref for c in match.candidates] == ["ana"]


def test_below_the_threshold_ana_is_proposed_only() -> None:
    match = decide([candidate("ana", BY_HANDLE)], [BY_HANDLE], 0.9)
    assert not match.decided
    assert match.customer is not None
    assert "below_threshold:0.90" in match.reasons


def test_a_shared_line_is_not_decided_and_both_are_listed() -> None:
    found = [candidate("ana", BY_PHONE), candidate("luis", BY_PHONE)]
    match = decide(found, [BY_PHONE], 0.5)
    assert (match.decided, match.customer) == (False, None)
    assert [c.customer.ref for c in match.candidates] == ["ana", "luis"]
    assert "several_customers:2" in match.reasons


def test_the_customer_id_tells_two_people_on_one_line_apart() -> None:
    found = [
        candidate("luis", BY_PHONE),
        candidate("ana", BY_PHONE),
        candidate("ana", BY_ID),
    ]
    match = decide(found, [BY_PHONE, BY_ID], 0.85)
    assert match.decided
    assert match.customer is not None
    assert match.customer.ref == "ana"
    assert [c.customer.ref for c in match.candidates] == ["ana", "luis"]


@pytest.mark.parametrize("second", [BY_EMAIL, BY_PHONE, BY_HANDLE])
def test_an_id_of_ana_and_something_else_of_luis_is_not_decided(second: Identifier) -> None:
    found = [candidate("ana", BY_ID), candidate("luis", second)]
    match = decide(found, [BY_ID, second], 0.5)
    assert (match.decided, match.customer) == (False, None)
    assert len(match.candidates) == 2


def test_an_identifier_that_found_nobody_is_no_contradiction() -> None:
    match = decide([candidate("ana", BY_PHONE)], [BY_ID, BY_PHONE], 0.85)
    assert match.decided


def test_the_same_id_in_two_crms_is_two_customers() -> None:
    found = [candidate("ana", BY_ID), candidate("ana", BY_ID, crm="other")]
    assert not decide(found, [BY_ID], 0.5).decided


def test_a_mothers_line_proposes_her_and_never_decides() -> None:
    match = decide([candidate("carmen", BY_MOTHERS_PHONE)], [BY_MOTHERS_PHONE], 0.1)
    assert (match.decided, match.customer) == (False, None)
    assert [c.customer.ref for c in match.candidates] == ["carmen"]
    assert "somebody_they_speak_for" in keys(match)


def test_a_mothers_line_does_not_contradict_the_authors_own() -> None:
    found = [candidate("carmen", BY_MOTHERS_PHONE), candidate("ana", BY_PHONE)]
    match = decide(found, [BY_MOTHERS_PHONE, BY_PHONE], 0.85)
    assert match.decided
    assert match.customer is not None
    assert match.customer.ref == "ana"


def test_who_gave_nothing_and_who_is_not_found_are_told_apart() -> None:
    assert keys(decide([], [], 0.85)) == ["nothing_given"]
    assert keys(decide([], [BY_PHONE], 0.85)) == ["not_found"]


def test_a_candidate_that_nothing_given_found_does_not_count() -> None:
    stray = candidate("ana", Identifier(PHONE, "+34755999999"))
    match = decide([stray], [BY_PHONE], 0.1)
    assert not match.decided
    assert match.candidates == ()


def test_reasons_hold_no_whole_phone_or_address() -> None:
    found = [candidate("ana", BY_PHONE), candidate("ana", BY_EMAIL)]
    told = " ".join(decide(found, [BY_PHONE, BY_EMAIL], 0.85).reasons)
    assert BY_PHONE.value not in told
    assert BY_EMAIL.value not in told


_identifier = st.builds(
    Identifier,
    st.sampled_from(IdentifierKind),
    st.sampled_from(["a", "b", "c"]),
    own=st.booleans(),
)


@given(
    st.lists(st.tuples(st.sampled_from(["ana", "luis", "eva"]), _identifier), max_size=8),
    st.lists(_identifier, max_size=5),
    st.floats(0.01, 1),
)
def test_a_decision_is_about_one_found_customer_whatever_the_order(
    pairs: list[tuple[str, Identifier]], given_: list[Identifier], threshold: float
) -> None:
    found = [candidate(ref, by) for ref, by in pairs]
    match = decide(found, given_, threshold)
    again = decide(found[::-1], given_[::-1], threshold)
    assert (match.decided, match.customer, match.confidence) == (
        again.decided,
        again.customer,
        again.confidence,
    )
    assert match.reasons
    assert 0 <= match.confidence <= 1
    if match.decided:
        assert match.customer in [c.customer for c in match.candidates]
        assert match.confidence >= threshold
        own = {i for i in given_ if i.own}
        assert any(c.customer == match.customer and c.found_by in own for c in found)
