"""What a CRM or dialler offers us. It never decides who somebody is: `matching.py` does."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from enum import StrEnum
from typing import Protocol

from sqlalchemy.orm import Session

from listener.domain import Candidate, ContactEvent, Customer, Identifier
from listener.settings import Settings


class Capability(StrEnum):
    FIND = "find"
    HISTORY = "history"
    LINK = "link"


class Crm(Protocol):
    """One system. A method outside `can` is not called.

    Raises CRMError, with `retry` saying whether asking again can help.
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

    def link(self, ref: str) -> str | None:
        """The address of the customer's page for a person to open; None where there is none."""
        ...


Open = Callable[[Session, Settings], Crm]
"""How a CRM is opened for one unit of work: `local` reads in the session's transaction, a remote
one asks over the network and leaves the session alone."""
