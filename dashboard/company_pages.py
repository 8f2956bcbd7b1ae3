"""Signing in with the company's account: to its provider and back, beside the form for passwords.

What was begun is remembered in a signed cookie of ten minutes, which ties the answer to the browser
that asked. It ends in the same session as a password does.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import asdict, dataclass, field
from typing import TypeVar
from urllib.parse import urlsplit

import structlog
from anyio import CapacityLimiter, to_thread
from itsdangerous import BadSignature, TimestampSigner
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.routing import Route

from listener import accounts, company_accounts, oidc
from listener.errors import AccountError, ListenerError, ProviderError
from listener.oidc import Begun, Provider
from listener.settings import Settings
from listener.storage import Database, identities

START = "/auth/oidc"
_COOKIE = "listener_company"
_LASTS = 600  # seconds from leaving to coming back
_FAILED_STATUS = {"sign_in.down": 503, "sign_in.config": 502, "sign_in.broken": 502}
T = TypeVar("T")
log = structlog.get_logger()

Say = Callable[[Request, str, int], Response]
"""Renders a page with one sentence: of the catalogue's key, with the status."""
Enter = Callable[[Response, str], None]
"""Gives the answer the cookie of a session's token."""


@dataclass
class CompanyPages:
    db: Database
    settings: Settings
    provider: Provider
    key: str
    # Slow providers must not hold the threads that look up everybody's sessions.
    threads: CapacityLimiter = field(default_factory=lambda: CapacityLimiter(4))

    def __post_init__(self) -> None:
        self._signer = TimestampSigner(self.key, salt="listener.company-sign-in")

    def routes(self, say: Say, enter: Enter, own_path: Callable[[str | None], str]) -> list[Route]:
        async def start(request: Request) -> Response:
            public = self.settings.listener.service.public_url.rstrip("/")
            wanted = own_path(request.query_params.get("next"))
            if request.url.netloc != urlsplit(public).netloc:
                # The provider sends people back to the public address, where this cookie must be.
                again = request.url.include_query_params(next=wanted).query
                return RedirectResponse(f"{public}{START}?{again}", 303)
            attempt = oidc.begun()
            try:
                address = await self._apart(lambda: self.provider.address(attempt))
            except ListenerError as error:
                return failed(request, error)
            response = RedirectResponse(address, 303, {"Cache-Control": "no-store"})
            self._remember(response, attempt, wanted)
            return response

        async def back(request: Request) -> Response:
            remembered = self._remembered(request)
            if remembered is None:
                return say(request, "sign_in.stale", 400)
            attempt, wanted = remembered
            answer = dict(request.query_params)
            try:
                response: Response = RedirectResponse(own_path(wanted), 303)
                enter(response, await self._apart(lambda: self._token(answer, attempt)))
            except (ListenerError, AccountError) as error:
                response = failed(request, error)
            response.delete_cookie(_COOKIE, path=START, httponly=True, samesite="lax")
            return response

        def failed(request: Request, error: ListenerError) -> Response:
            log.warning("company sign-in failed", error=str(error))
            if isinstance(error, ProviderError):
                return say(request, error.key, _FAILED_STATUS.get(error.key, 403))
            if isinstance(error, AccountError) and error.key:
                return say(request, error.key, 403)
            return say(request, "sign_in.config", 502)

        return [
            Route(START, start, methods=["GET"]),
            Route(oidc.CALLBACK, back, methods=["GET"]),
        ]

    async def leaving(self, token: str) -> str | None:
        """Where to end the session with the company, too; None for who has none."""

        def found() -> str | None:
            with self.db.read() as session:
                stored = accounts.find_session(session, token)
                if stored is None or not identities.is_company_account(session, stored.username):
                    return None
            public = self.settings.listener.service.public_url.rstrip("/")
            return self.provider.leaving(f"{public}/auth/sign-in")

        try:
            return await self._apart(found)
        except ProviderError as error:
            log.warning("company sign-out unknown", error=str(error))
            return None

    def _token(self, answer: dict[str, str], attempt: Begun) -> str:
        claims = self.provider.claims(answer, attempt)
        now = accounts.utc_now()
        user = company_accounts.admit(
            self.db, self.provider.config, self.settings.listener.service, claims, now
        )
        return accounts.start_session(self.db, user.username, now)

    async def _apart(self, work: Callable[[], T]) -> T:
        return await to_thread.run_sync(work, limiter=self.threads)

    # ------------------------------------------------------------------ what was begun

    def _remember(self, response: Response, attempt: Begun, wanted: str) -> None:
        value = json.dumps({**asdict(attempt), "wanted": wanted[:1000]})
        response.set_cookie(
            _COOKIE,
            self._signer.sign(value.encode().hex()).decode(),
            max_age=_LASTS,
            path=START,
            httponly=True,
            samesite="lax",
            secure=self.settings.listener.service.public_url.startswith("https://"),
        )

    def _remembered(self, request: Request) -> tuple[Begun, str] | None:
        """None where this browser began nothing, or too long ago."""
        value = request.cookies.get(_COOKIE, "")
        try:
            told = json.loads(bytes.fromhex(self._signer.unsign(value, max_age=_LASTS).decode()))
            return Begun(told["state"], told["nonce"], told["verifier"]), str(told["wanted"])
        except (BadSignature, ValueError, KeyError):
            return None
