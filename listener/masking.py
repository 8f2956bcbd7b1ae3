"""Secrets that stand in web addresses, made unreadable for logs, errors and what is stored."""

from __future__ import annotations

import re
from urllib.parse import parse_qsl, urlsplit, urlunsplit

MASK = "***"
_SECRET_NAME = re.compile(
    r"token|secret|passw|api_?key|credential"
    r"|(^|[._-])(key|pwd|auth|authorization|sig|signature|session|sid|code)$",
    re.IGNORECASE,
)


def mask_url(url: str) -> str:
    """The address without passwords and without values of parameters that look like secrets."""
    try:
        parts = urlsplit(url)
        host = parts.netloc.rpartition("@")
    except ValueError:
        return "(an address that cannot be read)"
    netloc = f"{MASK}@{host[2]}" if host[1] else host[2]
    pairs = parse_qsl(parts.query, keep_blank_values=True)
    query = parts.query
    if any(_SECRET_NAME.search(name) for name, _ in pairs):
        query = "&".join(
            f"{name}={MASK}" if _SECRET_NAME.search(name) else f"{name}={value}"
            for name, value in pairs
        )
    return urlunsplit((parts.scheme, netloc, parts.path, query, ""))
