"""Who may come in: checked on every request, before Streamlit sees it.

Only the sign-in pages, private links, /healthz and the dashboard's own scripts and styles answer
without a session; /api/ and /metrics look for a token instead (api/door.py), and no cookie counts there. A web page of another site can neither open our websocket nor post our forms, and a name
that is not ours (DNS rebinding) gets no answer at all.
"""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Callable, Sequence
from functools import partial
from urllib.parse import quote, urlsplit

from anyio import to_thread
from starlette.datastructures import Headers, MutableHeaders
from starlette.requests import HTTPConnection
from starlette.responses import PlainTextResponse, RedirectResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from dashboard import api, cookies
from dashboard.private_page import PATH as _PRIVATE
from listener.storage.people import User

USER = "listener.user"
"""Where the scope of a request holds who sent it, once the gate has let it in."""
_OPEN = ("/auth/", _PRIVATE, "/healthz", "/static/", "/favicon", "/_stcore/health")
_CLOSED = ("/_stcore/agent", "/_stcore/metrics", "/_stcore/upload_file")
_SCRIPT_SAFE = (
    # The pages' framework writes its styles into the page, and its charts compile their formulas;
    # of scripts inside a page only its own, by their hashes, run.
    "default-src 'self'; script-src 'self' 'unsafe-eval' {hashes}; "
    "style-src 'self' 'unsafe-inline'; img-src 'self' data: blob:; font-src 'self' data:; "
    "connect-src 'self' ws: wss:; worker-src 'self' blob:; object-src 'none'; "
    "base-uri 'self'; form-action 'self'; frame-src 'none'; frame-ancestors 'none'"
)
_PAGE_SAFE = (
    "default-src 'none'; style-src 'self'; img-src 'self'; form-action 'self'; "
    "base-uri 'none'; frame-ancestors 'none'"
)


class Gate:
    """ASGI middleware. `hosts` are the names under which the dashboard is reached; `user_of` finds
    the user of a session's token; `scripts` are the inline scripts of Streamlit's own page."""

    def __init__(
        self,
        app: ASGIApp,
        *,
        hosts: frozenset[str],
        jar: cookies.Cookies,
        user_of: Callable[[str], User | None],
        scripts: Sequence[str] = (),
    ) -> None:
        self.app = app
        self.hosts = hosts
        self.jar = jar
        self.user_of = user_of
        hashes = " ".join(f"'sha256-{_digest(script)}'" for script in scripts)
        self.policy = _SCRIPT_SAFE.format(hashes=hashes)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] not in ("http", "websocket"):
            await self.app(scope, receive, send)
            return
        refusal = self._foreign(Headers(scope=scope), scope)
        if refusal:
            await _refuse(scope, receive, send, 403, refusal)
            return
        path = scope["path"]
        if path.startswith(_CLOSED):
            await _refuse(scope, receive, send, 404, "not found")
            return
        # A token opens what other systems ask for, and is looked for there.
        if not path.startswith(_OPEN) and not api.is_ours(path):
            user = await self._signed_in(scope)
            if user is None:
                await self._turn_away(scope, receive, send)
                return
            scope[USER] = user
        await self.app(scope, receive, partial(_with_headers, send, self._policy(path)))

    def _policy(self, path: str) -> str:
        plain = path.startswith(("/auth/", _PRIVATE, "/healthz")) or api.is_ours(path)
        return _PAGE_SAFE if plain else self.policy

    def _foreign(self, headers: Headers, scope: Scope) -> str | None:
        """Why a request does not come from our own pages; None when it does."""
        host = headers.get("host", "")
        if _name(host) not in self.hosts:
            return (
                f"This address ({_name(host)[:100]}) is not the dashboard's. Open it by the address "
                "in [service] public_url of listener.toml, or write this one there."
            )
        changes = scope["type"] == "websocket" or scope["method"] not in ("GET", "HEAD")
        origin = headers.get("origin")
        # A page without a referrer posts without its origin. Behind a private link nothing counts
        # but the secret in the address: no cookie, no session that another site could use.
        unnamed = origin == "null" and scope["path"].startswith(_PRIVATE)
        if changes and origin is not None and not unnamed and urlsplit(origin).netloc != host:
            return "This request comes from another site."
        if changes and headers.get("sec-fetch-site", "same-origin") not in ("same-origin", "none"):
            return "This request comes from another site."
        return None

    async def _signed_in(self, scope: Scope) -> User | None:
        token = self.jar.token(HTTPConnection(scope).cookies.get(cookies.NAME))
        return await to_thread.run_sync(self.user_of, token) if token is not None else None

    async def _turn_away(self, scope: Scope, receive: Receive, send: Send) -> None:
        wants_page = "text/html" in Headers(scope=scope).get("accept", "")
        if scope["type"] == "http" and scope["method"] == "GET" and wants_page:
            query = scope["query_string"].decode("latin-1")
            wanted = scope["path"] + (f"?{query}" if query else "")
            where = "/auth/sign-in" + (f"?next={quote(wanted)}" if wanted != "/" else "")
            response = RedirectResponse(where, 303, {"Cache-Control": "no-store"})
            await response(scope, receive, partial(_with_headers, send, _PAGE_SAFE))
            return
        await _refuse(scope, receive, send, 401, "sign in first")


async def _refuse(scope: Scope, receive: Receive, send: Send, status: int, why: str) -> None:
    if scope["type"] == "websocket":
        await send({"type": "websocket.close", "code": 1008})
        return
    response = PlainTextResponse(why + "\n", status, {"Cache-Control": "no-store"})
    await response(scope, receive, partial(_with_headers, send, _PAGE_SAFE))


async def _with_headers(send: Send, policy: str, message: Message) -> None:
    if message["type"] == "http.response.start":
        headers = MutableHeaders(scope=message)
        headers["X-Content-Type-Options"] = "nosniff"
        headers["X-Frame-Options"] = "DENY"
        # The origin stays, because a form's post shows by it that it is ours. What a page says of
        # itself is stricter, and stands.
        headers.setdefault("Referrer-Policy", "same-origin")
        headers["Permissions-Policy"] = "camera=(), geolocation=(), microphone=()"
        headers["Cross-Origin-Opener-Policy"] = "same-origin"
        headers.setdefault("Content-Security-Policy", policy)
        if policy is _PAGE_SAFE:
            headers["Cache-Control"] = "no-store"
    await send(message)


def _digest(script: str) -> str:
    return base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()


def _name(host: str) -> str:
    """The host's name without its port; an IPv6 address without its brackets."""
    try:
        return (urlsplit(f"//{host}").hostname or "").rstrip(".").lower()
    except ValueError:
        return ""
