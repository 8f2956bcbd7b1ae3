"""Fakes that can be told to fail, for what no real server does on demand."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, cast

from listener.errors import HttpStatus
from listener.httpclient import HttpClient, Response


@dataclass
class FakeHttp:
    """`answer(url, params)` gives the JSON value of an answer, or raises."""

    answer: Callable[[str, dict[str, str]], Any]
    asked: list[tuple[str, dict[str, str]]] = field(default_factory=list)
    bearers: list[str | None] = field(default_factory=list)

    def get(
        self,
        url: str,
        *,
        headers: Mapping[str, str] | None = None,
        params: Mapping[str, str] | Iterable[tuple[str, str]] | None = None,
        auth_bearer: str | None = None,
        max_bytes: int | None = None,
    ) -> Response:
        sent = dict(params or {})
        self.asked.append((url, sent))
        self.bearers.append(auth_bearer)
        body = json.dumps(self.answer(url, sent)).encode()
        return Response(200, {"content-type": "application/json"}, body, url)

    def client(self) -> HttpClient:
        """Itself, as what sources ask for."""
        return cast(HttpClient, self)


def refused(url: str, status: int = 403) -> HttpStatus:
    return HttpStatus(f"answered {status}", url=url, status=status)
