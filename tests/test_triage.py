"""What a read mention means for the work: a table of decisions."""

from __future__ import annotations

from itertools import product
from typing import Any

import pytest

from listener.settings import Brand
from listener.triage import Action, speaks_for, triage

OWN = Brand(
    key="movistar",
    name="Movistar",
    query="movistar",
    handles=(
        "mastodon:movistar@social.example",
        "mastodon:@ayuda@social.example",
        "bluesky:movistar.es",
    ),
)
RIVAL = Brand(key="vodafone", name="Vodafone", kind="competitor", query="vodafone")


def decide(brand: Brand = OWN, **changes: Any) -> tuple[Action, str | None]:
    values: dict[str, Any] = {
        "muted": False,
        "platform": "mastodon",
        "author": "marta@social.example",
        "complaint": True,
        "category": "billing",
        "harassment": False,
        "copied": False,
        "same_author": False,
    }
    verdict = triage(brand=brand, **(values | changes))
    assert verdict.reason
    return verdict.action, verdict.matter


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({}, (Action.CASE, "billing")),
        ({"category": "harassment", "harassment": True}, (Action.CASE, "harassment")),
        ({"category": "privacy", "harassment": True}, (Action.CASE, "harassment")),
        ({"category": None}, (Action.CASE, "other")),
        ({"author": None}, (Action.CASE, "billing")),
        ({"complaint": False, "category": None}, (Action.IGNORE, None)),
        ({"muted": True}, (Action.IGNORE, None)),
        ({"muted": True, "harassment": True}, (Action.IGNORE, None)),
        ({"copied": True}, (Action.ATTACH, None)),
        ({"copied": True, "same_author": True}, (Action.CASE, "billing")),
        ({"copied": True, "complaint": False}, (Action.ATTACH, None)),
        ({"author": "movistar@social.example"}, (Action.ANSWER, None)),
        ({"author": "movistar@social.example", "muted": True}, (Action.ANSWER, None)),
        ({"author": "movistar@social.example", "copied": True}, (Action.ANSWER, None)),
        ({"author": "movistar", "platform": "bluesky"}, (Action.CASE, "billing")),
    ],
)
def test_decisions(changes: dict[str, Any], expected: tuple[Action, str | None]) -> None:
    assert decide(**changes) == expected


def test_nothing_of_a_competitor_is_ever_work_of_ours() -> None:
    for complaint, harassment, copied, same in product([True, False], repeat=4):
        action, _ = decide(
            RIVAL, complaint=complaint, harassment=harassment, copied=copied, same_author=same
        )
        assert action is Action.IGNORE


def test_a_case_always_has_a_matter_and_nothing_else_has() -> None:
    for muted, complaint, harassment, copied, same in product([True, False], repeat=5):
        action, matter = decide(
            muted=muted, complaint=complaint, harassment=harassment, copied=copied, same_author=same
        )
        assert (matter is not None) == (action is Action.CASE)


@pytest.mark.parametrize(
    ("platform", "author", "speaks"),
    [
        ("mastodon", "movistar@social.example", True),
        ("mastodon", "@Movistar@Social.Example", True),
        ("mastodon", "movistar@impostor.example", False),
        ("mastodon", "movistar", False),
        ("mastodon", "ayuda@social.example", True),
        ("mastodon", "ayuda@impostor.example", False),  # this one does
        ("mastodon", "ayuda", False),
        ("bluesky", "movistar.es", True),
        ("bluesky", "movistar", False),
        ("mastodon", "movistar_oficial", False),
        ("mastodon", "", False),
        ("mastodon", None, False),
    ],
)
def test_who_speaks_for_the_brand(platform: str, author: str | None, speaks: bool) -> None:
    assert speaks_for(OWN, platform, author) is speaks
