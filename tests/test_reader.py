"""The reader on the shipped weights: who calls whom, any input, and one answer per text."""

from __future__ import annotations

import json
import random
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import classifiers
from classifiers import ModelMissing, Reader, Reading, heads
from classifiers.reader import SHIPPED

# Ana is called, Bruno calls: the same words, opposite meanings, in six languages.
PAIRS = [
    (
        "es",
        "Me ha llamado seis veces el 1004 para venderme fibra y ya les dije que no. Dejadme en paz",
        "He llamado seis veces al 1004 y nadie me atiende. Vaya servicio",
    ),
    (
        "en",
        "Their sales team has rung me six times this week and I told them I am not interested",
        "I have rung their helpline six times this week and nobody picks up",
    ),
    (
        "pt",
        "A operadora me ligou seis vezes hoje oferecendo plano e eu já disse que não quero",
        "Liguei seis vezes hoje para a operadora e ninguém me atendeu",
    ),
    (
        "fr",
        "Ils m'ont appelé six fois cette semaine pour me vendre un contrat, j'ai déjà dit non",
        "Je les ai appelés six fois cette semaine et personne ne décroche",
    ),
    (
        "it",
        "Mi hanno chiamato sei volte per vendermi un contratto e ho già detto di no, basta",
        "Ho chiamato sei volte il servizio clienti e non risponde nessuno",
    ),
    (
        "de",
        "Die rufen mich sechsmal am Tag an, um mir einen Vertrag zu verkaufen, obwohl ich nein sage",
        "Ich habe sechsmal bei der Hotline angerufen und niemand geht ran",
    ),
]

POOL = [
    *(text for _, one, two in PAIRS for text in (one, two)),
    "",
    "   ",
    "😀😀😀",
    "ok",
    "Great service, thank you!",
    "Die Rechnung ist schon wieder falsch. Zum dritten Mal! Ich kündige.",
    "مرحبا بالعالم",
    "हमेशा की तरह बेकार सेवा",
    "他们每天给我打电话",
    "a" * 5000,
    "\ud83d lone \udfff",
    "\x00\x01 nul",
    "\u202eabc\u202c def",
    "word " * 3000,
]


@pytest.fixture(scope="module")
def reader() -> Reader:
    return classifiers.load(threads=2)


def same(one: Reading, two: Reading) -> bool:
    """Equal in everything, the embedding bit for bit."""
    assert one.embedding is not None
    assert two.embedding is not None
    names = [name for name in Reading.__slots__ if name != "embedding"]
    return all(getattr(one, n) == getattr(two, n) for n in names) and np.array_equal(
        one.embedding, two.embedding
    )


@pytest.mark.parametrize(("lang", "called", "calling"), PAIRS)
def test_knows_who_is_calling_whom(reader: Reader, lang: str, called: str, calling: str) -> None:
    ana, bruno = reader.read([called, calling])
    assert ana.harassment
    assert ana.category == "harassment"
    assert not bruno.harassment
    assert bruno.complaint


def test_a_text_reads_the_same_alone_in_a_batch_and_in_any_order(reader: Reader) -> None:
    together = reader.read(POOL)
    order = list(range(len(POOL)))
    random.Random(5).shuffle(order)
    shuffled = reader.read([POOL[i] for i in order])
    assert all(same(together[i], reading) for i, reading in zip(order, shuffled, strict=True))
    single = classifiers.load(threads=1)
    assert all(same(single.read([t])[0], r) for t, r in zip(POOL, together, strict=True))


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(st.lists(st.text(st.characters(), max_size=120), max_size=4))
def test_any_unicode_gives_one_consistent_reading_each(reader: Reader, texts: list[str]) -> None:
    readings = reader.read(texts)
    assert len(readings) == len(texts)
    for text, reading in zip(texts, readings, strict=True):
        check_consistent(text, reading)


def check_consistent(text: str, reading: Reading) -> None:
    """What must hold of every reading, whatever the text."""
    assert reading.sentiment in heads.SENTIMENTS
    assert (reading.category is None) == (not reading.complaint)
    assert reading.harassment == (reading.category == "harassment")
    assert not reading.harassment or reading.complaint
    assert all(0.0 <= score <= 1.0 for score in reading.scores.values())
    assert bool(reading.evidence) <= reading.complaint
    assert all(0 <= a < b <= len(text) for a, b in reading.evidence)
    json.dumps(reading.facts.to_json())


