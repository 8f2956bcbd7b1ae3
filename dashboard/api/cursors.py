"""Where the next page of a list begins: a letter for the list, and the last id of the page before. Who
asks takes it as it is; what it holds may change."""

from __future__ import annotations

MENTIONS, CASES, ALERTS = "m", "c", "a"


def pattern(listed: str) -> str:
    return f"^{listed}[0-9a-f]{{1,14}}$"


def dump(listed: str, last_id: int) -> str:
    return f"{listed}{last_id:x}"


def load(cursor: str | None) -> int | None:
    """The id below which the page begins, of a cursor that has its pattern; None for the first page."""
    return int(cursor[1:], 16) if cursor else None
