"""Whether an identifier is a customer's: exactly, for a search gives whoever may have it."""

from __future__ import annotations

from listener import phones
from listener.domain import Customer, Identifier, IdentifierKind
from listener.matching import handle


def fits(identifier: Identifier, customer: Customer, customer_id: str) -> bool:
    """`customer_id` is what the company calls the customer by; empty where the record tells none."""
    wanted = identifier.value.strip()
    if identifier.kind is IdentifierKind.PHONE:
        return bool({wanted, phones.normalise(wanted)} & set(customer.phones))
    if identifier.kind is IdentifierKind.EMAIL:
        return wanted.lower() in customer.emails
    if identifier.kind is IdentifierKind.HANDLE:
        return handle(wanted) in customer.handles
    return customer_id.casefold() == wanted.casefold() != ""
