"""What EspoCRM is asked for, what its records say, and what is written. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any, Literal

from listener import phones
from listener.crm import fitting
from listener.crm.contacts import disposition_of
from listener.crm.countries import country_of, country_of_phones, state_of
from listener.crm.marks import marked_at
from listener.crm.seam import Order, Ticket
from listener.crm.spellings import dialled_forms, in_one_form
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
from listener.sources.items import dict_of, list_of, text_of
from listener.times import parse_time

if TYPE_CHECKING:
    from listener.crm.espocrm import Options

Kind = Literal["Contact", "Lead", "Account"]
Activity = Literal["Call", "Meeting", "Email"]
CallField = Literal["disposition", "caller_number", "customer_number", "campaign", "list_name"]

KINDS: tuple[Kind, ...] = ("Contact", "Lead", "Account")
_ADDRESS: Mapping[str, str] = {"Account": "billingAddress"}  # the others': "address"
REF = re.compile(r"(Contact|Lead|Account)/([A-Za-z0-9_-]{1,36})")
_ID = re.compile(r"[A-Za-z0-9_-]{1,36}")
_LONGEST = timedelta(days=7)  # a call that seems longer has a wrong end
_NAME_LENGTH = 249
SELECT: Mapping[Activity, tuple[str, ...]] = {
    "Call": ("name", "status", "direction", "dateStart", "dateEnd", "description"),
    "Meeting": ("name", "status", "dateStart", "dateStartDate", "dateEnd", "description"),
    "Email": ("name", "status", "dateSent", "fromString", "fromEmailAddressName", "sentByName"),
}


# ---------------------------------------------------------------------------- what is asked for


def conditions_for(identifier: Identifier, kind: Kind, options: Options) -> list[dict[str, Any]]:
    """The search conditions for records of that kind, nothing where it has no field for it."""
    value = identifier.value.strip()
    if identifier.kind is IdentifierKind.EMAIL and value:
        return [{"type": "in", "attribute": "emailAddress", "value": [value.lower()]}]
    if identifier.kind is IdentifierKind.PHONE and (forms := dialled_forms(value)):
        # EspoCRM keeps each number's digits beside it. An extension stands behind them.
        whole = value.removeprefix("+")
        return [
            {"type": "in", "attribute": "phoneNumberNumeric", "value": forms},
            {"type": "startsWith", "attribute": "phoneNumberNumeric", "value": whole},
        ]
    if kind != "Contact":
        return []
    if identifier.kind is IdentifierKind.CUSTOMER_ID and options.customer_id_field and value:
        spellings = list(dict.fromkeys([value, value.upper(), value.lower()]))
        return [{"type": "in", "attribute": options.customer_id_field, "value": spellings}]
    if identifier.kind is IdentifierKind.HANDLE:
        platform, _, name = value.partition(":")
        if name and (field := options.handle_fields.get(platform)):
            return [{"type": "in", "attribute": field, "value": [name, f"@{name}"]}]
    return []


def any_of(conditions: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    return {"type": "or", "value": list(conditions)}


def belongs_to(
    kind: Kind, record_id: str, activity: Activity, emails: Iterable[str]
) -> dict[str, Any]:
    """An activity belongs to the record that it is about, to each of its attendees, and an e-mail
    to whoever has one of its addresses."""
    about = [
        {"type": "equals", "attribute": "parentType", "value": kind},
        {"type": "equals", "attribute": "parentId", "value": record_id},
    ]
    conditions: list[dict[str, Any]] = [{"type": "and", "value": about}]
    if kind == "Account":
        conditions.append({"type": "equals", "attribute": "accountId", "value": record_id})
    elif activity != "Email":
        link = "contacts" if kind == "Contact" else "leads"
        conditions.append({"type": "linkedWith", "attribute": link, "value": [record_id]})
    if activity == "Email":
        conditions += [{"type": "equals", "attribute": "emailAddress", "value": e} for e in emails]
    return any_of(conditions)


def order_of(activity: Activity) -> str:
    return "dateSent" if activity == "Email" else "dateStart"


# ---------------------------------------------------------------------------- what is answered


def rows_of(answer: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    """The records of a list. Raises ValueError where it is none."""
    rows = answer.get("list")
    if not isinstance(rows, list) or not all(isinstance(r, dict) for r in rows):
        raise ValueError(
            sentence("a list without the key `list`, or with something else than records in it")
        )
    return rows


def id_of(record: Mapping[str, Any]) -> str:
    found = record.get("id")
    if not isinstance(found, str) or not _ID.fullmatch(found):
        raise ValueError(sentence("a record without an id"))
    return found


def customer_of(kind: Kind, record: Any, crm: str, home: str, options: Options) -> Customer:
    """Raises ValueError for what is no record."""
    record = dict_of(record)
    ref = f"{kind}/{id_of(record)}"
    country = country_in(kind, record)
    numbers = _numbers(record)
    addresses = [
        text_of(dict_of(item).get("emailAddress"))
        for item in list_of(record.get("emailAddressData"))
    ]
    addresses.append(text_of(record.get("emailAddress")))
    handles = [
        handle(f"{platform}:{name}")
        for platform, field in options.handle_fields.items()
        if kind == "Contact" and (name := text_of(record.get(field)).strip())
    ]
    opted_out = any(out for _, out in numbers)
    return Customer(
        crm=crm,
        ref=ref,
        name=text_of(record.get("name")).strip(),
        phones=in_one_form((number for number, _ in numbers), country or home),
        emails=tuple(dict.fromkeys(a.strip().lower() for a in addresses if a.strip())),
        handles=tuple(handles),
        country=country,
        consent="refused" if record.get("doNotCall") is True or opted_out else "none",
        status="prospect" if kind == "Lead" else "customer",
        region=state_of(text_of(record.get(f"{_ADDRESS.get(kind, 'address')}State"))),
    )


def _numbers(record: Mapping[str, Any]) -> list[tuple[str, bool]]:
    """Each phone as written, and whether it is opted out."""
    items = [dict_of(item) for item in list_of(record.get("phoneNumberData"))]
    found = [(text_of(i.get("phoneNumber")).strip(), i.get("optOut") is True) for i in items]
    primary = text_of(record.get("phoneNumber")).strip()
    if primary not in {number for number, _ in found}:
        found.append((primary, record.get("phoneNumberIsOptedOut") is True))
    return [(number, out) for number, out in found if number]


def country_in(kind: Kind, record: Mapping[str, Any]) -> str:
    """Of the country that the record names, in whatever language; empty for none."""
    return country_of(text_of(record.get(f"{_ADDRESS.get(kind, 'address')}Country")))


def fits(
    identifier: Identifier,
    kind: Kind,
    record: Mapping[str, Any],
    customer: Customer,
    options: Options,
) -> bool:
    field = options.customer_id_field if kind == "Contact" else ""
    return fitting.fits(identifier, customer, text_of(record.get(field)))


def doubles_of(records: Iterable[tuple[Kind, Mapping[str, Any]]]) -> set[str]:
    """Refs of records that another one of them stands for: a converted lead is its contact, and an
    account that has the phone of one of its people is not somebody else."""
    found = {f"{kind}/{id_of(record)}": (kind, record) for kind, record in records}
    doubles = set()
    for ref, (kind, record) in found.items():
        person = f"Contact/{text_of(record.get('createdContactId'))}"
        if kind == "Lead" and person in found:
            doubles.add(ref)
        account = f"Account/{text_of(record.get('accountId'))}"
        if kind == "Contact" and account in found:
            doubles.add(account)
    return doubles


def event_of(
    activity: Activity, row: Any, customer: Customer, options: Options
) -> ContactEvent | None:
    """A contact that took place or was tried; None for what was planned, cancelled or not sent.
    Raises ValueError for what is no activity."""
    row = dict_of(row)
    event_id = f"{activity.lower()}:{id_of(row)}"
    status = text_of(row.get("status")).strip()
    if activity == "Email":
        return _email(row, event_id, status, customer)
    if status.casefold() == "planned" or (activity == "Meeting" and status != "Held"):
        return None
    # A meeting of a whole day has a date alone.
    at = parse_time(row.get("dateStart") or row.get("dateStartDate") or row.get("createdAt"))
    event = ContactEvent(
        event_id=event_id,
        at=at,
        direction=Direction.OUT,
        channel=Channel.VISIT,
        customer_ref=customer.ref,
        agent=text_of(row.get("assignedUserName")).strip(),
        # The end of a call that did not take place is the planned one.
        duration_s=0 if status == "Not Held" else _seconds(at, row.get("dateEnd")),
        note=_note(row.get("name"), row.get("description")),
    )
    return _call(event, row, status, customer, options) if activity == "Call" else event


def _call(
    event: ContactEvent, row: Mapping[str, Any], status: str, customer: Customer, options: Options
) -> ContactEvent:
    def own(field: CallField) -> str:
        return text_of(row.get(options.call_fields.get(field, ""))).strip()

    code = own("disposition") or status
    disposition = disposition_of(code, options.dispositions)
    country = customer.country or country_of_phones(customer.phones)
    return replace(
        event,
        direction=Direction.IN if row.get("direction") == "Inbound" else Direction.OUT,
        channel=Channel.CALL,
        customer_number=phones.normalise(own("customer_number"), country) or "",
        caller_number=phones.normalise_caller(own("caller_number"), country),
        campaign=own("campaign"),
        list_name=own("list_name"),
        disposition=disposition or Disposition.NONE,
        note=event.note if disposition else _note(code, event.note),
    )


def _email(
    row: Mapping[str, Any], event_id: str, status: str, customer: Customer
) -> ContactEvent | None:
    if status not in ("Sent", "Archived"):
        return None
    sender = f"{text_of(row.get('fromEmailAddressName'))} {text_of(row.get('fromString'))}".lower()
    theirs = bool(set(re.findall(r"[^\s<>\"',;]+@[^\s<>\"',;]+", sender)) & set(customer.emails))
    agent = text_of(row.get("sentByName")) or text_of(row.get("assignedUserName"))
    return ContactEvent(
        event_id=event_id,
        at=parse_time(row.get("dateSent") or row.get("createdAt")),
        direction=Direction.IN if theirs else Direction.OUT,
        channel=Channel.EMAIL,
        customer_ref=customer.ref,
        agent="" if theirs else agent.strip(),
        note=_note(row.get("name")),
    )


def _seconds(start: datetime, end: Any) -> int:
    length = parse_time(end) - start if end else timedelta(0)
    return int(length.total_seconds()) if timedelta(0) < length <= _LONGEST else 0


def _note(*parts: Any) -> str:
    return "\n".join(t for part in parts if (t := text_of(part).strip()))


# ---------------------------------------------------------------------------- what is written


def suppression(
    record: Mapping[str, Any], order: Order, country: str, options: Options
) -> dict[str, Any]:
    """What has to change on a record so that the number is opted out; empty where it is already."""
    change: dict[str, Any] = {}
    data = [dict_of(item) for item in list_of(record.get("phoneNumberData"))]
    theirs = [
        item
        for item in data
        if phones.normalise(text_of(item.get("phoneNumber")), country) == order.number
    ]
    if any(item.get("optOut") is not True for item in theirs):
        # The whole set, as EspoCRM takes it: a number that is left out is taken off the record.
        change["phoneNumberData"] = [
            {**item, "optOut": True} if item in theirs else item for item in data
        ]
    if options.do_not_call and record.get("doNotCall") is False:
        change["doNotCall"] = True
    return change


def description_of(record: Mapping[str, Any]) -> str:
    return text_of(record.get("description")).rstrip()


def marked_since(record: Mapping[str, Any], key: str) -> datetime | None:
    """Since when an order holds: as our mark says, else by the record's last change at the latest."""
    changed = record.get("modifiedAt")
    return marked_at(description_of(record), key) or (parse_time(changed) if changed else None)


def case_body(ticket: Ticket, options: Options) -> dict[str, Any]:
    """A new Case. Names may not hold < > =, and end with the key where no field is made for it."""
    end = "" if options.key_field else f" [{ticket.key}]"
    title = re.sub(r"[<>=\s]+", " ", ticket.title).strip() or "Complaint"
    body: dict[str, Any] = {
        "name": title[: _NAME_LENGTH - len(end)] + end,
        "description": "\n\n".join(part for part in (ticket.text, ticket.link, ticket.key) if part),
    }
    if options.key_field:
        body[options.key_field] = ticket.key
    found = REF.fullmatch(ticket.ref or "")
    if found:
        body[f"{found[1].lower()}Id"] = found[2]
    return body
