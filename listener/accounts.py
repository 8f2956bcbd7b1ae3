"""Local accounts: passwords, lock-out, sessions, one-time links.

Only hashes are stored: argon2id of a password, SHA-256 of a token (a token has 256 bits of its
own, so a slow hash would add nothing). Whether an account is locked and whether a session has
ended are pure decisions over what is stored and `now`.
"""

from __future__ import annotations

import hashlib
import re
import secrets
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from zoneinfo import available_timezones

from argon2 import PasswordHasher
from argon2.exceptions import Argon2Error, InvalidHashError
from sqlalchemy.orm import Session

from listener import i18n
from listener.domain import Role
from listener.errors import AccountError, Sentence, sentence
from listener.storage import Database, case_actions, identities, people
from listener.storage.people import User

ADMINISTRATOR = "admin"
SETUP_PATH = "/auth/setup"
LINK_LIVES = timedelta(hours=24)
ALLOWED_FAILURES = 5
LOCKED_FOR = timedelta(minutes=15)
SHORTEST_PASSWORD = 10
LONGEST_PASSWORD = 256  # longer ones only make the hash work; argon2 reads them all
_TOUCH_EVERY = timedelta(minutes=1)

_HASHER = PasswordHasher()
_USERNAME = re.compile(r"[a-z0-9](?:[a-z0-9._@-]{0,62}[a-z0-9])?")
_EMAIL = re.compile(r"[^@\s,;<>\"']{1,64}@[^@\s,;<>\"']{1,255}")


def utc_now() -> datetime:
    return datetime.now(UTC)


# ---------------------------------------------------------------------------- decisions


@dataclass(frozen=True, slots=True)
class Attempts:
    """Failed sign-ins in a row, and until when no further one is looked at."""

    failed: int = 0
    locked_until: datetime | None = None


def is_locked(attempts: Attempts, now: datetime) -> bool:
    return attempts.locked_until is not None and now < attempts.locked_until


def after_failure(attempts: Attempts, now: datetime) -> Attempts:
    """The fifth failure locks for fifteen minutes; after them the count begins anew."""
    if attempts.locked_until is not None and now >= attempts.locked_until:
        attempts = Attempts()
    failed = attempts.failed + 1
    return Attempts(failed, now + LOCKED_FOR if failed >= ALLOWED_FAILURES else None)


def password_problem(password: str, username: str, email: str = "") -> AccountError | None:
    """Why a password is refused; None when it may be used."""
    if len(password) < SHORTEST_PASSWORD:
        return AccountError(
            f"the password is too short: use at least {SHORTEST_PASSWORD} characters",
            key="password.short",
            count=SHORTEST_PASSWORD,
        )
    if len(password) > LONGEST_PASSWORD:
        return AccountError(
            f"the password is too long: use at most {LONGEST_PASSWORD} characters",
            key="password.long",
            count=LONGEST_PASSWORD,
        )
    names = {username.casefold(), email.casefold(), email.casefold().split("@")[0]} - {""}
    if password.casefold() in names:
        return AccountError(
            "the password is the user's own name: choose another", key="password.name"
        )
    if len(set(password)) < 4:
        return AccountError(
            "the password repeats too few characters: choose another", key="password.simple"
        )
    return None


def session_ended(
    created_at: datetime, seen_at: datetime, now: datetime, *, idle: timedelta, longest: timedelta
) -> bool:
    """Not used for `idle`, or older than `longest` however much it was used."""
    return now - seen_at >= idle or now - created_at >= longest


# ---------------------------------------------------------------------------- accounts


