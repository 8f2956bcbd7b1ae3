"""Every written form of a number is found with its exact span; look-alikes are not."""

from __future__ import annotations

import phonenumbers
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from classifiers import number_words
from classifiers.folding import fold
from classifiers.number_search import find
from classifiers.phone_numbers import find_all

FORMS_OF_1004 = [
    *("1004", "10 04", "10-04", "1-0-0-4", "1.0.0.4", "1 0 0 4", "#1004", "+34 1004", "0034 1004"),
    *("el mil cuatro", "el diez cero cuatro", "el uno cero cero cuatro", "１００４"),
    *("one thousand and four", "ten oh four", "the one double oh four", "mil e quatro"),
    *(
        "o dez zero quatro",
        "le mille quatre",
        "il millequattro",
        "eintausendvier",
        "1\ufe0f\u20e30\ufe0f\u20e30\ufe0f\u20e34\ufe0f\u20e3",
    ),
]
FRAMES = ["{}", "otra vez {} llamando", "Me llama {}, qué pesados", "¡({})!", "Basta ya de {}."]
PREFIXES = ("el ", "the ", "o ", "le ", "il ", "#")


@pytest.mark.parametrize("form", FORMS_OF_1004)
def test_every_form_of_a_short_code_is_found_with_its_exact_span(form: str) -> None:
    written = form
    for prefix in PREFIXES:
        written = written.removeprefix(prefix)
    for frame in FRAMES[1:3]:
        text = frame.format(form)
        assert [text[a:b] for a, b in find(text, "1004")] == [written], text


@pytest.mark.parametrize(
    "text",
    [
        *("Pago 1004 € al mes", "me cobraron 1.004 euros", "$1004 de multa", "R$ 1004 na fatura"),
        *("1.004 €", "1004,50 euros", "vuelo IB1004 cancelado", "flight 1004 delayed"),
        *("vivo en la calle Mayor 1004", "puerta 1004", "habitación 1004", "1004 Elm Street"),
        *("a las 10:04 me llamaron", "10:04", "51004", "10043", "1004-22", "10 04 22", "2100 1004"),
        *("pedido 1004", "order #1004 lost", "ticket nº 1004", "protocolo 1004", "ref. 1004"),
        *("1004 personas", "1004 people complained", "1004 llamadas en un mes", "un 1004 %"),
        *("12/10/04", "2010-10-04", "12.1.0.4", "ana1004", "@ana_1004", "https://x.test/1004"),
        *("mil cuatrocientos euros", "mil cuatro euros", "mil veces", "911 1004 22", "1004 km"),
        *("versión 1.0.0.4.2", "1004GB", "IBAN ES91 1004 0418 4502 0005 1332"),
    ],
)
def test_what_is_no_short_code(text: str) -> None:
    assert find(text, "1004") == ()
    assert all(n.digits != "1004" for n in find_all(text))


@pytest.mark.parametrize(
    "text", ["en 2019 me di de baja", "desde 2023 igual", "the 2020 elections"]
)
def test_a_year_is_no_number(text: str) -> None:
    assert find_all(text) == ()


@pytest.mark.parametrize(
    ("text", "countries", "written", "e164"),
    [
        ("llaman del 911 23 45 67 a diario", ("ES",), "911 23 45 67", "+34911234567"),
        ("llaman del (91) 123 45 67", ("ES",), "(91) 123 45 67", "+34911234567"),
        ("calls from 0034-911-234567", ("ES",), "0034-911-234567", "+34911234567"),
        ("ligam do (11) 98765-4321 todo dia", ("BR",), "(11) 98765-4321", "+5511987654321"),
        ("ligam do (11) 98765-4321 todo dia", ("ES",), "(11) 98765-4321", None),
        ("ligam do 0303 todo dia", ("BR",), "0303", None),
        ("il 02 1234 5678 chiama sempre", ("IT",), "02 1234 5678", "+390212345678"),
        ("ständig Anrufe von 0800 330 1000", ("DE",), "0800 330 1000", "+498003301000"),
        ("appels du 01 23 45 67 89", ("FR",), "01 23 45 67 89", "+33123456789"),
        ("(555) 123-4567 keeps calling", ("US",), "(555) 123-4567", None),
        ("le 3900 m'appelle sans arrêt", ("FR",), "3900", None),
        ("me llaman del 600 11 22 33 3 veces al día", ("ES",), "600 11 22 33", "+34600112233"),
        ("el 1004 3 veces hoy", ("ES",), "1004", None),
        ("nueve uno uno veintitrés cuarenta y cinco sesenta y siete", ("ES",),
         "nueve uno uno veintitrés cuarenta y cinco sesenta y siete", "+34911234567"),
    ],
)  # fmt: skip
def test_numbers_in_context(
    text: str, countries: tuple[str, ...], written: str, e164: str | None
) -> None:
    found = find_all(text, countries=countries)
    assert [(n.text, n.e164) for n in found] == [(written, e164)]
    assert text[slice(*found[0].span)] == written


