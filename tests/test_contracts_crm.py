"""What every CRM in the registry keeps, whichever it is. A new one is covered the day it lands."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from listener.crm import CRMS, Capability, Connection, Crm
from listener.domain import Identifier, IdentifierKind
from listener.errors import ConfigError
from listener.httpclient import HttpClient
from listener.settings import CrmConfig, Http, Settings
from listener.storage import Database

ROOT = Path(__file__).parent.parent
NOW = datetime(2026, 11, 26, 12, tzinfo=UTC)
GUESSES = [
    *("", " ", "x", "1004", "+34755000000", "a@b.example", "mastodon:nobody", "C-404", "%", "_"),
    *("' OR 1=1 --", "\N{ZERO WIDTH SPACE}", "ñ" * 300),
]
# What crms.toml has to say at least.
LEAST: dict[str, dict[str, Any]] = {
    "local": {},
    "odoo": {"url": "https://odoo.example.com"},
    "espocrm": {"url": "https://crm.example.com"},
    "suitecrm": {"url": "https://crm.example.com"},
    "zendesk": {"url": "https://acme.zendesk.com"},
    "hubspot": {},
    "salesforce": {"url": "https://example.my.salesforce.com"},
    "vicidial": {
        "url": "https://dialler.example/vicidial/non_agent_api.php",
        "user_env": "VICIDIAL_USER",
        "password_env": "VICIDIAL_PASSWORD",
    },
    "calllog": {
        "url_env": "CALLS_URL",
        "select": "SELECT id AS event_id, at, direction, customer_number FROM calls "
        "WHERE customer_number IN :numbers",
    },
    "asterisk": {"url_env": "CDR_URL"},
}
# Those that answer without a server; the others' tests have a real or a recorded one.
AT_HOME = ("local",)


def opened(name: str, db: Database, folder: Path) -> Crm:
    settings = Settings(folder=folder, var=folder, database_url="")
    module = CRMS[name]
    connection = Connection(
        CrmConfig(name=name, type=name), settings, db, HttpClient(Http()), lambda: NOW
    )
    return module.open(module.Options.model_validate(LEAST[name]), connection)


@pytest.mark.parametrize("name", CRMS)
def test_it_says_its_name_and_what_it_can(
    sqlite_database: Database, tmp_path: Path, name: str
) -> None:
    crm = opened(name, sqlite_database, tmp_path)
    assert name == CRMS[name].NAME == crm.name
    assert crm.can
    assert crm.can <= set(Capability)
    for capability in crm.can:
        assert callable(getattr(crm, capability.value))


@pytest.mark.parametrize("name", CRMS)
def test_its_docstring_tells_what_people_must_know(name: str) -> None:
    if name != "local":
        for what in ("Sign-in:", "Limits:", "Cannot see:"):
            assert what in (CRMS[name].__doc__ or ""), f"{name} does not speak of {what}"


@pytest.mark.parametrize("name", CRMS)
def test_documentation_names_its_options(name: str) -> None:
    text = (ROOT / "docs" / "crm.md").read_text(encoding="utf-8")
    missing = [
        o for o in CRMS[name].Options.model_fields if f"`{o}`" not in text and f"{o} =" not in text
    ]
    assert not missing, f"docs/crm.md does not explain {missing} of {name}"


@pytest.mark.parametrize("name", CRMS)
def test_a_wrong_option_is_told(name: str) -> None:
    from listener.crm.systems import options_of

    config = CrmConfig(name="ours", type=name, options={"no_such_option": 1})
    with pytest.raises(ConfigError, match=r"crms\.toml: CRM ours: .*no_such_option"):
        options_of(config, CRMS)


@pytest.mark.parametrize("name", AT_HOME)
def test_whoever_is_unknown_is_nobody(database: Database, tmp_path: Path, name: str) -> None:
    given = [Identifier(kind, value) for kind in IdentifierKind for value in GUESSES]
    crm = opened(name, database, tmp_path)
    assert crm.find(given) == []
    assert crm.find([]) == []
    assert crm.get("C-404") is None
    assert crm.history("C-404") == []


@pytest.mark.parametrize("name", CRMS)
def test_a_link_is_an_address_or_nothing(
    sqlite_database: Database, tmp_path: Path, name: str
) -> None:
    crm = opened(name, sqlite_database, tmp_path)
    if Capability.LINK in crm.can:
        link = crm.link("C-1")
        assert link is None or link.startswith(("http://", "https://", "/"))
