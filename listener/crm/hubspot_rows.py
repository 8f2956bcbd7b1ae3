"""What HubSpot is asked for, what its answers say, and what is written. Pure."""

from __future__ import annotations

import html
import re
from collections.abc import Mapping, Sequence
from datetime import datetime
from functools import lru_cache
from typing import TYPE_CHECKING, Any, Literal
from zoneinfo import available_timezones

from listener import phones
from listener.crm import fitting
from listener.crm.contacts import seconds_of
from listener.crm.countries import country_of, state_of
from listener.crm.seam import Ticket
from listener.crm.spellings import Spelt, in_one_form, spelt
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
from listener.normalise import clean_text, html_to_text
from listener.sources.items import dict_of, list_of, text_of
from listener.times import parse_time

if TYPE_CHECKING:
    from listener.crm.hubspot import Options

Status = Literal["customer", "former", "prospect"]
Group = dict[str, list[dict[str, Any]]]

# The values that every account begins with; others are the account's own.
OUTCOMES = {
    "9d9162e7-6cf3-4944-bf63-4dff82258764": Disposition.BUSY,
    "f240bbac-87c9-4f6e-bf70-924b57d47db7": Disposition.NONE,  # connected
    "a4c4c377-d246-4b32-a13b-75a56a4cd0ff": Disposition.NONE,  # left live message
    "b2cf5968-551e-4856-9783-52b3da59a7d0": Disposition.VOICEMAIL,
    "73a0d17f-1163-4015-bdd5-ec830791da20": Disposition.NO_ANSWER,
    "17b47fee-58de-441e-a44c-c6300d46f273": Disposition.WRONG_NUMBER,
}
_STAGES: dict[str, Status] = {
    "subscriber": "prospect",
    "lead": "prospect",
    "marketingqualifiedlead": "prospect",
    "salesqualifiedlead": "prospect",
    "opportunity": "prospect",
}

STANDARD = (
    *("firstname", "lastname", "email", "hs_additional_emails", "country"),
    *("hs_country_region_code", "hs_state_code", "hs_timezone", "lifecyclestage"),
)
CALL = (
    *("hs_timestamp", "hs_call_body", "hs_call_direction", "hs_call_disposition"),
    *("hs_call_duration", "hs_call_from_number", "hs_call_to_number", "hs_call_status"),
    "hubspot_owner_id",
)
EMAIL = (
    *("hs_timestamp", "hs_email_direction", "hs_email_status", "hs_email_subject"),
    *("hs_email_text", "hs_email_html", "hubspot_owner_id"),
)
NOTE = ("hs_timestamp", "hs_note_body", "hubspot_owner_id")


def is_ref(ref: str) -> bool:
    return ref.isascii() and ref.isdigit() and len(ref) <= 20


def created_at(value: Mapping[str, Any]) -> datetime:
    return parse_time(value.get("createdAt"))


# ---------------------------------------------------------------------------- what is asked


def groups_for(identifier: Identifier, options: Options) -> list[Group]:
    """The alternatives of a search that finds whoever may have it, and some more; none where
    HubSpot holds nothing of the kind. What is found is compared exactly afterwards."""
    value = identifier.value.strip()
    if identifier.kind is IdentifierKind.PHONE:
        line = spelt(phones.normalise(value) or "")
        return _groups_for_phone(line, options.phones) if line else []
    if not value or len(value) > 200:
        return []
    if identifier.kind is IdentifierKind.EMAIL:
        # A star would be a wildcard.
        if not re.fullmatch(r"[^\s@*]+@[^\s@*]+", value):
            return []
        return [
            _where("email", "EQ", value.lower()),
            _where("hs_additional_emails", "CONTAINS_TOKEN", value.lower()),
        ]
    if identifier.kind is IdentifierKind.CUSTOMER_ID:
        # HubSpot's own numbers are none that a customer could give: they would name a stranger.
        return [_where(options.customer_id, "EQ", value)] if options.customer_id else []
    platform, _, name = handle(value).partition(":")
    held = options.handles.get(platform)
    return [_where(held, "EQ", form) for form in (name, f"@{name}")] if held and name else []


def _groups_for_phone(line: Spelt, names: Sequence[str]) -> list[Group]:
    """HubSpot's own properties for searches hold the number without its country; whatever stood
    before (an old prefix, a trunk zero) the last digits are the same in every written form."""
    whole = line.code + line.national
    forms = [line.e164, whole, f"00{whole}", line.national, line.dialled]
    forms += [line.grouped, line.international]
    searchable = {
        "phone": "hs_searchable_calculated_phone_number",
        "mobilephone": "hs_searchable_calculated_mobile_number",
    }
    return [
        *(
            _where(searchable[name], "CONTAINS_TOKEN", f"*{line.national[-8:]}")
            for name in names
            if name in searchable
        ),
        *(
            {
                "filters": [
                    {"propertyName": n, "operator": "IN", "values": list(dict.fromkeys(forms))}
                ]
            }
            for n in names
        ),
    ]


