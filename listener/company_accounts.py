"""Who comes in by the company's sign-in: the claims of a person become an account.

The provider's `sub` is who somebody is, for ever; names and addresses change hands, so an account
that was made by hand is never taken over by one that happens to be called the same. Role and brands
are the provider's word and are set anew at each sign-in; name, e-mail, language and zone are the
person's own after the first.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Mapping
from datetime import datetime
from typing import Any
from zoneinfo import available_timezones

from sqlalchemy.exc import IntegrityError

from listener import accounts, i18n
from listener.domain import Role
from listener.errors import AccountError
from listener.oidc import Claims
from listener.oidc_settings import Oidc
from listener.settings import Service
from listener.storage import Database, identities, people
from listener.storage.people import User

ALL = "*"
# Whoever has several groups has the widest of their roles.
_WIDEST = (Role.ADMINISTRATOR, Role.COMMUNITY_MANAGER, Role.BRAND_MANAGER, Role.MARKETING_LEAD)
_RESERVED = frozenset(("listener", accounts.ADMINISTRATOR))


def values_of(claims: Claims, name: str) -> tuple[str, ...]:
    """The texts of a claim; a name with dots is a claim's own, or leads inside."""
    found: Any = claims.get(name)
    if found is None:
        found = claims
        for part in name.split("."):
            found = found.get(part) if isinstance(found, Mapping) else None
    if isinstance(found, str):
        return (found,)
    return tuple(v for v in found if isinstance(v, str)) if isinstance(found, list) else ()


def role_of(claims: Claims, config: Oidc) -> Role | None:
    """The widest role of a person's groups; None where no group has one."""
    given = {config.roles[v] for v in values_of(claims, config.role_claim) if v in config.roles}
    return next((role for role in _WIDEST if role in given), None)


def brands_of(claims: Claims, config: Oidc) -> tuple[str, ...] | None:
    """The brands that a person sees, empty for all; None where a mapping gives none."""
    if not config.brands:
        return ()
    given = {
        brand
        for value in values_of(claims, config.brand_claim)
        for brand in config.brands.get(value, ())
    }
    if ALL in given:
        return ()
    return tuple(sorted(given)) or None


def admit(db: Database, config: Oidc, service: Service, claims: Claims, now: datetime) -> User:
    """The account of who signed in, made at the first time.

    Raises AccountError with its sentence: no role, no brand, disabled. Who has lost their role
    loses the sessions that are open, too."""
    try:
        return _admitted(db, config, service, claims, now)
    except IntegrityError:  # two browsers came for the first time at once
        return _admitted(db, config, service, claims, now)


def _admitted(db: Database, config: Oidc, service: Service, claims: Claims, now: datetime) -> User:
    role, brands = role_of(claims, config), brands_of(claims, config)
    refused: AccountError | None = None
    if role is None:
        refused = AccountError("no group of theirs has a role", key="sign_in.norole")
    elif brands is None:
        refused = AccountError("no group of theirs has a brand", key="sign_in.nobrand")
    with db.write() as session:
        username = identities.find(session, config.issuer, claims["sub"])
        known = people.get(session, username) if username else None
        if refused is not None or (known is not None and known.disabled):
            if username is not None:
                people.close_sessions_of(session, username)
        elif known is not None:
            people.update(session, known.username, role=role, brands=brands)
        else:
            user = _new(session, claims, service, str(role), brands or ())
            people.add(session, user, now)
            session.flush()
            identities.add(session, config.issuer, claims["sub"], user.username, now)
            username = user.username
    if refused is not None:
        raise refused
    if known is not None and known.disabled:
        raise AccountError(f"{known.username} is disabled", key="sign_in.disabled")
    with db.read() as session:
        found = people.get(session, str(username))
    if found is None:
        raise AccountError(f"{username} is gone", key="sign_in.disabled")
    return found


def _new(
    session: Any, claims: Claims, service: Service, role: str, brands: tuple[str, ...]
) -> User:
    taken = {u.username for u in people.everyone(session)}
    username = free_username(claims, taken)
    language = _text(claims, "locale").replace("_", "-").partition("-")[0].lower()
    zone = _text(claims, "zoneinfo")
    email = claims.get("email") if claims.get("email_verified") is not False else None
    return User(
        username=username,
        name=_text(claims, "name") or username,
        email=email if isinstance(email, str) and accounts.is_email(email) else "",
        role=role,
        language=language if language in i18n.languages() else service.language,
        time_zone=zone if zone in available_timezones() else service.time_zone,
        brands=brands,
    )


def free_username(claims: Claims, taken: set[str]) -> str:
    """A user name made of the claims that nobody has yet."""
    written = (
        _text(claims, "preferred_username")
        or _text(claims, "email").partition("@")[0]
        or _text(claims, "name")
    )
    letters = unicodedata.normalize("NFKD", written).encode("ascii", "ignore").decode().lower()
    base = re.sub(r"[^a-z0-9._@-]+", ".", letters)[:50].strip("._@-") or "user"
    name, number = base, 1
    while name in taken or name in _RESERVED:
        number += 1
        name = f"{base}-{number}"
    return name


def _text(claims: Claims, name: str) -> str:
    value = claims.get(name)
    if not isinstance(value, str):
        return ""
    return "".join(c for c in " ".join(value.split()) if c.isprintable())[:200]
