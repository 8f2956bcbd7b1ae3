"""The do-not-contact mark as words on a record, where the system's own flag holds neither whom it was
asked for by, nor since when, nor until when."""

from __future__ import annotations

import re
from datetime import UTC, datetime

from listener import phones
from listener.crm.seam import Order
from listener.errors import CRMError, Sentence
from listener.times import parse_time


def with_mark(before: str, order: Order, now: datetime) -> str:
    """What a record says already, and below it the order."""
    until = f", until {order.until.astimezone(UTC):%Y-%m-%d %H:%M} UTC" if order.until else ""
    mark = (
        f"[{order.key}] {now.astimezone(UTC):%Y-%m-%d %H:%M:%S} UTC: do not call {order.number}"
        f"{until}. {order.reason}".strip()
    )
    return f"{before}\n\n{mark}" if before else mark


def marked_at(text: str, key: str) -> datetime | None:
    """Since when an order holds, by our words; None where they are not there (any more)."""
    moment = r"(\d{4}-\d\d-\d\d \d\d:\d\d:\d\d) UTC"
    found = re.search(rf"\[{re.escape(key)}\] {moment}", text)
    return parse_time(found[1]) if found else None


def reason_of(order: Order) -> str:
    """For a field that holds the reason alone."""
    return order.reason + (f" (until {order.until:%Y-%m-%d})" if order.until else "")


def nobody_to_mark(order: Order, kind: Sentence, crm: str) -> CRMError:
    """For an order of a customer who is gone, whose number nobody has."""
    return CRMError(
        "there is no {kind} {ref} (any more), and none has the number {number}: nobody could be "
        "marked. Look whether it was merged or deleted, and mark the person by hand.",
        crm=crm,
        kind=kind,
        ref=order.ref,
        number=phones.mask(order.number),
    )
