"""The page that Streamlit puts everything into: told in which language it is, and its own few
words ("Press Enter to apply", the names of its buttons) said in that language.

Streamlit knows one language. A small script of ours, the same for everybody, replaces its texts as
they appear, exact ones only; what they become stands in the catalogues as `framework.TEXT`.
"""

from __future__ import annotations

import json
import re
from functools import lru_cache, partial
from pathlib import Path

from starlette.datastructures import Headers, MutableHeaders
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from dashboard.gate import USER
from listener import i18n
from listener.storage.people import User

WORDS_PATH = "/auth/words.js"
_SCRIPT = Path(__file__).parent / "static" / "words.js"
_LARGEST = 200_000  # bytes; Streamlit's own page has a twentieth of it

FRAMEWORK = (
    "Press Enter to apply",
    "Press Ctrl+Enter to apply",
    "Press ⌘+Enter to apply",
    "Press Enter to submit form",
    "Press Ctrl+Enter to submit form",
    "Press ⌘+Enter to submit form",
    "Choose an option",
    "Choose options",
    "Add: {n}",
    "Shortcut {n}",
    "No results",
    "No options to select",
    "Select all",
    "Clear all",
    "Clear value",
    "Selected values",
    "{n} option available.",
    "{n} options available.",
    "Open",
    "Close",
    "Dismiss",
    "Skip to main content",
    "App pages",
    "Sidebar",
    "Collapse sidebar",
    "Expand sidebar",
    "Link to heading",
    "Copy to clipboard",
    "Decrement",
    "Increment",
    "Show password",
    "Hide password",
    "Show data",
    "Show chart",
    "Download as PNG",
    "Copy Vega-Lite spec",
    "Fullscreen",
    "Close fullscreen",
    "Previous month",
    "Next month",
    "Choose date",
    "Choose date, {n}",
    "Choose date range",
    "Choose date range, {n}",
    "day, {n}",
    "month, {n}",
    "year, {n}",
    "Use arrow keys to navigate dates. Enter to select. Escape to close.",
    "Upload",
    "Browse files",
    "Drag and drop file here",
    "Drag and drop files here",
    "{n} per file",
    "Remove {n}",
    "Page not found",
    "The page that you have requested does not seem to exist. Running the app's main page.",
    "Connection error",
    "Running...",
    "Stop",
    "Vega visualization",
    "visualization",
    "axis",
    "legend",
    "title",
    "bar",
    "point",
    "rect mark",
    "rule mark",
    "rect mark container",
    "rule mark container",
    "line mark container",
    "text mark container",
    "symbol mark container",
    "group mark container",
)
"""What Streamlit and its charts say by themselves; `{n}` stands for anything."""


class Shell:
    """ASGI middleware behind the gate: an answer that is Streamlit's page says its language, and
    loads the words of it."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        user: User | None = scope.get(USER)
        if scope["type"] != "http" or scope["method"] != "GET" or user is None:
            await self.app(scope, receive, send)
            return
        if "text/html" in Headers(scope=scope).get("accept", ""):
            # One address, several languages: what a browser kept may be of another one.
            kept = (b"if-none-match", b"if-modified-since", b"accept-encoding")
            scope["headers"] = [(n, v) for n, v in scope["headers"] if n.lower() not in kept]
        await _Answer(self.app, user.language)(scope, receive, send)


class _Answer:
    def __init__(self, app: ASGIApp, language: str) -> None:
        self.app = app
        self.language = language
        self.start: Message | None = None
        self.body = b""

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        await self.app(scope, receive, partial(self._send, send))

    async def _send(self, send: Send, message: Message) -> None:
        if message["type"] == "http.response.start" and _is_page(message):
            self.start = message
            return
        if self.start is None:
            await send(message)
            return
        self.body += message.get("body", b"")
        if message.get("more_body") and len(self.body) <= _LARGEST:
            return
        whole = not message.get("more_body")
        body = in_language(self.body, self.language) if whole else self.body
        headers = MutableHeaders(scope=self.start)
        for name in ("etag", "last-modified", "content-length"):
            del headers[name]
        if whole:
            headers["Content-Length"] = str(len(body))
        await send(self.start)
        self.start = None
        await send({**message, "body": body})


def _is_page(message: Message) -> bool:
    headers = Headers(raw=message["headers"])
    html = headers.get("content-type", "").startswith("text/html")
    return html and message["status"] == 200 and "content-encoding" not in headers


def in_language(page: bytes, language: str) -> bytes:
    """Streamlit's page with its language, our name, and the script of its words."""
    page = page.replace(b'<html lang="en">', f'<html lang="{language}">'.encode(), 1)
    page = page.replace(b"<title>Streamlit</title>", b"<title>Listener</title>", 1)
    if language == "en":
        return page
    script = f'<script src="{WORDS_PATH}?lang={language}" defer></script></head>'
    return page.replace(b"</head>", script.encode(), 1)


def routes() -> list[Route]:
    return [Route(WORDS_PATH, _words, methods=["GET"])]


async def _words(request: Request) -> Response:
    language = request.query_params.get("lang", "")
    known = language if language in i18n.languages() else "en"
    return Response(script(known), media_type="text/javascript")


@lru_cache(maxsize=8)
def script(language: str) -> str:
    said = {text: i18n.label("framework", text, language) for text in FRAMEWORK}
    exact = {text: word for text, word in said.items() if "{n}" not in text}
    patterns = [
        (f"^{re.escape(text).replace(re.escape('{n}'), '(.+)')}$", word.replace("{n}", "$1"))
        for text, word in said.items()
        if "{n}" in text
    ]
    told = json.dumps({"exact": exact, "patterns": patterns}, ensure_ascii=True)
    return _SCRIPT.read_text(encoding="utf-8").replace("WORDS", told, 1)