@pytest.mark.parametrize("text", ["911 23 XX XX", "9112345**", "el 91 me llama", "DNI 12345678", "pedido 123456789"])  # fmt: skip
def test_half_numbers_and_other_figures_are_no_numbers(text: str) -> None:
    assert find_all(text) == ()


def test_a_list_of_short_codes() -> None:
    text = "Me llaman del 1004, 1002 y 1485 cada día"
    assert [n.text for n in find_all(text)] == ["1004", "1002", "1485"]


SEPARATORS = st.sampled_from([" ", "-", ".", "", "\u00a0", " - "])


@st.composite
def full_numbers(draw: st.DrawFn) -> tuple[str, str]:
    """A Spanish number and one of the ways to write it."""
    digits = draw(st.sampled_from(["91", "93", "96", "60", "62", "65", "900"]))
    digits += "".join(
        draw(
            st.lists(
                st.sampled_from("0123456789"), min_size=9 - len(digits), max_size=9 - len(digits)
            )
        )
    )
    sizes = draw(st.sampled_from([(3, 3, 3), (3, 2, 2, 2), (2, 3, 2, 2), (9,)]))
    groups, at = [], 0
    for size in sizes:
        groups.append(digits[at : at + size])
        at += size
    written = draw(SEPARATORS).join(groups)
    return digits, draw(st.sampled_from(["", "+34", "+34 ", "0034 ", "0034-", "(+34) "])) + written


@given(full_numbers(), st.sampled_from(FRAMES))
@settings(max_examples=300, deadline=None)
def test_any_form_of_a_full_number_is_found(number: tuple[str, str], frame: str) -> None:
    digits, written = number
    if not phonenumbers.is_valid_number(phonenumbers.parse(digits, "ES")):
        return
    text = frame.format(written)
    assert [text[a:b] for a, b in find(text, digits)] == [written]
    assert [text[a:b] for a, b in find(text, "+34" + digits)] == [written]
    assert ["+34" + digits] == [n.e164 for n in find_all(text)]


@given(st.integers(1000, 9999), st.sampled_from(["", " ", "-"]), st.sampled_from(["1", "9 ", "-3"]))
@settings(deadline=None)
def test_a_part_of_a_longer_number_is_not_found(code: int, sep: str, more: str) -> None:
    text = f"el {sep.join(str(code))}{sep or ''}{more}"
    assert find(text, str(code)) == ()


@given(st.text(max_size=200) | st.text(alphabet="0123456789+-() .el", max_size=80))
@settings(max_examples=400, deadline=None)
def test_spans_are_of_the_text_given_whatever_it_is(text: str) -> None:
    end = 0
    for mention in find_all(text, countries=("ES", "BR")):
        assert text[slice(*mention.span)] == mention.text
        assert mention.span[0] >= end
        end = mention.span[1]
    for a, b in find(text, "1004"):
        assert 0 <= a < b <= len(text)


def test_a_word_without_an_end_costs_its_length_once() -> None:
    # Its square would be hours, and pytest's time-out would tell.
    for unit in ("a", "a.", "a@", "a/", "@", "w.w", "http"):
        assert find("1 / " + unit * 400_000, "1004") == ()