def add_user(
    db: Database,
    username: str,
    *,
    name: str,
    email: str,
    role: str,
    language: str,
    time_zone: str,
    brands: Sequence[str] = (),
    languages: Sequence[str] = (),
    queues: Sequence[str] = (),
    now: datetime | None = None,
) -> str:
    """Add an account without a password; returns the path of the one-time link that sets it.

    Raises AccountError for a value that cannot be used, StorageError for a name that is taken.
    """
    at = now or utc_now()
    user = User(
        username=_checked_username(username),
        name=name.strip() or username,
        email=_checked_email(email),
        role=_one_of(sentence("role"), role, [r.value for r in Role]),
        language=_one_of(sentence("language"), language, i18n.languages()),
        time_zone=_checked_zone(time_zone),
        brands=tuple(brands),
        languages=tuple(languages),
        queues=tuple(queues),
    )
    with db.write() as session:
        people.add(session, user, at)
        session.flush()
        return _new_link(session, user.username, at)


def first_administrator(db: Database, now: datetime | None = None) -> str | None:
    """The path of the link that sets the first administrator's password; None once it is set."""
    at = now or utc_now()
    with db.read() as session:
        known = people.everyone(session)
    admin = next((u for u in known if u.username == ADMINISTRATOR), None)
    if admin is not None:
        if admin.password_hash or admin.disabled:
            return None
        return make_setup_link(db, ADMINISTRATOR, at)
    if known:
        return None
    return add_user(
        db,
        ADMINISTRATOR,
        name="Administrator",
        email="",
        role=Role.ADMINISTRATOR.value,
        language="es",
        time_zone="Europe/Madrid",
        now=at,
    )


def somebody_enters(db: Database) -> bool:
    """Whether there is an account whose password is set."""
    with db.read() as session:
        return any(u.password_hash and not u.disabled for u in people.everyone(session))


def make_setup_link(db: Database, username: str, now: datetime | None = None) -> str:
    """A new link that sets a password once, within a day; an older unused one ends."""
    at = now or utc_now()
    with db.write() as session:
        user = people.get(session, username)
        if user is None:
            raise AccountError(
                "there is no user {user!r}; `listener user list` shows who there is", user=username
            )
        if user.disabled:
            raise AccountError(
                "{user} is disabled: it gets no link to set a password", user=username
            )
        if identities.is_company_account(session, username):
            raise AccountError(
                f"{username} signs in with the company's account and has no password here",
                key="account.company",
            )
        return _new_link(session, username, at)


def set_password(
    db: Database, username: str, password: str, now: datetime | None = None, *, keep: str = ""
) -> None:
    """Set a password, unlock the account and end its sessions (but the one of the token `keep`).

    Raises AccountError when the password is refused."""
    at = now or utc_now()
    with db.write() as session:
        _set_password(session, username, password)
        kept = find_session(session, keep) if keep else None
        people.close_sessions_of(session, username)
        if kept is not None:
            session.flush()
            people.open_session(session, hash_token(keep), username, at)


def change_password(
    db: Database, username: str, old: str, new: str, *, keep: str, now: datetime | None = None
) -> None:
    """A signed-in person changes their own; other browsers are signed out.

    Raises AccountError when the old one is wrong or the new one is refused."""
    at = now or utc_now()
    found = authenticate(db, username, old, now=at)
    if found.user is None:
        raise AccountError(
            "the present password is wrong",
            key="sign_in.locked" if found.locked_until else "password.wrong",
            until=found.locked_until,
        )
    set_password(db, username, new, at, keep=keep)


def use_setup_link(db: Database, token: str, password: str, now: datetime | None = None) -> str:
    """Set the password of the link's user, once; returns the username.

    Raises AccountError when the link is used, too old or unknown, and when the password is
    refused: then the link stays good."""
    at = now or utc_now()
    with db.write() as session:
        username = people.use_link(session, hash_token(token), at)
        if username is None:
            raise AccountError(
                "this link was used already, or is older than a day; ask for a new one "
                "(`listener user link NAME`)",
                key="setup.ended",
            )
        _set_password(session, username, password)
        people.close_sessions_of(session, username)
        return username


def setup_link_is_open(db: Database, token: str, now: datetime | None = None) -> bool:
    with db.read() as session:
        return people.link_is_open(session, hash_token(token), now or utc_now())


