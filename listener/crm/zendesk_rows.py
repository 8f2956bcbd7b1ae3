"""What Zendesk is asked for, what its users and tickets say, and what is written. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

from listener import phones
from listener.crm import fitting
from listener.crm.marks import marked_at, with_mark
from listener.crm.seam import Order, Ticket
from listener.crm.spellings import in_one_form, tails
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
    from listener.crm.zendesk import Options

OURS = "listener"  # the tag of the tickets that we write, which are no contacts

REF = re.compile(r"[1-9][0-9]{0,18}")
_LONGEST = timedelta(days=7)
_CHANNELS = {"email": Channel.EMAIL, "sms": Channel.SMS, "whatsapp": Channel.WHATSAPP}
# By these a ticket may begin with a call.
_WITH_CALLS = ("voice", "api", "web_service")


@dataclass(frozen=True, slots=True)
class User:
    """An end user with all their phones and addresses."""

    id: str
    has: Mapping[str, Any]
    customer: Customer
    marked: bool


# ---------------------------------------------------------------------------- what is asked for


def searches_for(identifier: Identifier, options: Options) -> list[dict[str, str]]:
    """The parameters of each search for users."""
    value = identifier.value.strip()
    if not value or re.search(r'[\s"*]', value):
        return []  # nothing that a person has, but something in the language of searches
    if identifier.kind is IdentifierKind.PHONE:
        # The asterisk finds the number however its beginning and its blanks are written.
        return [{"query": f"role:end-user phone:*{tail}"} for tail in tails(value)]
    if identifier.kind is IdentifierKind.EMAIL:
        return [{"query": f"role:end-user email:{value.lower()}"}] if "@" in value else []
    if identifier.kind is IdentifierKind.CUSTOMER_ID:
        return [{"external_id": value}]
    platform, _, name = value.partition(":")
    field = options.handle_fields.get(platform)
    return [{"query": f'role:end-user {field}:"{name}"'}] if field and name else []


def may_hold_a_call(ticket: Mapping[str, Any]) -> bool:
    """Whether its comments have to be read: one that began otherwise and has one comment has none."""
    via = dict_of(ticket.get("via"))
    count = ticket.get("comment_count")
    return text_of(via.get("channel")) in _WITH_CALLS or not isinstance(count, int) or count > 1


# ---------------------------------------------------------------------------- what is answered


def rows_of(answer: Mapping[str, Any], key: str) -> list[Mapping[str, Any]]:
    """The items of a list. Raises ValueError where it is none."""
    rows = answer.get(key)
    if not isinstance(rows, list) or not all(isinstance(r, dict) for r in rows):
        raise ValueError(
            sentence("a list without the key `{key}`, or with something else in it", key=key)
        )
    return rows


def id_of(row: Mapping[str, Any]) -> str:
    found = row.get("id")
    if isinstance(found, bool) or not REF.fullmatch(text_of(found)):
        raise ValueError(sentence("something without an id"))
    return text_of(found)


def user_of(value: Any, identities: Iterable[Any], crm: str, home: str, options: Options) -> User:
    """Raises ValueError for what is no user."""
    row = dict_of(value)
    user_id = id_of(row)
    known = [dict_of(identity) for identity in identities]

    def of(kind: str, first: str) -> list[str]:
        more = [text_of(i.get("value")) for i in known if i.get("type") == kind]
        return [v for written in (text_of(row.get(first)), *more) if (v := written.strip())]

    fields = dict_of(row.get("user_fields"))
    handles = [
        handle(f"{platform}:{name}")
        for platform, field in options.handle_fields.items()
        if (name := text_of(fields.get(field)).strip())
    ]
    marked = is_marked(row, options)
    customer = Customer(
        crm=crm,
        ref=user_id,
        name=text_of(row.get("name")).strip(),
        phones=in_one_form(of("phone_number", "phone"), home),
        emails=tuple(dict.fromkeys(a.lower() for a in of("email", "email"))),
        handles=tuple(handles),
        consent="refused" if marked else "none",
    )
    return User(user_id, row, customer, marked)


def is_marked(row: Mapping[str, Any], options: Options) -> bool:
    if field := options.do_not_call_field:
        return dict_of(row.get("user_fields")).get(field) is True
    return options.do_not_call_tag in list_of(row.get("tags"))


def fits(identifier: Identifier, user: User) -> bool:
    return fitting.fits(identifier, user.customer, text_of(user.has.get("external_id")))


def events_of(
    ticket: Any, comments: Iterable[Any], customer: Customer, home: str, options: Options
) -> list[ContactEvent]:
    """Each call in a ticket; of one without calls, its beginning. An agent's internal comment is
    the note of the call before it. `agent` is the agent's id. Raises ValueError for what is no
    ticket."""
    ticket = dict_of(ticket)
    ticket_id = id_of(ticket)
    subject = text_of(ticket.get("subject")).strip()
    calls: list[ContactEvent] = []
    said = [dict_of(comment) for comment in comments]
    for comment in said:
        if comment.get("type") == "VoiceComment":
            calls.append(_call(comment, subject, customer, home))
        elif calls and comment.get("public") is False:
            note = f"{calls[-1].note}\n{text_of(comment.get('body')).strip()}"
            calls[-1] = replace(calls[-1], note=note.strip())
    if calls:
        tags = {tag for tag in list_of(ticket.get("tags")) if isinstance(tag, str)}
        coded = next((d for tag, d in options.dispositions.items() if tag in tags), None)
        # A ticket is tagged when it is done with.
        calls[-1] = replace(calls[-1], disposition=coded or calls[-1].disposition)
        return calls
    opening = _opening(ticket, said, customer, home)
    return [] if opening is None else [replace(opening, event_id=f"ticket:{ticket_id}")]


def _opening(
    ticket: Mapping[str, Any], said: Sequence[Mapping[str, Any]], customer: Customer, home: str
) -> ContactEvent | None:
    """How a ticket without the details of a call began; None for one among agents."""
    via = dict_of(ticket.get("via"))
    channel, source = text_of(via.get("channel")), dict_of(via.get("source"))
    author = text_of(said[0].get("author_id")) if said else text_of(ticket.get("submitter_id"))
    theirs = author in ("", text_of(ticket.get("requester_id")))
    event = ContactEvent(
        event_id="",
        at=parse_time(ticket.get("created_at")),
        direction=Direction.IN if theirs else Direction.OUT,
        channel=_CHANNELS.get(channel, Channel.OTHER),
        customer_ref=customer.ref,
        agent="" if theirs else author,
        note=text_of(ticket.get("subject")).strip(),
    )
    if channel != "voice":
        is_private = ticket.get("is_public") is False or (said and said[0].get("public") is False)
        return None if is_private else event
    is_ours = source.get("rel") == "outbound"
    from_, to = (
        phones.normalise_caller(text_of(dict_of(source.get(k)).get("phone")), home)
        for k in ("from", "to")
    )
    return replace(
        event,
        direction=Direction.OUT if is_ours else Direction.IN,
        channel=Channel.CALL,
        customer_number=to if is_ours else from_,
        caller_number=from_ if is_ours else to,
        agent=author if is_ours else "",
    )


def _call(comment: Mapping[str, Any], subject: str, customer: Customer, home: str) -> ContactEvent:
    data = dict_of(comment.get("data"))
    source, target = (phones.normalise_caller(text_of(data.get(k)), home) for k in ("from", "to"))
    is_ours = _is_outbound(comment, data, target, customer)
    answered_by = text_of(data.get("answered_by_id"))
    seconds = data.get("call_duration")
    known = isinstance(seconds, int) and 0 < seconds <= _LONGEST.total_seconds()
    return ContactEvent(
        event_id=f"call:{id_of(comment)}",
        at=_started(data.get("started_at"), comment.get("created_at")),
        direction=Direction.OUT if is_ours else Direction.IN,
        channel=Channel.CALL,
        customer_ref=customer.ref,
        customer_number=target if is_ours else source,
        caller_number=source if is_ours else target,
        agent=answered_by or (text_of(comment.get("author_id")) if is_ours else ""),
        disposition=Disposition.NO_ANSWER if is_ours and seconds == 0 else Disposition.NONE,
        duration_s=seconds if known and isinstance(seconds, int) else 0,
        note=f"{subject}\n{text_of(data.get('transcription_text')).strip()}".strip(),
    )


def _is_outbound(
    comment: Mapping[str, Any], data: Mapping[str, Any], target: str, customer: Customer
) -> bool:
    said = data.get("outbound")
    if isinstance(said, bool):
        return said
    rel = text_of(dict_of(dict_of(comment.get("via")).get("source")).get("rel"))
    return rel == "outbound" or (not rel and target in customer.phones)


def _started(began: Any, written: Any) -> datetime:
    """When it began; partners write that in forms of their own."""
    try:
        return parse_time(began)
    except ValueError:
        return parse_time(written)


# ---------------------------------------------------------------------------- what is written


def mark_body(
    row: Mapping[str, Any], order: Order, now: datetime, options: Options
) -> dict[str, Any]:
    """What of a user changes: mark and reason at once."""
    before = text_of(row.get("notes")).rstrip()
    body: dict[str, Any] = {"notes": with_mark(before, order, now)}
    if field := options.do_not_call_field:
        return body | {"user_fields": {field: True}}
    # All of them, as Zendesk takes them: a tag that is left out is taken off.
    return body | {"tags": [*list_of(row.get("tags")), options.do_not_call_tag]}


def marked_since(user: User, key: str) -> datetime | None:
    """Since when an order holds: as our note says, else by the user's last change at the latest."""
    changed = user.has.get("updated_at")
    return marked_at(text_of(user.has.get("notes")), key) or (
        parse_time(changed) if changed else None
    )


def ticket_body(ticket: Ticket) -> dict[str, Any]:
    text = "\n\n".join(part for part in (ticket.text, ticket.link) if part) or ticket.title
    body: dict[str, Any] = {
        "external_id": ticket.key,
        "subject": ticket.title.strip() or "Complaint",
        "comment": {"body": text or ticket.key, "public": False},
        "tags": [OURS],
    }
    if ticket.ref and REF.fullmatch(ticket.ref):
        body["requester_id"] = int(ticket.ref)
    return body