@pytest.mark.parametrize(
    "text",
    ["see https://x.example/1004", "mail 1004@movistar.example", "movistar.es/1004 is a page"],
)
def test_addresses_hold_no_numbers(text: str) -> None:
    assert find(text, "1004") == ()


def test_repeated_input_stays_linear() -> None:
    for unit in (
        "1 ",
        "1-",
        "1/a",
        "a@1.",
        "(",
        "+",
        "1004 ",
        "911 23 45 67 ",
        "mil ",
        "uno ",
        "el ",
        "9",
        "ein",
        "vent",
    ):
        text = unit * (200_000 // len(unit))
        assert find("x " + text, "333") == ()
        assert len(find_all("x " + text)) < 200_000


ES_UNITS, ES_TENS, ES_HUNDREDS = (
    words.split()
    for words in (
        "cero uno dos tres cuatro cinco seis siete ocho nueve diez once doce trece catorce quince"
        " dieciséis diecisiete dieciocho diecinueve veinte veintiuno veintidós veintitrés"
        " veinticuatro veinticinco veintiséis veintisiete veintiocho veintinueve",
        "treinta cuarenta cincuenta sesenta setenta ochenta noventa",
        "ciento doscientos trescientos cuatrocientos quinientos seiscientos setecientos"
        " ochocientos novecientos",
    )
)
EN_UNITS, EN_TENS = (
    words.split()
    for words in (
        "zero one two three four five six seven eight nine ten eleven twelve thirteen fourteen"
        " fifteen sixteen seventeen eighteen nineteen",
        "twenty thirty forty fifty sixty seventy eighty ninety",
    )
)


def _spell_es(n: int) -> str:
    if n < 30:
        return ES_UNITS[n]
    if n < 100:
        return ES_TENS[n // 10 - 3] + (f" y {ES_UNITS[n % 10]}" if n % 10 else "")
    if n < 1000:
        rest = f" {_spell_es(n % 100)}" if n % 100 else ""
        return "cien" if n == 100 else ES_HUNDREDS[n // 100 - 1] + rest
    thousand = "mil" if n < 2000 else f"{_spell_es(n // 1000)} mil"
    return thousand + (f" {_spell_es(n % 1000)}" if n % 1000 else "")


def _spell_en(n: int) -> str:
    if n < 20:
        return EN_UNITS[n]
    if n < 100:
        return EN_TENS[n // 10 - 2] + (f"-{EN_UNITS[n % 10]}" if n % 10 else "")
    if n < 1000:
        return f"{EN_UNITS[n // 100]} hundred" + (f" and {_spell_en(n % 100)}" if n % 100 else "")
    return f"{_spell_en(n // 1000)} thousand" + (f" {_spell_en(n % 1000)}" if n % 1000 else "")


@given(st.integers(0, 9999))
@settings(max_examples=300, deadline=None)
def test_spelled_numbers_are_read_back(n: int) -> None:
    for lang, words in (("es", _spell_es(n)), ("en", _spell_en(n))):
        text = f"¡{words}!"
        found = list(number_words.find(fold(text), lang))
        assert [(w.value, text[w.start : w.end]) for w in found] == [(n, words)]


@pytest.mark.parametrize(
    ("lang", "words", "value"),
    [
        ("fr", "quatre-vingt-dix-sept", 97), ("fr", "soixante et onze", 71), ("fr", "dix-neuf", 19),
        ("fr", "mille neuf cent quatre-vingts", 1980), ("fr", "vingt et un", 21), ("fr", "nonante-deux", 92),
        ("it", "millequattro", 1004), ("it", "ventotto", 28), ("it", "quarantatré", 43), ("it", "duemila", 2000),
        ("de", "einundzwanzig", 21), ("de", "tausendvier", 1004), ("de", "fuenfundfuenfzig", 55),
        ("de", "dreißig", 30), ("de", "zweihundertfünfzig", 250), ("pt", "cento e vinte e três", 123),
        ("pt", "mil e quatro", 1004), ("pt", "dezessete", 17), ("es", "veintidos", 22), ("en", "twelve hundred", 1200),
    ],
)  # fmt: skip
def test_number_words(lang: str, words: str, value: int) -> None:
    assert [w.value for w in number_words.find(fold(words), lang)] == [value]