def disable(db: Database, username: str, now: datetime | None = None) -> None:
    """End the account's sessions and refuse its sign-in. What the person did stays; the cases that they
    had not closed are nobody's, so that somebody sees them."""
    with db.write() as session:
        shut(session, username, now or utc_now())


def shut(session: Session, username: str, now: datetime) -> None:
    """`disable`, in a commit of the caller's."""
    people.update(session, username, disabled=True)
    people.close_sessions_of(session, username)
    case_actions.release(session, username, now)


def _set_password(session: Session, username: str, password: str) -> None:
    user = people.get(session, username)
    if user is None or user.disabled:
        raise AccountError(f"there is no active user {username!r}", key="setup.ended")
    problem = password_problem(password, user.username, user.email)
    if problem is not None:
        raise problem
    people.update(
        session,
        username,
        password_hash=_HASHER.hash(password),
        failed_sign_ins=0,
        locked_until=None,
    )


def _new_link(session: Session, username: str, now: datetime) -> str:
    token = secrets.token_urlsafe(32)
    people.add_link(session, hash_token(token), username, now + LINK_LIVES)
    return f"{SETUP_PATH}?token={token}"


# ---------------------------------------------------------------------------- signing in


@dataclass(frozen=True, slots=True)
class SignIn:
    """`user` is None when it was refused; `locked_until` says so when it was not even tried."""

    user: User | None
    locked_until: datetime | None = None


class Strangers:
    """Failures for names that have no account, kept in memory, so that a name which exists and one
    which does not are answered alike. Bounded: the oldest are forgotten first."""

    def __init__(self, most: int = 10_000) -> None:
        self._most = most
        self._known: dict[str, Attempts] = {}

    def get(self, name: str) -> Attempts:
        return self._known.get(name, Attempts())

    def put(self, name: str, attempts: Attempts) -> None:
        self._known.pop(name, None)
        self._known[name] = attempts
        while len(self._known) > self._most:
            self._known.pop(next(iter(self._known)))


def authenticate(
    db: Database,
    username: str,
    password: str,
    *,
    now: datetime | None = None,
    strangers: Strangers | None = None,
) -> SignIn:
    """Check a password. The same work is done whether or not the name, the password or the account
    exists, so that the time of an answer tells nothing."""
    at = now or utc_now()
    name = username.strip().casefold()[:200]
    with db.read() as session:
        user = people.get(session, name)
    if user is None:
        return _refuse_stranger(name, password, at, strangers)
    attempts = Attempts(user.failed_sign_ins, user.locked_until)
    usable = user.password_hash if not user.disabled else None
    right = _verify(usable, password)
    if is_locked(attempts, at):
        return SignIn(None, attempts.locked_until)
    if right and usable is not None:
        _succeeded(db, user, password)
        return SignIn(replace(user, failed_sign_ins=0, locked_until=None))
    return SignIn(None, _failed(db, name, at).locked_until)


def _refuse_stranger(
    name: str, password: str, now: datetime, strangers: Strangers | None
) -> SignIn:
    _verify(None, password)
    if strangers is None:
        return SignIn(None)
    attempts = strangers.get(name)
    if not is_locked(attempts, now):
        attempts = after_failure(attempts, now)
        strangers.put(name, attempts)
    return SignIn(None, attempts.locked_until)


def _failed(db: Database, username: str, now: datetime) -> Attempts:
    """Counted inside the transaction: two browsers that guess at once count twice."""
    with db.write() as session:
        user = people.get(session, username)
        if user is None:
            return Attempts()
        before = Attempts(user.failed_sign_ins, user.locked_until)
        after = before if is_locked(before, now) else after_failure(before, now)
        people.update(
            session,
            username,
            failed_sign_ins=after.failed,
            locked_until=after.locked_until,
        )
        return after


