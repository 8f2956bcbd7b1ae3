"""What SuiteCRM is asked for, what its records say, and what is written. Pure."""

from __future__ import annotations

import html
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any, Literal
from uuid import NAMESPACE_URL, uuid5

from listener import phones
from listener.crm import fitting
from listener.crm.contacts import disposition_of
from listener.crm.countries import country_of, country_of_phones, state_of
from listener.crm.marks import marked_at
from listener.crm.seam import Ticket
from listener.crm.spellings import in_one_form, like_pattern
from listener.domain import (
    Channel,
    ContactEvent,
    Customer,
    Direction,
    Disposition,
    Identifier,
    IdentifierKind,
)
from listener.errors import sentence
from listener.matching import handle
from listener.sources.items import dict_of, text_of
from listener.times import parse_time

if TYPE_CHECKING:
    from listener.crm.suitecrm import Options

Module = Literal["Contacts", "Leads", "Accounts"]
CallField = Literal["disposition", "caller_number", "customer_number", "campaign", "list_name"]

MODULES: tuple[Module, ...] = ("Contacts", "Leads", "Accounts")
_PERSON = ("phone_mobile", "phone_home", "phone_work", "phone_other")
_PHONES: Mapping[str, tuple[str, ...]] = {
    "Contacts": _PERSON,
    "Leads": _PERSON,
    "Accounts": ("phone_office", "phone_alternate"),
}
_ADDRESS: Mapping[str, str] = {
    "Contacts": "primary_address",
    "Leads": "primary_address",
    "Accounts": "billing_address",
}
REF = re.compile(r"(Contacts|Leads|Accounts)/([A-Za-z0-9_-]{1,36})")
_ID = re.compile(r"[A-Za-z0-9_-]{1,36}")
_NAME_LENGTH = 255
_LONGEST = timedelta(days=7)


@dataclass(frozen=True, slots=True)
class Record:
    """One record of a module: its id and its attributes."""

    module: str
    id: str
    has: Mapping[str, Any]

    @property
    def ref(self) -> str:
        return f"{self.module}/{self.id}"

    def text(self, field: str) -> str:
        """SuiteCRM keeps texts as they stand in a page: `O&#039;Brien`."""
        return html.unescape(text_of(self.has.get(field))).strip() if field else ""

    def true(self, field: str) -> bool:
        return text_of(self.has.get(field)) in ("1", "true", "on") or self.has.get(field) is True


# ---------------------------------------------------------------------------- what is asked for


def searches_for(
    identifier: Identifier, module: Module, options: Options
) -> list[list[tuple[str, str]]]:
    """One list of filters for each search; nothing where the module has no field for it."""
    value = identifier.value.strip()
    if identifier.kind is IdentifierKind.EMAIL and value:
        return [[("filter[email1][eq]", value.lower())]]
    if identifier.kind is IdentifierKind.PHONE and (pattern := like_pattern(value)):
        either = [(f"filter[{field}][like]", pattern) for field in _PHONES[module]]
        return [[("filter[operator]", "or"), *either]]
    if module != "Contacts" or not value:
        return []
    if identifier.kind is IdentifierKind.CUSTOMER_ID and options.customer_id_field:
        return [[(f"filter[{options.customer_id_field}][eq]", value)]]
    if identifier.kind is IdentifierKind.HANDLE:
        platform, _, name = value.partition(":")
        if name and (field := options.handle_fields.get(platform)):
            # A filter takes one value for each field.
            return [[(f"filter[{field}][eq]", written)] for written in (name, f"@{name}")]
    return []


# ---------------------------------------------------------------------------- what is answered


def token_of(answer: Mapping[str, Any]) -> tuple[str, timedelta]:
    """The token, and how long it holds. Raises ValueError."""
    token, seconds = answer.get("access_token"), answer.get("expires_in")
    if not isinstance(token, str) or not token:
        raise ValueError(sentence("signing in gave no token"))
    lasts = seconds if isinstance(seconds, int) and 0 < seconds < 10**7 else 3600
    return token, timedelta(seconds=lasts)


def rows_of(answer: Mapping[str, Any], module: str) -> list[Record]:
    """The records of a list. Raises ValueError where it is none. A relationship without any has a
    message instead of data."""
    rows = answer.get("data")
    if rows is None and "message" in dict_of(answer.get("meta")):
        return []
    if not isinstance(rows, list):
        raise ValueError(sentence("an answer without a list of records in `data`"))
    return [record_of(module, row) for row in rows]


def record_of(module: str, value: Any) -> Record:
    row = dict_of(value)
    found, has = row.get("id"), row.get("attributes")
    if not isinstance(found, str) or not _ID.fullmatch(found) or not isinstance(has, dict):
        raise ValueError(sentence("a record without an id or without attributes"))
    return Record(module, found, has)


