"""Errors as RFC 9457 has them: what happened, where, why, and what to do."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any

import structlog
from fastapi.exceptions import RequestValidationError
from pydantic import BaseModel, Field
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import JSONResponse
from starlette.routing import compile_path

from listener.errors import (
    CRMError,
    DatabaseDown,
    NotAllowed,
    NotFound,
    StaleWrite,
)

MEDIA_TYPE = "application/problem+json"
log = structlog.get_logger()


class Place(BaseModel):
    where: str = Field(description="The parameter or the place in the body.")
    why: str


class Problem(BaseModel):
    """An error (RFC 9457)."""

    type: str = Field(description="Where this kind of error is explained.")
    title: str = Field(description="What happened.")
    status: int
    detail: str = Field(description="Why.")
    instance: str = Field(description="Where: the path that was asked.")
    remedy: str = Field(description="What to do.")
    errors: list[Place] = Field(
        default=[], description="What is wrong in the request, each by itself."
    )
    changed: list[str] = Field(default=[], description="With 409: who changed the case, and how.")


# Anchors of docs/api.md.
_TITLES: Mapping[int, tuple[str, str]] = {
    400: ("malformed", "The request cannot be read"),
    401: ("token", "A good token is needed"),
    403: ("forbidden", "The token or its user may not do this"),
    404: ("not-found", "There is nothing here"),
    405: ("method", "This method is not for this address"),
    409: ("conflict", "This cannot be done as things stand"),
    413: ("too-large", "The request is too large"),
    415: ("media-type", "The body is of a kind that is not read here"),
    422: ("invalid", "The request does not make sense"),
    429: ("rate", "Too many requests"),
    500: ("failure", "Listener failed"),
    502: ("crm", "A CRM or dialler did not answer"),
    503: ("unavailable", "The database does not answer"),
}
_REMEDIES: Mapping[int, str] = {
    400: "Send JSON in UTF-8 with its Content-Type.",
    401: "Send the header `Authorization: Bearer <token>`; `listener token add` makes one.",
    403: "Use a token with the scope that is named, of a user whose role and brands allow this.",
    404: "Check the address; the OpenAPI document at /api/v1/openapi.json lists all.",
    405: "Use one of the methods that the header Allow names.",
    409: "Ask again how things stand, then decide.",
    413: "Send it in several requests, or raise [api] max_bytes.",
    415: "Send one of the kinds that the OpenAPI document names.",
    422: "Correct what is named, then send it again.",
    429: "Wait for as many seconds as the header Retry-After says.",
    500: "Nothing is known of the outcome: look before you try again. The reason is in the log.",
    502: "Try again later; the page Sources says which one is left alone.",
    503: "Try again in a moment; `listener doctor` tests the database.",
}

_AS_SAID = "Change what is said above, here or in the request, then send it again."


def answer(
    path: str,
    status: int,
    why: str,
    *,
    remedy: str = "",
    headers: Mapping[str, str] | None = None,
    errors: Sequence[Place] = (),
    changed: Sequence[str] = (),
) -> JSONResponse:
    kind, title = _TITLES.get(status, ("other", "This cannot be done"))
    problem = Problem(
        type=f"/api/v1/docs#{kind}",
        title=title,
        status=status,
        detail=_printable(why),
        instance=_printable(path),
        remedy=remedy or _REMEDIES.get(status, ""),
        errors=list(errors),
        changed=[_printable(line) for line in changed],
    )
    return JSONResponse(
        problem.model_dump(),
        status,
        {"Cache-Control": "no-store", **(headers or {})},
        media_type=MEDIA_TYPE,
    )


def of_error(request: Request, error: Exception) -> JSONResponse:
    """What an error of ours means to who asked."""
    path = request.url.path
    if isinstance(error, StaleWrite):
        return answer(path, 409, str(error), changed=error.changed)
    if isinstance(error, DatabaseDown):
        log.error("database does not answer", error=str(error))
        why = "The database does not answer; the reason is in the log."
        return answer(path, 503, why, headers={"Retry-After": "5"})
    if isinstance(error, CRMError):
        return answer(path, 502 if error.retry else 409, str(error))
    if isinstance(error, NotFound):
        return answer(path, 404, str(error))
    if isinstance(error, NotAllowed):
        return answer(path, 403, str(error))
    return answer(path, 409, str(error), remedy=_AS_SAID)


async def ours(request: Request, error: Exception) -> JSONResponse:
    return of_error(request, error)


async def invalid(request: Request, error: Exception) -> JSONResponse:
    assert isinstance(error, RequestValidationError)
    found = [
        Place(where=_where(e["loc"]), why=_printable(str(e["msg"]))) for e in error.errors()[:20]
    ]
    why = "; ".join(f"{p.where}: {p.why}" for p in found[:3])
    return answer(request.url.path, 422, why, errors=found)


async def refused(request: Request, error: Exception) -> JSONResponse:
    """What the framework itself refuses: an unknown address, a wrong method, a broken body."""
    assert isinstance(error, HTTPException)
    headers = dict(error.headers or {})
    if error.status_code == 405:
        headers["Allow"] = ", ".join(sorted(_methods(request)))
    return answer(request.url.path, error.status_code, str(error.detail), headers=headers)


def _methods(request: Request) -> set[str]:
    """Of every route that has the address: the framework names those of the first alone."""
    path = request.scope["path"].removeprefix(request.scope["root_path"])
    found: set[str] = set()
    for template, methods in request.app.openapi()["paths"].items():
        if compile_path(template)[0].match(path):
            found |= {method.upper() for method in methods}
    return found


async def failed(request: Request, error: Exception) -> JSONResponse:
    log.error("request failed", path=request.url.path, error=repr(error), exc_info=error)
    return answer(request.url.path, 500, "Something that should not happen did.")


def _where(place: Sequence[Any]) -> str:
    return _printable(".".join(str(part) for part in place))


def _printable(text: str) -> str:
    return re.sub("[\x00-\x08\x0e-\x1f\x7f\ud800-\udfff]", "\N{REPLACEMENT CHARACTER}", text)[:2000]


def title(status: int) -> str:
    return _TITLES[status][1]


def explained() -> list[tuple[str, int, str, str]]:
    """(anchor, status, title, what to do) of every kind of error."""
    return [(kind, s, told, _REMEDIES[s]) for s, (kind, told) in _TITLES.items()]
