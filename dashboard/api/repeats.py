"""The idempotency key: a POST that is sent again with the same key is carried out once and answered
alike, for a day. Its answer is stored when it was given; one that never came to its end (the process was
killed in the middle) is not carried out again either: whoever asks is told to look.

https://datatracker.ietf.org/doc/draft-ietf-httpapi-idempotency-key-header/
"""

from __future__ import annotations

import base64
import hashlib
import re
from collections.abc import Callable
from datetime import datetime
from functools import partial

import anyio
import structlog
from anyio import to_thread
from starlette.requests import Request
from starlette.responses import Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from dashboard.api import problems
from dashboard.api.door import again
from listener.api_tokens import ANSWERS_KEPT, Bearer
from listener.errors import ListenerError
from listener.storage import Database, api_answers
from listener.storage.api_answers import KeptAnswer
from listener.vault import Vault

log = structlog.get_logger()

KEY = re.compile(r"[\x21-\x7e]{1,255}")
REPLAYED = "Idempotency-Replayed"
# Of these nothing was carried out: the same key may try again.
_FORGOTTEN = frozenset({401, 403, 429, 503})
_LOOK_EVERY, _PATIENCE = 0.1, 10.0  # seconds


class Repeats:
    """ASGI middleware behind the door. Answers are sealed in the store."""

    def __init__(
        self, app: ASGIApp, *, db: Database, vault: Callable[[], Vault], now: Callable[[], datetime]
    ) -> None:
        self.app = app
        self.db = db
        self.vault = vault
        self.now = now

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        bearer: Bearer | None = scope.get("state", {}).get("bearer")
        request = Request(scope, receive)
        key = request.headers.get("idempotency-key", "")
        if (
            scope["type"] != "http"
            or bearer is None
            or request.method != "POST"
            or not KEY.fullmatch(key)
        ):
            await self.app(scope, receive, send)
            return
        body = await request.body()
        digest = _digest(request, body)
        try:
            kept = await to_thread.run_sync(self._begin, bearer.token.id, key, digest)
            kept = await self._finished(bearer.token.id, key, kept)
        except ListenerError as error:
            await problems.of_error(request, error)(scope, receive, send)
            return
        if kept is None:
            await self._carry_out(bearer.token.id, key, scope, again(body, receive), send)
        else:
            await self._known(request, kept, digest)(scope, receive, send)

    def _known(self, request: Request, kept: KeptAnswer, digest: str) -> Response:
        refuse = partial(problems.answer, request.url.path)
        if kept.digest != digest:
            return refuse(
                409,
                "This idempotency key was used for another request (address or body differ).",
                remedy="Use a new key for each request, and the same only for repeating it.",
            )
        if kept.status is None:
            return refuse(
                409,
                "The first request with this key is still at work, or was cut off.",
                remedy="Try again in a moment. If it stays so, look at what was done, then use a "
                "new key.",
                headers={"Retry-After": "2"},
            )
        return Response(
            base64.b64decode(self.vault().open(kept.sealed)),
            kept.status,
            {REPLAYED: "true", "Cache-Control": "no-store"},
            media_type=kept.media_type or None,
        )

    async def _finished(
        self, token_id: int, key: str, kept: KeptAnswer | None
    ) -> KeptAnswer | None:
        """What came of the first request, waited for a while."""
        with anyio.move_on_after(_PATIENCE):
            while kept is not None and kept.status is None:
                await anyio.sleep(_LOOK_EVERY)
                found = await to_thread.run_sync(self._get, token_id, key)
                kept = found or kept
        return kept

    async def _carry_out(
        self, token_id: int, key: str, scope: Scope, receive: Receive, send: Send
    ) -> None:
        messages: list[Message] = []

        async def collect(message: Message) -> None:
            messages.append(message)

        try:
            await self.app(scope, receive, collect)
        except Exception:
            answer = problems.answer(scope["path"], 500, "Something that should not happen did.")
            await self._keep(token_id, key, 500, bytes(answer.body), problems.MEDIA_TYPE)
            raise
        start = messages[0]
        body = b"".join(m.get("body", b"") for m in messages[1:])
        kind = dict(start["headers"]).get(b"content-type", b"").decode("latin-1")
        await self._keep(token_id, key, start["status"], body, kind)
        for message in messages:
            await send(message)

    async def _keep(self, token_id: int, key: str, status: int, body: bytes, kind: str) -> None:
        """What was done is done: an answer that cannot be stored is given all the same, and the key
        stays as that of a request that was cut off."""
        try:
            await to_thread.run_sync(self._store, token_id, key, status, body, kind)
        except ListenerError as error:
            log.error("answer not kept", token=token_id, error=str(error))

    def _begin(self, token_id: int, key: str, digest: str) -> KeptAnswer | None:
        now = self.now()
        with self.db.write() as session:
            return api_answers.begin(
                session, token_id, key, digest, now=now, older=now - ANSWERS_KEPT
            )

    def _get(self, token_id: int, key: str) -> KeptAnswer | None:
        with self.db.read() as session:
            return api_answers.get(session, token_id, key)

    def _store(self, token_id: int, key: str, status: int, body: bytes, media_type: str) -> None:
        with self.db.write() as session:
            if status in _FORGOTTEN:
                api_answers.drop(session, token_id, key)
                return
            sealed = self.vault().seal(base64.b64encode(body).decode("ascii"))
            api_answers.finish(
                session, token_id, key, status=status, sealed=sealed, media_type=media_type
            )


def _digest(request: Request, body: bytes) -> str:
    kind = request.headers.get("content-type", "")
    head = f"{request.method}\0{request.url.path}\0{request.url.query}\0{kind}\0"
    return hashlib.sha256(head.encode("utf-8", "replace") + body).hexdigest()
