"""The documentation as a page that needs no script: made of the OpenAPI document."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from starlette.requests import Request
from starlette.responses import HTMLResponse

from dashboard.api import problems
from dashboard.signin import accepted_languages, environment
from listener import i18n
from listener.domain import TokenScope
from listener.settings import Settings


@dataclass(frozen=True, slots=True)
class Operation:
    method: str
    path: str
    summary: str
    parameters: tuple[str, ...]
    body: str
    answers: tuple[str, ...]


class Documentation:
    """A route. The words around the document are in the reader's language."""

    def __init__(self, document: Callable[[], dict[str, Any]], settings: Settings) -> None:
        self.document = document
        self.settings = settings

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        await self._page(Request(scope, receive))(scope, receive, send)

    def _page(self, request: Request) -> HTMLResponse:
        wanted = [
            request.query_params.get("lang", ""),
            *accepted_languages(request.headers.get("accept-language", "")),
        ]
        known = i18n.languages()
        language = next((w for w in wanted if w in known), self.settings.listener.service.language)
        body = (
            environment()
            .get_template("api.html")
            .render(
                _=lambda message, **given: i18n.text(message, language, given),
                language=language,
                languages={code: i18n.language_name(code) for code in known},
                switch={code: f"?lang={code}" for code in known},
                note="",
                error="",
                values={},
                operations=operations(self.document()),
                problems=problems.explained(),
                scopes=[(s.value, i18n.label("scope", s, language)) for s in TokenScope],
            )
        )
        return HTMLResponse(body)


def operations(document: dict[str, Any]) -> list[Operation]:
    return [
        Operation(
            method.upper(),
            f"{document['servers'][0]['url']}{path}",
            str(told.get("description", "")),
            tuple(p["name"] for p in told.get("parameters", ())),
            _fields(document, told.get("requestBody", {})),
            tuple(told["responses"]),
        )
        for path, methods in document["paths"].items()
        for method, told in methods.items()
    ]


def _fields(document: dict[str, Any], body: dict[str, Any]) -> str:
    """The names of a body's fields, or the kinds of body that are read."""
    content = body.get("content", {})
    schema = content.get("application/json", {}).get("schema", {})
    name = str(schema.get("$ref", "")).rpartition("/")[2]
    if not name:
        return ", ".join(content)
    return ", ".join(document["components"]["schemas"][name]["properties"])
