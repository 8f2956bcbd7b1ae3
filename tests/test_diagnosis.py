"""Why did we contact them again: on scripted stories by four hands."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import stories

from classifiers import load as load_classifiers
from classifiers.reader import Reader

FOLDER = Path(__file__).parent / "data" / "stories"


@pytest.fixture(scope="module")
def reader() -> Reader:
    return load_classifiers(threads=2)


@pytest.fixture(scope="module")
def second(reader: Reader) -> stories.Result:
    """Nothing was mended by these: they only measure."""
    return stories.run(stories.read([FOLDER / "second_hand.jsonl"]), lambda: reader)


@pytest.fixture(scope="module")
def third(reader: Reader) -> stories.Result:
    """Read after their first run (causes 0.92, breaches 0.98)."""
    return stories.run(stories.read([FOLDER / "third_hand.jsonl"]), lambda: reader)


@pytest.fixture(scope="module")
def fourth(reader: Reader) -> stories.Result:
    """Read after their first run (causes 0.96, breaches 0.96, 45 logged)."""
    return stories.run(stories.read([FOLDER / "fourth_hand.jsonl"]), lambda: reader)


@pytest.fixture(scope="module")
def first(reader: Reader) -> stories.Result:
    return stories.run(stories.read([FOLDER / "first_hand.jsonl"]), lambda: reader)


def test_there_are_enough_and_every_kind_is_among_them() -> None:
    found = list(stories.read(sorted(FOLDER.glob("*.jsonl"))))
    assert len(found) >= 60
    for names, key in ((stories.CAUSES, "causes"), (stories.BREACHES, "breaches")):
        told: list[Any] = [n for s in found for n in s["expected"][key]]
        assert min(told.count(n) for n in names) >= 4
    assert any(len(s["expected"]["causes"]) > 1 for s in found)
    assert any(not s["expected"]["causes"] for s in found)


@pytest.mark.parametrize("which", ["first", "second", "third", "fourth"])
def test_causes_and_breaches(which: str, request: pytest.FixtureRequest) -> None:
    result: stories.Result = request.getfixturevalue(which)
    print("\n".join((*result.mistakes, *result.table())))
    assert result.causes.f1() >= 0.93
    assert result.breaches.f1() >= 0.93
    assert result.logged >= result.stories * 45 / 48
    assert result.harmful == []


def test_what_a_person_may_do_about_it(first: stories.Result) -> None:
    assert first.undone == []
