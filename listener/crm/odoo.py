"""Odoo 19 and newer: contacts and leads, their calls, e-mails and SMS, the phone blacklist.

https://www.odoo.com/documentation/19.0/developer/reference/external_api.html (JSON-2)

Sign-in: the API key of a user who has Sales "User: All Documents" and, for the phone blacklist,
Administration "Settings". On odoo.com the interface needs the plan "Custom".
Limits: none are published; lists are read in pages of 500. One call is one transaction.
Cannot see: who rang whom (a call that was logged counts as ours), how long a call was, from which
number or list; VoIP's own log, mass mailings, WhatsApp, live chat; calls on other documents than
contacts and leads; what was deleted with its lead.

A customer is a contact (`17`); somebody whom only sales knows is a lead without one (`lead-17`).
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from html import escape
from typing import Annotated, Any, NamedTuple, TypeVar

import orjson
from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, TypeAdapter, ValidationError

from classifiers.folding import fold
from listener import phones
from listener.crm.seam import Cannot, Capability, Connection, Order, Receipt, Ticket
from listener.domain import (
    Candidate,
    Channel,
    ContactEvent,
    Customer,
    Direction,
    Disposition,
    Identifier,
    IdentifierKind,
)
from listener.errors import CRMError, HttpError, HttpStatus
from listener.normalise import html_to_text
from listener.sections import Section
from listener.settings import secret

NAME = "odoo"
PAGE = 500

# What agents write first. None may begin another word of its language: "sale" is not here, for
# "sale el contestador" is a voicemail, nor "comunica", for "comunica que no le interesa".
DISPOSITIONS: Mapping[str, Disposition] = {
    phrase: disposition
    for disposition, phrases in {
        Disposition.SALE: ("sold", "sale made", "venta hecha", "venta cerrada", "vendido"),
        Disposition.INTERESTED: ("interested", "interesado", "interesada", "le interesa"),
        Disposition.NOT_INTERESTED: (
            *("not interested", "no interest", "refused", "declined", "no interesado"),
            *("no interesada", "no le interesa", "no esta interesado", "no esta interesada"),
            *("no quiere", "rechaza"),
        ),
        Disposition.DO_NOT_CALL: (
            *("do not call", "don't call", "dnc", "opt out", "no llamar", "no volver a llamar"),
            *("que no le llamemos", "pide que no", "robinson", "lista robinson", "baja"),
        ),
        Disposition.CALLBACK: ("callback", "call back", "call again", "volver a llamar", "rellamar"),
        Disposition.NO_ANSWER: ("no answer", "not answered", "no contesta", "no responde", "no coge"),
        Disposition.BUSY: ("busy", "engaged", "ocupado", "comunicando", "linea ocupada"),
        Disposition.VOICEMAIL: (
            *("voicemail", "answering machine", "left a message", "buzon", "contestador"),
            *("sale buzon", "sale el buzon", "sale contestador", "sale el contestador"),
        ),
        Disposition.WRONG_NUMBER: ("wrong number", "numero equivocado", "equivocado"),
        Disposition.HANG_UP_BY_CUSTOMER: ("hung up", "cuelga", "ha colgado", "colgo"),
    }.items()
    for phrase in phrases
}


class Options(Section):
    url: str = Field(pattern=r"^https?://[^\s/?#]+/?$")
    database: str = ""  # needed where one address has several
    key_env: str = "LISTENER_ODOO_KEY"
    # The first words of a call's feedback, besides those above.
    dispositions: Mapping[str, Disposition] = Field(default_factory=dict)


def open(options: Options, connection: Connection) -> OdooCrm:
    return OdooCrm(options, connection)


# ---------------------------------------------------------------------------- rows


def _without_false(value: Any) -> Any:
    """Odoo says false for an empty text."""
    return "" if value is False else value


def _link(value: Any) -> Any:
    """[7, "Rosa"], or false; the name may be false too."""
    if value is False:
        return None
    if isinstance(value, list) and len(value) == 2:
        return value[0], _without_false(value[1])
    raise ValueError("neither false nor an id with its name")


def _utc(value: Any) -> datetime:
    """"2026-11-26 01:35:16" is UTC, unsaid."""
    return datetime.strptime(value, "%Y-%m-%d %H:%M:%S").replace(tzinfo=UTC)


class Link(NamedTuple):
    id: int
    name: str


Text = Annotated[str, BeforeValidator(_without_false)]
Many2one = Annotated[Link | None, BeforeValidator(_link)]
Time = Annotated[datetime, BeforeValidator(_utc)]


class Row(BaseModel):
    """Its fields are what is asked for, and what is read."""

    model_config = ConfigDict(frozen=True)
    id: int


class Reachable(Row):
    active: bool
    phone: Text
    phone_sanitized: Text  # E.164, by the record's country or the company's; empty where invalid
    email_normalized: Text
    country_id: Many2one
    state_id: Many2one


class Partner(Reachable):
    name: Text
    ref: Text
    email: Text
    type: Text
    parent_id: Many2one

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


class Coded(Row):
    code: Text


class Message(Row):
    date: Time
    message_type: Text
    model: Text
    res_id: int | None
    author_id: Many2one
    email_from: Text
    subject: Text
    body: Text


class Notice(Row):
    """That a message went out to somebody."""

    mail_message_id: Many2one
    notification_type: Text
    mail_email_address: Text


class Blocked(Row):
    number: Text
    active: bool
    write_date: Time


class Created(Row):
    create_date: Time


R = TypeVar("R", bound=Row)
ADDRESSES = ("invoice", "delivery", "other")
PARTNER, LEAD = "res.partner", "crm.lead"


def rows(kind: type[R], answer: Any) -> list[R]:
    """Raises ValueError, which does not show what was answered: it may hold phones."""
    try:
        return TypeAdapter(list[kind]).validate_python(answer)  # type: ignore[valid-type]
    except ValidationError as error:
        first = error.errors(include_input=False, include_url=False, include_context=False)[0]
        where = ".".join(str(part) for part in first["loc"]) or "the list"
        raise ValueError(f"{where}: {first['type']}") from None


# ---------------------------------------------------------------------------- reading (pure)


def any_of(*terms: list[Any]) -> list[Any]:
    """Odoo writes the operators before what they join."""
    return ["|"] * (len(terms) - 1) + [leaf for term in terms for leaf in term]


def all_of(*terms: list[Any]) -> list[Any]:
    return ["&"] * (len(terms) - 1) + [leaf for term in terms for leaf in term]


def spellings(number: str) -> tuple[str, ...]:
    """The E.164 forms that `phones.normalise` makes one of, that one first."""
    if found := re.fullmatch(r"\+(52|54)(\d{10})", number):
        return number, f"+{found[1]}{'1' if found[1] == '52' else '9'}{found[2]}"
    if found := re.fullmatch(r"(\+55\d{2})9(\d{8})", number):
        return number, found[1] + found[2]
    return (number,)


def phone_term(number: str) -> list[Any]:
    """Odoo's E.164 form, or the last digits as somebody typed them, blanks and dashes apart: a
    number that Odoo holds for invalid has no other form. More come back than are meant."""
    # Argentina's mobiles have a 15 between area code and number when they are dialled there.
    last = number[-6:] if number.startswith("+54") else number[-7:]
    return any_of(
        [["phone_sanitized", "in", list(spellings(number))]],
        [["phone_mobile_search", "ilike", last]],
    )


_BETWEEN_PHONES = re.compile(r"[;,/|\n]| - |\s(?:o|or|y|and|e|ou)\s")
_ADDRESS = re.compile(r"[^\s<>,;\"'()]+@[^\s<>,;\"'()]+")


def phones_of(row: Reachable, country: str) -> tuple[str, ...]:
    if row.phone_sanitized:
        return (phones.normalise(row.phone_sanitized) or row.phone_sanitized,)
    if whole := phones.normalise(row.phone, country):
        return (whole,)
    parts = [phones.normalise(part, country) for part in _BETWEEN_PHONES.split(row.phone)]
    return tuple(dict.fromkeys(n for n in parts if n))


def emails_of(row: Reachable) -> tuple[str, ...]:
    written = row.email if isinstance(row, Partner) else getattr(row, "email_from", "")
    found = [row.email_normalized, *_ADDRESS.findall(written)]
    return tuple(dict.fromkeys(address.lower() for address in found if address))


def fits(row: Reachable, country: str, identifier: Identifier) -> bool:
    if identifier.kind is IdentifierKind.PHONE:
        return identifier.value in phones_of(row, country)
    if identifier.kind is IdentifierKind.EMAIL:
        return identifier.value.lower() in emails_of(row)
    ref = row.ref if isinstance(row, Partner) else ""
    return bool(ref) and ref.casefold() == identifier.value.strip().casefold()


def feedback_of(body: str) -> str:
    """What the agent wrote, of the message that Odoo posts when a call is marked as done: under a
    heading that is bold and nothing else, whatever it is called in the user's language."""
    _, heading, rest = body.rpartition('<div class="fw-bold">')
    if heading:
        return html_to_text(rest.partition("</div>")[2])
    return "" if "fa-fw" in body else html_to_text(body)


