"""The files of a configuration folder and the environment, read into Settings; an unknown key is an
error.

What people edit in the dashboard stands in place of a file (`edited`, from listener/in_force.py): of
listener.toml the tables that are for them alone, of sources.toml and crms.toml nothing, because who
signs in to a page must not decide where the machine connects.
"""

from __future__ import annotations

import os
import re
import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from listener.calling_rules import CallingRules, CompanyPolicy, Thresholds
from listener.errors import ConfigError, sentence
from listener.replies import ReplyTemplates
from listener.sections import Section
from listener.settings import (
    AlertRules,
    BrandsFile,
    CrmsFile,
    ListenerFile,
    PriorityRules,
    RoutingRules,
    Settings,
    SourcesFile,
    var_folder,
)
from listener.settings_errors import explained, near_or_known

_FILES: Mapping[str, type[Section]] = {
    "listener.toml": ListenerFile,
    "brands.toml": BrandsFile,
    "sources.toml": SourcesFile,
    "crms.toml": CrmsFile,
    "rules/priority.toml": PriorityRules,
    "rules/routing.toml": RoutingRules,
    "rules/alerts.toml": AlertRules,
    "rules/company.toml": CompanyPolicy,
    "rules/diagnosis.toml": Thresholds,
    "templates/replies.toml": ReplyTemplates,
}
_CALLING = re.compile(r"rules/calling/([A-Z]{2})\.toml")
_IN_FILES_ONLY = ("sources.toml", "crms.toml")
EDITED_TABLES = ("retention", "private_link")
"""What is edited of listener.toml in the dashboard; the rest of it stays in its file."""


def database_url(env: Mapping[str, str] = os.environ) -> str:
    return env.get("LISTENER_DATABASE_URL") or f"sqlite:///{var_folder(env)}/listener.db"


def config_folder(folder: Path | str | None, env: Mapping[str, str] = os.environ) -> Path:
    """Raises ConfigError where it is not there, or holds what is none of ours."""
    base = Path(folder or env.get("LISTENER_CONFIG") or "config")
    if not base.is_dir():
        raise ConfigError(
            "the configuration folder {folder} does not exist. Start in the project's folder, or "
            "set LISTENER_CONFIG to the folder that holds listener.toml, brands.toml and "
            "sources.toml.",
            folder=base,
        )
    for path in sorted(base.rglob("*.toml")):
        name = path.relative_to(base).as_posix()
        if name not in _FILES and not _CALLING.fullmatch(name):
            strange = sentence("{path}: not a configuration file that Listener reads", path=path)
            raise ConfigError(near_or_known(strange, name, [*_FILES, "rules/calling/ES.toml"]))
    return base


def document_names(base: Path) -> list[str]:
    """Every file of a configuration, there or not, and the calling rules that are there."""
    calling = sorted((base / "rules" / "calling").glob("*.toml"))
    return [*_FILES, *(path.relative_to(base).as_posix() for path in calling)]


def is_editable(name: str) -> bool:
    """Whether the dashboard may hold this document in place of its file."""
    return name not in _IN_FILES_ONLY and (name in _FILES or bool(_CALLING.fullmatch(name)))


def not_edited(name: str) -> ConfigError:
    return ConfigError("{name} is not edited in the dashboard; it stays a file", name=name)


def load(
    folder: Path | str | None = None,
    environ: Mapping[str, str] | None = None,
    *,
    edited: Mapping[str, str] | None = None,
    edits: int = 0,
) -> Settings:
    """Read every file of the folder (LISTENER_CONFIG, default `config/`); the text of a document in
    `edited` counts in place of its file.

    Raises ConfigError, which names file, key, reason and remedy; all mistakes of a file at once.
    """
    env = os.environ if environ is None else environ
    base = config_folder(folder, env)
    given = dict(edited or {})
    if strange := sorted(name for name in given if not is_editable(name)):
        raise not_edited(strange[0])
    parts = {name: _read(base, name, model, given) for name, model in _FILES.items()}
    calling = {
        found[1]: name
        for name in sorted({*document_names(base), *given})
        if (found := _CALLING.fullmatch(name))
    }
    settings = Settings(
        folder=base.absolute(),
        var=var_folder(env),
        database_url=database_url(env),
        edits=edits,
        listener=parts["listener.toml"],
        brands=parts["brands.toml"].brands,
        sources=parts["sources.toml"].sources,
        crms=parts["crms.toml"].crms,
        priority=parts["rules/priority.toml"],
        routing=parts["rules/routing.toml"],
        alerts=parts["rules/alerts.toml"],
        company=parts["rules/company.toml"],
        diagnosis=parts["rules/diagnosis.toml"],
        replies=parts["templates/replies.toml"],
        calling={
            country: _read(base, name, CallingRules, given) for country, name in calling.items()
        },
    )
    _cross_check(settings, base)
    return settings


def again(settings: Settings, edited: Mapping[str, str], edits: int) -> Settings:
    """The same installation, with what was edited since."""
    env = {"LISTENER_VAR": str(settings.var), "LISTENER_DATABASE_URL": settings.database_url}
    return load(settings.folder, env, edited=edited, edits=edits)


def _read(base: Path, name: str, model: type[Section], edited: Mapping[str, str]) -> Any:
    path = base / name
    place: object = str(path)
    if name not in edited:
        if not path.exists():
            return model()
        data = _parsed(path)
    else:
        place = sentence("{name}, as edited in the dashboard", name=name)
        data = _toml(edited[name], place)
        if name == "listener.toml":
            if strange := sorted(set(data) - set(EDITED_TABLES)):
                raise ConfigError(
                    "{place}: {table} stays in the file; only {edited} are edited in the dashboard",
                    place=place,
                    table=strange[0],
                    edited=", ".join(EDITED_TABLES),
                )
            data = (_parsed(path) if path.exists() else {}) | data
    try:
        return model.model_validate(data)
    except ValidationError as error:
        raise ConfigError(explained(place, model, error)) from error


def _parsed(path: Path) -> dict[str, Any]:
    try:
        return _toml(path.read_text(encoding="utf-8"), str(path))
    except UnicodeDecodeError as error:
        raise not_utf8(path, error) from error


def _toml(text: str, place: object) -> dict[str, Any]:
    try:
        return tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise ConfigError("{place}: not valid TOML: {why}.", place=place, why=error) from error


def not_utf8(path: Path, error: UnicodeDecodeError) -> ConfigError:
    return ConfigError(
        "{path}: not UTF-8 (byte {at}). Save it as UTF-8.", path=path, at=error.start
    )


def _cross_check(settings: Settings, base: Path) -> None:
    known = [b.key for b in settings.brands]
    for source in settings.sources:
        for key in source.brands:
            if key not in known:
                strange = sentence(
                    "{path}: source {source}: brand {brand!r} is not in brands.toml",
                    path=base / "sources.toml",
                    source=source.name,
                    brand=key,
                )
                raise ConfigError(near_or_known(strange, key, known))
