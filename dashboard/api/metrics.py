"""/metrics in Prometheus' text format: counts and ages, no text and no name of anybody. For a token with
the scope `metrics`, or from this machine where [api] metrics_from_loopback says so."""

from __future__ import annotations

import ipaddress
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from typing import Any

import structlog
from anyio import to_thread
from prometheus_client import CollectorRegistry, Histogram
from prometheus_client.core import GaugeMetricFamily, Metric
from prometheus_client.exposition import CONTENT_TYPE_PLAIN_1_0_0, generate_latest
from starlette.requests import Request
from starlette.responses import Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from dashboard.api import problems
from dashboard.api.door import bearer
from dashboard.api.rights import InForce
from listener import accounts
from listener.domain import TokenScope
from listener.errors import ListenerError
from listener.settings import Settings
from listener.storage.gauges import Gauges

log = structlog.get_logger()
# A page that is asked every second must not count a million rows every second.
_KEPT_SECONDS = 10.0
_FORWARDED = ("forwarded", "x-forwarded-for", "x-real-ip")


class Requests:
    """How long the API's requests take."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        self.seconds = Histogram(
            "listener_api_request_seconds",
            "How long requests of the API took.",
            ("method", "route", "status"),
            registry=self.registry,
        )


class Counted:
    """ASGI middleware that measures; the address itself is no label, its route is."""

    def __init__(self, app: ASGIApp, *, requests: Requests) -> None:
        self.app = app
        self.requests = requests

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        began = time.perf_counter()
        status = 500

        async def noted(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
            await send(message)

        try:
            await self.app(scope, receive, noted)
        finally:
            route = getattr(scope.get("route"), "path", "none")
            method = scope["method"] if scope["method"] in _METHODS else "other"
            self.requests.seconds.labels(method, route, str(status)).observe(
                time.perf_counter() - began
            )


_METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})


class Page:
    """The route /metrics."""

    def __init__(self, desk: InForce, settings: Settings, requests: Requests) -> None:
        self.desk = desk
        self.open_here = settings.listener.api.metrics_from_loopback
        self.requests = requests
        self.registry = CollectorRegistry()
        self.registry.register(_Stored(desk))

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        request = Request(scope, receive)
        try:
            answer = await self._answer(request)
        except ListenerError as error:
            answer = problems.of_error(request, error)
        await answer(scope, receive, send)

    async def _answer(self, request: Request) -> Response:
        refuse = partial(problems.answer, request.url.path)
        if request.method not in ("GET", "HEAD"):
            return refuse(405, "Only GET.", headers={"Allow": "GET, HEAD"})
        if not (self.open_here and from_here(request)):
            found = await bearer(request, self.desk().access.bearer)
            if found is None:
                challenge = {"WWW-Authenticate": 'Bearer realm="Listener"'}
                return refuse(401, "There is no good token.", headers=challenge)
            if not found.has(TokenScope.METRICS):
                return refuse(403, f"The token {found.token.name!r} has not the scope metrics.")
        text = await to_thread.run_sync(self._text)
        return Response(text, media_type=CONTENT_TYPE_PLAIN_1_0_0)

    def _text(self) -> bytes:
        return generate_latest(self.registry) + generate_latest(self.requests.registry)


def from_here(request: Request) -> bool:
    """Whether this machine itself asks, with nothing in between that says otherwise."""
    if any(name in request.headers for name in _FORWARDED):
        return False
    try:
        return ipaddress.ip_address(request.client.host if request.client else "").is_loopback
    except ValueError:
        return False


@dataclass(slots=True)
class _Kept:
    gauges: Gauges
    at: float


class _Stored:
    """A collector: what the database says at the moment of asking."""

    def __init__(self, desk: InForce) -> None:
        self.desk = desk
        self.kept: _Kept | None = None

    def describe(self) -> list[Metric]:
        """Asked at the registration, when no database need be there yet."""
        return []

    def collect(self) -> Iterator[Metric]:
        if self.kept is None or time.monotonic() - self.kept.at > _KEPT_SECONDS:
            self.kept = _Kept(self.desk().figures.gauges(), time.monotonic())
        yield from _families(self.kept.gauges, accounts.utc_now())


def _families(found: Gauges, now: datetime) -> Iterator[Metric]:
    yield _by("listener_mentions", "Mentions by state.", "state", found.mentions)
    yield _by("listener_cases", "Cases by status.", "status", found.cases)
    yield _by("listener_cases_overdue", "Open cases past their due time.", "level", found.overdue)
    yield _by("listener_alerts_open", "Alerts that have not ended.", "kind", found.alerts)
    outbox = GaugeMetricFamily("listener_outbox", "What waits to go out.", labels=["to", "status"])
    for to, states in found.outboxes.items():
        for status, count in states.items():
            outbox.add_metric([to, status], count)
    yield outbox
    yield _by("listener_suppressions", "Suppressions by status.", "status", found.suppressions)
    yield GaugeMetricFamily(
        "listener_contacts_after_suppression",
        "Contacts of people who were promised that they would end.",
        value=found.contacts_after,
    )
    yield GaugeMetricFamily(
        "listener_rejects", "Items that could not be read.", value=found.rejects
    )
    yield _by(
        "listener_source_failures", "Failures in a row.", "subscription", found.source_failures
    )
    ages = {
        name: (now - at).total_seconds()
        for name, at in found.loops_succeeded.items()
        if at is not None
    }
    yield _by("listener_loop_age_seconds", "Since a loop last ended well.", "loop", ages)
    yield _by(
        "listener_loop_failing", "1 where a loop's last run failed.", "loop", found.loops_failing
    )


def _by(name: str, about: str, label: str, values: Mapping[str, Any]) -> GaugeMetricFamily:
    family = GaugeMetricFamily(name, about, labels=[label])
    for key, value in values.items():
        family.add_metric([key], float(value))
    return family
