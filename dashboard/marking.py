"""Text from outside, made safe for a page, with its evidence marked. Pure.

Everything that goes into HTML is escaped here. Characters that change the direction of text stay
inside an isolate, so that they cannot reorder what stands around them; in places that are not
HTML (a selection's options, a tooltip) they are taken out.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from html import escape
from itertools import pairwise
from typing import Any
from urllib.parse import urlsplit

KINDS = (
    "number",
    "contact_count",
    "period_days",
    "opt_out",
    "off_hours",
    "legal_threat",
    "churn_threat",
    "channels",
    "evidence",
)
"""What is marked; where marks overlap the earlier one gives the colour."""

Mark = tuple[int, int, str]
_UNSEEN = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069\u200e\u200f\u061c]")
_CONTROL = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f]|[\ud800-\udfff]")


def safe(text: object) -> str:
    """Escaped, for HTML; control characters that no browser shows become a visible mark."""
    return escape(_CONTROL.sub("\ufffd", str(text)), quote=True)


def isolated(text: object) -> str:
    """Escaped, and unable to reorder its surroundings."""
    return f'<bdi dir="auto">{safe(text)}</bdi>'


def plain(text: object, limit: int = 200) -> str:
    """One line for places that show no HTML."""
    line = " ".join(_UNSEEN.sub("", str(text)).split())
    return line if len(line) <= limit else line[: limit - 1].rstrip() + "…"


def safe_url(url: str) -> str | None:
    """The address, escaped, when it is one of the web; None otherwise."""
    url = url.strip()
    try:
        parts = urlsplit(url)
    except ValueError:
        return None
    if parts.scheme.lower() not in ("http", "https") or not parts.hostname or len(url) > 4000:
        return None
    return safe(url) if _UNSEEN.search(url) is None else None


def marks_of(facts: Mapping[str, Any] | None, evidence: Iterable[Sequence[int]]) -> list[Mark]:
    """Every span of a reading, with its kind."""
    found: list[Mark] = []
    if facts:
        found += [(*_pair(n["span"]), "number") for n in facts.get("numbers", ()) if n.get("span")]
        for kind, spans in (facts.get("spans") or {}).items():
            found += [(*_pair(span), kind) for span in spans if kind in KINDS]
    found += [(*_pair(span), "evidence") for span in evidence]
    return found


def _pair(span: Sequence[int]) -> tuple[int, int]:
    return int(span[0]), int(span[1])


def marked(
    text: str, marks: Sequence[Mark], words: Mapping[str, str], *, start: int = 0, end: int = -1
) -> str:
    """HTML of text[start:end] with its marks; each says in words what it is. Spans are in code
    points; those outside the text are cut or left out."""
    stop = len(text) if end < 0 else min(end, len(text))
    kept = [
        (max(a, start), min(b, stop), kind)
        for a, b, kind in marks
        if kind in KINDS and a < b and b > start and a < stop
    ]
    edges = sorted({start, stop, *(a for a, _, _ in kept), *(b for _, b, _ in kept)})
    pieces: list[str] = []
    for a, b in pairwise(edges):
        here = sorted({k for x, y, k in kept if x <= a and b <= y}, key=KINDS.index)
        piece = safe(text[a:b])
        if here:
            said = safe(", ".join(words.get(kind, kind) for kind in here))
            piece = f'<mark class="ls-m ls-{here[0]}" title="{said}">{piece}</mark>'
        pieces.append(piece)
    return f'<bdi dir="auto">{"".join(pieces)}</bdi>'


def window(text: str, marks: Sequence[Mark], size: int) -> tuple[int, int]:
    """The part of a long text to show in a list: from shortly before its first evidence."""
    if len(text) <= size:
        return 0, len(text)
    inside = [a for a, b, _ in marks if 0 <= a < b <= len(text)]
    first = min(inside, default=0)
    begin = max(0, min(first - size // 4, len(text) - size))
    if begin:
        space = text.find(" ", begin, begin + 20)
        begin = space + 1 if space >= 0 else begin
    return begin, min(len(text), begin + size)


def excerpt(text: str, marks: Sequence[Mark], words: Mapping[str, str], size: int = 240) -> str:
    """HTML of the telling part of a text."""
    begin, end = window(text, marks, size)
    before, after = ("… " if begin else ""), (" …" if end < len(text) else "")
    return before + marked(text, marks, words, start=begin, end=end) + after


def table(
    header: Sequence[str], rows: Iterable[Sequence[str]], *, caption: str = "", first: bool = False
) -> str:
    """An HTML table of cells that are HTML already; `first`: the first cell names its row."""
    head = "".join(f'<th scope="col">{safe(name)}</th>' for name in header)
    body = "".join(
        "<tr>"
        + "".join(
            f'<th scope="row">{c}</th>' if first and i == 0 else f"<td>{c}</td>"
            for i, c in enumerate(row)
        )
        + "</tr>"
        for row in rows
    )
    title = f"<caption>{safe(caption)}</caption>" if caption else ""
    head = f"<thead><tr>{head}</tr></thead>" if header else ""
    # A table too wide for a phone scrolls by itself, and so the keyboard must reach it.
    reach = ' tabindex="0"' if len(header) > 3 else ""
    return (
        f'<div class="ls-scroll"{reach}><table class="ls-table">{title}{head}'
        f"<tbody>{body}</tbody></table></div>"
    )