def _where(name: str, operator: str, value: str) -> Group:
    return {"filters": [{"propertyName": name, "operator": operator, "value": value}]}


# ---------------------------------------------------------------------------- what is answered


def record_of(value: Any) -> tuple[str, Mapping[str, str]]:
    """(id, properties) of an object of any kind. Raises ValueError."""
    record = dict_of(value)
    ref, properties = text_of(record.get("id")), record.get("properties")
    if not is_ref(ref) or not isinstance(properties, dict):
        raise ValueError(sentence("an object without an id and properties"))
    return ref, {str(k): clean_text(text_of(v)) for k, v in properties.items()}


def customer_of(value: Any, options: Options, *, crm: str, home: str) -> Customer:
    """Raises ValueError. `home` reads the numbers of contacts without a country."""
    ref, has = record_of(value)
    country = country_of(has.get("hs_country_region_code", "")) or country_of(
        has.get("country", "")
    )
    numbers = in_one_form((has.get(name, "") for name in options.phones), country or home)
    emails = [has.get("email", ""), *re.split(r"[;,\s]+", has.get("hs_additional_emails", ""))]
    stage = has.get("lifecyclestage", "").lower()
    return Customer(
        crm=crm,
        ref=ref,
        name=f"{has.get('firstname', '')} {has.get('lastname', '')}".strip(),
        phones=numbers,
        emails=tuple(dict.fromkeys(e.lower() for e in emails if e)),
        handles=tuple(
            handle(f"{platform}:{has[name]}")
            for platform, name in options.handles.items()
            if has.get(name)
        ),
        country=country,
        time_zone=_zone(has.get("hs_timezone", "")),
        consent=_consent(has.get(options.consent, "") if options.consent else ""),
        status=options.stages.get(stage) or _STAGES.get(stage, "customer"),
        region=state_of(has.get("hs_state_code", "")),
    )


def call_of(
    value: Any, options: Options, *, ref: str, country: str, agents: Mapping[str, str]
) -> ContactEvent | None:
    """None for a call that has not reached anybody's phone yet. Raises ValueError."""
    key, has = record_of(value)
    state = has.get("hs_call_status", "")
    if state in ("QUEUED", "CALLING_CRM_USER"):
        return None
    inbound = has.get("hs_call_direction") == "INBOUND"
    ours, theirs = has.get("hs_call_from_number", ""), has.get("hs_call_to_number", "")
    if inbound:
        ours, theirs = theirs, ours
    code = has.get("hs_call_disposition", "").lower()
    by_state = {"BUSY": Disposition.BUSY, "NO_ANSWER": Disposition.NO_ANSWER}
    disposition = options.dispositions.get(code) or by_state.get(state, Disposition.NONE)
    note = html_to_text(has.get("hs_call_body", ""))
    if code and code not in options.dispositions:
        note = f"{note} [{code}]".strip()
    # What rang is not answered, however long it rang.
    rang = disposition in by_state.values() or state in _NEVER_ANSWERED
    return ContactEvent(
        event_id=f"call:{key}",
        at=parse_time(has.get("hs_timestamp")),
        direction=Direction.IN if inbound else Direction.OUT,
        channel=Channel.CALL,
        customer_ref=ref,
        customer_number=phones.normalise_caller(theirs, country),
        caller_number="" if inbound else phones.normalise_caller(ours, country),
        campaign=has.get(options.campaign, ""),
        list_name=has.get(options.list_name, ""),
        centre=has.get(options.centre, ""),
        agent=_agent(has, agents),
        disposition=disposition,
        duration_s=0 if rang else seconds_of(has.get("hs_call_duration", ""), 1000),
        note=note,
    )


_NEVER_ANSWERED = ("BUSY", "NO_ANSWER", "FAILED", "CANCELED", "RINGING", "CONNECTING")


