"""Logs: one event a line, on standard error; phone numbers and authors masked, secrets never."""

from __future__ import annotations

import logging
import re
import sys
from collections.abc import Mapping
from typing import Any, Literal

import stamina.instrumentation
import structlog
from structlog.typing import EventDict, WrappedLogger

# Seven digits and more, however they are grouped: a short code is public, a phone number is not.
# Dates and addresses of machines are grouped figures, too.
_NUMBER = re.compile(
    r"(?<![\w.])(?!\d{4}-\d\d-\d\d)(?!(?:\d{1,3}\.){3}\d{1,3}[:/])"
    r"\+?\d(?:[\d .()/-]{5,}\d)(?![\w:])"
)
_EMAIL = re.compile(r"[\w.+-]+@[\w-]+\.[\w.-]+")
_PERSONAL = {"author", "text", "phone", "email", "recipient", "handle"}


def configure(style: Literal["text", "json"] = "text", level: str = "INFO") -> None:
    logging.basicConfig(
        level=logging.WARNING, stream=sys.stderr, format="%(levelname)s %(message)s"
    )
    # A loop that is still at work when its next turn comes is no news.
    logging.getLogger("apscheduler").setLevel(logging.ERROR)
    renderer: Any = (
        structlog.processors.JSONRenderer(ensure_ascii=False)
        if style == "json"
        else structlog.dev.ConsoleRenderer(colors=sys.stderr.isatty())
    )
    # What finally failed is logged by whoever asked; each try on the way there is noise.
    stamina.instrumentation.set_on_retry_hooks([])
    structlog.configure(
        processors=[
            structlog.contextvars.merge_contextvars,
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            structlog.processors.format_exc_info,
            mask,
            renderer,
        ],
        wrapper_class=structlog.make_filtering_bound_logger(logging.getLevelNamesMapping()[level]),
        logger_factory=structlog.PrintLoggerFactory(sys.stderr),
        cache_logger_on_first_use=True,
    )


def mask(_logger: WrappedLogger, _method: str, event: EventDict) -> EventDict:
    for key, value in event.items():
        if key not in ("timestamp", "level"):
            event[key] = _hidden(key, value)
    return event


def _hidden(key: str, value: Any) -> Any:
    if key in _PERSONAL:
        return "•••"
    if isinstance(value, str):
        # One event stays one line: a text with line breaks cannot forge another.
        return masked(value) if key == "exception" else masked(value).replace("\n", "⏎")
    if isinstance(value, Mapping):
        return {name: _hidden(str(name), inner) for name, inner in value.items()}
    if isinstance(value, list | tuple):
        return [_hidden("", inner) for inner in value]
    return value


def masked(text: str) -> str:
    """Phone numbers keep their last three digits, addresses their domain."""
    text = _NUMBER.sub(lambda m: "•••" + re.sub(r"\D", "", m[0])[-3:], text)
    return _EMAIL.sub(lambda m: "•••@" + m[0].rsplit("@", 1)[1], text)
