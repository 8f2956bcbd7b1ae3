"""What posts claim about contacts: who called whom, how often, how long, at what hours."""

from __future__ import annotations

from collections import defaultdict
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from classifiers import lexicon
from classifiers.call_facts import extract
from classifiers.evaluate_call_facts import EXACT, FACTS, Tally, judge, posts
from classifiers.reading import CallFacts

POSTS = sorted((Path(__file__).parent / "data/call_facts").glob("*.jsonl"))

WORDS = [
    *("me", "llaman", "tres", "veces", "al", "día", "N", "10:30", "22h", "lunes", "a", "viernes"),
    *("two", "calls", "a day", "for", "weeks", "ein", "Anruf", "täglich", "zum", "5.", "Mal", "3ª"),
    *("não", "vez", "0303", "911", "23", "45", "67", "€", "%", ",", ".", "-", "(", "\n", "fois"),
]

FLOOR = {
    "numbers": 0.95,
    "contact_count": 0.85,
    "period_days": 0.85,
    "channels": 0.90,
    "opt_out": 0.92,
    "off_hours": 0.90,
    "churn_threat": 0.88,
    "legal_threat": 0.92,
}


@pytest.fixture(scope="module")
def tallies() -> dict[str, Tally]:
    found: dict[str, Tally] = defaultdict(Tally)
    for row in posts(POSTS, "all"):
        facts = extract(row["text"], lang=row["lang"])
        for fact in FACTS:
            judge(row, facts, fact, found[fact])
    return found


@pytest.mark.parametrize("fact", FACTS)
def test_development_posts_in_six_languages(tallies: dict[str, Tally], fact: str) -> None:
    tally = tallies[fact]
    assert tally.total >= 150
    assert (tally.share() if fact in EXACT else tally.f1()) >= FLOOR[fact]
    assert tally.wrong_spans <= tally.spans * 0.06


@pytest.mark.parametrize(
    ("lang", "text", "count", "days"),
    [
        ("es", "Me llaman dos veces al día desde hace tres semanas", 42, 21),
        ("es", "3 llamadas al día de lunes a viernes durante dos semanas", 30, 14),
        ("es", "Es la sexta llamada de hoy", 6, 1),
        ("es", "Me han llamado unas 25 veces este mes", 25, 30),
        ("es", "Me llaman cada dos por tres, mil veces", None, None),
        ("es", "Cinco SMS, dos correos y una llamada en quince días", 8, 15),
        ("es", "Les he dicho cuatro veces que no me llamen", None, None),
        ("es", "Me llaman quince veces a la semana", None, None),
        ("en", "They called me 60+ times in two months", 60, 60),
        ("en", "a dozen or so emails this week", 12, 7),
        ("en", "I told them five times to stop calling", None, None),
        ("en", "Second call today. I am 45 and not interested", 2, 1),
        ("en", "calls since March", None, None),
        ("pt", "Ligaram de segunda a quinta, três vezes por dia", 12, 4),
        ("pt", "Meia dúzia de ligações no fim de semana", 6, 2),
        ("fr", "Une vingtaine d'appels en dix jours", 20, 10),
        ("fr", "Quatrième appel cette semaine", 4, 7),
        ("it", "mi hanno cercato al telefono una quarantina di volte in un mese", 40, 30),
        ("it", "14 telefonate, 6 sms e 3 mail in due mesi", 23, 60),
        ("de", "Sie haben mich elfmal in vierzehn Tagen angerufen", 11, 14),
        ("de", "zum fünften Mal heute ein Anruf", 5, 1),
        # the day of a refusal is no period of calls
        ("es", "El martes, a las doce, le dije que no y seguís llamando", None, None),
        ("es", "Hace dos meses os pedí que no llamarais, y seguís llamando", None, None),
        ("es", "El martes me llamaron y les dije que no", None, 1),
        ("en", "Two months ago I asked you to stop, and you still call", None, None),
        ("pt", "Há dois meses pedi que não ligassem e continuam a ligar", None, None),
        ("fr", "Il y a deux mois j'ai demandé l'arrêt des appels et ça continue", None, None),
        ("it", "Due mesi fa ho chiesto di non chiamare e continuate a chiamare", None, None),
        ("de", "Vor zwei Monaten habe ich euch gesagt, ihr sollt nicht anrufen", None, None),
        # ... but how long the calls went on is one, whatever follows
        ("es", "Seis llamadas en tres días y ya os dije que no", 6, 3),
        ("en", "Six calls in three days and I already told you no", 6, 3),
        ("pt", "Seis chamadas em três dias e já vos disse que não", 6, 3),
        ("fr", "Six appels en trois jours et je vous ai déjà dit non", 6, 3),
        ("it", "Sei chiamate in tre giorni e vi ho già detto di no", 6, 3),
        ("de", "Sechs Anrufe in drei Tagen und ich habe schon nein gesagt", 6, 3),
    ],
)
def test_counts_and_periods(lang: str, text: str, count: int | None, days: int | None) -> None:
    facts = extract(text, lang=lang)
    assert (facts.contact_count, facts.period_days) == (count, days)


