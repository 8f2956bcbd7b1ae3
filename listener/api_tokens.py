"""Tokens of the API: made once, shown once, stored as a hash. A token acts as its user and never beyond
the user's role and brands, which the desk checks; its scopes bound it further, its expiry ends it.

    lst_<43 letters of base64>    256 bits of its own, so that a slow hash would add nothing
"""

from __future__ import annotations

import hashlib
import secrets
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from listener.domain import TokenScope
from listener.errors import AccountError, NotFound
from listener.storage import Database, api_tokens, audit, people
from listener.storage.api_tokens import StoredToken
from listener.storage.people import User

MARK = "lst_"
LASTS = timedelta(days=90)
LONGEST = timedelta(days=366)
ANSWERS_KEPT = timedelta(days=1)  # for requests with an idempotency key
_TOUCH_EVERY = timedelta(minutes=1)
_LONGEST_TOKEN = 200


@dataclass(frozen=True, slots=True)
class Bearer:
    """Who asks, and with what."""

    token: StoredToken
    user: User

    def has(self, scope: TokenScope) -> bool:
        return scope in self.token.scopes


def add(
    db: Database,
    username: str,
    *,
    name: str,
    scopes: Sequence[str],
    lasts: timedelta = LASTS,
    by: str,
    now: datetime,
) -> tuple[int, str]:
    """(its id, the token, which nothing remembers). Raises AccountError for what cannot be one."""
    wanted = _checked(scopes)
    if not name.strip() or len(name) > 100:
        raise AccountError(
            "a token has a name of 1 to 100 characters that tells what it is for", key="token.name"
        )
    if not timedelta(0) < lasts <= LONGEST:
        raise AccountError(
            f"a token lasts up to {LONGEST.days} days: make a new one before it ends",
            key="token.lasts",
            days=LONGEST.days,
        )
    token = MARK + secrets.token_urlsafe(32)
    with db.write() as session:
        user = people.get(session, username)
        if user is None or user.disabled:
            raise AccountError(
                "there is no active user {user!r}; `listener user list` shows who there is",
                user=username,
            )
        made = api_tokens.add(
            session,
            token_hash=_hash(token),
            username=username,
            name=name.strip(),
            scopes=wanted,
            by=by,
            now=now,
            expires_at=now + lasts,
        )
        told = {"token": made, "name": name.strip(), "user": username, "scopes": wanted}
        audit.log(session, now, by, "token_added", told)
    return made, token


def revoke(db: Database, token_id: int, *, by: str, now: datetime) -> None:
    """At once and for ever. Raises NotFound."""
    with db.write() as session:
        if not api_tokens.revoke(session, token_id, now):
            raise NotFound(
                "there is no token {id} that could be revoked; `listener token list` shows those "
                "that there are",
                id=token_id,
            )
        audit.log(session, now, by, "token_revoked", {"token": token_id})


def everyone(db: Database) -> list[StoredToken]:
    with db.read() as session:
        return api_tokens.everyone(session)


def bearer(db: Database, token: str, now: datetime) -> Bearer | None:
    """None where the token is unknown, revoked or has ended, or its user is disabled."""
    if not token.startswith(MARK) or len(token) > _LONGEST_TOKEN:
        return None
    with db.read() as session:
        stored = api_tokens.find(session, _hash(token))
        user = people.get(session, stored.username) if stored else None
    if stored is None or user is None or user.disabled or not is_good(stored, now):
        return None
    if stored.used_at is None or now - stored.used_at >= _TOUCH_EVERY:
        with db.write() as session:
            api_tokens.touch(session, stored.id, now)
    return Bearer(stored, user)


def is_good(token: StoredToken, now: datetime) -> bool:
    return token.revoked_at is None and now < token.expires_at


def _checked(scopes: Sequence[str]) -> list[str]:
    known = [s.value for s in TokenScope]
    unknown = [s for s in scopes if s not in known]
    if unknown or not scopes:
        raise AccountError(
            f"{', '.join(unknown) or 'no scope'}: choose some of {', '.join(known)}",
            key="token.scopes",
        )
    return [s for s in known if s in scopes]


def _hash(token: str) -> str:
    return hashlib.sha256(token.encode("utf-8", "surrogatepass")).hexdigest()
