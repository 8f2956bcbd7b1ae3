"""Scripts of our own that pages load by address, because the gate's policy runs no script that stands in
a page. They answer to signed-in browsers only, like the pages."""

from __future__ import annotations

from functools import partial
from pathlib import Path

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

_FOLDER = Path(__file__).parent / "static"
_SCRIPTS = ("keys.js", "top.js")


def routes() -> list[Route]:
    return [Route(f"/assets/{name}", partial(_script, name), methods=["GET"]) for name in _SCRIPTS]


async def _script(name: str, _request: Request) -> Response:
    body = (_FOLDER / name).read_bytes()
    return Response(body, media_type="text/javascript", headers={"Cache-Control": "no-cache"})