def disposition_of(feedback: str, table: Mapping[str, Disposition]) -> Disposition:
    """By the longest entry that the feedback begins with; none where no entry does."""
    said = fold(feedback).lstrip()
    for words in sorted(table, key=len, reverse=True):
        if re.match(rf"{re.escape(words)}(?!\w)", said):
            return table[words]
    return Disposition.NONE


@dataclass(frozen=True)
class Person:
    """Whose contacts are meant: a contact with its addresses, and the leads that are theirs."""

    ref: str
    partners: Mapping[int, tuple[str, ...]]  # phones by id
    leads: Mapping[int, tuple[tuple[str, ...], str]]  # phones and campaign by id
    phones: tuple[str, ...]
    emails: tuple[str, ...]

    @property
    def documents(self) -> list[Any]:
        return any_of(
            all_of([["model", "=", PARTNER]], [["res_id", "in", list(self.partners)]]),
            all_of([["model", "=", LEAD]], [["res_id", "in", list(self.leads)]]),
        )

    def of(self, message: Message) -> tuple[str, str]:
        """(phone, campaign) by the document on which a message stands."""
        numbers, campaign = (), ""
        if message.model == LEAD:
            numbers, campaign = self.leads.get(message.res_id or 0, ((), ""))
        elif message.model == PARTNER:
            numbers = self.partners.get(message.res_id or 0, ())
        return next(iter(numbers or self.phones), ""), campaign


