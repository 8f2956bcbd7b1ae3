"""What a passage claims when it is known to tell a count or a period."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from classifiers import lexicon, passage, phone_numbers
from classifiers.contact_count import MOST, alternatives
from classifiers.folding import fold
from classifiers.marks import mark

COUNTS = [
    ("es", "Van 14 y no es ni mediodía", "Van 14", 14),
    ("es", "hoy va la quinta llamada a la hora de comer", "la quinta llamada", 5),
    ("es", "siete llamadas, un mensaje y dos correos esta semana", "siete llamadas, un mensaje y dos correos", 10),
    ("de", "Vierzehn Tage lang dreimal täglich", "Vierzehn Tage lang dreimal täglich", 42),
    ("pt", "2 vezes por semana já tem quinze dias", "2 vezes por semana já tem quinze dias", 4),
    ("it", "due volte lunedì, una mercoledì e tre venerdì", "due volte lunedì, una mercoledì e tre venerdì", 6),
    ("pt", "segunda foram três chamadas, terça duas, quarta quatro", "segunda foram três chamadas, terça duas, quarta quatro", 9),
    ("de", "Montag Anruf, Dienstag Anruf, heute zwei", "Montag Anruf, Dienstag Anruf, heute zwei", 4),
    ("en", "rang at 9:15, 11:40 and 16:20", "9:15, 11:40 and 16:20", 3),
    ("fr", "un appel, un SMS puis deux mails", "un appel, un SMS puis deux mails", 4),
    ("es", "unos 20 mensajes de texto, y ayer encima la llamada", "20 mensajes de texto, y ayer encima la llamada", 21),
    ("en", "About 25 letters and emails altogether", "25 letters and emails", 25),
    ("es", "van 40 contactos entre llamadas, WhatsApp y correos", "40 contactos", 40),
    ("en", "called me seventeen times. Seventeen!", "seventeen times. Seventeen", 17),
    ("en", "four calls a day, five days straight! Twenty times", "four calls a day, five days straight! Twenty times", 20),
    ("en", "On 4 March, 6 March and 11 March a man called", "On 4 March, 6 March and 11 March", 3),
    ("es", "15/03, 22/03, 29/03 y 05/04, siempre lo mismo", "15/03, 22/03, 29/03 y 05/04", 4),
    ("en", "30 emails from them, the fifth this week", "30 emails from them, the fifth this week", 30),
    ("es", "18/11, 25/11 y 2/12, siempre igual", "18/11, 25/11 y 2/12", 3),
    ("es", "me llaman 3 o 4 veces y nada", "3 o 4 veces", None),
    ("de", "fünf Anrufe zwischen 14 und 15 Uhr", "fünf Anrufe zwischen 14 und 15 Uhr", 5),
    ("en", "three door hangers between 9 and 11 this morning", "three door hangers between 9 and 11 this morning", 3),
    ("es", "6 veces entre las 9:15 y las 11:40", "6 veces entre las 9:15 y las 11:40", 6),
    ("es", "tres el lunes, dos el martes y hoy cinco", "tres el lunes, dos el martes y hoy cinco", 10),
    ("es", "llevan dos semanas: tres llamadas al día, también el domingo", "tres llamadas al día, también el domingo", 42),
    ("de", "Zwei Wochen lang, Montag bis Freitag, drei Anrufe am Tag", "Zwei Wochen lang, Montag bis Freitag, drei Anrufe am Tag", 30),
    ("es", "de lunes a jueves, dos veces al día, desde hace tres semanas", "de lunes a jueves, dos veces al día, desde hace tres semanas", 24),
    ("de", "täglich eine SMS, acht Tage lang, dazu drei Anrufe", "täglich eine SMS, acht Tage lang, dazu drei Anrufe", 11),
    ("es", "un mensaje cada dos días, ya va un mes", "un mensaje cada dos días", 15),
    ("fr", "un courriel tous les trois jours depuis un mois", "un courriel tous les trois jours depuis un mois", 10),
    ("it", "nove messaggi su WhatsApp", "nove messaggi su WhatsApp", 9),
    ("pt", "a décima segunda ligação", "a décima segunda ligação", 12),
    ("en", "the twenty-third call", "the twenty-third call", 23),
    ("it", "una settantina di chiamate", "una settantina di chiamate", 70),
    ("en", "six calls in 25 minutes", "six calls in 25 minutes", 6),
    ("en", "rang and texted and wrote, 31 in total", "rang and texted and wrote, 31 in total", 31),
    ("es", "ya van cinco llamadas y tres cartas", "ya van cinco llamadas y tres cartas", 8),
    ("es", "del 91 555 01 20 y del 91 555 01 21", "del 91 555 01 20 y del 91 555 01 21", 2),
    ("fr", "à 9h15, à midi et à 18h30", "à 9h15, à midi et à 18h30", 3),
    ("de", "vier Sonntage, vier Anrufe", "vier Sonntage, vier Anrufe", 4),
    ("pt", "três noites seguidas", "três noites seguidas", 3),
    ("it", "otto chiamate tra martedì e giovedì", "otto chiamate tra martedì e giovedì", 8),
    ("de", "siebenmal in zehn Tagen, und einmal vor der Tür", "siebenmal in zehn Tagen, und einmal vor der Tür", 8),
    ("pt", "27 mensagens em cinco dias, de oito consultoras", "27 mensagens em cinco dias, de oito consultoras", 27),
    ("en", "no figure at all here", "no figure", None),
]  # fmt: skip
PERIODS = [
    ("es", "llevan dos años llamando", "dos años", 730),
    ("fr", "trois ans que ça dure", "trois ans", 1095),
    ("it", "da lunedì a giovedì di questa settimana", "da lunedì a giovedì di questa settimana", 4),
    ("pt", "fim de semana inteiro de ligação", "fim de semana inteiro", 2),
    ("en", "since yesterday they ring", "since yesterday", 2),
    ("en", "on my wedding day of all days", "on my wedding day", 1),
    ("de", "in der Woche sechsmal", "in der Woche", 7),
    ("es", "julio, agosto y septiembre", "julio, agosto y septiembre", 90),
    ("es", "el sábado y el domingo", "el sábado y el domingo", 2),
    ("es", "el lunes a las nueve y el lunes a las cinco", "el lunes a las nueve y el lunes a las cinco", 1),
    ("es", "de domingo a domingo", "de domingo a domingo", 7),
    ("en", "in half an hour", "in half an hour", 1),
]  # fmt: skip


def read(what: str, lang: str, text: str, part: str) -> int | None:
    words, folded = lexicon.load(lang), fold(text)
    phones = phone_numbers.find_all(text, countries=words.countries, about_calls=True)
    marked = mark(folded, words, [n.span for n in phones])
    start = text.index(part)
    _, periods = alternatives(marked, words)
    reads = passage.count if what == "count" else passage.period
    claim = reads(marked, words, (start, start + len(part)), periods)
    return claim.value if claim else None


@pytest.mark.parametrize(("lang", "text", "part", "value"), COUNTS)
def test_a_passage_claims_so_many_contacts(
    lang: str, text: str, part: str, value: int | None
) -> None:
    assert read("count", lang, text, part) == value


@pytest.mark.parametrize(("lang", "text", "part", "value"), PERIODS)
def test_a_passage_names_so_many_days(lang: str, text: str, part: str, value: int) -> None:
    assert read("period", lang, text, part) == value


WORDS = [
    "3",
    "veces",
    "lunes",
    "call",
    "la",
    "séptima",
    "10:30",
    "por",
    "semana",
    "quince",
    "días",
    "y",
    "otra",
    "1004",
    "domingo",
    "Anruf",
]


@given(
    st.lists(st.sampled_from(WORDS), min_size=1, max_size=14), st.sampled_from(lexicon.LANGUAGES)
)
def test_any_passage_is_read_or_not_and_never_absurd(words: list[str], lang: str) -> None:
    text = " ".join(words)
    for what, most in (("count", MOST), ("period", 36_500)):
        value = read(what, lang, text, text)
        assert value is None or 0 < value <= most
