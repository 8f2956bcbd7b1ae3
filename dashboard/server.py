"""The dashboard's process: one ASGI app of Streamlit, the sign-in pages and the gate.

    python -m dashboard.server --host 127.0.0.1 --port 8501

Ends cleanly on SIGTERM, and with the process named in LISTENER_PARENT, so that a service which
dies leaves no dashboard behind.
"""

from __future__ import annotations

import argparse
import ctypes
import gc
import os
import re
import signal
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import structlog
import uvicorn
from altair.utils import schemapi
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.routing import Route

from dashboard import assets, cookies, shell, theme
from dashboard.api import Doors
from dashboard.company_pages import CompanyPages
from dashboard.gate import Gate
from dashboard.private_page import PrivatePages, Tokens
from dashboard.signin import SignInPages
from listener import accounts, in_force, logs, oidc
from listener.checks import check_company, check_port, listening_host
from listener.errors import ConfigError, ListenerError
from listener.settings import Settings
from listener.storage import Database

log = structlog.get_logger()
_APP = Path(__file__).parent / "app.py"
_PATIENCE = 3  # seconds that open pages get when the process is told to end


def build(settings: Settings, db: Database, *, host: str, port: int) -> Any:
    """The ASGI app. Streamlit's configuration is of the process, so there can be one only."""
    from streamlit.starlette import App
    from streamlit.web import bootstrap

    bootstrap.load_config_options(
        {
            "server.address": host,
            "server.port": port,
            "server.headless": True,
            "server.fileWatcherType": "none",
            "server.enableStaticServing": False,
            "server.enableAgentApi": False,
            "server.maxUploadSize": 1,
            "browser.gatherUsageStats": False,
            "client.toolbarMode": "minimal",
            "client.showErrorDetails": "none",
            "client.showErrorLinks": False,
            # The tables' own download writes formulas as formulas; ours does not.
            "client.disableDataExport": True,
            # Garbage is collected as Python does it by itself: after every run, over all that the
            # process holds, it took half of the dashboard's time.
            "runner.postScriptGC": False,
            "logger.level": "error",
            **theme.OPTIONS,
        }
    )
    # Only now: what they decorate for caching asks for Streamlit's configuration.
    from dashboard import data

    key = cookies.key(settings.var)
    jar = cookies.Cookies(key)
    tokens = Tokens(key, settings.listener.service.public_url)
    provider = oidc.provider(settings, accounts.utc_now)
    company = CompanyPages(db, settings, provider, key) if provider else None
    data.share(settings, db, jar, tokens)
    limits = settings.listener.dashboard

    def user_of(token: str) -> Any:
        return accounts.session_user(
            db, token, idle=limits.session_idle, longest=limits.session_max
        )

    gate = Middleware(
        Gate,
        hosts=_hosts(settings, host),
        jar=jar,
        user_of=user_of,
        scripts=_inline_scripts(),
    )
    private = Middleware(PrivatePages, links=data.private_links, tokens=tokens)
    return App(
        _APP,
        routes=[
            *SignInPages(db, settings, jar, company=company).routes(),
            *shell.routes(),
            *assets.routes(),
            Route("/inbox", _to_the_first),
        ],
        middleware=[
            gate,
            private,
            Middleware(Doors, desk=data.desk, settings=settings),
            Middleware(shell.Shell),
        ],
    )


async def _to_the_first(_request: Request) -> Response:
    """Streamlit serves the first page under no name; people write the one it is listed by."""
    return RedirectResponse("/", 303)


def _inline_scripts() -> list[str]:
    """The scripts that stand in Streamlit's own page, which the gate's policy names by hash."""
    from streamlit import file_util

    page = Path(file_util.get_static_dir(), "index.html").read_text(encoding="utf-8")
    return re.findall(r"<script>(.*?)</script>", page, re.DOTALL)


def _hosts(settings: Settings, host: str) -> frozenset[str]:
    public = urlsplit(settings.listener.service.public_url).hostname
    names = {"localhost", "127.0.0.1", "::1", host.strip("[]").lower(), (public or "").lower()}
    return frozenset(names - {"", "0.0.0.0", "::"})  # noqa: S104 - these name no host


def serve(settings: Settings, host: str, port: int) -> None:
    """Block until SIGTERM or SIGINT. Raises PortInUse, StorageError."""
    db = Database(settings.database_url)
    current, newest = db.revision()
    if current != newest:
        db.upgrade()
    host, why = listening_host(settings, host, guarded=accounts.somebody_enters(db))
    if why:
        log.warning("dashboard", note=why)
    check_port(host, port)
    app = build(settings, db, host=host, port=port)
    server = uvicorn.Server(
        uvicorn.Config(
            app,
            host=host,
            port=port,
            access_log=False,
            log_level="warning",
            server_header=False,
            timeout_graceful_shutdown=_PATIENCE,
            ws_max_size=16 * 1024 * 1024,
        )
    )

    def stop(*_: object) -> None:
        server.should_exit = True

    # uvicorn sends itself the signal again when it has ended, to whoever handled it before: with
    # a handler of ours the process then ends as one that did what it was told, with code 0.
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, stop)
    _end_with_parent(stop)
    # What is loaded by now stays for good: nobody needs to look through it for garbage again.
    gc.collect()
    gc.freeze()
    # Each piece of a chart is checked against the schema as it is made, which takes half of a
    # chart's time: the tests do so for every chart, nobody who reads one needs it again.
    schemapi.disable_debug_mode()
    try:
        server.run()
    finally:
        db.close()


def _end_with_parent(stop: Callable[[], None]) -> None:
    """Stop when the process in LISTENER_PARENT is gone: told by the kernel where it can, looked
    for every second where it cannot (and for a parent that died before we asked)."""
    parent = os.environ.get("LISTENER_PARENT", "")
    if not parent.isdigit():
        return
    if sys.platform == "linux" and int(parent) == os.getppid():
        ctypes.CDLL(None).prctl(1, signal.SIGTERM)  # PR_SET_PDEATHSIG

    def watch() -> None:
        while os.getppid() == int(parent):
            time.sleep(1.0)
        stop()

    threading.Thread(target=watch, name="parent", daemon=True).start()


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m dashboard.server", description=__doc__)
    parser.add_argument("--host")
    parser.add_argument("--port", type=int)
    given = parser.parse_args(arguments)
    try:
        settings = in_force.load()
        logs.configure(settings.listener.service.log_format)
        check_company(settings)
        config = settings.listener.dashboard
        serve(settings, given.host or config.host, given.port or config.port)
    except ListenerError as error:
        print(f"error: {error}", file=sys.stderr)
        return 2 if isinstance(error, ConfigError) else 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
