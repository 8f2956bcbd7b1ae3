"""The one way out to the web: polite, bounded, and never into our own network.

Whatever a source or a CRM asks goes through `HttpClient`, which is thread safe:

- addresses: only http and https; the address that is really connected to is checked, on every
  hop, so that neither a redirect nor a name that changes its mind reaches a private network;
- bounds: time per step and in all, size after decompression, number of redirects;
- politeness: a minimum interval and two requests at a time per host; what a server says about
  its limits (Retry-After, X-RateLimit-*) holds for every thread;
- retries only where the error says that trying again helps;
- secrets in addresses are masked in every error; proxies and cookies are not used.
"""

from __future__ import annotations

import logging
import re
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from http.cookiejar import DefaultCookiePolicy
from typing import Any, Literal, Self
from urllib.parse import urlsplit

import httpcore
import httpx
import stamina

from listener.errors import (
    ForbiddenAddress,
    HttpError,
    HttpStatus,
    ListenerError,
    TooLarge,
    Unreachable,
    said_by,
    sentence,
)
from listener.masking import MASK, mask_url
from listener.politeness import LONGEST_WAIT_S, Politeness, wait_asked_for
from listener.settings import Http
from listener.transport import (
    GuardedBackend,
    NoSuchHost,
    PrivateHost,
    Transport,
    deadline,
    resolve_host,
)

__all__ = ["HttpClient", "Response", "mask_url"]

ATTEMPTS = 3
MAX_REDIRECTS = 5
# The whole answer may take this many times the time-out of one step.
DEADLINE_STEPS = 3

# At INFO httpx writes whole addresses into the log, with the secrets that stand in them.
for _name in ("httpx", "httpcore"):
    logging.getLogger(_name).setLevel(logging.WARNING)


_HARMLESS = frozenset({"user-agent", "accept", "accept-encoding", "accept-language", "connection"})


@dataclass(frozen=True, slots=True)
class Response:
    """An answer below 400; `url` is the final one, after redirects, secrets included."""

    status: int
    headers: Mapping[str, str]  # names in lower case
    body: bytes
    url: str
    not_modified: bool = False

    @property
    def content_type(self) -> str:
        return self.headers.get("content-type", "")


def _utc_now() -> datetime:
    return datetime.now(UTC)