@pytest.mark.parametrize(
    ("lang", "text", "numbers"),
    [
        ("es", "Me llama el 1004 otra vez", ["1004"]),
        ("es", "He llamado al 1004 para quejarme de las llamadas del 910 11 22 33", ["910 11 22 33"]),
        ("es", "Llaman a mi madre del 600 111 222", ["600 111 222"]),
        ("en", "They keep calling from 0161 496 0334. I called 150 to complain.", ["0161 496 0334"]),
        ("pt", "Ligam do 0303 todo dia", ["0303"]),
        ("fr", "Appels du 09 48 22 10 33", ["09 48 22 10 33"]),
        ("it", "Chiamate dal 02 8720 1145 e dal 02 8720 1146", ["02 8720 1145", "02 8720 1146"]),
        ("de", "Anruf von 030 555 123 40, Sonntag", ["030 555 123 40"]),
    ],
)  # fmt: skip
def test_only_the_callers_numbers(lang: str, text: str, numbers: list[str]) -> None:
    assert [n.text for n in extract(text, lang=lang).numbers] == numbers


@pytest.mark.parametrize(
    ("lang", "text", "off"),
    [
        ("es", "Llaman a las 8:59 de la mañana", True),
        ("es", "Llaman a las 9:02 de la mañana", False),
        ("es", "Llaman a las 20:50", False),
        ("es", "Llaman a las 21:10", True),
        ("es", "Llaman a las 10 y 20 de la noche", True),
        ("es", "Llaman el sábado a la hora de comer", False),
        ("en", "rang at quarter past nine at night", True),
        ("en", "rang at 3pm on Saturday", False),
        ("en", "rang on a Sunday", True),
        ("pt", "Ligaram às 7h10", True),
        ("fr", "Appel à 20h30", False),
        ("fr", "Appel à 21 h 15", True),
        ("it", "Chiamano dopo le 21", True),
        ("de", "Anruf um 7:10 Uhr", True),
        ("de", "Anruf seit acht Wochen", False),
    ],
)  # fmt: skip
def test_off_hours(lang: str, text: str, off: bool) -> None:
    assert extract(text, lang=lang).off_hours is off


def test_a_whole_story_has_every_fact_with_its_place() -> None:
    text = (
        "Marta, 84 años: el 10 04 la ha llamado seis veces en tres días, por teléfono y por"
        " WhatsApp, la última un domingo. Les dijimos que no le interesa. Nos damos de baja y"
        " ponemos una reclamación en la AEPD."
    )
    facts = extract(text, lang="es")
    assert facts.contact_count == 6
    assert facts.period_days == 3
    assert facts.channels == ("call", "whatsapp")
    assert facts.opt_out
    assert facts.off_hours
    assert facts.churn_threat
    assert facts.legal_threat
    assert [n.text for n in facts.numbers] == ["10 04"]
    said = {name: [text[a:b] for a, b in spans] for name, spans in facts.spans.items()}
    assert said["contact_count"] == ["seis veces"]
    assert said["period_days"] == ["tres días"]
    assert "domingo" in said["off_hours"]
    assert facts.spans.keys() == facts.confidence.keys()
    assert facts.to_json()["numbers"][0]["span"] == list(facts.numbers[0].span)


def test_a_text_without_any_contact_has_no_facts() -> None:
    assert extract("Qué bonita está la playa", lang="es") == CallFacts()
    assert extract("", lang="und") == CallFacts()


def test_a_language_without_rules_is_read_by_its_neighbours() -> None:
    assert extract("Avui 3 llamadas de Orange", lang="ca").contact_count == 3
    assert extract("aaj 5 calls from Jio, 9876543210", lang="hi").contact_count == 5


def test_facts_deep_in_a_long_text_are_found_in_their_place() -> None:
    text = "La playa está bonita. " * 5_000 + "Me han llamado seis veces hoy del 910 11 22 33."
    facts = extract(text, lang="es")
    assert facts.contact_count == 6
    (start, end), *_ = facts.spans["contact_count"]
    assert text[start:end] == "seis veces"
    assert text[slice(*facts.numbers[0].span)] == "910 11 22 33"


@given(
    st.sampled_from(lexicon.LANGUAGES),
    st.text(max_size=200)
    | st.lists(
        st.sampled_from(WORDS),
        max_size=30,
    ).map(" ".join),
)
@settings(max_examples=150, deadline=None)
def test_any_text_gives_spans_of_itself(lang: str, text: str) -> None:
    facts = extract(text, lang=lang)
    assert facts == extract(text, lang=lang)
    for spans in facts.spans.values():
        for start, end in spans:
            assert 0 <= start < end <= len(text)
    assert facts.contact_count is None or facts.contact_count > 0
    assert facts.period_days is None or facts.period_days > 0


@pytest.mark.parametrize("unit", ["llamadas ", "3 al día ", "lunes ", "10:30, ", "no ", "un ", "1.", "((", "dreimal ", "\ud800"])  # fmt: skip
def test_a_megabyte_of_the_same_is_read(unit: str) -> None:
    text = unit * (1_000_000 // len(unit))
    facts = extract(text, lang="de" if "mal" in unit else "es")
    assert facts.contact_count is None or facts.contact_count <= 20_000
