"""What every CRM in the registry keeps, whichever it is. A new one is covered the day it lands."""

from __future__ import annotations

from pathlib import Path

import pytest

from listener.crm import CRMS, Capability
from listener.domain import Identifier, IdentifierKind
from listener.settings import Settings
from listener.storage import Database

GUESSES = [
    *("", " ", "x", "1004", "+34755000000", "a@b.example", "mastodon:nobody", "C-404", "%", "_"),
    *("' OR 1=1 --", "\N{ZERO WIDTH SPACE}", "ñ" * 300),
]


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return Settings(folder=tmp_path, var=tmp_path, database_url="")


@pytest.mark.parametrize("name", CRMS)
def test_it_says_its_name_and_what_it_can(
    sqlite_database: Database, settings: Settings, name: str
) -> None:
    with sqlite_database.read() as session:
        crm = CRMS[name](session, settings)
    assert crm.name == name
    assert crm.can <= set(Capability)
    assert Capability.FIND in crm.can
    for capability in crm.can:
        assert callable(getattr(crm, capability.value))


@pytest.mark.parametrize("name", CRMS)
def test_whoever_is_unknown_is_nobody(database: Database, settings: Settings, name: str) -> None:
    given = [Identifier(kind, value) for kind in IdentifierKind for value in GUESSES]
    with database.read() as session:
        crm = CRMS[name](session, settings)
        assert crm.find(given) == []
        assert crm.find([]) == []
        if Capability.HISTORY in crm.can:
            assert crm.history("C-404") == []


@pytest.mark.parametrize("name", CRMS)
def test_a_link_is_an_address_or_nothing(
    sqlite_database: Database, settings: Settings, name: str
) -> None:
    with sqlite_database.read() as session:
        crm = CRMS[name](session, settings)
        if Capability.LINK in crm.can:
            link = crm.link("C-1")
            assert link is None or link.startswith(("http://", "https://"))