class HttpClient:
    """`settings` is the [http] section. `now`, `sleep` and `resolve` are for tests."""

    def __init__(
        self,
        settings: Http,
        *,
        now: Callable[[], datetime] = _utc_now,
        sleep: Callable[[float], None] = time.sleep,
        resolve: Callable[[str, int], list[str]] = resolve_host,
    ) -> None:
        self._settings = settings
        self._now = now
        self._timeout_s = settings.timeout.total_seconds()
        self._politeness = Politeness(settings.per_host_interval.total_seconds(), now, sleep)
        pool = httpcore.ConnectionPool(
            ssl_context=httpx.create_ssl_context(trust_env=True),
            max_connections=50,
            # One request a second and host gains little from a kept connection, and servers that
            # close it unannounced would cost us a failed attempt.
            max_keepalive_connections=0,
            network_backend=GuardedBackend(settings.allow_private_addresses, resolve),
        )
        self._client = httpx.Client(
            transport=Transport(pool),
            timeout=self._timeout_s,
            trust_env=False,
            headers={
                "User-Agent": settings.user_agent,
                "Accept-Encoding": "gzip, deflate",
                "Connection": "close",
            },
        )
        self._client.cookies.jar.set_policy(DefaultCookiePolicy(allowed_domains=[]))

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        self._client.close()

    def get(
        self,
        url: str,
        *,
        headers: Mapping[str, str] | None = None,
        params: Mapping[str, str] | Iterable[tuple[str, str]] | None = None,
        auth_bearer: str | None = None,
        max_bytes: int | None = None,
    ) -> Response:
        """One GET, retried where that helps. Raises HttpError and its kinds, nothing else."""
        return self._send("GET", url, headers, params, auth_bearer, max_bytes, None)

    def post(
        self,
        url: str,
        *,
        json: Any,
        headers: Mapping[str, str] | None = None,
        auth_bearer: str | None = None,
        max_bytes: int | None = None,
        repeatable: bool = False,
    ) -> Response:
        """One POST of JSON. Only `repeatable` ones are retried: an answer that got lost may
        mean that the first one was carried out."""
        return self.change(
            "POST",
            url,
            json=json,
            headers=headers,
            auth_bearer=auth_bearer,
            max_bytes=max_bytes,
            repeatable=repeatable,
        )

    def change(
        self,
        method: Literal["POST", "PUT", "PATCH", "DELETE"],
        url: str,
        *,
        json: Any = None,
        form: Mapping[str, str] | None = None,
        headers: Mapping[str, str] | None = None,
        params: Mapping[str, str] | None = None,
        auth_bearer: str | None = None,
        max_bytes: int | None = None,
        repeatable: bool = False,
        content: bytes | None = None,
        follow: bool = True,
    ) -> Response:
        """One request that changes something, with a body of JSON, of a form, or the very bytes of
        `content`; retried only when `repeatable`, as `post`. Without `follow` a redirect is an error."""
        return self._send(
            method,
            url,
            headers,
            params,
            auth_bearer,
            max_bytes,
            json,
            repeatable,
            form,
            content,
            follow,
        )

    def _send(
        self,
        method: str,
        url: str,
        headers: Mapping[str, str] | None,
        params: Mapping[str, str] | Iterable[tuple[str, str]] | None,
        bearer: str | None,
        max_bytes: int | None,
        json: Any,
        repeatable: bool = True,
        form: Mapping[str, str] | None = None,
        content: bytes | None = None,
        follow: bool = True,
    ) -> Response:
        sent = dict(headers or {})
        if bearer is not None:
            sent["Authorization"] = f"Bearer {bearer}"
        _check_headers(sent, url)
        request = self._build(method, url, sent, params, json, form, content)
        limit = self._settings.max_bytes if max_bytes is None else max_bytes
        for attempt in stamina.retry_context(
            on=_retry_wait,
            attempts=ATTEMPTS if repeatable else 1,
            timeout=None,
            wait_initial=0.5,
            wait_max=8.0,
        ):
            with attempt:
                return self._follow(request, limit, MAX_REDIRECTS if follow else 0)
        raise AssertionError("stamina raises the last error")

    def _build(
        self,
        method: str,
        url: str,
        headers: Mapping[str, str],
        params: Mapping[str, str] | Iterable[tuple[str, str]] | None,
        json: Any,
        form: Mapping[str, str] | None,
        content: bytes | None,
    ) -> httpx.Request:
        pairs = list(params.items() if isinstance(params, Mapping) else params or ())
        try:
            target = httpx.URL(url)
            for name, value in pairs:
                target = target.copy_add_param(name, value)
            _check_scheme(target)
            return self._client.build_request(
                method, target, headers=headers, json=json, data=form, content=content
            )
        except (httpx.InvalidURL, UnicodeError, ValueError, TypeError) as error:
            raise HttpError(
                "{address!r} is not a usable web address ({why}). Correct it where it is "
                "configured; it begins with http:// or https://.",
                url=mask_url(url),
                address=mask_url(url),
                why=said_by(error),
            ) from error

    def _follow(self, request: httpx.Request, limit: int, most: int) -> Response:
        for _ in range(most + 1):
            answer = self._once(request, limit)
            location = answer.headers.get("location")
            if answer.status not in (301, 302, 303, 307, 308) or not location:
                return answer
            request = self._redirected(request, answer.status, location)
        target = mask_url(str(request.url))
        if not most:
            raise HttpError(
                "{host} redirects to {target}. Open the address in a browser and configure where it "
                "ends.",
                url=target,
                host=request.url.host,
                target=target,
            )
        raise HttpError(
            "{host} redirects more than {most} times, the last time to {target}. Open the address in "
            "a browser and configure where it ends.",
            url=target,
            host=request.url.host,
            most=most,
            target=target,
        )

    def _redirected(self, request: httpx.Request, status: int, location: str) -> httpx.Request:
        try:
            target = request.url.join(location)
            _check_scheme(target)
        except (httpx.InvalidURL, UnicodeError, ValueError) as error:
            raise HttpError(
                "{host} redirects to something that is no usable web address ({target!r}). The site "
                "is broken, or the configured address is old.",
                url=mask_url(str(request.url)),
                host=request.url.host,
                target=mask_url(location),
            ) from error
        headers = {
            name: value
            for name, value in request.headers.items()
            if name not in ("host", "content-length", "content-type", "transfer-encoding")
        }
        elsewhere = _origin(target) != _origin(request.url)
        if elsewhere or target.scheme == "http" != request.url.scheme:
            # A token is for the server it was given by, and never goes in clear, whatever its header.
            headers = {name: value for name, value in headers.items() if name in _HARMLESS}
            if request.method != "GET" and status in (307, 308):
                raise HttpError(
                    "{host} wants what we send to it sent to {target} instead. It may hold a secret, "
                    "so it was not sent; check the configured address.",
                    url=mask_url(str(request.url)),
                    host=request.url.host,
                    target=f"{target.scheme}://{target.host}",
                )
        if request.method != "GET" and status in (307, 308):
            headers["Content-Type"] = request.headers.get("content-type", "")
            return self._client.build_request(
                request.method, target, headers=headers, content=request.content
            )
        return self._client.build_request("GET", target, headers=headers)

    def _once(self, request: httpx.Request, limit: int) -> Response:
        url = str(request.url)
        host = _origin(request.url)
        with self._politeness.turn(host, url), _explained(request.url, self._timeout_s):
            deadline.set(time.monotonic() + self._timeout_s * DEADLINE_STEPS)
            answer = self._client.send(request, stream=True, follow_redirects=False)
            try:
                headers = {name.lower(): value for name, value in answer.headers.items()}
                wait = wait_asked_for(headers, answer.status_code, self._now())
                if wait is not None and (answer.status_code >= 400 or wait > 0):
                    self._politeness.bar(host, wait)
                if answer.status_code >= 400:
                    raise _status_error(answer, url, wait, request)
                body = _read(answer, limit, url)
            finally:
                answer.close()
        return Response(answer.status_code, headers, body, url, answer.status_code == 304)


