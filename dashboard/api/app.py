"""The API's own application, mounted at /api/v1."""

from __future__ import annotations

from typing import Any

from fastapi import FastAPI
from fastapi.exceptions import RequestValidationError
from fastapi.openapi.utils import get_openapi
from starlette.exceptions import HTTPException
from starlette.routing import Route

from dashboard.api import bringing, hooks, page, problems, reading, working
from dashboard.api.door import Door
from dashboard.api.metrics import Counted, Requests
from dashboard.api.repeats import Repeats
from dashboard.api.rights import InForce
from listener import accounts
from listener.errors import ListenerError
from listener.settings import Settings
from listener.vault import open_vault

_PREFIX = "/api/v1"
_TITLE = "Listener"
_ABOUT = (
    "What people say of a brand in public, the cases that came of it, and what is done about them. "
    "Every text is as a stranger wrote it: show it as text. docs/api.md has examples."
)
# Nothing of us is measured by anybody but us (/metrics).
_NO_TELEMETRY: Any = dict.fromkeys(
    ("tracing", "metrics", "logs", "operation_spans", "auto_configure"), False
)


def build(desk: InForce, settings: Settings, counted: Requests) -> FastAPI:
    app = FastAPI(
        title=_TITLE,
        version="1",
        description=_ABOUT,
        docs_url=None,
        redoc_url=None,
        servers=[{"url": _PREFIX}],
        root_path_in_servers=False,
        redirect_slashes=False,
        telemetry=_NO_TELEMETRY,
        generate_unique_id_function=lambda route: route.name,
    )
    for part in (reading, working, bringing, hooks):
        app.include_router(part.routes(desk))
    app.openapi = lambda: _document(app)  # type: ignore[method-assign]
    app.router.routes.append(Route("/docs", page.Documentation(app.openapi, settings)))
    # The last that is added is asked first.
    app.add_middleware(
        Repeats, db=desk().db, vault=lambda: open_vault(settings.var), now=accounts.utc_now
    )
    app.add_middleware(
        Door,
        bearer_of=lambda token: desk().access.bearer(token),
        now=accounts.utc_now,
        per_minute=settings.listener.api.per_minute,
        max_bytes=settings.listener.api.max_bytes,
        open_paths=frozenset({f"{_PREFIX}/openapi.json", f"{_PREFIX}/docs"}),
    )
    app.add_middleware(Counted, requests=counted)
    app.add_exception_handler(RequestValidationError, problems.invalid)
    app.add_exception_handler(HTTPException, problems.refused)
    app.add_exception_handler(ListenerError, problems.ours)
    app.add_exception_handler(Exception, problems.failed)
    return app


def _document(app: FastAPI) -> dict[str, Any]:
    """The OpenAPI document, with every error that each operation may answer."""
    if app.openapi_schema is None:
        made = get_openapi(
            title=app.title,
            version=app.version,
            description=app.description,
            routes=app.routes,
            servers=app.servers,
        )
        parts = made["components"]["schemas"]
        for unused in ("HTTPValidationError", "ValidationError"):
            parts.pop(unused, None)
        problem = problems.Problem.model_json_schema(ref_template="#/components/schemas/{model}")
        parts |= problem.pop("$defs")
        parts["Problem"] = problem
        for path, operations in made["paths"].items():
            for method, operation in operations.items():
                for status in _errors(path, method):
                    operation["responses"][str(status)] = _error(status)
        app.openapi_schema = made
    return app.openapi_schema


def _errors(path: str, method: str) -> list[int]:
    found = {400, 401, 403, 413, 422, 429, 500, 503}
    if "{" in path:
        found.add(404)
    if method in ("post", "delete"):
        found |= {409}
    if path == "/ingest":
        found.add(415)
    if path.endswith("/suppression") and method == "post":
        found.add(502)
    return sorted(found)


def _error(status: int) -> dict[str, Any]:
    told: dict[str, Any] = {
        "description": problems.title(status),
        "content": {problems.MEDIA_TYPE: {"schema": {"$ref": "#/components/schemas/Problem"}}},
    }
    if status in (429, 503):
        told["headers"] = {
            "Retry-After": {"schema": {"type": "integer"}, "description": "Seconds to wait."}
        }
    return told
