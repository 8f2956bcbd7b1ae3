"""Where we listen: one module per kind of source, and SOURCES, the list of them.

A source fetches (I/O only, raw pages, each with the cursor that may be saved once its mentions
are) and parses (pure). docs/sources.md says how to add one.
"""

from __future__ import annotations

import difflib
from collections.abc import Iterator, Mapping
from datetime import datetime
from typing import Any, Protocol

from pydantic import ValidationError

from listener.domain import Parsed, RawPage
from listener.errors import ConfigError
from listener.httpclient import HttpClient
from listener.query import Query
from listener.sections import Section
from listener.settings import SourceConfig
from listener.sources import bluesky, feed, files, hackernews, mastodon


class SourceModule(Protocol):
    """What a module of this package offers."""

    @property
    def NAME(self) -> str: ...  # noqa: N802 - a constant of the module

    @property
    def Options(self) -> type[Section]: ...  # noqa: N802 - a class of the module

    @property
    def KEEP_UNMATCHED(self) -> bool:  # noqa: N802
        """Whether items are kept that no brand's query finds: a person put them there."""
        ...

    def needs_query(self, options: Any) -> bool:
        """Whether it is searched, once per brand, rather than read once for all brands."""
        ...

    def fetch(
        self,
        options: Any,
        query: Query | None,
        cursor: str | None,
        http: HttpClient,
        now: datetime,
    ) -> Iterator[RawPage]:
        """Raw pages, oldest first where the source can; each page's cursor may be saved in the
        same commit as its mentions, and None then keeps the old one. A cursor that cannot be
        read (an older version's) counts as none. Raises ListenerError only."""
        ...

    def parse(self, page: RawPage) -> Parsed:
        """Mentions and problems of a page. Pure, and raises nothing, whatever the bytes."""
        ...


SOURCES: Mapping[str, SourceModule] = {
    feed.NAME: feed,
    mastodon.NAME: mastodon,
    bluesky.NAME: bluesky,
    hackernews.NAME: hackernews,
    files.NAME: files,
}


def options_of(config: SourceConfig) -> Section:
    """The checked options of a configured source; ConfigError names source, key and remedy."""
    if config.type not in SOURCES:
        close = difflib.get_close_matches(config.type, SOURCES, n=1)
        hint = f"did you mean {close[0]}?" if close else f"known types: {', '.join(SOURCES)}"
        raise ConfigError(
            f"sources.toml: source {config.name}: there is no type {config.type!r}; {hint}"
        )
    model = SOURCES[config.type].Options
    try:
        return model.model_validate(dict(config.options))
    except ValidationError as error:
        lines = [_explain(model, dict(e)) for e in error.errors(include_url=False)]
        raise ConfigError(
            "\n".join(f"sources.toml: source {config.name}: {line}" for line in lines)
        ) from error


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
