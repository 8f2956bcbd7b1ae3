"""The options of a configured source or CRM, checked by the module of its type."""

from __future__ import annotations

import difflib
from collections.abc import Mapping
from typing import Any, Protocol

from pydantic import ValidationError

from listener.errors import ConfigError
from listener.sections import Section


class HasOptions(Protocol):
    @property
    def Options(self) -> type[Section]: ...  # noqa: N802 - a class of the module


def checked(
    where: str, type_: str, options: Mapping[str, Any], modules: Mapping[str, HasOptions]
) -> Section:
    """`where` names file and entry ("sources.toml: source x"). Raises ConfigError, which names the
    key and the remedy."""
    if type_ not in modules:
        close = difflib.get_close_matches(type_, modules, n=1)
        hint = f"did you mean {close[0]}?" if close else f"known types: {', '.join(modules)}"
        raise ConfigError(f"{where}: there is no type {type_!r}; {hint}")
    model = modules[type_].Options
    try:
        return model.model_validate(dict(options))
    except ValidationError as error:
        lines = [_explain(model, dict(e)) for e in error.errors(include_url=False)]
        raise ConfigError("\n".join(f"{where}: {line}" for line in lines)) from error


def _explain(model: type[Section], error: Mapping[str, Any]) -> str:
    where = ".".join(str(part) for part in error["loc"])
    if error["type"] == "extra_forbidden":
        close = difflib.get_close_matches(where, model.model_fields, n=1)
        known = ", ".join(model.model_fields)
        hint = f"did you mean {close[0]}?" if close else f"known options: {known}"
        return f"unknown option {where}; {hint}"
    if error["type"] == "missing":
        return f"the option {where} is required and missing"
    message = str(error["msg"]).removeprefix("Value error, ")
    return f"option {where}: {message}" if where else message