def call(message: Message, person: Person, table: Mapping[str, Disposition]) -> ContactEvent:
    """Odoo keeps no direction: what an agent planned and marked as done, the company did."""
    number, campaign = person.of(message)
    feedback = feedback_of(message.body)
    return ContactEvent(
        event_id=f"call-{message.id}",
        at=message.date,
        direction=Direction.OUT,
        channel=Channel.CALL,
        customer_ref=person.ref,
        customer_number=number,
        campaign=campaign,
        agent=message.author_id.name if message.author_id else "",
        disposition=disposition_of(feedback, table),
        note=feedback,
    )


def letter(message: Message, person: Person, sent: Mapping[int, str]) -> ContactEvent | None:
    """An e-mail or SMS that reached the person, by `sent` (message to kind), or came from them;
    None for what colleagues wrote to each other."""
    author = message.author_id
    theirs = (author and author.id in person.partners) or any(
        address in person.emails for address in _ADDRESS.findall(message.email_from.lower())
    )
    incoming = message.message_type == "email" and bool(theirs)
    if not incoming and message.id not in sent:
        return None
    sms = sent.get(message.id) == "sms" and not incoming
    number, campaign = person.of(message)
    return ContactEvent(
        event_id=f"{'sms' if sms else 'email'}-{message.id}",
        at=message.date,
        direction=Direction.IN if incoming else Direction.OUT,
        channel=Channel.SMS if sms else Channel.EMAIL,
        customer_ref=person.ref,
        customer_number=number if sms else "",
        campaign=campaign,
        agent=author.name if author and not incoming else "",
        note=message.subject or html_to_text(message.body)[:500],
    )


def refusal(status: int, name: str) -> tuple[str, bool]:
    """(why and what to do, whether asking again helps) for an error status, and for the name of
    Odoo's exception where it said one. Its words are not passed on: they may hold phones."""
    if status == 401:
        return "it does not accept the API key: it was deleted, has expired, or is another's. " + (
            "Make a new one (Preferences, Security, New API Key) and set the variable of key_env"
        ), False
    if status == 403:
        return "the key's user may not do that. Give them Sales 'User: All Documents' and, for " + (
            "the phone blacklist, Administration 'Settings' (Role / Administrator)"
        ), False
    if status == 404:
        return "there is no such database, no JSON-2 interface (Odoo 19 or newer) or no app CRM " + (
            "at that address. Check url and database, and what is installed"
        ), False
    if status == 422:
        return f"it does not accept what was sent ({name or 'no reason given'})", False
    if status == 429:
        return "it was asked too often; it is asked again later", True
    if status >= 500 and name in ("ValueError", "TypeError", "KeyError", "AttributeError"):
        return f"it does not know what was asked for ({name}): an app (CRM, phone_validation) is " + (
            "missing, or this version of Odoo has changed. Its own log says what"
        ), False
    if status >= 500:
        return f"it failed ({status} {name or 'without a reason'}); it is asked again later", True
    return f"it answered {status}; check url", False


