"""A link by which somebody who complained in public leaves their phone in private, once.

A community manager makes it on a case whose author nobody can tell, or may look for (the terms of
some sources forbid it), and sends it by hand, where the person wrote. What they leave is sealed,
stands masked on the timeline, and is looked for in the CRMs at the next turn. It shows that they
want to be found by it; it proves nothing of whose line it is.

Of the token only the SHA-256 is stored. It is signed where it becomes an address
(`dashboard/private_page.py`), so that a forged one costs no look-up.
"""

from __future__ import annotations

import secrets
import unicodedata
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

from sqlalchemy.orm import Session

from listener import phones
from listener.accounts import hash_token
from listener.domain import CaseStatus, PriorityLevel
from listener.errors import AccountError
from listener.settings import Brand, Settings
from listener.storage import Database
from listener.storage import private_links as stored
from listener.storage.case_detail import CaseDetail
from listener.storage.private_links import Link
from listener.vault import open_vault

_LONGEST_NUMBER = 60  # characters; the longest written form has half as many


class State(StrEnum):
    """What a link, or what was sent by it, amounts to. A link that never was and one that was
    erased are the same."""

    READY = "ready"
    UNKNOWN = "unknown"
    EXPIRED = "expired"
    USED = "used"
    LEFT = "left"
    INVALID = "invalid"  # no phone number
    OWN_NUMBER = "own_number"  # one of those from which the brand calls
    NO_CONSENT = "no_consent"


@dataclass(frozen=True, slots=True)
class Opened:
    """`brand` is the key of who asks, while the link is good."""

    state: State
    brand: str = ""
    until: datetime | None = None


@dataclass(frozen=True, slots=True)
class Answer:
    """`masked` is the end of the number that was left."""

    state: State
    masked: str = ""


@dataclass(frozen=True, slots=True)
class Asked:
    """The newest link of a case, and every phone that was left at one of them (E.164)."""

    state: State
    made_by: str
    made_at: datetime
    expires_at: datetime
    used_at: datetime | None
    phones: tuple[str, ...]


def state_of(link: Link | None, now: datetime) -> State:
    if link is None:
        return State.UNKNOWN
    if link.used_at is not None:
        return State.USED
    return State.READY if now < link.expires_at else State.EXPIRED


def read_number(written: str, brand: Brand) -> str | None:
    """E.164 of a number in any written form, by the first of the brand's countries that has
    assigned it, else by the first whose length fits; None for what is no full number."""
    read = list(_readings(_visible(written), brand))
    return next((n for n in read if phones.is_assigned(n)), next(iter(read), None))


def is_own(written: str, brand: Brand) -> bool:
    """Whether it is a number of the brand's registry, from which people are called."""
    text = _visible(written)
    dialled = {phones.normalise_caller(text, c) for c in (*brand.countries, "")}
    listed = {phones.normalise_caller(n.number, c) for n in brand.numbers for c in brand.countries}
    return bool(dialled & listed)


def _readings(text: str, brand: Brand) -> Iterator[str]:
    if len(text) <= _LONGEST_NUMBER:
        for country in (*brand.countries, ""):
            if number := phones.normalise(text, country):
                yield number


def _visible(written: str) -> str:
    """Without the invisible marks that telephones copy along with a contact's number."""
    return "".join(c for c in written if unicodedata.category(c) != "Cf").strip()


@dataclass(frozen=True)
class PrivateLinks:
    db: Database
    settings: Settings

    # ------------------------------------------------------------------ for community managers

    def make(self, session: Session, detail: CaseDetail, *, by: str, now: datetime) -> str:
        """The token of a new link, told once. The caller has checked the rights and holds the
        case. Raises AccountError where there is nothing to ask for."""
        case = detail.summary
        if case.status == CaseStatus.CLOSED:
            raise AccountError("the case is closed: open it again first", key="private.closed")
        if case.customer_ref is not None:
            raise AccountError("the author is known in the CRM already", key="private.known")
        token = secrets.token_urlsafe(16)
        until = now + self.settings.listener.private_link.lasts
        stored.add(session, hash_token(token), case.id, by=by, now=now, expires_at=until)
        return token

    def asked(self, case_id: int, now: datetime) -> Asked | None:
        """Raises StorageError where a phone was sealed with another key."""
        with self.db.read() as session:
            link = stored.newest(session, case_id)
        if link is None:
            return None
        return Asked(
            state=state_of(link, now),
            made_by=link.made_by,
            made_at=link.made_at,
            expires_at=link.expires_at,
            used_at=link.used_at,
            phones=self.numbers(case_id),
        )

    def numbers(self, case_id: int) -> tuple[str, ...]:
        """The phones (E.164) that the author of a case left, each once."""
        with self.db.read() as session:
            sealed = stored.left(session, case_id)
        if not sealed:
            return ()
        vault = open_vault(self.settings.var)
        return tuple(dict.fromkeys(vault.open(s) for s in sealed))

    # ------------------------------------------------------------------ for the person

    def open(self, token: str, now: datetime) -> Opened:
        """Looks only: whoever shows a preview of the link does not use it up."""
        with self.db.read() as session:
            link = stored.find(session, hash_token(token))
        state = state_of(link, now)
        if link is None or state is not State.READY:
            return Opened(state)
        return Opened(state, link.brand, link.expires_at)

    def leave(
        self, token: str, written: str, *, consent: bool, language: str, now: datetime
    ) -> Answer:
        """Keep the phone, once. What is no number of theirs, or comes without consent, leaves the
        link as it was."""
        digest = hash_token(token)
        with self.db.read() as session:
            link = stored.find(session, digest)
        state = state_of(link, now)
        if link is None or state is not State.READY:
            return Answer(state)
        brand = self._brand(link.brand)
        number = read_number(written, brand)
        if is_own(written, brand):
            return Answer(State.OWN_NUMBER)
        if number is None:
            return Answer(State.INVALID)
        if not consent:
            return Answer(State.NO_CONSENT)
        masked = phones.mask(number)
        sealed = open_vault(self.settings.var).seal(number)
        with self.db.write() as session:
            if not stored.use(session, link, sealed, now):
                return Answer(state_of(stored.find(session, digest), now))
            told = {"phone": masked, "consent": language, "asked_by": link.made_by}
            stored.put_on_case(session, link.case_id, told, due_at=self._due(now), now=now)
        return Answer(State.LEFT, masked)

    def _due(self, now: datetime) -> datetime:
        """Who has left a phone waits for an answer, though the case was closed."""
        due = self.settings.routing.due
        return now + due.get(PriorityLevel.HIGH, max(due.values(), default=timedelta(days=1)))

    def _brand(self, key: str) -> Brand:
        """As configured; one that is no longer watched reads international numbers only."""
        return self.settings.brand(key) or Brand(key=key, name=key, query=key, countries=())