def customer_of(
    record: Record, addresses: Iterable[str], crm: str, home: str, options: Options
) -> Customer:
    address = _ADDRESS[record.module]
    country = country_of(record.text(f"{address}_country"))
    numbers = in_one_form((record.text(f) for f in _PHONES[record.module]), country or home)
    handles = [
        handle(f"{platform}:{name}")
        for platform, field in options.handle_fields.items()
        if record.module == "Contacts" and (name := record.text(field))
    ]
    whole = f"{record.text('first_name')} {record.text('last_name')}".strip()
    return Customer(
        crm=crm,
        ref=record.ref,
        name=record.text("full_name") or whole or record.text("name"),
        phones=numbers,
        emails=tuple(dict.fromkeys(a.strip().lower() for a in addresses if a.strip())),
        handles=tuple(handles),
        country=country,
        consent="refused" if record.true("do_not_call") else "none",
        status="prospect" if record.module == "Leads" else "customer",
        region=state_of(record.text(f"{address}_state")),
    )


def fits(identifier: Identifier, record: Record, customer: Customer, options: Options) -> bool:
    return fitting.fits(identifier, customer, record.text(options.customer_id_field))


def doubles_of(records: Sequence[Record]) -> set[str]:
    """Refs of records that another one of them stands for: a converted lead is its contact, and an
    account that has the phone of one of its people is not somebody else."""
    found = {record.ref for record in records}
    doubles = set()
    for record in records:
        if record.module == "Leads" and f"Contacts/{record.text('contact_id')}" in found:
            doubles.add(record.ref)
        if record.module == "Contacts":
            doubles.add(f"Accounts/{record.text('account_id')}")
    return doubles


def event_of(call: Record, customer: Customer, options: Options) -> ContactEvent | None:
    """A call that took place or was tried; None for one that is planned. Raises ValueError where
    it has no time."""
    status = call.text("status")
    if status.casefold() == "planned":
        return None
    at = moment_of(call, "date_start") or moment_of(call, "date_entered")
    if at is None:
        raise ValueError(sentence("the call {id} has no time", id=call.id))

    def own(field: CallField) -> str:
        return call.text(options.call_fields.get(field, ""))

    code = own("disposition") or status
    disposition = disposition_of(code, options.dispositions)
    country = customer.country or country_of_phones(customer.phones)
    note = ["" if disposition else code, call.text("name"), call.text("description")]
    return ContactEvent(
        event_id=f"call:{call.id}",
        at=at,
        direction=Direction.IN if call.text("direction") == "Inbound" else Direction.OUT,
        channel=Channel.CALL,
        customer_ref=customer.ref,
        customer_number=phones.normalise(own("customer_number"), country) or "",
        caller_number=phones.normalise_caller(own("caller_number"), country),
        campaign=own("campaign"),
        list_name=own("list_name"),
        agent=call.text("assigned_user_name"),
        disposition=disposition or Disposition.NONE,
        # The length of a call that did not take place is the planned one.
        duration_s=0 if status == "Not Held" else _seconds(call),
        note="\n".join(part for part in note if part),
    )


def moment_of(record: Record, field: str) -> datetime | None:
    written = record.text(field)
    # UTC, whatever the offset says: see suitecrm.py.
    clock = re.sub(r"(?<=:\d\d)(?:Z|[+-]\d\d:?\d\d)$", "", written)
    return parse_time(clock, UTC) if clock else None


def _seconds(call: Record) -> int:
    hours, minutes = call.text("duration_hours") or "0", call.text("duration_minutes") or "0"
    if not re.fullmatch(r"[0-9]{1,3}", hours) or not re.fullmatch(r"[0-9]{1,4}", minutes):
        return 0
    length = timedelta(hours=int(hours), minutes=int(minutes))
    return int(length.total_seconds()) if length <= _LONGEST else 0


# ---------------------------------------------------------------------------- what is written


def marked_since(record: Record, key: str) -> datetime | None:
    """Since when an order holds: as our mark says, else by the record's last change at the latest."""
    return marked_at(record.text("description"), key) or moment_of(record, "date_modified")


def case_data(ticket: Ticket) -> dict[str, Any]:
    """A new case, or task, under an id that the key makes."""
    found = REF.fullmatch(ticket.ref or "")
    end = f" [{ticket.key}]"
    attributes = {
        "name": (ticket.title.strip() or "Complaint")[: _NAME_LENGTH - len(end)] + end,
        "description": "\n\n".join(part for part in (ticket.text, ticket.link) if part),
    }
    is_task = found is not None and found[1] == "Leads"
    if found and is_task:
        attributes |= {"parent_type": "Leads", "parent_id": found[2], "status": "Not Started"}
    elif found:
        attributes["contact_id" if found[1] == "Contacts" else "account_id"] = found[2]
    if not is_task:
        attributes |= {"status": "Open_New", "state": "Open", "priority": "P2"}
    return {
        "type": "Tasks" if is_task else "Cases",
        "id": str(uuid5(NAMESPACE_URL, f"listener:{ticket.key}")),
        "attributes": attributes,
    }
