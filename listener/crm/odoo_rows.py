"""What Odoo's answers say: rows, whom an identifier fits, which contacts there were. Pure."""

from __future__ import annotations

import re
from abc import ABC, abstractmethod
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Annotated, Any, NamedTuple, TypeVar

from pydantic import BaseModel, BeforeValidator, ConfigDict, ValidationError

from classifiers.folding import fold
from listener import phones
from listener.crm.spellings import lines
from listener.domain import (
    Channel,
    ContactEvent,
    Direction,
    Disposition,
    Identifier,
    IdentifierKind,
)
from listener.errors import sentence
from listener.normalise import html_to_text

# What agents write first. None may begin another word of its language: "sale" is not here, for
# "sale el contestador" is a voicemail, nor "comunica", for "comunica que no le interesa".
_WORDS = {
    Disposition.SALE: "sold, sale made, venta hecha, venta cerrada, vendido",
    Disposition.INTERESTED: "interested, interesado, interesada, le interesa",
    Disposition.NOT_INTERESTED: "not interested, no interest, refused, declined, no interesado, "
    "no interesada, no le interesa, no esta interesado, no esta interesada, no quiere, rechaza",
    Disposition.DO_NOT_CALL: "do not call, don't call, dnc, opt out, no llamar, no volver a llamar, "
    "que no le llamemos, pide que no, robinson, lista robinson",
    Disposition.CALLBACK: "callback, call back, call again, volver a llamar, rellamar",
    Disposition.NO_ANSWER: "no answer, not answered, no contesta, no responde, no coge",
    Disposition.BUSY: "busy, engaged, ocupado, comunicando, linea ocupada",
    Disposition.VOICEMAIL: "voicemail, answering machine, left a message, buzon, contestador, "
    "sale buzon, sale el buzon, sale contestador, sale el contestador",
    Disposition.WRONG_NUMBER: "wrong number, numero equivocado, equivocado",
    Disposition.HANG_UP_BY_CUSTOMER: "hung up, cuelga, ha colgado, colgo",
}
DISPOSITIONS: Mapping[str, Disposition] = {
    phrase: disposition for disposition, words in _WORDS.items() for phrase in words.split(", ")
}

# ---------------------------------------------------------------------------- rows


def _without_false(value: Any) -> Any:
    """Odoo says false for an empty text."""
    return "" if value is False else value


def _link(value: Any) -> Any:
    """`[7, "Rosa"]`, or false; the name may be false too."""
    if value is False:
        return None
    if isinstance(value, list) and len(value) == 2:
        return value[0], _without_false(value[1])
    raise ValueError("neither false nor an id with its name")


def _utc(value: Any) -> datetime:
    """ "2026-11-26 01:35:16" is UTC, unsaid."""
    if not isinstance(value, str):
        raise ValueError("no time")
    return datetime.strptime(value, "%Y-%m-%d %H:%M:%S").replace(tzinfo=UTC)


class Link(NamedTuple):
    id: int
    name: str


Text = Annotated[str, BeforeValidator(_without_false)]
Many2one = Annotated[Link | None, BeforeValidator(_link)]
Time = Annotated[datetime, BeforeValidator(_utc)]
PARTNER, LEAD, BLACKLIST = "res.partner", "crm.lead", "phone.blacklist"
ADDRESSES = ("invoice", "delivery", "other")


class Row(BaseModel):
    """Its fields are what is asked for, and what is read."""

    model_config = ConfigDict(frozen=True)
    id: int


class Reachable(Row, ABC):
    active: bool
    phone: Text
    phone_sanitized: Text  # E.164, by the record's country or the company's; empty where invalid
    email_normalized: Text
    country_id: Many2one
    state_id: Many2one

    @property
    @abstractmethod
    def written_emails(self) -> str:
        """Its e-mails as people wrote them, one or several."""


class Partner(Reachable):
    name: Text
    ref: Text
    email: Text
    type: Text
    parent_id: Many2one

    @property
    def written_emails(self) -> str:
        return self.email

    @property
    def owner(self) -> int:
        """A delivery address is no person: it belongs to the contact above it."""
        return self.parent_id.id if self.parent_id and self.type in ADDRESSES else self.id


class Lead(Reachable):
    name: Text
    contact_name: Text
    partner_name: Text
    email_from: Text
    partner_id: Many2one
    campaign_id: Many2one

    @property
    def written_emails(self) -> str:
        return self.email_from


