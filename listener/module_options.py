"""The options of a configured source or CRM, checked by the module of its type."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Protocol

from pydantic import ValidationError

from listener.errors import ConfigError, sentence
from listener.sections import Section
from listener.settings_errors import explained, near_or_known


class HasOptions(Protocol):
    @property
    def Options(self) -> type[Section]: ...  # noqa: N802 - a class of the module


def checked(
    where: str, type_: str, options: Mapping[str, Any], modules: Mapping[str, HasOptions]
) -> Section:
    """`where` names file and entry ("sources.toml: source x"). Raises ConfigError, which names the
    key and the remedy."""
    if type_ not in modules:
        strange = sentence("{place}: there is no type {type!r}", place=where, type=type_)
        raise ConfigError(near_or_known(strange, type_, list(modules)))
    model = modules[type_].Options
    try:
        return model.model_validate(dict(options))
    except ValidationError as error:
        raise ConfigError(explained(where, model, error)) from error