def _retry_wait(error: Exception) -> bool | float:
    """For stamina: whether to try again. What a server asks for is waited for with the turn."""
    if not (isinstance(error, ListenerError) and error.retry):
        return False
    asked = getattr(error, "retry_after", None)
    if asked is not None:
        return 0.0 if asked <= LONGEST_WAIT_S else False
    return True


def _origin(url: httpx.URL) -> str:
    default = {"http": 80, "https": 443}.get(url.scheme)
    port = "" if url.port in (None, default) else f":{url.port}"
    return f"{url.host}{port}"


def _check_scheme(url: httpx.URL) -> None:
    if url.scheme not in ("http", "https") or not url.host:
        raise ValueError(sentence("only http and https addresses with a host are asked"))
    if url.port is not None and not 0 < url.port < 65536:
        raise ValueError(sentence("{port} is no port", port=url.port))


def _check_headers(headers: Mapping[str, str], url: str) -> None:
    """Here, because the libraries below would show the value, which may be a secret."""
    for name, value in headers.items():
        if not re.fullmatch(r"[\x21-\x7e]([\x20-\x7e]*[\x21-\x7e])?|", value):
            what = (
                sentence("the token")
                if name == "Authorization"
                else sentence("the value of the header {name}", name=name)
            )
            raise HttpError(
                "{what} for {host} has a character that no header can carry (a line break, a space "
                "at an end, an accent). Set it again without.",
                url=mask_url(url),
                what=what,
                host=urlsplit(url).hostname,
            )


def _read(answer: httpx.Response, limit: int, url: str) -> bytes:
    """The body, decompressed; stops reading as soon as it is over `limit` bytes."""
    declared = answer.headers.get("content-length", "")
    if declared.isascii() and declared.isdigit() and int(declared) > limit:
        raise _too_large(url, limit)
    parts: list[bytes] = []
    size = 0
    for part in answer.iter_bytes():
        size += len(part)
        if size > limit:
            raise _too_large(url, limit)
        parts.append(part)
    return b"".join(parts)


def _too_large(url: str, limit: int) -> TooLarge:
    return TooLarge(
        "the answer of {host} is larger than {limit:,} bytes and was not read. If this is right for "
        "the address, raise [http] max_bytes in listener.toml.",
        url=mask_url(url),
        host=urlsplit(url).hostname,
        limit=limit,
    )


