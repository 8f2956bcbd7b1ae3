"""The page behind a private link: a person leaves their phone, and nothing else.

It asks for no account and sets no cookie, so that there is nothing that another site's form could
use: who posts has the address, or nothing. It runs no script, loads nothing, and every answer but
the form's is the same whatever the link was of.
"""

from __future__ import annotations

import base64
import hashlib
import ipaddress
import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import lru_cache
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl

import anyio
import structlog
from anyio import to_thread
from itsdangerous import BadSignature, Signer
from starlette.requests import ClientDisconnect, Request
from starlette.responses import HTMLResponse, Response
from starlette.types import ASGIApp, Receive, Scope, Send
from starlette.websockets import WebSocketClose

from dashboard.signin import accepted_languages, environment
from listener import accounts, i18n
from listener.private_links import Answer, Opened, PrivateLinks, State

PATH = "/p/"
METHODS = ("GET", "HEAD", "POST")
_LONGEST = 200  # characters of a signed token
_MOST_BYTES = 4_000  # of a form: a number, and a tick
_PATIENCE = 15  # seconds for a form to arrive
_TEMPLATE = Path(__file__).parent / "templates" / "private.html"
# The style stands in the page, which loads nothing; the policy names it by its hash.
_STYLE = _TEMPLATE.read_text(encoding="utf-8").partition("<style>")[2].partition("</style>")[0]
_HASH = base64.b64encode(hashlib.sha256(_STYLE.encode()).digest()).decode()
HEADERS: Mapping[str, str] = {
    "Cache-Control": "no-store",
    "Referrer-Policy": "no-referrer",
    "X-Robots-Tag": "noindex, nofollow, noarchive",
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Content-Security-Policy": (
        f"default-src 'none'; style-src 'sha256-{_HASH}'; form-action 'self'; base-uri 'none'; "
        "frame-ancestors 'none'"
    ),
}
_STATUS: Mapping[State, int] = {
    State.READY: 200,
    State.LEFT: 200,
    State.UNKNOWN: 404,
    State.EXPIRED: 410,
    State.USED: 410,
    State.INVALID: 400,
    State.OWN_NUMBER: 400,
    State.NO_CONSENT: 400,
}
log = structlog.get_logger()


class Tokens:
    """Signed tokens, as they stand in addresses. The salt keeps them apart from session cookies."""

    def __init__(self, key: str, public_url: str) -> None:
        self._signer = Signer(key, salt="listener.private-link")
        self._public_url = public_url.rstrip("/")

    def address(self, token: str) -> str:
        return f"{self._public_url}{PATH}{self._signer.sign(token.encode()).decode()}"

    def token(self, signed: str) -> str | None:
        """None where the signature is not ours."""
        if len(signed) > _LONGEST:
            return None
        try:
            return self._signer.unsign(signed.encode()).decode()
        except (BadSignature, UnicodeError):
            return None


# ---------------------------------------------------------------------------- how often


@dataclass
class Allowance:
    """So many at once for each key, and one more each `every`. In memory, for one process, and
    bounded: of more than `most` keys those that came first are forgotten."""

    burst: int
    every: timedelta
    most: int = 10_000
    _free_at: dict[str, datetime] = field(default_factory=dict)  # when all of a key's are back

    def wait(self, key: str, now: datetime) -> timedelta:
        """Zero, and one is taken; otherwise how long until there is one."""
        whole = self.every * self.burst
        free_at = min(max(self._free_at.pop(key, now), now), now + whole)
        wait = free_at + self.every - (now + whole)
        if wait <= timedelta(0):
            free_at += self.every
        self._free_at[key] = free_at
        while len(self._free_at) > self.most:
            self._free_at.pop(next(iter(self._free_at)))
        return max(wait, timedelta(0))


@dataclass
class Limits:
    """What one address and all of them together may ask. Guesses are counted apart: however many
    come, whoever holds a link that we signed is heard, behind the same address too."""

    of_address: Allowance = field(default_factory=lambda: Allowance(60, timedelta(seconds=2)))
    of_all: Allowance = field(default_factory=lambda: Allowance(300, timedelta(seconds=0.1)))
    guesses_of_address: Allowance = field(
        default_factory=lambda: Allowance(10, timedelta(minutes=1))
    )
    guesses_of_all: Allowance = field(
        default_factory=lambda: Allowance(100, timedelta(seconds=0.2))
    )

    def known(self, address: str, now: datetime) -> timedelta:
        return self.of_address.wait(address, now) or self.of_all.wait("", now)

    def guessed(self, address: str, now: datetime) -> timedelta:
        return self.guesses_of_address.wait(address, now) or self.guesses_of_all.wait("", now)


def neighbourhood(host: str) -> str:
    """Who counts as one: an IPv4 address, an IPv6 network of 64 bits (a household has one)."""
    try:
        address = ipaddress.ip_address(host)
    except ValueError:
        return host
    if isinstance(address, ipaddress.IPv6Address):
        if address.ipv4_mapped is not None:
            return str(address.ipv4_mapped)
        return str(ipaddress.ip_network((int(address), 64), strict=False))
    return str(address)


# ---------------------------------------------------------------------------- the pages


class Unreadable(Exception):
    """What was sent is no form of ours; `status` says why."""

    def __init__(self, status: int) -> None:
        super().__init__(status)
        self.status = status


