"""Figures in a row, each with how sure it is and how it was before."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from dashboard.marking import safe
from listener.comparison import Change

_ARROWS = {Change.UP: "▲", Change.DOWN: "▼"}


@dataclass(frozen=True, slots=True)
class Card:
    """`sure` is an interval or a remark, `compared` the period before in words."""

    name: str
    value: str
    sure: str = ""
    compared: str = ""
    change: Change = Change.UNKNOWN


def figures(cards: Iterable[Card]) -> str:
    """As HTML; a list, of which each item reads as a sentence."""
    return '<ul class="ls-figures">' + "".join(map(_one, cards)) + "</ul>"


def _one(card: Card) -> str:
    arrow = _ARROWS.get(card.change, "")
    mark = f'<span aria-hidden="true">{arrow}</span> ' if arrow else ""
    sure = f" <small>{safe(card.sure)}</small>" if card.sure else ""
    before = f"<p>{mark}{safe(card.compared)}</p>" if card.compared else ""
    return f"<li><span>{safe(card.name)}</span><b>{safe(card.value)}</b>{sure}{before}</li>"
