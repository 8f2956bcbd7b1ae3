"""Who works with the dashboard: accounts as an administrator keeps them, from a page or from the
command line. Passwords, sign-in and sessions are in accounts.py.
"""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy.orm import Session

from listener import accounts
from listener.domain import Role
from listener.errors import AccountError
from listener.settings import Settings
from listener.storage import Database, audit, people
from listener.storage.people import User


@dataclass(frozen=True, slots=True)
class Reach:
    """What an account may see, answers in and serves; empty means all."""

    brands: tuple[str, ...] = ()
    languages: tuple[str, ...] = ()
    queues: tuple[str, ...] = ()


def queues(settings: Settings) -> tuple[str, ...]:
    """Every queue that the routing may name."""
    routing = settings.routing
    return tuple(dict.fromkeys([routing.default_queue, *(rule.queue for rule in routing.rules)]))


def check(settings: Settings, reach: Reach) -> None:
    """Raises AccountError for a brand, language or queue that there is not."""
    _known("brand", reach.brands, [b.key for b in settings.brands])
    _known("queue", reach.queues, queues(settings))
    for code in reach.languages:
        if not (code.isalpha() and code.islower() and len(code) in (2, 3)):
            raise AccountError(
                f"language {code!r}: write its code in two or three letters, as es or en",
                key="account.language",
                value=code,
            )


def add(
    db: Database,
    settings: Settings,
    username: str,
    *,
    name: str,
    email: str,
    role: str,
    language: str = "",
    reach: Reach = Reach(),
    by: str,
    now: datetime,
) -> str:
    """A new account; returns the path of the one-time link that sets its password.

    Raises AccountError for a value that cannot be used, StorageError for a name that is taken."""
    check(settings, reach)
    service = settings.listener.service
    link = accounts.add_user(
        db,
        username,
        name=name,
        email=email,
        role=role,
        language=language or service.language,
        time_zone=service.time_zone,
        brands=reach.brands,
        languages=reach.languages,
        queues=reach.queues,
        now=now,
    )
    with db.write() as session:
        audit.log(session, now, by, "user_added", {"user": username.casefold(), "role": role})
    return link


def change(
    db: Database,
    settings: Settings,
    username: str,
    *,
    role: str,
    reach: Reach,
    by: str,
    now: datetime,
) -> None:
    """Another role, other brands, languages, queues; in force at the person's next click."""
    check(settings, reach)
    if role not in [r.value for r in Role]:
        raise AccountError(
            "there is no role {role!r}; one of {known}", role=role, known=", ".join(Role)
        )
    with db.write() as session:
        user = _there(session, username)
        if role != Role.ADMINISTRATOR:
            _keep_one(session, user)
        told = {
            "role": role,
            "brands": reach.brands,
            "languages": reach.languages,
            "queues": reach.queues,
        }
        changed = {k: v for k, v in told.items() if getattr(user, k) != v}
        if changed:
            people.update(session, username, **changed)
            _log(session, "user_changed", username, by, now, **_listed(changed))


def disable(db: Database, username: str, *, by: str, now: datetime) -> None:
    """End the account's sessions and refuse its sign-in; its open cases are nobody's."""
    with db.write() as session:
        user = _there(session, username)
        if user.username == by:
            raise AccountError("you cannot disable your own account", key="account.self")
        _keep_one(session, user)
        accounts.shut(session, username, now)
        _log(session, "user_disabled", username, by, now)


def enable(db: Database, username: str, *, by: str, now: datetime) -> None:
    with db.write() as session:
        _there(session, username)
        people.update(session, username, disabled=False)
        _log(session, "user_enabled", username, by, now)


def unlock(db: Database, username: str, *, by: str, now: datetime) -> None:
    """Let somebody try again whom failed sign-ins have locked out."""
    with db.write() as session:
        _there(session, username)
        people.update(session, username, failed_sign_ins=0, locked_until=None)
        _log(session, "user_unlocked", username, by, now)


def new_link(db: Database, username: str, *, by: str, now: datetime) -> str:
    """The path of a new one-time link; one that was not used ends."""
    link = accounts.make_setup_link(db, username, now)
    with db.write() as session:
        _log(session, "user_link", username, by, now)
    return link


def _there(session: Session, username: str) -> User:
    user = people.get(session, username)
    if user is None:
        raise AccountError(
            f"there is no user {username!r}; `listener user list` shows who there is",
            key="account.unknown",
        )
    return user


def _keep_one(session: Session, user: User) -> None:
    """Somebody must be left who can set things up."""
    if user.role != Role.ADMINISTRATOR or user.disabled:
        return
    if not set(people.with_role(session, Role.ADMINISTRATOR)) - {user.username}:
        raise AccountError(
            f"{user.username} is the only administrator: make another one first",
            key="account.last",
        )


def _known(what: str, given: Sequence[str], known: Iterable[str]) -> None:
    there = list(known)
    for value in given:
        if value not in there:
            close = difflib.get_close_matches(value, there, n=1)
            hint = f"did you mean {close[0]}?" if close else f"known: {', '.join(there) or 'none'}"
            raise AccountError(
                f"there is no {what} {value!r}; {hint}",
                key="account.brand" if what == "brand" else "account.queue",
                value=value,
            )


def _log(session: Session, kind: str, username: str, by: str, now: datetime, **data: Any) -> None:
    audit.log(session, now, by, kind, {"user": username, **data})


def _listed(values: dict[str, Any]) -> dict[str, Any]:
    return {k: list(v) if isinstance(v, tuple) else v for k, v in values.items()}
