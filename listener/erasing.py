"""`listener erase`: one person, by the handle of an author, a customer's reference or a phone."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy.orm import Session

from listener import phones
from listener.errors import ConfigError
from listener.settings import Settings
from listener.storage import Database, audit, erasure
from listener.storage.erasure import Known
from listener.vault import open_vault

NOT_ERASED = (
    "raw pages and refused items that hold them beside others go by [retention] raw_pages",
    "answers of the API that are kept for a repeated request go after a day",
    "an open copy of the database, and what CRMs and diallers hold, is to be erased there",
    "of a suppression that stands the keyed index of the phone stays, so that the promise is kept",
    "of each mention a digest stays, so that it is not collected again",
)


@dataclass(frozen=True, slots=True)
class Asked:
    """Who is to be erased, as given on the command line."""

    authors: tuple[tuple[str, str], ...] = ()
    customers: tuple[tuple[str, str], ...] = ()
    phones: tuple[str, ...] = ()


def asked(
    settings: Settings, authors: Sequence[str], customers: Sequence[str], numbers: Sequence[str]
) -> Asked:
    """Raises ConfigError for what cannot be read, with how it is written."""
    if not (authors or customers or numbers):
        raise ConfigError(
            "say who: --author source:handle, --customer [system:]reference or --phone"
        )
    vault = open_vault(settings.var)
    countries = dict.fromkeys(c for b in settings.brands for c in b.countries)
    found = []
    for written in numbers:
        forms = (phones.normalise(written, c) for c in countries or ("",))
        plain = next((form for form in forms if form), None)
        if plain is None:
            raise ConfigError(f"{written!r} is no full phone number; write it as +34 600 123 456")
        found.append(vault.index(plain))
    return Asked(
        tuple(_pair(a, "") for a in authors),
        tuple(_pair(c, erasure.LOCAL) for c in customers),
        tuple(found),
    )


def _pair(written: str, default: str) -> tuple[str, str]:
    first, colon, rest = written.partition(":")
    if not colon and default:
        return default, written
    if not (first and rest):
        raise ConfigError(f"{written!r}: write source:handle, as mastodon:lucia@red.example")
    return first, rest


def erase(
    db: Database,
    who: Asked,
    *,
    do: bool,
    by: str,
    now: Callable[[], datetime],
) -> tuple[Known, dict[str, int] | None]:
    """(what is stored of them, the counts of what was erased: None where `do` is not given)."""
    if not do:
        with db.read() as session:
            return _find(session, who), None
    with db.write() as session:
        known = _find(session, who)
        counts = erasure.erase(session, known, by=by, now=now())
        audit.log(session, now(), by, "erased", counts)
    return known, counts


def _find(session: Session, who: Asked) -> Known:
    return erasure.find(
        session,
        authors=who.authors,
        customers=who.customers,
        phones=who.phones,
    )
