"""The language of short posts: the world's, the eight of the tweets, and nothing to tell by."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from classifiers.language import clean, identify

WORLD = [
    json.loads(line)
    for line in (Path(__file__).parent / "data/language/world.jsonl")
    .read_text("utf-8")
    .splitlines()
]


def test_posts_from_all_over_the_world_are_told_apart() -> None:
    wrong = [
        (row["lang"], identify(row["text"]).lang, row["text"])
        for row in WORLD
        if identify(row["text"]).lang != row["lang"]
    ]
    assert len(wrong) <= len(WORLD) * 0.07, wrong


@pytest.mark.parametrize(
    "text", ["", " \n", "😂😂🔥", "1004 !!!", "@ana https://x.test/a", "\u200f\u202e", "\x00", "?"]
)
def test_und_when_there_is_nothing_to_tell_by(text: str) -> None:
    assert identify(text).lang == "und"


def test_handles_links_and_laughter_do_not_decide() -> None:
    assert (
        identify("@TheBestSupportTeam https://x.test/why-are-you no me llamen más jajaja").lang
        == "es"
    )
    assert clean("#DejenDeLlamar @ana jajajaja 1004") == "dejen de llamar"


def test_hindi_in_latin_letters_is_hindi_and_english_from_india_is_english() -> None:
    assert identify("bhai mujhe kuch nahi chahiye, band karo ye phone").lang == "hi"
    assert identify("They call me every day from the bank, this is not done").lang == "en"


def test_a_long_text_is_read_by_its_beginning() -> None:
    guess = identify("Me han vuelto a llamar para venderme fibra. " * 20_000)
    assert guess.lang == "es"
    assert guess.confidence > 0.9


@given(st.text(max_size=300))
@settings(max_examples=300, deadline=None)
def test_any_text_has_an_answer_and_always_the_same(text: str) -> None:
    guess = identify(text)
    assert guess == identify(text)
    assert guess.lang
    assert 0.0 <= guess.confidence <= 1.0


def test_lone_surrogates_do_no_harm() -> None:
    assert identify("hola \ud800 buenos días a todos").lang == "es"