class Refused(CRMError):
    """An error status; `status` tells which."""

    status: int = 0


# ---------------------------------------------------------------------------- the system


class OdooCrm(Cannot):
    """Archived records are read too: a lost lead is an archived one."""

    can = frozenset(
        {
            Capability.FIND,
            Capability.HISTORY,
            Capability.SUPPRESS,
            Capability.RECORD,
            Capability.LINK,
        }
    )

    def __init__(self, options: Options, connection: Connection) -> None:
        self.name = connection.config.name
        self._url = options.url.rstrip("/")
        self._key_env = options.key_env
        self._headers = {"X-Odoo-Database": options.database} if options.database else {}
        self._http = connection.http
        table = {**DISPOSITIONS, **options.dispositions}
        self._dispositions = {fold(words).strip(): found for words, found in table.items()}
        brands = sorted(connection.settings.brands, key=lambda brand: brand.kind != "own")
        self._country = next((c for brand in brands for c in brand.countries), "ES")
        self._codes: dict[tuple[str, int], str] = {}

    # ------------------------------------------------------------------ who

    def find(self, identifiers: Sequence[Identifier]) -> list[Candidate]:
        terms = {i: term for i in identifiers if (term := _term(i, PARTNER))}
        if not terms:
            return []
        found = self._rows(Partner, PARTNER, any_of(*terms.values()), "find customers")
        hits = self._hits(found, terms)
        families = self._families({p.owner for partners in hits.values() for p in partners})
        customers = {owner: self._customer(owner, family) for owner, family in families.items()}
        prospects = self._prospects([i for i in terms if not hits[i]])
        candidates: list[Candidate] = []
        for identifier in terms:
            owners = dict.fromkeys(p.owner for p in hits[identifier])
            candidates += [Candidate(customers[o], identifier) for o in owners if o in customers]
            candidates += [Candidate(c, identifier) for c in prospects.get(identifier, ())]
        return candidates

    def get(self, ref: str) -> Customer | None:
        kind, number = _ref(ref)
        if kind == LEAD:
            leads = self._rows(Lead, LEAD, [["id", "=", number]], "read a lead")
            return self._prospect(leads[0]) if leads else None
        family = self._families([number]).get(number) if kind else None
        return self._customer(number, family) if family else None

    def link(self, ref: str) -> str | None:
        kind, number = _ref(ref)
        return f"{self._url}/odoo/{kind}/{number}" if kind else None

    def _hits(
        self, found: Sequence[R], identifiers: Iterable[Identifier]
    ) -> dict[Identifier, list[R]]:
        """Archived ones only where no other fits: mostly they are duplicates that were put away."""
        fitting: dict[Identifier, list[R]] = {}
        for identifier in identifiers:
            some = [
                row
                for row in found
                if isinstance(row, Reachable) and fits(row, self._country_of(row), identifier)
            ]
            active = [row for row in some if isinstance(row, Reachable) and row.active]
            fitting[identifier] = active or some
        return fitting

    def _families(self, owners: Iterable[int]) -> dict[int, list[Partner]]:
        """Contacts with their addresses, by id, the contact first."""
        wanted = sorted(set(owners))
        if not wanted:
            return {}
        addresses = all_of([["parent_id", "in", wanted]], [["type", "in", list(ADDRESSES)]])
        term = any_of([["id", "in", wanted]], addresses)
        found = self._rows(Partner, PARTNER, term, "read customers")
        return {
            row.id: [row, *(r for r in found if r.owner == row.id and r.id != row.id)]
            for row in found
            if row.id in wanted
        }

    def _customer(self, owner: int, family: Sequence[Partner]) -> Customer:
        first = family[0]
        country = self._country_of(first)
        numbers = {n for row in family for n in phones_of(row, country) or (row.phone.strip(),)}
        return Customer(
            crm=self.name,
            ref=str(owner),
            name=first.name,
            phones=tuple(sorted(numbers - {""})),
            emails=tuple(sorted({e for row in family for e in emails_of(row)})),
            country=country if first.country_id else "",
            # Not the time zone: Odoo fills in that of whoever made the record, and hides it.
            status="customer" if first.active else "former",
            region=self._code("res.country.state", first.state_id),
        )

    def _prospects(self, identifiers: Sequence[Identifier]) -> dict[Identifier, list[Customer]]:
        """Leads without a contact, for what no contact has."""
        terms = {i: term for i in identifiers if (term := _term(i, LEAD))}
        if not terms:
            return {}
        term = all_of([["partner_id", "=", False]], any_of(*terms.values()))
        hits = self._hits(self._rows(Lead, LEAD, term, "find leads"), terms)
        return {i: [self._prospect(lead) for lead in leads] for i, leads in hits.items()}

    def _prospect(self, lead: Lead) -> Customer:
        country = self._country_of(lead)
        return Customer(
            crm=self.name,
            ref=f"lead-{lead.id}",
            name=lead.contact_name or lead.partner_name or lead.name,
            phones=phones_of(lead, country) or ((lead.phone,) if lead.phone else ()),
            emails=emails_of(lead),
            country=country if lead.country_id else "",
            status="prospect",
            region=self._code("res.country.state", lead.state_id),
        )

    def _country_of(self, row: Reachable) -> str:
        return self._code("res.country", row.country_id) or self._country

    def _code(self, model: str, link: Link | None) -> str:
        """The code of a country or state; they do not change, and are asked for once."""
        if link is None:
            return ""
        if (model, link.id) not in self._codes:
            found = self._rows(Coded, model, [["id", "=", link.id]], "read countries")
            self._codes[model, link.id] = found[0].code if found else ""
        return self._codes[model, link.id]

    # ------------------------------------------------------------------ what happened

    def history(self, ref: str) -> list[ContactEvent]:
        person = self._person(ref)
        if person is None:
            return []
        done = all_of([["mail_activity_type_id.category", "=", "phonecall"]], person.documents)
        events = [
            call(message, person, self._dispositions)
            for message in self._rows(Message, "mail.message", done, "read calls")
        ]
        sent = self._sent(person)
        letters = any_of(
            [["id", "in", sorted(sent)]],
            all_of(
                [["message_type", "=", "email"]],
                any_of([["author_id", "in", list(person.partners)]], person.documents),
            ),
        )
        for message in self._rows(Message, "mail.message", letters, "read e-mails"):
            if event := letter(message, person, sent):
                events.append(event)
        return sorted(events, key=lambda e: (e.at, int(e.event_id.partition("-")[2])))

    def _person(self, ref: str) -> Person | None:
        kind, number = _ref(ref)
        lead = None
        if kind == LEAD:
            leads = self._rows(Lead, LEAD, [["id", "=", number]], "read a lead")
            lead = leads[0] if leads else None
            if lead is None:
                return None
            number = lead.partner_id.id if lead.partner_id else 0
        elif kind is None:
            return None
        family = self._families([number]).get(number, []) if number else []
        if not family and lead is None:
            return None
        country = self._country_of(family[0]) if family else ""
        by_partner = {row.id: phones_of(row, country) for row in family}
        own = dict.fromkeys(n for numbers in by_partner.values() for n in numbers)
        emails = dict.fromkeys(e for row in family for e in emails_of(row))
        if lead is not None:
            own |= dict.fromkeys(phones_of(lead, self._country_of(lead)))
            emails |= dict.fromkeys(emails_of(lead))
        theirs = self._leads_of(number, by_partner, tuple(own), lead)
        return Person(ref, by_partner, theirs, tuple(own), tuple(emails))

    def _leads_of(
        self, owner: int, partners: Iterable[int], numbers: Sequence[str], first: Lead | None
    ) -> dict[int, tuple[tuple[str, ...], str]]:
        """The contact's leads, and those of nobody that have one of the phones: the same person
        stands on many lists."""
        terms = [[["partner_id", "in", list(partners)]]] if owner else []
        if first is not None:
            terms.append([["id", "=", first.id]])
        known = [n for n in numbers if n.startswith("+")]
        if known:
            nobody = [["partner_id", "=", False]]
            terms.append(all_of(nobody, any_of(*(phone_term(n) for n in known))))
        found: dict[int, tuple[tuple[str, ...], str]] = {}
        for lead in self._rows(Lead, LEAD, any_of(*terms), "read leads"):
            own = phones_of(lead, self._country_of(lead))
            meant = lead.partner_id is not None or (first is not None and lead.id == first.id)
            if meant or set(own) & set(numbers):
                found[lead.id] = own, lead.campaign_id.name if lead.campaign_id else ""
        return found

    def _sent(self, person: Person) -> dict[int, str]:
        """Messages that Odoo has delivered to the person, and as what. One that the blacklist or a
        failure stopped was no contact."""
        to_nobody = all_of(
            [["res_partner_id", "=", False]],
            [["mail_message_id.model", "=", LEAD]],
            [["mail_message_id.res_id", "in", list(person.leads)]],
        )
        term = all_of(
            [["notification_type", "in", ["email", "sms"]]],
            [["notification_status", "in", ["sent", "pending"]]],
            any_of([["res_partner_id", "in", list(person.partners)]], to_nobody),
        )
        notices = self._rows(Notice, "mail.notification", term, "read what was sent")
        return {
            notice.mail_message_id.id: notice.notification_type
            for notice in notices
            if notice.mail_message_id
            and (notice.mail_email_address.lower() or None) in (None, *person.emails)
        }

    # ------------------------------------------------------------------ orders

    def suppress(self, order: Order) -> Receipt:
        """On the phone blacklist in each form in which Odoo writes the number, and why, once."""
        numbers = [n for n in spellings(order.number) if n.startswith(order.number[:3])]
        before = self._blocked(numbers)
        for number in numbers:
            if number not in before:
                self._block(number)
        rows_now = self._blocked(numbers)
        if not rows_now:
            raise CRMError(
                f"Odoo does not hold {phones.mask(order.number)} for a phone number, and its "
                "blacklist takes no other. Mark the contact by hand, and block the number where "
                "it is dialled",
                crm=self.name,
            )
        until = f" (until {order.until:%Y-%m-%d})" if order.until else ""
        for row in rows_now.values():
            self._note("phone.blacklist", row.id, order.key, f"<p>{escape(order.reason)}{until}</p>")
        last = max(rows_now.values(), key=lambda row: (row.write_date, row.id))
        return Receipt(
            f"phone.blacklist/{last.id}", last.write_date, already=set(rows_now) == set(before)
        )

    def _blocked(self, numbers: Sequence[str]) -> dict[str, Blocked]:
        term = [["number", "in", list(numbers)]]
        found = self._rows(Blocked, "phone.blacklist", term, "read the phone blacklist")
        return {row.number: row for row in found if row.active and row.number in numbers}

    def _block(self, number: str) -> None:
        """Odoo complains of a missing number (422) where it holds this one for invalid."""
        what = "write to the phone blacklist"
        try:
            self._ask("phone.blacklist", "add", what, number=number)
        except Refused as error:
            if error.status != 422:
                raise

    def record(self, ticket: Ticket) -> Receipt:
        """A lead of the contact, by an external id that Odoo keeps unique; on a lead without a
        contact a note."""
        kind, number = _ref(ticket.ref) if ticket.ref else (None, 0)
        if ticket.ref and kind is None:
            raise CRMError(f"{ticket.ref!r} is no id of this system", crm=self.name)
        lines = [escape(line) for line in ticket.text.splitlines()]
        link = escape(ticket.link)
        text = f'<p>{"<br/>".join(lines)}</p><p><a href="{link}">{link}</a></p>'
        if kind == LEAD:
            title = f"<p><b>{escape(ticket.title)}</b></p>"
            message, already = self._note(LEAD, number, ticket.key, title + text)
            return Receipt(f"mail.message/{message.id}", message.date, already)
        return self._lead(ticket, text, str(number) if kind else "")

    def _lead(self, ticket: Ticket, text: str, partner: str) -> Receipt:
        external = f"listener.{re.sub(r'[^A-Za-z0-9_-]', '_', ticket.key)}"
        said = ""
        for attempt in range(3):
            # Only the id: with more columns `load` would overwrite what people have edited.
            there, said = self._load(["id"], [external])
            if there is None:
                columns = ["id", "name", "description"] + ["partner_id/.id"] * bool(partner)
                cells = [external, ticket.title or ticket.key, text] + [partner] * bool(partner)
                made, said = self._load(columns, cells)
                if made is None:
                    continue  # somebody else was writing the same at this moment
                there = made
                already = attempt > 0 and False
            else:
                already = True
            term = [["id", "=", there]]
            [lead] = self._rows(Created, LEAD, term, "read the lead of a case") or [None]
            if lead is None:
                raise CRMError("the lead of the case is gone again", crm=self.name, retry=True)
            return Receipt(f"{LEAD}/{there}", lead.create_date, already)
        again = "serialize" in said
        raise CRMError(f"it does not take the lead of a case: {said}", crm=self.name, retry=again)