def _succeeded(db: Database, user: User, password: str) -> None:
    changes: dict[str, object] = {}
    if user.failed_sign_ins or user.locked_until:
        changes |= {"failed_sign_ins": 0, "locked_until": None}
    if user.password_hash and _HASHER.check_needs_rehash(user.password_hash):
        changes["password_hash"] = _HASHER.hash(password)
    if changes:
        with db.write() as session:
            people.update(session, user.username, **changes)


def _verify(password_hash: str | None, password: str) -> bool:
    try:
        _HASHER.verify(password_hash or _hash_of_nobody(), password[:LONGEST_PASSWORD])
    except (Argon2Error, InvalidHashError):
        return False
    return password_hash is not None


@lru_cache(maxsize=1)
def _hash_of_nobody() -> str:
    return _HASHER.hash(secrets.token_urlsafe(32))


# ---------------------------------------------------------------------------- sessions


def hash_token(token: str) -> str:
    return hashlib.sha256(token.encode("utf-8", "surrogatepass")).hexdigest()


def start_session(db: Database, username: str, now: datetime | None = None) -> str:
    """A new session's token, which is stored nowhere."""
    token = secrets.token_urlsafe(32)
    with db.write() as session:
        people.open_session(session, hash_token(token), username, now or utc_now())
    return token


def find_session(session: Session, token: str) -> people.StoredSession | None:
    return people.find_session(session, hash_token(token))


def session_user(
    db: Database,
    token: str,
    *,
    idle: timedelta,
    longest: timedelta,
    touch: bool = True,
    now: datetime | None = None,
) -> User | None:
    """Who a session's token belongs to; None when it ended or the account is disabled. `touch`: they did
    something, and so are not idle."""
    at = now or utc_now()
    with db.read() as session:
        stored = find_session(session, token)
        user = people.get(session, stored.username) if stored else None
    if stored is None or user is None or user.disabled:
        return None
    if session_ended(stored.created_at, stored.seen_at, at, idle=idle, longest=longest):
        end_session(db, token)
        return None
    if touch and at - stored.seen_at >= _TOUCH_EVERY:
        with db.write() as session:
            people.touch_session(session, hash_token(token), at)
    return user


def end_session(db: Database, token: str) -> None:
    with db.write() as session:
        people.close_session(session, hash_token(token))


def update_profile(
    db: Database, username: str, *, name: str, email: str, language: str, time_zone: str
) -> None:
    """What people may change of their own account. Raises AccountError for an unusable value."""
    changes = {
        "name": name.strip() or username,
        "email": _checked_email(email),
        "language": _one_of(sentence("language"), language, i18n.languages()),
        "time_zone": _checked_zone(time_zone),
    }
    with db.write() as session:
        people.update(session, username, **changes)


# ---------------------------------------------------------------------------- checks


def _checked_username(username: str) -> str:
    if not _USERNAME.fullmatch(username) or username == "listener":
        raise AccountError(
            "{user!r} cannot be a user name: use 1 to 64 of a-z 0-9 . _ @ -, beginning and ending "
            "with a letter or digit (the name `listener` is the service's own)",
            user=username,
        )
    return username


def is_email(text: str) -> bool:
    return text.isprintable() and _EMAIL.fullmatch(text) is not None


def _checked_email(email: str) -> str:
    email = email.strip()
    if email and not is_email(email):
        raise AccountError(
            f"{email!r} is not an e-mail address: write name@example.com, or leave it empty",
            key="account.email",
        )
    return email


def _checked_zone(name: str) -> str:
    if name not in available_timezones():
        raise AccountError(
            f"{name!r} is not a time zone: write one such as Europe/Madrid", key="account.zone"
        )
    return name


def _one_of(what: Sentence, value: str, allowed: Sequence[str]) -> str:
    if value not in allowed:
        raise AccountError(
            "{value!r} is no {what}: choose one of {known}",
            value=value,
            what=what,
            known=", ".join(allowed),
        )
    return value