@dataclass
class PrivatePages:
    """ASGI middleware behind the gate: whatever is asked for under `/p/` ends here, before
    Streamlit sees a byte of it."""

    app: ASGIApp
    links: Callable[[], PrivateLinks]  # with the settings in force
    tokens: Tokens
    now: Callable[[], datetime] = accounts.utc_now
    limits: Limits = field(default_factory=Limits)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if not scope.get("path", "").startswith(PATH):
            await self.app(scope, receive, send)
            return
        if scope["type"] == "websocket":
            await WebSocketClose(1008)(scope, receive, send)
            return
        request = Request(scope, receive)
        try:
            response = await self._answer(request)
        except ClientDisconnect:
            return
        except Exception as error:
            # The address is a secret, and stands in no log.
            log.error("private page failed", error=f"{type(error).__name__}: {error}")
            response = self._message(request, "unavailable", 503)
        await response(scope, receive, send)

    async def _answer(self, request: Request) -> Response:
        address = neighbourhood(request.client.host if request.client else "")
        token = (
            self.tokens.token(request.scope["path"].removeprefix(PATH))
            if request.method in METHODS
            else None
        )
        if token is None:
            return self._guess(request, address)
        if wait := self.limits.known(address, self.now()):
            return self._busy(request, wait)
        try:
            form = await _form(request) if request.method == "POST" else None
        except Unreadable as problem:
            return self._message(request, "unreadable", problem.status)
        opened = await to_thread.run_sync(self.links().open, token, self.now())
        if form is None or opened.state is not State.READY:
            return self._shown(request, address, opened, {})
        answer = await to_thread.run_sync(self._leave, token, form, self._language(request))
        if answer.state is State.LEFT:
            digits = answer.masked.lstrip("•")
            return self._page(request, "left", 200, {"digits": digits, "opened": opened})
        if answer.state in (State.INVALID, State.OWN_NUMBER, State.NO_CONSENT):
            return self._shown(request, address, opened, form, answer.state)
        return self._shown(request, address, Opened(answer.state), {})

    def _leave(self, token: str, form: Mapping[str, str], language: str) -> Answer:
        return self.links().leave(
            token,
            form.get("phone", ""),
            consent=form.get("consent") == "yes",
            language=language,
            now=self.now(),
        )

    def _shown(
        self,
        request: Request,
        address: str,
        opened: Opened,
        form: Mapping[str, str],
        problem: State | None = None,
    ) -> Response:
        if opened.state is State.UNKNOWN:
            return self._guess(request, address)
        if opened.state is not State.READY:
            return self._message(request, opened.state.value, _STATUS[opened.state])
        context = {"opened": opened, "form": form, "problem": problem.value if problem else ""}
        return self._page(request, "ready", _STATUS[problem or State.READY], context)

    def _guess(self, request: Request, address: str) -> Response:
        """The same for a token that we never signed and for one that is not there."""
        if wait := self.limits.guessed(address, self.now()):
            return self._busy(request, wait)
        if request.method not in METHODS:
            return self._message(request, "method", 405, {"Allow": ", ".join(METHODS)})
        return self._message(request, State.UNKNOWN.value, _STATUS[State.UNKNOWN])

    def _busy(self, request: Request, wait: timedelta) -> Response:
        seconds = str(max(1, math.ceil(wait.total_seconds())))
        return self._message(request, "busy", 429, {"Retry-After": seconds})

    def _message(
        self, request: Request, kind: str, status: int, headers: Mapping[str, str] | None = None
    ) -> Response:
        return self._page(request, kind, status, {}, headers)

    def _language(self, request: Request) -> str:
        known = i18n.languages()
        wanted = request.query_params.get("lang", "")
        for code in (wanted, *accepted_languages(request.headers.get("accept-language", ""))):
            if code in known:
                return code
        return self.links().settings.listener.service.language

    def _page(
        self,
        request: Request,
        kind: str,
        status: int,
        context: Mapping[str, Any],
        headers: Mapping[str, str] | None = None,
    ) -> Response:
        language = self._language(request)
        opened: Opened = context.get("opened") or Opened(State.UNKNOWN)
        brand = self.links().settings.brand(opened.brand)
        zone = self.links().settings.listener.service.zone
        body = (
            environment()
            .get_template(_TEMPLATE.name)
            .render(
                {"form": {}, "problem": "", "digits": "", **context},
                kind=kind,
                brand=brand.name if brand else opened.brand,
                until=i18n.when(opened.until, language, zone) if opened.until else "",
                kept=i18n.span(self.links().settings.listener.private_link.kept, language),
                language=language,
                languages=_names(),
                _=lambda message, **given: i18n.text(message, language, given),
            )
        )
        return HTMLResponse(body, status, {**HEADERS, **(headers or {})})


async def _form(request: Request) -> dict[str, str]:
    """The fields of the form. Reads no more than a form can have; raises Unreadable."""
    kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if kind != "application/x-www-form-urlencoded":
        raise Unreadable(415)
    body = b""
    try:
        with anyio.fail_after(_PATIENCE):
            async for part in request.stream():
                body += part
                if len(body) > _MOST_BYTES:
                    raise Unreadable(413)
    except TimeoutError:
        raise Unreadable(408) from None
    try:
        fields = parse_qsl(body.decode("utf-8"), keep_blank_values=True, max_num_fields=10)
    except ValueError:
        raise Unreadable(400) from None
    return dict(fields)


@lru_cache(maxsize=1)
def _names() -> dict[str, str]:
    return {code: i18n.language_name(code) for code in i18n.languages()}