class Coded(Row):
    code: Text


class Message(Row):
    date: Time
    model: Text
    res_id: int
    author_id: Many2one


class Note(Message):
    """Also what Odoo posts when a call is marked as done."""

    body: Text


class Letter(Message):
    """Without its body: whole pages of e-mails would be more than is read of an answer."""

    message_type: Text
    email_from: Text
    subject: Text
    preview: Text


class Notice(Row):
    """That a message went out to somebody: a contact, or an address or phone of no contact."""

    mail_message_id: Many2one
    res_partner_id: Many2one
    notification_type: Text
    mail_email_address: Text


class Blocked(Row):
    number: Text
    active: bool
    write_date: Time


class Created(Row):
    create_date: Time


class Loaded(BaseModel):
    """Odoo's answer to an import: false instead of ids, with HTTP 200, when it refused a row."""

    ids: Annotated[list[int] | None, BeforeValidator(lambda v: None if v is False else v)]
    messages: list[dict[str, Any]]


M = TypeVar("M", bound=BaseModel)
R = TypeVar("R", bound=Row)
P = TypeVar("P", bound=Reachable)


def read(kind: type[M], value: Any) -> M:
    """Raises ValueError, which does not show what was answered: it may hold phones."""
    try:
        return kind.model_validate(value)
    except ValidationError as error:
        first = error.errors(include_input=False, include_url=False, include_context=False)[0]
        where = ".".join(str(part) for part in first["loc"]) or sentence("a row")
        raise ValueError(sentence("{where}: {what}", where=where, what=first["type"])) from None


def rows(kind: type[R], answer: Any) -> list[R]:
    if not isinstance(answer, list):
        raise ValueError(sentence("it is no list"))
    return [read(kind, value) for value in answer]


# ---------------------------------------------------------------------------- reading (pure)


def any_of(*terms: list[Any]) -> list[Any]:
    """Odoo writes the operators before what they join."""
    return ["|"] * (len(terms) - 1) + [leaf for term in terms for leaf in term]


def all_of(*terms: list[Any]) -> list[Any]:
    return ["&"] * (len(terms) - 1) + [leaf for term in terms for leaf in term]


def like(text: str) -> str:
    return re.sub(r"([\\%_])", r"\\\1", text)


def term_of(identifier: Identifier, model: str) -> list[Any]:
    """What to search for; more comes back than is meant. Empty for what the model cannot hold."""
    value = identifier.value.strip().replace("\0", "")
    if identifier.kind is IdentifierKind.PHONE and re.fullmatch(r"\+\d{7,15}", value):
        # Odoo's E.164 form, or the last digits as somebody typed them, blanks and dashes apart: a
        # number that Odoo holds for invalid has no other form. Argentina's mobiles have a 15
        # between area code and number when they are dialled there.
        last = value[-6:] if value.startswith("+54") else value[-7:]
        return any_of(
            [["phone_sanitized", "in", list(lines(value))]],
            [["phone_mobile_search", "ilike", last]],
        )
    if identifier.kind is IdentifierKind.EMAIL and _ADDRESS.fullmatch(value):
        field = "email" if model == PARTNER else "email_from"
        return any_of([["email_normalized", "=", value.lower()]], [[field, "ilike", like(value)]])
    if identifier.kind is IdentifierKind.CUSTOMER_ID and model == PARTNER and value:
        return [["ref", "in", sorted({value, value.upper(), value.lower()})]]
    return []


_BETWEEN_PHONES = re.compile(r"[;,/|\n]| - |\s(?:o|or|y|and|e|ou)\s")
_ADDRESS = re.compile(r"[^\s<>,;\"'()@]+@[^\s<>,;\"'()@]+")


def phones_of(row: Reachable, country: str) -> tuple[str, ...]:
    if sanitized := row.phone_sanitized.strip():
        return (phones.normalise(sanitized) or sanitized,)
    if whole := phones.normalise(row.phone, country):
        return (whole,)
    parts = [phones.normalise(part, country) for part in _BETWEEN_PHONES.split(row.phone)]
    return tuple(dict.fromkeys(n for n in parts if n))


def emails_of(row: Reachable) -> tuple[str, ...]:
    found = [row.email_normalized, *_ADDRESS.findall(row.written_emails)]
    return tuple(dict.fromkeys(address.lower() for address in found if address))


