"""A boolean query in words, as a list of lists."""

from __future__ import annotations

from dashboard.marking import isolated, safe
from dashboard.pages import Page
from listener.query import And, Near, Node, Not, Or, Query, Term

_DEEP = 12


def told(page: Page, query: Query) -> str:
    """HTML."""
    return f'<ul class="ls-query">{_node(page, query.root, 0)}</ul>'


def _node(page: Page, node: Node, depth: int) -> str:
    _ = page.gettext
    match node:
        case Term():
            kind = safe(page.label("query", node.kind))
            return f"<li>{kind} <b>{isolated(node.text)}</b></li>"
        case Near():
            said, children = _near(page, node), node.operands
        case Not():
            said, children = _("but not (kept apart, not counted)"), (node.child,)
        case And():
            said, children = _("all of"), node.children
        case Or():
            said, children = _("any of"), node.children
    if depth == _DEEP:
        return f"<li>{safe(said)} …</li>"
    inner = "".join(_node(page, child, depth + 1) for child in children)
    return f"<li>{safe(said)}<ul>{inner}</ul></li>"


def _near(page: Page, node: Near) -> str:
    distances = ", ".join(map(str, node.distances))
    return page.gettext("at most {count} words apart", count=distances)
