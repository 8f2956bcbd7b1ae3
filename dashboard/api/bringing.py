"""Mentions come in, as JSON or JSON Lines, by the same road as `listener import`."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import orjson
from anyio import to_thread
from fastapi import APIRouter, Request
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException

from dashboard.api.inputs import REPEATABLE
from dashboard.api.rights import Bringer, InForce
from dashboard.api.shapes import TakenOut
from listener.sources.rows import Form, Line, Record, records
from listener.storage.people import User

_LINES = ("application/x-ndjson", "application/jsonl")
_BODY = {
    "requestBody": {
        "required": True,
        "description": "Each object is one mention. `text` is needed; `source`, `id`, `author`, "
        "`url`, `published_at`, `brand`, `lang`, `title` and the others of docs/sources.md are as "
        "`listener import` reads them. What cannot be read is refused by itself, with its reason.",
        "content": {
            "application/json": {
                "schema": {
                    "type": "array",
                    "items": {"type": "object", "additionalProperties": True},
                },
                "example": [
                    {"text": "Otra vez el 1004", "author": "marta", "source": "forum", "id": "17"}
                ],
            },
            "application/x-ndjson": {"schema": {"type": "string"}},
        },
    }
}


def routes(desk: InForce) -> APIRouter:
    router = APIRouter(tags=["bringing"])

    @router.post("/ingest", openapi_extra=_BODY, dependencies=REPEATABLE)
    async def ingest(request: Request, user: Bringer) -> TakenOut:
        """Bring mentions; says how many are new, were there already, or are refused and why."""
        kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
        body = await request.body()
        if kind == "application/json":
            found = _of_array(body)
        elif kind in _LINES:
            found = _of_lines(body)
        else:
            raise HTTPException(415, f"{kind[:100] or 'no Content-Type'} is not read here.")
        return await to_thread.run_sync(_take, desk, user, found)

    return router


def _take(desk: InForce, user: User, found: Iterator[Record]) -> TakenOut:
    return TakenOut.model_validate(desk().intake.ingest(user, found, f"api:{user.username}"))


def _of_array(body: bytes) -> Iterator[Record]:
    try:
        rows = orjson.loads(body)
    except orjson.JSONDecodeError as error:
        rows = _lenient(body, str(error))
    if not isinstance(rows, list) or not all(isinstance(row, dict) for row in rows):
        raise _invalid("one array of objects is read here, each of them one mention")
    return (Record(n, json.dumps(row, ensure_ascii=False), row) for n, row in enumerate(rows, 1))


def _lenient(body: bytes, reason: str) -> Any:
    """The standard library accepts single halves of emoji, which exports do contain."""
    try:
        return json.loads(body)
    except (ValueError, RecursionError) as error:
        raise HTTPException(400, f"This is no JSON: {reason}.") from error


def _of_lines(body: bytes) -> Iterator[Record]:
    text = body.decode("utf-8", "surrogateescape")
    lines = (Line(n, f"{line}\n") for n, line in enumerate(text.split("\n"), 1))
    return records(lines, Form("jsonl"))


def _invalid(why: str) -> RequestValidationError:
    problem: dict[str, Any] = {"type": "value_error", "loc": ("body",), "msg": why}
    return RequestValidationError([problem])