def fits(row: Reachable, country: str, identifier: Identifier) -> bool:
    value = identifier.value.strip()
    if identifier.kind is IdentifierKind.PHONE:
        return value in phones_of(row, country)
    if identifier.kind is IdentifierKind.EMAIL:
        return value.lower() in emails_of(row)
    return isinstance(row, Partner) and row.ref.casefold() == value.casefold() != ""


def hits(found: Iterable[tuple[P, str]], identifier: Identifier) -> list[P]:
    """Of records with their countries. Archived ones only where no other fits: mostly they are
    duplicates that were put away."""
    fitting = [row for row, country in found if fits(row, country, identifier)]
    return [row for row in fitting if row.active] or fitting


def feedback_of(body: str) -> str:
    """What the agent wrote, of the message that Odoo posts when a call is marked as done: under the
    one heading that is bold and nothing else, whatever it is called in the user's language."""
    _, heading, rest = body.rpartition('<div class="fw-bold">')
    if heading:
        return html_to_text(rest.partition("</div>")[2])
    return "" if "fa-fw" in body else html_to_text(body)


def disposition_of(feedback: str, table: Mapping[str, Disposition]) -> Disposition:
    """By the longest entry (folded) that the feedback begins with; none where no entry does."""
    said = fold(feedback).lstrip()
    for words in sorted(table, key=len, reverse=True):
        if re.match(rf"{re.escape(words)}(?!\w)", said):
            return table[words]
    return Disposition.NONE


class Document(NamedTuple):
    """What a record says of the contacts that stand on it."""

    phones: tuple[str, ...]
    campaign: str = ""


@dataclass(frozen=True)
class Person:
    """Whose contacts are meant: a contact with its addresses, and the leads that are theirs."""

    ref: str
    partners: Mapping[int, Document]
    leads: Mapping[int, Document]
    phones: tuple[str, ...]
    emails: tuple[str, ...]

    @property
    def documents(self) -> list[Any]:
        return any_of(
            all_of([["model", "=", PARTNER]], [["res_id", "in", list(self.partners)]]),
            all_of([["model", "=", LEAD]], [["res_id", "in", list(self.leads)]]),
        )

    def document(self, message: Message) -> Document:
        known = {PARTNER: self.partners, LEAD: self.leads}.get(message.model, {})
        found = known.get(message.res_id, Document(()))
        return found if found.phones else Document(self.phones[:1], found.campaign)


def call(message: Note, person: Person, table: Mapping[str, Disposition]) -> ContactEvent:
    """Odoo keeps no direction: what an agent planned and marked as done, the company did."""
    document = person.document(message)
    feedback = feedback_of(message.body)
    return ContactEvent(
        event_id=f"call-{message.id}",
        at=message.date,
        direction=Direction.OUT,
        channel=Channel.CALL,
        customer_ref=person.ref,
        customer_number=next(iter(document.phones), ""),
        campaign=document.campaign,
        agent=message.author_id.name if message.author_id else "",
        disposition=disposition_of(feedback, table),
        duration_s=None,
        note=feedback,
    )


def letter(message: Letter, person: Person, sent: Mapping[int, str]) -> ContactEvent | None:
    """An e-mail or SMS that reached the person, by `sent` (message to kind), or came from them;
    None for what colleagues wrote to each other."""
    author = message.author_id
    written_by = _ADDRESS.findall(message.email_from.lower())
    theirs = (author is not None and author.id in person.partners) or bool(
        set(written_by) & set(person.emails)
    )
    incoming = message.message_type == "email" and theirs
    if not incoming and message.id not in sent:
        return None
    sms = not incoming and sent[message.id] == "sms"
    document = person.document(message)
    return ContactEvent(
        event_id=f"{'sms' if sms else 'email'}-{message.id}",
        at=message.date,
        direction=Direction.IN if incoming else Direction.OUT,
        channel=Channel.SMS if sms else Channel.EMAIL,
        customer_ref=person.ref,
        customer_number=next(iter(document.phones), "") if sms else "",
        campaign=document.campaign,
        agent=author.name if author and not incoming else "",
        note=message.subject or message.preview,
    )


# ---------------------------------------------------------------------------- ids


def number_of(ref: str) -> tuple[str, int]:
    """(model, id); ("", 0) for what is no id of ours. Odoo's ids have 31 bits."""
    found = re.fullmatch(r"(lead-)?([1-9]\d{0,9})", ref, re.ASCII)
    if not found or int(found[2]) >= 2**31:
        return "", 0
    return LEAD if found[1] else PARTNER, int(found[2])
