"""Recorded pages beside what comes of them: tests/data/<source>/NAME.* and NAME.expected.json.

The expected file says `page` (url, content_type, fetched_at, meta), `mentions` with every field
that is not empty, and `problems`.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, fields
from datetime import datetime
from pathlib import Path
from typing import Any

from listener.domain import Author, Mention, Parsed, Problem, RawPage

DATA = Path(__file__).parent / "data"


@dataclass(frozen=True)
class Recorded:
    source: str
    name: str
    page: RawPage
    expected: dict[str, Any]


def recorded(source: str) -> list[Recorded]:
    return [_read(source, path) for path in sorted((DATA / source).glob("*.expected.json"))]


def _read(source: str, path: Path) -> Recorded:
    name = path.name.removesuffix(".expected.json")
    [body] = [p for p in path.parent.glob(f"{name}.*") if p != path]
    expected = json.loads(path.read_text(encoding="utf-8"))
    facts = expected["page"]
    content = body.read_bytes()
    if source == "files" and facts["meta"]["kind"] == "csv":
        content = content.split(b"\n", 1)[1]  # pages of a CSV come without its header
    page = RawPage(
        url=facts["url"],
        body=content,
        content_type=facts["content_type"],
        fetched_at=datetime.fromisoformat(facts["fetched_at"]),
        meta=facts["meta"],
    )
    return Recorded(source, name, page, expected)


def written(parsed: Parsed) -> dict[str, Any]:
    """What was parsed, in the form of the expected files."""
    return {
        "mentions": [_plain(mention) for mention in parsed.mentions],
        "problems": [_plain(problem) for problem in parsed.problems],
    }


def _plain(item: Mention | Author | Problem) -> dict[str, Any]:
    result: dict[str, Any] = {}
    for one in fields(item):
        value = getattr(item, one.name)
        if isinstance(value, Author):
            value = _plain(value)
        elif isinstance(value, datetime):
            value = value.isoformat()
        elif isinstance(value, tuple):
            value = list(value)
        if value not in (None, "", [], False):
            result[one.name] = value
    return result