def email_of(value: Any, *, ref: str, agents: Mapping[str, str]) -> ContactEvent | None:
    """None for an e-mail that was not sent. Raises ValueError."""
    key, has = record_of(value)
    way = has.get("hs_email_direction", "")
    unsent = has.get("hs_email_status", "") in ("FAILED", "SCHEDULED", "SENDING")
    if unsent or way == "DRAFT_EMAIL":
        return None
    body = has.get("hs_email_text", "") or html_to_text(has.get("hs_email_html", ""))
    return ContactEvent(
        event_id=f"email:{key}",
        at=parse_time(has.get("hs_timestamp")),
        # What a person forwarded to HubSpot is what the customer wrote.
        direction=Direction.OUT if way in ("EMAIL", "") else Direction.IN,
        channel=Channel.EMAIL,
        customer_ref=ref,
        agent=_agent(has, agents),
        note=f"{has.get('hs_email_subject', '')}\n{body}".strip(),
    )


def note_of(value: Any, *, ref: str, agents: Mapping[str, str]) -> ContactEvent:
    """What an agent wrote down is no contact of ours: as inbound it is read for what it says, and
    counts neither as a contact nor towards a frequency. Raises ValueError."""
    key, has = record_of(value)
    return ContactEvent(
        event_id=f"note:{key}",
        at=parse_time(has.get("hs_timestamp")),
        direction=Direction.IN,
        channel=Channel.OTHER,
        customer_ref=ref,
        agent=_agent(has, agents),
        note=html_to_text(has.get("hs_note_body", "")),
    )


def marked_since(value: Any, name: str, mark: str) -> datetime | None:
    """Since when a contact's property has had the value that marks it; None: it has another."""
    _, has = record_of(value)
    if has.get(name, "").casefold() != mark.casefold():
        return None
    versions = list_of(dict_of(dict_of(value).get("propertiesWithHistory")).get(name))
    moments = [
        parse_time(dict_of(v).get("timestamp"))
        for v in versions
        if text_of(dict_of(v).get("value")).casefold() == mark.casefold()
    ]
    return max(moments) if moments else parse_time(dict_of(value).get("updatedAt"))


def next_page(page: Mapping[str, Any]) -> str:
    """What the following page is asked for with; empty after the last."""
    return text_of(dict_of(dict_of(page.get("paging")).get("next")).get("after"))


def results_of(page: Mapping[str, Any]) -> list[Any]:
    """Raises ValueError where a page has none: an empty one has an empty list."""
    results = page.get("results")
    if not isinstance(results, list):
        raise ValueError(sentence("no results in it"))
    return results


def check_errors(answer: Mapping[str, Any]) -> None:
    """An object that was deleted in between is missing; anything else is an error."""
    for error in list_of(answer.get("errors")):
        category = text_of(dict_of(error).get("category"))
        if category != "OBJECT_NOT_FOUND":
            said = text_of(dict_of(error).get("message"))
            kind = category or sentence("an error")
            raise ValueError(sentence("{kind}: {said}", kind=kind, said=said))


def fits(identifier: Identifier, value: Any, customer: Customer, options: Options) -> bool:
    held = record_of(value)[1].get(options.customer_id, "")
    return fitting.fits(identifier, customer, held)


def _agent(has: Mapping[str, str], agents: Mapping[str, str]) -> str:
    owner = has.get("hubspot_owner_id", "")
    return agents.get(owner, owner)


def _consent(value: str) -> str:
    known = {"true": "granted", "yes": "granted", "false": "refused", "no": "refused"}
    value = value.lower()
    return value if value in ("granted", "refused") else known.get(value, "none")


def _zone(written: str) -> str:
    """`europe_slash_madrid`, as HubSpot's list has it."""
    return _zones().get(written.lower().replace("_slash_", "/"), "")


@lru_cache(maxsize=1)
def _zones() -> dict[str, str]:
    return {name.lower(): name for name in available_timezones()}


# ---------------------------------------------------------------------------- what is written


def ticket_body(ticket: Ticket, options: Options, now: datetime) -> dict[str, Any]:
    """A new ticket, or a note, on the contact where there is one."""
    text = f"{ticket.text}\n\n{ticket.link}".strip()
    if options.record_as == "note":
        body = html.escape(f"{ticket.title}\n\n{text}", quote=False).replace("\n", "<br>")
        stamp = now.isoformat()
        properties = {"hs_note_body": body[:65_536], "hs_timestamp": stamp}
    else:
        properties = {
            "subject": ticket.title,
            "content": text[:65_536],
            "hs_pipeline": options.pipeline,
            "hs_pipeline_stage": options.stage,
        }
    made: dict[str, Any] = {"properties": properties | {options.key: ticket.key}}
    if ticket.ref and is_ref(ticket.ref):
        # From the list of default types: ticket to contact, note to contact.
        type_id = 202 if options.record_as == "note" else 16
        kind = {"associationCategory": "HUBSPOT_DEFINED", "associationTypeId": type_id}
        made["associations"] = [{"to": {"id": ticket.ref}, "types": [kind]}]
    return made
