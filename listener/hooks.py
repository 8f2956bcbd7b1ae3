"""Webhooks: events are sent to registered addresses, signed, until they are answered with 2xx.

    webhook-id          the same on every attempt, so that a receiver tells a repetition
    webhook-timestamp   seconds since 1970, of this attempt
    webhook-signature   v1,BASE64 of HMAC-SHA256 over `id.timestamp.body` by the webhook's secret

The headers are those of https://www.standardwebhooks.com, whose libraries check them.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import secrets
from collections.abc import Mapping
from datetime import datetime
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

import structlog

from listener.addresses import canonical_url
from listener.desk.rights import is_administrator, may_see
from listener.errors import (
    AccountError,
    ForbiddenAddress,
    HttpError,
    HttpStatus,
    ListenerError,
    Said,
)
from listener.settings import Http
from listener.storage import people, webhooks
from listener.storage.webhooks import Delivery
from listener.vault import open_vault
from listener.workers import left_behind

if TYPE_CHECKING:
    from listener.pipeline import Road

log = structlog.get_logger()

_SECRET_MARK = "whsec_"  # noqa: S105 - how a secret begins
_LONGEST_URL = 2000
_ANSWER_BYTES = 100_000
# A turn of the deliver loop sends no more, because e-mails wait for the next one.
AT_ONCE = 50


def new_secret() -> str:
    return _SECRET_MARK + base64.b64encode(secrets.token_bytes(32)).decode()


def signature(secret: str, message_id: str, timestamp: int, body: bytes) -> str:
    key = base64.b64decode(secret.removeprefix(_SECRET_MARK))
    signed = f"{message_id}.{timestamp}.".encode() + body
    return "v1," + base64.b64encode(hmac.new(key, signed, hashlib.sha256).digest()).decode()


def check_address(url: str, http: Http) -> None:
    """Raises AccountError for what could not be asked. Where the name leads is checked again each time
    that it is asked, because it may change its mind."""
    parts = urlsplit(url) if canonical_url(url) and len(url) <= _LONGEST_URL else None
    if parts is None or not url.isascii() or not url.isprintable() or " " in url:
        raise AccountError(
            f"the webhook's address is none: write https://host/path, of at most {_LONGEST_URL} "
            "letters of ASCII",
            key="hook.address",
            most=_LONGEST_URL,
        )
    if parts.username or parts.password:
        raise AccountError(
            "the webhook's address holds a password; leave it out: requests are signed instead",
            key="hook.password",
        )
    if parts.scheme != "https" and not http.allow_private_addresses:
        raise AccountError(
            "the webhook's address begins with https://, because what is told is nobody else's to "
            "read (with [http] allow_private_addresses also http://, for a server of your own)",
            key="hook.https",
        )


def deliver(road: Road) -> dict[str, int]:
    """Send what is due; one webhook that does not answer waits, with all that is for it."""
    counts = {"hooks_sent": 0, "hooks_postponed": 0, "hooks_failed": 0}
    _after_a_crash(road)
    for _ in range(AT_ONCE):
        if road.stop.is_set():
            break
        with road.db.write() as session:
            due = webhooks.claim_next(session, road.worker, road.now())
        if due is None:
            break
        counts[_deliver_one(road, due)] += 1
    return counts


def _after_a_crash(road: Road) -> None:
    with road.db.read() as session:
        held = webhooks.claimed(session)
    for left in left_behind(held, road.worker, road.now()):
        with road.db.write() as session:
            webhooks.give_back(session, left, road.now())


def _deliver_one(road: Road, due: Delivery) -> str:
    try:
        _send(road, due)
    except Exception as error:
        return _not_delivered(road, due, error)
    with road.db.write() as session:
        webhooks.sent(session, due.id, road.worker, road.now())
    log.info("webhook told", delivery=due.id, webhook=due.webhook_id, event_type=due.event)
    return "hooks_sent"


class _GivenUp(ListenerError):
    """Nothing changes by trying again."""


def _send(road: Road, due: Delivery) -> None:
    with road.db.read() as session:
        webhook = webhooks.get(session, due.webhook_id)
        user = people.get(session, webhook.username) if webhook else None
    if webhook is None:
        raise _GivenUp("the webhook was removed")
    if user is None or user.disabled or not is_administrator(user) or not may_see(user, due.brand):
        raise _GivenUp(
            "{user}, who registered the webhook, may not see this (disabled, no administrator any "
            "more, or another brand); register it as somebody who may",
            user=webhook.username,
        )
    check_address(webhook.url, road.settings.listener.http)
    secret = open_vault(road.settings.var).open(webhook.sealed_secret)
    body = json.dumps(due.body, ensure_ascii=False, separators=(",", ":")).encode()
    answer = road.http.change(
        "POST",
        webhook.url,
        content=body,
        headers=headers(secret, due.message_id, road.now(), body),
        max_bytes=_ANSWER_BYTES,
        follow=False,
    )
    if answer.status >= 300:
        raise HttpStatus(
            "the webhook answered {answer}: it takes what it is told by answering with 2xx",
            url=webhook.url,
            status=answer.status,
            answer=answer.status,
        )


def headers(secret: str, message_id: str, now: datetime, body: bytes) -> Mapping[str, str]:
    timestamp = int(now.timestamp())
    return {
        "Content-Type": "application/json",
        "webhook-id": message_id,
        "webhook-timestamp": str(timestamp),
        "webhook-signature": signature(secret, message_id, timestamp, body),
    }


def _not_delivered(road: Road, due: Delivery, error: Exception) -> str:
    from listener.pipeline import wait_before

    known = isinstance(error, ListenerError)
    text = Said.of(error)
    rules = road.settings.listener.delivery
    given_up = due.attempts >= rules.max_attempts or _is_final(error)
    again = None if given_up else road.now() + wait_before(due.attempts + 1, rules)
    log.warning(
        "webhook not told", delivery=due.id, webhook=due.webhook_id, error=text, exc_info=not known
    )
    with road.db.write() as session:
        webhooks.postponed(session, due, road.worker, text, next_attempt_at=again)
    return "hooks_failed" if given_up else "hooks_postponed"


def _is_final(error: Exception) -> bool:
    """410 says that the address is gone for good; one in a private network is never asked."""
    if isinstance(error, HttpStatus):
        return error.status == 410
    if isinstance(error, HttpError):
        return isinstance(error, ForbiddenAddress)
    return isinstance(error, _GivenUp | AccountError)
