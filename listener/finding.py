"""Which brands a mention is about: each brand's query, applied in full to all that is known of it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

from listener.domain import Mention
from listener.query import Prepared, Query, Searchable, parse, prepare
from listener.settings import Brand
from listener.storage.mentions import BrandHit, Found

_HITS_KEPT = 20  # a text that names the brand a thousand times is found by twenty of them as well


def queries_of(brands: Sequence[Brand]) -> dict[str, Query]:
    return {brand.key: parse(brand.query, countries=brand.countries) for brand in brands}


def about(
    queries: Mapping[str, Query],
    items: Sequence[Mention],
    *,
    keep_all: bool,
    brands: Sequence[str] = (),
) -> list[Found]:
    """Which brands each mention is about, of those named (none: of all). `keep_all` keeps what no
    query finds, too: a person who imports a file wants all of it."""
    wanted = {key: query for key, query in queries.items() if not brands or key in brands}
    found = []
    for item in items:
        mention = _one_text(item)
        words = _searchable(mention)
        hits = [hit for key, query in wanted.items() if (hit := _hit(query, key, words))]
        if mention.brand and mention.brand not in {h.brand for h in hits}:
            hits.append(BrandHit(mention.brand))
        if hits or keep_all:
            found.append(Found(mention, tuple(hits)))
    return found


def _searchable(mention: Mention) -> Prepared:
    return prepare(
        Searchable(
            text=mention.text,
            author=mention.author.handle if mention.author else "",
            author_name=mention.author.name if mention.author else "",
            site=mention.site,
            lang=mention.lang or "",
            source=mention.source,
            tags=mention.tags,
            urls=(mention.url, *mention.links) if mention.url else mention.links,
        )
    )


def _hit(wanted: Query, brand: str, words: Prepared) -> BrandHit | None:
    verdict = wanted.match(words)
    if not verdict.found:
        return None
    hits = tuple(
        {"field": h.field, "start": h.start, "end": h.end, "term": h.term}
        for h in verdict.hits[:_HITS_KEPT]
    )
    return BrandHit(brand, verdict.muted, hits)


def _one_text(mention: Mention) -> Mention:
    """Title and body as one text, so that spans point into what people see."""
    title = mention.title.strip()
    if not title or mention.text.startswith(title):
        return mention
    return replace(mention, text=f"{title}\n\n{mention.text}".strip())