def test_nothing_to_read_is_neutral_and_no_complaint(reader: Reader) -> None:
    for reading in reader.read(["", " \n\t ", "\u200b", "...", "\x00"]):
        assert (reading.sentiment, reading.complaint, reading.category) == ("neutral", False, None)
        assert reading.uncertain == ()
        assert reading.evidence == ()


def test_a_text_of_a_megabyte_is_read(reader: Reader) -> None:
    for text in ("no me llaméis más " * 55_000, "x" * 1_000_000, "😡" * 250_000):
        (reading,) = reader.read([text])
        check_consistent(text, reading)


def test_a_complaint_in_the_middle_of_a_long_story_is_found_and_shown(reader: Reader) -> None:
    walk = "Ayer Carla salió a pasear por el parque con su perro y vio muchas flores. "
    matter = (
        "La teleoperadora de mi compañía me llama cinco veces al día para venderme el fútbol "
        "aunque les he dicho mil veces que no me llamen más."
    )
    text = walk * 40 + matter + " " + walk * 40
    (reading,) = reader.read([text], langs=["es"])
    assert reading.harassment
    place = text.index(matter)
    assert any(a < place + len(matter) and b > place for a, b in reading.evidence)
    assert sum(b - a for a, b in reading.evidence) < len(text) / 4


def test_the_language_given_is_taken(reader: Reader) -> None:
    (reading,) = reader.read(["ok"], langs=["pt"])
    assert reading.lang == "pt"


def test_as_many_languages_as_texts_or_an_error(reader: Reader) -> None:
    with pytest.raises(ValueError, match="2 texts but 1 languages"):
        reader.read(["a", "b"], langs=["es"])


def test_missing_weights_say_what_where_and_what_to_do(tmp_path: Path) -> None:
    with pytest.raises(ModelMissing, match="make train") as raised:
        classifiers.load(tmp_path)
    assert str(tmp_path) in str(raised.value)
    assert "reader.onnx" in str(raised.value)


def test_torch_and_onnx_give_the_same_labels(reader: Reader) -> None:
    torch_reader = Reader(SHIPPED, threads=2, engine="torch")
    texts = [text for _, one, two in PAIRS for text in (one, two)]
    for one, two in zip(reader.read(texts), torch_reader.read(texts), strict=True):
        assert (one.sentiment, one.complaint, one.category, one.harassment) == (
            two.sentiment,
            two.complaint,
            two.category,
            two.harassment,
        )


def test_weights_fit_the_limit_and_hold_no_pickle() -> None:
    files = [path for path in SHIPPED.rglob("*") if path.is_file()]
    assert sum(path.stat().st_size for path in files) <= 60_000_000
    assert {path.suffix for path in files} <= {
        ".onnx",
        ".json",
        ".safetensors",
        ".npz",
        ".md",
        ".txt",
    }


logits = st.lists(st.floats(-30, 30, width=32), min_size=heads.WIDTH, max_size=heads.WIDTH)


@given(logits)
def test_harassment_takes_precedence_whatever_the_heads_say(values: list[float]) -> None:
    said = heads.answer(np.array(values, np.float32), "es", heads.NEUTRAL_CALIBRATION)
    if said.harassment:
        assert said.complaint
        assert said.category == "harassment"
        assert "complaint" not in said.uncertain
    elif said.complaint:
        assert said.category in heads.CATEGORIES[1:]
    else:
        assert said.category is None


def test_one_window_that_complains_makes_the_text_a_complaint() -> None:
    windows = np.zeros((3, heads.WIDTH), np.float32)
    windows[:, heads.COMPLAINT] = [-5, 4, -5]
    windows[1, heads.CATEGORY] = np.arange(10)
    merged, decided = heads.merge_windows(windows, [256, 256, 40])
    assert merged[heads.COMPLAINT] == 4
    assert decided[heads.COMPLAINT] == 1
    assert merged[heads.CATEGORY].argmax() == 9


def test_a_language_without_its_own_temperature_takes_the_common_one() -> None:
    calibration = heads.Calibration({"sentiment": {"*": 2.0, "es": 1.0}}, {}, {}, {})
    assert calibration.heat("sentiment", "es") == 1.0
    assert calibration.heat("sentiment", "und") == 2.0
