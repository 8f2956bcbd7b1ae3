"""Who may ask, how often and how much, before anything is looked at. Nothing but the header
Authorization counts: a browser sends cookies for any site that makes it, and this header for none."""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import datetime
from functools import partial

from anyio import to_thread
from starlette.datastructures import Headers
from starlette.requests import ClientDisconnect, Request
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from dashboard.api import problems
from dashboard.api.rates import Rates
from listener.api_tokens import Bearer
from listener.errors import ListenerError

_BEARER = re.compile(r"bearer +([A-Za-z0-9_.~+/=-]{1,200}) *", re.IGNORECASE)
_CHALLENGE = {"WWW-Authenticate": 'Bearer realm="Listener"'}


class Door:
    """ASGI middleware. `bearer_of` finds who a token speaks for; `open_paths` need none. What passes
    carries its `Bearer` in the request's state, and its body in one piece."""

    def __init__(
        self,
        app: ASGIApp,
        *,
        bearer_of: Callable[[str], Bearer | None],
        now: Callable[[], datetime],
        per_minute: int,
        max_bytes: int,
        open_paths: frozenset[str],
    ) -> None:
        self.app = app
        self.bearer_of = bearer_of
        self.now = now
        self.rates = Rates(per_minute)
        self.max_bytes = max_bytes
        self.open_paths = open_paths

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or scope["path"] in self.open_paths:
            await self.app(scope, receive, send)
            return
        request = Request(scope, receive)
        refuse = partial(problems.answer, request.url.path)
        try:
            found = await bearer(request, self.bearer_of)
        except ListenerError as error:
            await problems.of_error(request, error)(scope, receive, send)
            return
        address = request.client.host if request.client else ""
        who = f"token {found.token.id}" if found else f"address {address}"
        if wait := self.rates.take(who, self.now()):
            why = f"More than {self.rates.per_minute} requests a minute."
            answer = refuse(429, why, headers={"Retry-After": str(wait)})
            await answer(scope, receive, send)
            return
        if found is None:
            why = "There is no token, or it is unknown, has ended or was revoked."
            await refuse(401, why, headers=_CHALLENGE)(scope, receive, send)
            return
        try:
            body = await self._body(request)
        except ClientDisconnect:
            return
        if body is None:
            why = f"The body has more than {self.max_bytes:,} bytes."
            await refuse(413, why, headers={"Connection": "close"})(scope, receive, send)
            return
        scope.setdefault("state", {})["bearer"] = found
        await self.app(scope, again(body, receive), send)

    async def _body(self, request: Request) -> bytes | None:
        """None where it is too large."""
        declared = Headers(scope=request.scope).get("content-length", "")
        if declared.isdecimal() and int(declared[:20]) > self.max_bytes:
            return None
        body = bytearray()
        async for part in request.stream():
            body += part
            if len(body) > self.max_bytes:
                return None
        return bytes(body)


async def bearer(request: Request, bearer_of: Callable[[str], Bearer | None]) -> Bearer | None:
    """Whoever the request's token speaks for."""
    given = _BEARER.fullmatch(request.headers.get("authorization", ""))
    return await to_thread.run_sync(bearer_of, given[1]) if given else None


def again(body: bytes, receive: Receive) -> Receive:
    """A body that was read, to be read again."""
    given = False

    async def read() -> Message:
        nonlocal given
        if given:
            return await receive()
        given = True
        return {"type": "http.request", "body": body, "more_body": False}

    return read
