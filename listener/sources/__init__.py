"""Where we listen: one module per kind of source, and SOURCES, the list of them.

A source fetches (I/O only, raw pages, each with the cursor that may be saved once its mentions
are) and parses (pure). docs/sources.md says how to add one.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from datetime import datetime
from typing import Any, Protocol

from listener.domain import Parsed, RawPage
from listener.httpclient import HttpClient
from listener.module_options import checked
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

    @property
    def MAY_MATCH(self) -> bool:  # noqa: N802
        """Whether its terms let us look for its authors in the CRM by what they made public."""
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


def may_match(source: str, forbidden: Collection[str] = ()) -> bool:
    """Whether authors of a source may be looked for in the CRM. `forbidden` names, in lower case,
    those of whose kind there is no module: what was imported from elsewhere."""
    module = SOURCES.get(source)
    return source.casefold() not in forbidden and (module is None or module.MAY_MATCH)


def options_of(config: SourceConfig) -> Section:
    """The checked options of a configured source; ConfigError names source, key and remedy."""
    return checked(f"sources.toml: source {config.name}", config.type, config.options, SOURCES)
