"""When a host may be asked again: our own interval, and what the server itself asks for."""

from __future__ import annotations

import email.utils
import re
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime

from listener.errors import HttpStatus
from listener.masking import mask_url

AT_ONCE_PER_HOST = 2
# A server that asks us to wait longer than this gets its wait from the scheduler, not a thread.
LONGEST_WAIT_S = 30.0
LONGEST_PENALTY_S = 3600.0


def wait_asked_for(headers: Mapping[str, str], status: int, now: datetime) -> float | None:
    """Seconds that the server wants us to wait, from the headers in use; None: it does not say.

    Retry-After (RFC 9110: seconds or a date) always counts; the X-RateLimit and RateLimit reset
    (a date as Mastodon writes it, epoch seconds as Bluesky does, or seconds) counts with a 429
    or when nothing remains of the quota.
    """
    if (wait := _moment(headers.get("retry-after"), now)) is not None:
        return wait
    remaining = headers.get("x-ratelimit-remaining", headers.get("ratelimit-remaining", ""))
    used_up = re.fullmatch(r"\s*0(\.0*)?\s*", remaining) is not None
    if status == 429 or used_up:
        return _moment(headers.get("x-ratelimit-reset", headers.get("ratelimit-reset")), now)
    return None


def _moment(value: str | None, now: datetime) -> float | None:
    if value is None:
        return None
    value = value.strip()
    if re.fullmatch(r"\d{1,12}(\.\d+)?", value):
        seconds = float(value)
        # Nobody asks us to wait for 30 years: such a number is a date in epoch seconds.
        return max(0.0, seconds - now.timestamp()) if seconds > 1e9 else seconds
    try:
        when = datetime.fromisoformat(value)
    except ValueError:
        try:
            when = email.utils.parsedate_to_datetime(value)
        except ValueError:
            return None
    when = when if when.tzinfo else when.replace(tzinfo=UTC)
    return max(0.0, (when - now).total_seconds())


@dataclass(slots=True)
class _Host:
    slots: threading.Semaphore = field(
        default_factory=lambda: threading.Semaphore(AT_ONCE_PER_HOST)
    )
    lock: threading.Lock = field(default_factory=threading.Lock)
    free_at: datetime | None = None  # the interval between two requests
    barred_until: datetime | None = None  # what the server asked for


class Politeness:
    """When a host may be asked again. Hosts are few (those of the configuration and articles)."""

    def __init__(
        self, interval_s: float, now: Callable[[], datetime], sleep: Callable[[float], None]
    ) -> None:
        self._interval_s = interval_s
        self._now = now
        self._sleep = sleep
        self._hosts: dict[str, _Host] = {}
        self._lock = threading.Lock()

    def _host(self, name: str) -> _Host:
        with self._lock:
            return self._hosts.setdefault(name, _Host())

    @contextmanager
    def turn(self, name: str, url: str) -> Iterator[None]:
        """Waits for a turn at the host; HttpStatus 429 at once when the wait would be long."""
        host = self._host(name)
        with host.slots:
            with host.lock:
                self._wait_for_bar(host, name, url)
                self._wait_for_interval(host)
            yield

    def _wait_for_bar(self, host: _Host, name: str, url: str) -> None:
        if host.barred_until is None:
            return
        left = (host.barred_until - self._now()).total_seconds()
        if left > LONGEST_WAIT_S:
            raise HttpStatus(
                "{host} asked us to wait until {moment} UTC; it is not asked before. Nothing is lost; "
                "if this is frequent, ask less often (`every`).",
                url=mask_url(url),
                host=name,
                moment=f"{host.barred_until:%Y-%m-%d %H:%M:%S}",
                status=429,
                retry_after=left,
            )
        if left > 0:
            self._sleep(left)
        host.barred_until = None

    def _wait_for_interval(self, host: _Host) -> None:
        now = self._now()
        wait = 0.0
        if host.free_at is not None:
            # A clock that is set back must not make us wait for hours.
            wait = min(self._interval_s, (host.free_at - now).total_seconds())
        if wait > 0:
            self._sleep(wait)
        host.free_at = datetime.fromtimestamp(self._now().timestamp() + self._interval_s, tz=UTC)

    def bar(self, name: str, seconds: float) -> None:
        host = self._host(name)
        until = self._now().timestamp() + min(seconds, LONGEST_PENALTY_S)
        with host.lock:
            host.barred_until = datetime.fromtimestamp(until, tz=UTC)
