"""Figures in a row, each with how sure it is and how it was before."""

from __future__ import annotations

from collections.abc import Iterable

from dashboard.marking import safe
from listener.comparison import Change, Fact

_ARROWS = {Change.UP: "▲", Change.DOWN: "▼"}


def figures(facts: Iterable[Fact]) -> str:
    """As HTML; a list, of which each item reads as a sentence."""
    return '<ul class="ls-figures">' + "".join(map(_one, facts)) + "</ul>"


def _one(fact: Fact) -> str:
    arrow = _ARROWS.get(fact.change, "")
    mark = f'<span aria-hidden="true">{arrow}</span> ' if arrow else ""
    sure = f" <small>{safe(fact.sure)}</small>" if fact.sure else ""
    before = f"<p>{mark}{safe(fact.compared)}</p>" if fact.compared else ""
    return f"<li><span>{safe(fact.name)}</span><b>{safe(fact.value)}</b>{sure}{before}</li>"
