"""What a CRM or dialler offers us. It never decides who somebody is: `matching.py` does."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any, Protocol

from listener.domain import Candidate, ContactEvent, Customer, Identifier
from listener.httpclient import HttpClient
from listener.sections import Section
from listener.settings import CrmConfig, Settings
from listener.storage import Database


class Capability(StrEnum):
    FIND = "find"
    HISTORY = "history"
    CALLS = "calls"
    SUPPRESS = "suppress"
    RECORD = "record"
    LINK = "link"


@dataclass(frozen=True, slots=True)
class Order:
    """A do-not-contact order for one phone (E.164) of a customer; `ref` is None where the system
    does not know them. `key` is the same on every attempt."""

    key: str
    number: str
    ref: str | None
    reason: str  # in words, for whoever reads it in that system
    until: datetime | None = None  # None: for ever


@dataclass(frozen=True, slots=True)
class Ticket:
    """A case to be noted on the customer's record; `key` is the same on every attempt."""

    key: str
    ref: str | None
    title: str
    text: str
    link: str


@dataclass(frozen=True, slots=True)
class Receipt:
    """What the system answered: its own reference, since when it holds, and whether it was there
    already, from an earlier attempt or from somebody else."""

    reference: str
    effective_at: datetime
    already: bool = False


class Crm(Protocol):
    """One system. A method outside `can` is not called.

    Raises CRMError, with `retry` saying whether asking again can help. `suppress` and `record` may
    be called again with the same key after a crash: they look first, and do it once.
    """

    name: str
    can: frozenset[Capability]

    def find(self, identifiers: Sequence[Identifier]) -> list[Candidate]:
        """Everyone whom one of the identifiers fits exactly, once per identifier, with all their
        phones, addresses and accounts. `found_by` is the identifier as it was given. A name is
        never searched for."""
        ...

    def get(self, ref: str) -> Customer | None:
        """The customer of that id; None where there is none (any more)."""
        ...

    def history(self, ref: str) -> list[ContactEvent]:
        """All contacts of a customer, oldest first, each once. An event without a customer belongs
        to whoever has its number."""
        ...

    def calls(self, numbers: Sequence[str]) -> list[ContactEvent]:
        """All contacts with these phones (E.164), for a dialler that knows no customers; as
        `history` otherwise."""
        ...

    def suppress(self, order: Order) -> Receipt:
        """From its return on, the system contacts that phone no more for sales."""
        ...

    def record(self, ticket: Ticket) -> Receipt:
        """The case stands on the customer's record, once."""
        ...

    def link(self, ref: str) -> str | None:
        """The address of the customer's page for a person to open; None where there is none."""
        ...


class Cannot:
    """The methods that a system does not offer. `can` does not name them, so that nobody calls."""

    def find(self, identifiers: Sequence[Identifier]) -> list[Candidate]:
        raise NotImplementedError

    def get(self, ref: str) -> Customer | None:
        raise NotImplementedError

    def history(self, ref: str) -> list[ContactEvent]:
        raise NotImplementedError

    def calls(self, numbers: Sequence[str]) -> list[ContactEvent]:
        raise NotImplementedError

    def suppress(self, order: Order) -> Receipt:
        raise NotImplementedError

    def record(self, ticket: Ticket) -> Receipt:
        raise NotImplementedError

    def link(self, ref: str) -> str | None:
        return None


@dataclass(frozen=True, slots=True)
class Connection:
    """What a system may use: our client for the network, our database (`local` alone reads it),
    the settings, and what `config/crms.toml` says of it."""

    config: CrmConfig
    settings: Settings
    db: Database
    http: HttpClient
    now: Callable[[], datetime]


class Module(Protocol):
    """A file of this folder. `Options` checks its table of `config/crms.toml`; `open` connects, and
    asks nothing yet."""

    @property
    def NAME(self) -> str: ...  # noqa: N802 - a constant of the module

    @property
    def Options(self) -> type[Section]: ...  # noqa: N802 - a class of the module

    def open(self, options: Any, connection: Connection, /) -> Crm: ...
