"""Documentation that fails the build when something is missing from it."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path

import typer

import listener
from listener import cli, settings_files
from listener.crm import CRMS, Capability
from listener.sources import SOURCES

ROOT = Path(__file__).resolve().parent.parent
README = (ROOT / "README.md").read_text(encoding="utf-8")


def _names(requirements: list[str]) -> list[str]:
    return [re.split(r"[\[<>=!~; ]", r, maxsplit=1)[0] for r in requirements]


def test_every_dependency_is_justified() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    wanted = _names(project["dependencies"])
    for extra in project["optional-dependencies"].values():
        wanted += _names(extra)
    told = (ROOT / "docs" / "decisions.md").read_text(encoding="utf-8")
    missing = [name for name in wanted if not re.search(rf"\b{re.escape(name)}\b", told)]
    assert not missing, f"docs/decisions.md says nothing of {missing}"


def test_every_dependency_is_locked() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    lock = (ROOT / "requirements.lock").read_text(encoding="utf-8").lower()
    locked = {line.split("==")[0].replace("_", "-") for line in lock.splitlines() if "==" in line}
    wanted = _names(project["dependencies"])
    for extra in project["optional-dependencies"].values():
        wanted += _names(extra)
    assert not {n.lower().replace("_", "-") for n in wanted} - locked


def test_every_command_stands_in_the_readme() -> None:
    group = typer.main.get_command(cli.app)
    commands = set(group.commands)  # type: ignore[attr-defined]
    missing = [name for name in commands if not re.search(rf"`[^`]*\b{name}\b[^`]*`", README)]
    assert commands
    assert not missing


def test_every_source_and_crm_is_documented() -> None:
    sources = (ROOT / "docs" / "sources.md").read_text(encoding="utf-8")
    crms = (ROOT / "docs" / "crm.md").read_text(encoding="utf-8")
    assert not [name for name in SOURCES if f"`{name}`" not in sources]
    assert not [name for name in CRMS if f"`{name}`" not in crms]


def test_the_readme_names_what_a_crm_can_do_and_no_more() -> None:
    told = re.search(r"says which of ([a-z, ]+) it can do", " ".join(README.split()))
    assert told is not None
    assert set(re.findall(r"\w+", told[1])) - {"and"} == {c.value for c in Capability}


def test_what_a_docstring_of_the_classifiers_calls_can_be_called() -> None:
    calls = []
    for file in sorted((ROOT / "classifiers").glob("*.py")):
        text = file.read_text(encoding="utf-8").split('"""')[1]
        calls += re.findall(r"python -m classifiers\.(\w+)", text)
    assert calls
    programs = [(ROOT / "classifiers" / f"{name}.py").read_text(encoding="utf-8") for name in calls]
    assert not [n for n, p in zip(calls, programs, strict=True) if "__main__" not in p]


def test_the_order_of_processing_is_said_to_stand_where_it_stands() -> None:
    for told in (README, listener.__doc__ or ""):
        assert "processing.py" in told
        assert "alone knows" not in told


def test_the_configuration_that_ships_is_valid() -> None:
    loaded = settings_files.load(ROOT / "config", environ={})
    assert {b.key for b in loaded.brands} >= {"movistar"}
    assert [n.number for n in loaded.brands[0].numbers] == ["1004", "1002"]


def test_links_in_the_readme_lead_somewhere() -> None:
    links = re.findall(r"\]\(([^)#]+)\)", README)
    local = [link for link in links if "://" not in link]
    assert local
    assert not [link for link in local if not (ROOT / link).exists()]


def test_the_two_commands_stand_in_the_readme() -> None:
    assert "make run" in README
    assert "make test" in README