_ADVICE = {
    401: sentence(
        "It wants a sign-in: check the token or password that the source's *_env option names."
    ),
    403: sentence(
        "It refuses us: check the sign-in, its terms, and whether [http] user_agent says who we are."
    ),
    404: sentence("The address is wrong or the page is gone: check it in the configuration."),
    410: sentence("The page is gone for good: remove it from the configuration."),
    429: sentence(
        "We asked too often. Nothing is lost; if this is frequent, ask less often (`every`)."
    ),
}


def _status_error(
    answer: httpx.Response, url: str, wait: float | None, request: httpx.Request
) -> HttpStatus:
    status = answer.status_code
    if status >= 500:
        advice = sentence("That is the server's trouble; it is asked again later.")
    else:
        other = sentence("The server does not accept the request as configured.")
        advice = _ADVICE.get(status, other)
    return HttpStatus(
        "{host} answered {answer}. {advice}",
        url=mask_url(url),
        host=urlsplit(url).hostname,
        answer=f"{status} {answer.reason_phrase}{_what_it_says(answer, request)}",
        advice=advice,
        status=status,
        retry_after=wait,
    )


def _what_it_says(answer: httpx.Response, request: httpx.Request) -> str:
    """The beginning of an error page when it is plain text or JSON: APIs explain themselves."""
    kind = answer.headers.get("content-type", "")
    if "json" not in kind and "text/plain" not in kind:
        return ""
    start = b""
    try:
        for part in answer.iter_bytes():
            start += part
            if len(start) > 2000:
                break
    except (
        httpx.HTTPError,
        httpcore.NetworkError,
        httpcore.ProtocolError,
        httpcore.TimeoutException,
    ):
        return ""
    text = re.sub(r"[\x00-\x20\x7f-\x9f]+", " ", start[:2000].decode("utf-8", "replace")).strip()
    bearer = request.headers.get("authorization", "").partition(" ")[2]
    if bearer:
        text = text.replace(bearer, MASK)
    return f" ({text[:200]})" if text else ""


@contextmanager
def _explained(target: httpx.URL, timeout_s: float) -> Iterator[None]:
    """Turns what can go wrong on the wire into our errors: host, what happened, what to do."""
    url = mask_url(str(target))
    host = target.host
    try:
        yield
    except PrivateHost as error:
        raise ForbiddenAddress(
            "{host} is {address} in a private network, and was not asked. If this is a server of "
            "your own that Listener shall read, set [http] allow_private_addresses = true.",
            url=url,
            host=host,
            address=str(error),
        ) from None
    except NoSuchHost as error:
        raise Unreachable(
            "the name {host} cannot be resolved ({why}). Check the spelling in the configuration "
            "and this machine's network.",
            url=url,
            host=host,
            why=str(error),
        ) from error
    except (httpcore.TimeoutException, httpx.TimeoutException) as error:
        raise Unreachable(
            "{host} did not answer in time ({step:g} s a step, {whole:g} s in all). It is asked "
            "again later; if the server is always this slow, raise [http] timeout.",
            url=url,
            host=host,
            step=timeout_s,
            whole=timeout_s * DEADLINE_STEPS,
        ) from error
    except (httpcore.ConnectError, httpx.ConnectError) as error:
        raise Unreachable(
            "cannot connect to {host} ({why}). Check that the server runs and that this machine may "
            "reach it.",
            url=url,
            host=host,
            why=_reason(error),
        ) from error
    except httpx.DecodingError as error:
        raise Unreachable(
            "{host} sent a broken compressed answer ({why}). It is asked again later.",
            url=url,
            host=host,
            why=str(error),
        ) from error
    except (
        httpcore.NetworkError,
        httpcore.ProtocolError,
        httpx.TransportError,
        httpx.StreamError,
    ) as error:
        raise Unreachable(
            "the connection to {host} broke before the answer was complete ({why}). It is asked "
            "again later.",
            url=url,
            host=host,
            why=_reason(error),
        ) from error


def _reason(error: BaseException) -> str:
    return str(error) or type(error).__name__
