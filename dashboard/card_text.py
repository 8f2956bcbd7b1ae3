"""Prose of a card as HTML: paragraphs, lists, **bold** and `code`, and nothing else. Pure.

Everything is escaped first, so that no card can bring markup, a script or a picture of its own;
links show their words."""

from __future__ import annotations

import re

from dashboard.marking import safe

_BOLD = re.compile(r"\*\*(.+?)\*\*")
_CODE = re.compile(r"`([^`]+)`")
_LINK = re.compile(r"\[([^\]]*)\]\([^)\s]*\)")


def to_html(markdown: str) -> str:
    """Blocks are told apart by blank lines; lines that begin with a dash are a list."""
    found = []
    for block in re.split(r"\n\s*\n", markdown.strip()):
        words: list[str] = []
        items: list[str] = []
        for line in block.splitlines():
            if line.startswith("- "):
                items.append(line[2:])
            elif items and line.strip():
                items[-1] += " " + line.strip()
            else:
                words.append(line.strip())
        if said := " ".join(words).strip():
            found.append(f"<p>{_inline(said)}</p>")
        if items:
            found.append("<ul>" + "".join(f"<li>{_inline(item)}</li>" for item in items) + "</ul>")
    return "".join(found)


def _inline(text: str) -> str:
    shown = safe(_LINK.sub(r"\1", text))
    return _BOLD.sub(r"<b>\1</b>", _CODE.sub(r"<code>\1</code>", shown))
