"""What Salesforce is asked for, in its query languages, and what its records say. Pure."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, Literal

from listener import phones
from listener.crm import fitting
from listener.crm.contacts import seconds_of
from listener.crm.countries import country_of, state_of
from listener.crm.spellings import Spelt, in_one_form, old_forms
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
from listener.normalise import clean_text
from listener.sources.items import dict_of, text_of
from listener.times import parse_time

if TYPE_CHECKING:
    from listener.crm.salesforce import Options

Kind = Literal["Contact", "Lead"]
TaskField = Literal["at", "customer_number", "caller_number", "campaign", "list_name", "centre"]

_PREFIXES: Mapping[str, Kind] = {"003": "Contact", "00Q": "Lead"}
# Results of calls are free text: how people and diallers usually write them.
RESULTS = {
    "connected": Disposition.NONE,
    "sale": Disposition.SALE,
    "sold": Disposition.SALE,
    "interested": Disposition.INTERESTED,
    "not interested": Disposition.NOT_INTERESTED,
    "do not call": Disposition.DO_NOT_CALL,
    "callback": Disposition.CALLBACK,
    "call back": Disposition.CALLBACK,
    "call back later": Disposition.CALLBACK,
    "no answer": Disposition.NO_ANSWER,
    "unavailable": Disposition.NO_ANSWER,
    "busy": Disposition.BUSY,
    "left voicemail": Disposition.VOICEMAIL,
    "voicemail": Disposition.VOICEMAIL,
    "wrong number": Disposition.WRONG_NUMBER,
    "abandoned": Disposition.ABANDONED,
}
_UNANSWERED = (Disposition.NO_ANSWER, Disposition.BUSY)


# ---------------------------------------------------------------------------- what is asked


def fields_of(kind: Kind, options: Options) -> tuple[str, ...]:
    """What is read of a person."""
    code = "Code" if options.address_codes else ""
    home = "Mailing" if kind == "Contact" else ""
    usual = ["Id", "Name", "Email", f"{home}Country{code}", options.do_not_call, "LastModifiedDate"]
    if options.address_codes:
        usual.append(f"{home}StateCode")
    if kind == "Contact":
        usual += [*options.contact_phones, options.customer_id, *options.handles.values()]
    else:
        usual += [*options.lead_phones, "IsConverted", "ConvertedContactId"]
    return tuple(dict.fromkeys(name for name in usual if name))


def task_fields_of(options: Options) -> tuple[str, ...]:
    usual = ("Id", "Subject", "Description", "Type", "TaskSubtype", "CallType", "CallDisposition")
    more = ("CallDurationInSeconds", "CreatedDate", "CompletedDateTime", "Owner.Name")
    ours = (*options.task_fields.values(), options.key if options.record_as == "Task" else "")
    return tuple(dict.fromkeys(name for name in (*usual, *more, *ours) if name))


def quoted(value: str) -> str:
    """A value as SOQL writes it."""
    escaped = re.sub(r"([\\'])", r"\\\1", value).replace("\n", "\\n").replace("\r", "\\r")
    return f"'{escaped}'"


def soql(fields: Sequence[str], kind: str, *where: str, order: str = "") -> str:
    """A query. Names come from our options, which hold nothing but names; values are `quoted`."""
    query = " ".join(("SELECT", ", ".join(fields), "FROM", kind, "WHERE", " AND ".join(where)))
    return f"{query} ORDER BY {order}" if order else query


def search_for_phone(line: Spelt, options: Options) -> str:
    """SOSL: its index holds the digits of a phone, however they are grouped; what stands before
    them (the country's code, a trunk zero, an old prefix) makes another number there."""
    whole = line.code + line.national
    # An area in Argentina has two to four digits.
    old = old_forms(line, (2, 3, 4))
    forms = [line.national, line.dialled, whole, f"00{whole}", *old]
    # With what may follow: an extension.
    wanted = " OR ".join(f"{digits}*" for digits in dict.fromkeys(forms))
    returning = []
    for kind in options.objects:
        only = " WHERE IsConverted = false" if kind == "Lead" else ""
        returning.append(f"{kind}({', '.join(fields_of(kind, options))}{only})")
    return f"FIND {{{wanted}}} IN PHONE FIELDS RETURNING {', '.join(returning)}"


def queries_for(identifier: Identifier, options: Options) -> list[str]:
    """SOQL for whoever has an address, an id or an account; none where no field holds it."""
    value = identifier.value.strip()
    if not value or len(value) > 200:
        return []
    wheres: list[tuple[Kind, str]] = []
    if identifier.kind is IdentifierKind.EMAIL and re.fullmatch(r"[^\s@]+@[^\s@]+", value):
        wheres = [(kind, f"Email = {quoted(value)}") for kind in options.objects]
    if identifier.kind is IdentifierKind.CUSTOMER_ID and options.customer_id:
        wheres = [("Contact", f"{options.customer_id} = {quoted(value)}")]
    if identifier.kind is IdentifierKind.HANDLE:
        platform, _, name = handle(value).partition(":")
        held = options.handles.get(platform)
        if held and name:
            wheres = [("Contact", f"{held} IN ({quoted(name)}, {quoted('@' + name)})")]
    return [
        soql(fields_of(kind, options), kind, where, *(["IsConverted = false"] * (kind == "Lead")))
        for kind, where in wheres
        if kind in options.objects
    ]


# ---------------------------------------------------------------------------- what is answered


def value_at(record: Mapping[str, Any], path: str) -> str:
    """The text of a field, also of a related record ("Account.AccountNumber")."""
    *relations, last = path.split(".")
    for relation in relations:
        record = dict_of(record.get(relation))
    return clean_text(text_of(record.get(last)))


def ref_of(record: Any) -> str:
    """The id of 18 characters. Raises ValueError."""
    ref = text_of(dict_of(record).get("Id"))
    if not re.fullmatch(r"[A-Za-z0-9]{15}([A-Za-z0-9]{3})?", ref):
        raise ValueError(sentence("a record without an id"))
    return ref


def customer_of(record: Any, options: Options, *, crm: str, home: str) -> Customer:
    """A contact is a customer, a lead a prospect. Raises ValueError. `home` reads the numbers of
    people without a country."""
    ref = ref_of(record)
    kind = kind_of(ref)
    if kind is None:
        raise ValueError(sentence("a record that is neither a contact nor a lead"))
    code = "Code" if options.address_codes else ""
    place = "Mailing" if kind == "Contact" else ""
    country = country_of(value_at(record, f"{place}Country{code}"))
    names = options.contact_phones if kind == "Contact" else options.lead_phones
    held = options.handles.items() if kind == "Contact" else ()
    email = value_at(record, "Email").lower()
    return Customer(
        crm=crm,
        ref=ref,
        name=value_at(record, "Name"),
        phones=in_one_form((value_at(record, name) for name in names), country or home),
        emails=(email,) if email else (),
        handles=tuple(handle(f"{p}:{name}") for p, f in held if (name := value_at(record, f))),
        country=country,
        status="customer" if kind == "Contact" else "prospect",
        region=state_of(value_at(record, f"{place}StateCode")),
    )


def fits(identifier: Identifier, record: Any, customer: Customer, options: Options) -> bool:
    return fitting.fits(identifier, customer, value_at(record, options.customer_id))


def event_of(
    record: Any, options: Options, *, ref: str, country: str, incoming: Mapping[str, bool]
) -> ContactEvent | None:
    """None for a task that is no contact with the customer. `incoming` knows the e-mails that were
    received. Raises ValueError."""
    key = ref_of(record)
    channel = channel_of(record)
    if options.key and options.record_as == "Task" and value_at(record, options.key):
        return None  # what we noted ourselves
    if channel is None or (channel is Channel.EMAIL and not options.emails):
        return None

    def own(name: TaskField) -> str:
        return value_at(record, options.task_fields[name]) if name in options.task_fields else ""

    way = value_at(record, "CallType")
    inbound = incoming.get(key, False) if channel is Channel.EMAIL else way == "Inbound"
    code = value_at(record, "CallDisposition")
    disposition = options.dispositions.get(code.casefold(), Disposition.NONE)
    unanswered = disposition in _UNANSWERED
    note = "\n".join(t for t in (value_at(record, "Subject"), value_at(record, "Description")) if t)
    if code and code.casefold() not in options.dispositions:
        note = f"{note} [{code}]".strip()
    # A call that is planned is done when it is completed; one that is logged is created then.
    moments = (own("at"), value_at(record, "CompletedDateTime"), value_at(record, "CreatedDate"))
    return ContactEvent(
        event_id=f"task:{key}",
        at=parse_time(next((m for m in moments if m), "")),
        direction=Direction.IN if inbound else Direction.OUT,
        channel=channel,
        customer_ref=ref,
        customer_number=phones.normalise_caller(own("customer_number"), country),
        caller_number="" if inbound else phones.normalise_caller(own("caller_number"), country),
        campaign=own("campaign"),
        list_name=own("list_name"),
        centre=own("centre"),
        agent=value_at(record, "Owner.Name"),
        disposition=disposition,
        duration_s=0 if unanswered else seconds_of(text_of(record.get("CallDurationInSeconds"))),
        note=note,
    )


def channel_of(record: Mapping[str, Any]) -> Channel | None:
    """None for a task that is no contact."""
    subtype, kind = value_at(record, "TaskSubtype"), value_at(record, "Type").casefold()
    way = value_at(record, "CallType")
    if way == "Internal":
        return None  # between colleagues
    if subtype == "Call" or way or kind == "call":
        return Channel.CALL
    if subtype in ("Email", "ListEmail") or kind == "email":
        return Channel.EMAIL
    return {"sms": Channel.SMS, "whatsapp": Channel.WHATSAPP}.get(kind)


def kind_of(ref: str) -> Kind | None:
    """What an id is the id of; None: of nobody that we know."""
    known = re.fullmatch(r"[A-Za-z0-9]{15}([A-Za-z0-9]{3})?", ref)
    return _PREFIXES.get(ref[:3]) if known else None
