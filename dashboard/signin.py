"""The pages around signing in, rendered on the server: they work without scripts, and Streamlit
never sees a password."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime
from functools import lru_cache
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from anyio import to_thread
from jinja2 import Environment, FileSystemLoader, StrictUndefined
from starlette.requests import Request
from starlette.responses import HTMLResponse, JSONResponse, RedirectResponse, Response
from starlette.routing import Route

from dashboard import cookies
from dashboard.company_pages import START, CompanyPages
from listener import accounts, i18n
from listener.accounts import Attempts, Strangers
from listener.errors import AccountError, ListenerError
from listener.settings import Settings
from listener.status import loop_state
from listener.storage import Database, health

_FOLDER = Path(__file__).parent
_MOST_BYTES = 20_000
_LANGUAGE_COOKIE = "listener_language"


@dataclass
class SignInPages:
    db: Database
    settings: Settings
    jar: cookies.Cookies
    now: Callable[[], datetime] = accounts.utc_now
    strangers: Strangers = field(default_factory=Strangers)
    addresses: Strangers = field(default_factory=Strangers)
    address_failures: int = 30  # of one address, over all names, before it waits too
    company: CompanyPages | None = None

    def routes(self) -> list[Route]:
        company = self.company
        return [
            *(company.routes(self._refused, self._set_cookie, _own_path) if company else ()),
            Route("/auth/sign-in", self.sign_in, methods=["GET", "POST"]),
            Route("/auth/sign-out", self.sign_out, methods=["GET", "POST"]),
            Route(accounts.SETUP_PATH, self.setup, methods=["GET", "POST"]),
            Route("/auth/style.css", _style, methods=["GET"]),
            Route("/healthz", self.health, methods=["GET"]),
        ]

    # ------------------------------------------------------------------ sign in and out

    async def sign_in(self, request: Request) -> Response:
        wanted = _own_path(request.query_params.get("next"))
        if request.method == "GET":
            return self._page(request, "sign_in.html", next=wanted)
        form = await _form(request)
        wanted = _own_path(form.get("next"))
        address = request.client.host if request.client else ""
        now = self.now()
        if accounts.is_locked(self.addresses.get(address), now):
            return self._locked(request, form, self.addresses.get(address).locked_until, 429)
        found = await to_thread.run_sync(
            lambda: accounts.authenticate(
                self.db,
                form.get("username", ""),
                form.get("password", ""),
                now=now,
                strangers=self.strangers,
            )
        )
        if found.user is None:
            self._count(address, now)
            if found.locked_until is not None:
                return self._locked(request, form, found.locked_until, 403)
            return self._page(
                request, "sign_in.html", 403, error="sign_in.wrong", form=form, next=wanted
            )
        user = found.user
        token = await to_thread.run_sync(accounts.start_session, self.db, user.username, now)
        response = RedirectResponse(wanted, 303)
        self._set_cookie(response, token)
        return response

    def _locked(
        self, request: Request, form: dict[str, str], until: datetime | None, status: int
    ) -> Response:
        zone = self.settings.listener.service.zone
        shown = i18n.clock(until, self._language(request), zone) if until else ""
        return self._page(
            request,
            "sign_in.html",
            status,
            error="sign_in.locked",
            values={"until": shown},
            form=form,
            next=_own_path(form.get("next")),
        )

    def _count(self, address: str, now: datetime) -> None:
        before = self.addresses.get(address)
        if before.failed + 1 < self.address_failures:
            self.addresses.put(address, Attempts(before.failed + 1))
        else:
            self.addresses.put(address, Attempts(0, now + accounts.LOCKED_FOR))

    async def sign_out(self, request: Request) -> Response:
        if request.method == "GET":
            return self._page(request, "sign_out.html")
        token = self.jar.token(request.cookies.get(cookies.NAME))
        leaving = None
        if token is not None:
            leaving = await self.company.leaving(token) if self.company else None
            await to_thread.run_sync(accounts.end_session, self.db, token)
        response = self._page(
            request, "sign_in.html", note="sign_in.out", next="/", leaving=leaving
        )
        response.delete_cookie(cookies.NAME, path="/", httponly=True, samesite="lax")
        return response

    def _refused(self, request: Request, message: str, status: int) -> Response:
        return self._page(request, "refused.html", status, message=message)

    def _set_cookie(self, response: Response, token: str) -> None:
        service, dashboard = self.settings.listener.service, self.settings.listener.dashboard
        response.set_cookie(
            cookies.NAME,
            self.jar.sign(token),
            max_age=int(dashboard.session_max.total_seconds()),
            path="/",
            httponly=True,
            samesite="lax",
            secure=service.public_url.startswith("https://"),
        )

    # ------------------------------------------------------------------ one-time links

    async def setup(self, request: Request) -> Response:
        if request.method == "GET":
            token = request.query_params.get("token", "")
            still = await to_thread.run_sync(accounts.setup_link_is_open, self.db, token)
            if not still:
                return self._page(request, "message.html", 410, message="setup.ended")
            return self._page(request, "setup.html", token=token)
        form = await _form(request)
        token = form.get("token", "")
        if form.get("password", "") != form.get("again", ""):
            return self._page(request, "setup.html", 400, error="setup.differ", token=token)
        try:
            username = await to_thread.run_sync(
                accounts.use_setup_link, self.db, token, form.get("password", ""), self.now()
            )
        except AccountError as problem:
            if problem.key == "setup.ended":
                return self._page(request, "message.html", 410, message="setup.ended")
            return self._page(
                request,
                "setup.html",
                400,
                error=problem.key,
                values=dict(problem.values),
                token=token,
            )
        return self._page(
            request, "sign_in.html", note="setup.done", form={"username": username}, next="/"
        )

    # ------------------------------------------------------------------ health

    async def health(self, _request: Request) -> Response:
        """200 when the database answers and its schema is ours, 503 otherwise. How the loops do is told
        beside it, `degraded` where one fails or is late: they may run on another machine, and a
        dashboard that is started again for their sake helps nobody."""
        try:
            current, newest = await to_thread.run_sync(self.db.revision)
            if current != newest:
                return JSONResponse({"status": "unavailable", "database": "old schema"}, 503)
            loops = await to_thread.run_sync(self._loops)
        except ListenerError:
            return JSONResponse({"status": "unavailable", "database": "no answer"}, 503)
        well = all(state in ("ok", "never run") for state in loops.values())
        return JSONResponse(
            {"status": "ok" if well else "degraded", "database": "ok", "loops": loops}
        )

    def _loops(self) -> dict[str, str]:
        now = self.now()
        with self.db.read() as session:
            known = {loop.name: loop for loop in health.loops(session)}
        schedule = self.settings.listener.schedule
        return {
            name: loop_state(known[name], schedule, now) if name in known else "never run"
            for name in type(schedule).model_fields
        }

    # ------------------------------------------------------------------ rendering

    def _language(self, request: Request) -> str:
        known = i18n.languages()
        for wanted in (
            request.query_params.get("lang"),
            request.cookies.get(_LANGUAGE_COOKIE),
            *accepted_languages(request.headers.get("accept-language", "")),
        ):
            if wanted in known:
                return str(wanted)
        return self.settings.listener.service.language

    def _page(
        self, request: Request, template: str, status: int = 200, **context: Any
    ) -> HTMLResponse:
        language = self._language(request)
        config = self.settings.listener.oidc
        values = {
            "form": {},
            "error": "",
            "note": "",
            "values": {},
            "next": "/",
            "leaving": None,
            "company": (config.name or i18n.text("your company", language)) if self.company else "",
            "company_start": START,
            **context,
        }
        body = (
            environment()
            .get_template(template)
            .render(
                values,
                _=lambda message, **given: i18n.text(message, language, given),
                language=language,
                languages={code: i18n.language_name(code) for code in i18n.languages()},
                switch=_switches(request, i18n.languages()),
            )
        )
        response = HTMLResponse(body, status)
        if request.query_params.get("lang") == language:
            response.set_cookie(_LANGUAGE_COOKIE, language, path="/auth", samesite="lax")
        return response


def _switches(request: Request, languages: tuple[str, ...]) -> dict[str, str]:
    """The address of this page in each language; a form's answer switches to the form, and a
    refused sign-in with the company, which no reload repeats, to the beginning."""
    if request.url.path.startswith(START):
        return {code: f"/auth/sign-in?lang={code}" for code in languages}
    return {
        code: f"{request.url.path}?{request.url.include_query_params(lang=code).query}"
        for code in languages
    }


def accepted_languages(header: str) -> list[str]:
    """The languages of an Accept-Language header, the most wanted first, without regions."""
    found = []
    for order, part in enumerate(header[:500].split(",")):
        tag, _, quality = part.partition(";q=")
        try:
            weight = float(quality) if quality else 1.0
        except ValueError:
            weight = 0.0
        found.append((-weight, order, tag.strip().split("-")[0].lower()))
    return [tag for _, _, tag in sorted(found)]


def _own_path(wanted: str | None) -> str:
    """Where to go after signing in: a path of ours, never another site's address."""
    if not wanted or len(wanted) > 2000 or not wanted.startswith("/") or "\\" in wanted:
        return "/"
    parts = urlsplit(wanted)
    if (
        parts.scheme
        or parts.netloc
        or wanted.startswith(("//", "/auth/"))
        or not wanted.isprintable()
    ):
        return "/"
    return wanted


async def _form(request: Request) -> dict[str, str]:
    """The fields of a small form; of a large or broken one, none."""
    if int(request.headers.get("content-length") or 0) > _MOST_BYTES:
        return {}
    if not request.headers.get("content-type", "").startswith("application/x-www-form-urlencoded"):
        return {}
    async with request.form(max_files=0, max_fields=10) as form:
        return {name: value for name, value in form.items() if isinstance(value, str)}


async def _style(_request: Request) -> Response:
    return Response((_FOLDER / "templates" / "style.css").read_bytes(), media_type="text/css")


@lru_cache(maxsize=1)
def environment() -> Environment:
    return Environment(
        loader=FileSystemLoader(_FOLDER / "templates"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
