"""/api/v1 and /metrics: what other systems ask, in the dashboard's own process.

A request passes, in this order:

    door.py        the token, its rate, the size; no cookie counts here
    repeats.py     the idempotency key: carried out once, answered alike
    app.py         FastAPI: routes, shapes checked, errors as problem+json, the OpenAPI document
      reading.py     mentions, cases, alerts      working.py  what a token does to a case
      bringing.py    mentions come in             hooks.py    webhooks
    listener/desk  the rights of the token's user, and the work

    shapes.py, inputs.py   what goes out, what comes in     cursors.py  where a page begins
    problems.py    errors as people and programs read them  rates.py    how often
    metrics.py     /metrics                                 page.py     the documentation
"""

from __future__ import annotations

from starlette.types import ASGIApp, Receive, Scope, Send

from dashboard.api import app, metrics
from dashboard.api.rights import InForce
from listener.settings import Settings

PREFIX, METRICS = "/api/v1", "/metrics"


def is_ours(path: str) -> bool:
    """What is asked with a token, and without a session."""
    return path.startswith(f"{PREFIX}/") or path == METRICS


class Doors:
    """ASGI middleware: what other systems ask goes to the API, past Streamlit with its sessions."""

    def __init__(self, inner: ASGIApp, *, desk: InForce, settings: Settings) -> None:
        self.inner = inner
        counted = metrics.Requests()
        self.api = app.build(desk, settings, counted)
        self.metrics = metrics.Page(desk, settings, counted)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or not is_ours(scope["path"]):
            await self.inner(scope, receive, send)
        elif scope["path"] == METRICS:
            await self.metrics(scope, receive, send)
        else:
            root = scope.get("root_path", "") + PREFIX
            await self.api({**scope, "root_path": root}, receive, send)
