"""Odoo 19 and newer: contacts and leads, their calls, e-mails and SMS, the phone blacklist.

https://www.odoo.com/documentation/19.0/developer/reference/external_api.html (JSON-2)

Sign-in: the API key of a user who has Sales "User: All Documents" and, for the phone blacklist,
Administration "Settings". On odoo.com the interface needs the plan "Custom".
Limits: none are published; lists are read in pages of 500. One request is one transaction.
Cannot see: who rang whom (a call that was logged counts as ours), how long a call was, from which
number or list; VoIP's own log, mass mailings, WhatsApp, live chat; calls on other documents than
contacts and leads; what was deleted with its lead.

A customer is a contact (`17`); somebody whom only sales knows is a lead without one (`lead-17`).
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from html import escape

from pydantic import Field, field_validator

from classifiers.folding import fold
from listener import phones
from listener.crm.answers import Refused
from listener.crm.countries import home_of
from listener.crm.odoo_api import Api
from listener.crm.odoo_rows import (
    ADDRESSES,
    BLACKLIST,
    DISPOSITIONS,
    LEAD,
    PARTNER,
    Blocked,
    Coded,
    Created,
    Document,
    Lead,
    Letter,
    Link,
    Note,
    Notice,
    Partner,
    Person,
    Reachable,
    all_of,
    any_of,
    call,
    emails_of,
    hits,
    letter,
    like,
    number_of,
    phones_of,
    term_of,
)
from listener.crm.seam import Cannot, Capability, Connection, Order, Receipt, Ticket
from listener.crm.spellings import lines
from listener.domain import (
    Candidate,
    ContactEvent,
    Customer,
    Disposition,
    Identifier,
    IdentifierKind,
)
from listener.errors import CRMError, sentence
from listener.sections import Section

NAME = "odoo"


class Options(Section):
    url: str
    database: str = ""  # needed where one address has several
    key_env: str = "LISTENER_ODOO_KEY"
    # The first words of a call's feedback, besides those of `odoo_rows`.
    dispositions: Mapping[str, Disposition] = Field(default_factory=dict)

    @field_validator("url")
    @classmethod
    def _address(cls, url: str) -> str:
        if not re.fullmatch(r"https?://[^\s/?#@]+/?", url):
            raise ValueError("write Odoo's address without a path, as https://odoo.example.com")
        return url.rstrip("/")


def open(options: Options, connection: Connection) -> OdooCrm:
    return OdooCrm(options, connection)


# ---------------------------------------------------------------------------- the system


class OdooCrm(Cannot):
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
        self._api = Api(connection, options.url, options.database, options.key_env)
        table = {**DISPOSITIONS, **options.dispositions}
        self._dispositions = {fold(words).strip(): found for words, found in table.items()}
        self._home = home_of(connection.settings)
        self._codes: dict[tuple[str, int], str] = {}

    # ------------------------------------------------------------------ who

    def find(self, identifiers: Sequence[Identifier]) -> list[Candidate]:
        terms = {i: term for i in identifiers if (term := term_of(i, PARTNER))}
        if not terms:
            return []
        found = self._api.rows(sentence("find contacts"), Partner, PARTNER, any_of(*terms.values()))
        families = self._families({partner.owner for partner in found})
        known = [(p, self._country(p, families[p.owner][0])) for p in found if p.owner in families]
        contacts = {i: hits(known, i) for i in terms}
        prospects = self._prospects([i for i in terms if not contacts[i]])
        candidates: list[Candidate] = []
        for identifier in terms:
            owners = dict.fromkeys(p.owner for p in contacts[identifier])
            people = [self._customer(families[owner]) for owner in owners]
            people += prospects.get(identifier, [])
            candidates += [Candidate(customer, identifier) for customer in people]
        return candidates

    def get(self, ref: str) -> Customer | None:
        model, number = number_of(ref)
        if model == LEAD:
            lead = self._lead(number)
            return self._prospect(lead) if lead else None
        family = self._families([number]).get(number)
        return self._customer(family) if family else None

    def link(self, ref: str) -> str | None:
        model, number = number_of(ref)
        return f"{self._api.url}/odoo/{model}/{number}" if model else None

    def _families(self, owners: Iterable[int]) -> dict[int, list[Partner]]:
        """Contacts with their addresses, by id, the contact first."""
        wanted = sorted({owner for owner in owners if owner})
        if not wanted:
            return {}
        addresses = all_of([["parent_id", "in", wanted]], [["type", "in", list(ADDRESSES)]])
        term = any_of([["id", "in", wanted]], addresses)
        found = self._api.rows(sentence("read contacts"), Partner, PARTNER, term)
        return {
            row.id: [row, *(r for r in found if r.owner == row.id != r.id)]
            for row in found
            if row.id in wanted
        }

    def _customer(self, family: Sequence[Partner]) -> Customer:
        contact = family[0]
        numbers = {
            number
            for row in family
            for number in phones_of(row, self._country(row, contact)) or (row.phone.strip(),)
        }
        return Customer(
            crm=self.name,
            ref=str(contact.id),
            name=contact.name,
            phones=tuple(sorted(numbers - {""})),
            emails=tuple(sorted({e for row in family for e in emails_of(row)})),
            country=self._code("res.country", contact.country_id),
            # Not the time zone: Odoo fills in that of whoever made the record, and shows it nowhere.
            status="customer" if contact.active else "former",
            region=self._code("res.country.state", contact.state_id),
        )

    def _prospects(self, identifiers: Sequence[Identifier]) -> dict[Identifier, list[Customer]]:
        """Leads without a contact, for what no contact has."""
        terms = {i: term for i in identifiers if (term := term_of(i, LEAD))}
        if not terms:
            return {}
        term = all_of([["partner_id", "=", False]], any_of(*terms.values()))
        found = self._api.rows(sentence("find leads"), Lead, LEAD, term)
        known = [(lead, self._country(lead)) for lead in found]
        return {i: [self._prospect(lead) for lead in hits(known, i)] for i in terms}

    def _lead(self, number: int) -> Lead | None:
        return next(
            iter(self._api.rows(sentence("read a lead"), Lead, LEAD, [["id", "=", number]])), None
        )

    def _prospect(self, lead: Lead) -> Customer:
        return Customer(
            crm=self.name,
            ref=f"lead-{lead.id}",
            name=lead.contact_name or lead.partner_name or lead.name,
            phones=phones_of(lead, self._country(lead))
            or tuple(filter(None, [lead.phone.strip()])),
            emails=emails_of(lead),
            country=self._code("res.country", lead.country_id),
            status="prospect",
            region=self._code("res.country.state", lead.state_id),
        )

    def _country(self, *records: Reachable) -> str:
        """Of the first that has one; else the brand's."""
        codes = (self._code("res.country", record.country_id) for record in records)
        return next(filter(None, codes), self._home)

    def _code(self, model: str, link: Link | None) -> str:
        """The code of a country or state; it does not change, and is asked for once."""
        if link is None:
            return ""
        if (model, link.id) not in self._codes:
            found = self._api.rows(sentence("read countries"), Coded, model, [["id", "=", link.id]])
            self._codes[model, link.id] = found[0].code if found else ""
        return self._codes[model, link.id]

    # ------------------------------------------------------------------ what happened

    def history(self, ref: str) -> list[ContactEvent]:
        person = self._person(ref)
        if person is None:
            return []
        done = all_of([["mail_activity_type_id.category", "=", "phonecall"]], person.documents)
        calls = self._api.rows(sentence("read calls"), Note, "mail.message", done)
        sent = self._sent(person)
        incoming = all_of(
            [["message_type", "=", "email"]],
            any_of([["author_id", "in", list(person.partners)]], person.documents),
        )
        term = any_of([["id", "in", sorted(sent)]], incoming)
        letters = self._api.rows(sentence("read e-mails"), Letter, "mail.message", term)
        events = {m.id: call(m, person, self._dispositions) for m in calls}
        events |= {m.id: event for m in letters if (event := letter(m, person, sent))}
        return [events[number] for number in sorted(events, key=lambda n: (events[n].at, n))]

    def _person(self, ref: str) -> Person | None:
        """A lead that has become a contact meanwhile has that contact's history."""
        model, number = number_of(ref)
        lead = self._lead(number) if model == LEAD else None
        if lead is not None:
            number = lead.partner_id.id if lead.partner_id else 0
        elif model != PARTNER:
            return None
        family = self._families([number]).get(number, [])
        if not family and lead is None:
            return None
        partners = {
            row.id: Document(phones_of(row, self._country(row, family[0]))) for row in family
        }
        numbers = [n for document in partners.values() for n in document.phones]
        emails = [e for row in family for e in emails_of(row)]
        if lead is not None:
            numbers += phones_of(lead, self._country(lead))
            emails += emails_of(lead)
        leads = self._leads(list(partners), set(numbers), lead)
        return Person(ref, partners, leads, tuple(dict.fromkeys(numbers)), tuple(emails))

    def _leads(
        self, partners: list[int], numbers: set[str], named: Lead | None
    ) -> dict[int, Document]:
        """The contact's, and those of nobody that have one of the phones: who is on several lists
        is several leads."""
        theirs = [["partner_id", "in", partners]], [["id", "=", named.id if named else 0]]
        given = [Identifier(IdentifierKind.PHONE, number) for number in sorted(numbers)]
        same = [term for i in given if (term := term_of(i, LEAD))]
        orphans = [all_of([["partner_id", "=", False]], any_of(*same))] if same else []
        found: dict[int, Document] = {}
        for lead in self._api.rows(sentence("read leads"), Lead, LEAD, any_of(*theirs, *orphans)):
            own = phones_of(lead, self._country(lead))
            if lead.partner_id or lead == named or numbers & set(own):
                found[lead.id] = Document(own, lead.campaign_id.name if lead.campaign_id else "")
        return found

    def _sent(self, person: Person) -> dict[int, str]:
        """The messages that Odoo has delivered to the person, and as what. One that a failure or the
        blacklist stopped was no contact; one that an SMS provider is at ("process") stays so for
        ever where the provider cannot reach Odoo to report."""
        to_nobody = all_of(
            [["res_partner_id", "=", False]],
            [["mail_message_id.model", "=", LEAD]],
            [["mail_message_id.res_id", "in", list(person.leads)]],
        )
        term = all_of(
            [["notification_type", "in", ["email", "sms"]]],
            [["notification_status", "in", ["sent", "pending", "process"]]],
            any_of([["res_partner_id", "in", list(person.partners)]], to_nobody),
        )
        notices = self._api.rows(sentence("read what was sent"), Notice, "mail.notification", term)
        return {
            notice.mail_message_id.id: notice.notification_type
            for notice in notices
            if notice.mail_message_id
            and (notice.res_partner_id or notice.mail_email_address.lower() in ("", *person.emails))
        }

    # ------------------------------------------------------------------ orders

    def suppress(self, order: Order) -> Receipt:
        """On the phone blacklist, with the reason beside it, once."""
        argentine = order.number.startswith("+54")  # the only ones that Odoo writes in two forms
        numbers = list(lines(order.number)) if argentine else [order.number]
        before = self._blocked(numbers)
        for number in numbers:
            if number not in before:
                self._block(number)
        blocked = self._blocked(numbers)
        if not blocked:
            raise CRMError(
                "cannot write to the phone blacklist at {url}: Odoo does not hold {number} for a "
                "phone number, and the blacklist takes no other. Block it where it is dialled, and "
                "mark the contact by hand",
                crm=self.name,
                url=self._api.url,
                number=phones.mask(order.number),
            )
        until = f" ({order.until:%Y-%m-%d})" if order.until else ""
        for row in blocked.values():
            self._note(BLACKLIST, row.id, order.key, f"<p>{escape(order.reason)}{until}</p>")
        last = max(blocked.values(), key=lambda row: (row.write_date, row.id))
        return Receipt(f"{BLACKLIST}/{last.id}", last.write_date, already=before == blocked)

    def _blocked(self, numbers: list[str]) -> dict[str, Blocked]:
        what = sentence("read the phone blacklist")
        found = self._api.rows(what, Blocked, BLACKLIST, [["number", "in", numbers]])
        return {row.number: row for row in found if row.active and row.number in numbers}

    def _block(self, number: str) -> None:
        try:
            what = sentence("write to the phone blacklist")
            self._api.ask(what, BLACKLIST, "add", number=number)
        except Refused as error:
            # So it answers for a number that it holds for invalid, as if there were none.
            if error.status != 422:
                raise

    def record(self, ticket: Ticket) -> Receipt:
        """A lead of the contact, by an external id, which Odoo keeps unique; a note where the
        customer is a lead themselves."""
        model, number = number_of(ticket.ref or "")
        if ticket.ref and not model:
            raise CRMError(
                "cannot note a case: {ref!r} is no id of it", crm=self.name, ref=ticket.ref
            )
        paragraph = "<br>".join(escape(line) for line in ticket.text.splitlines())
        link = escape(ticket.link)
        text = f'<p>{paragraph}</p><p><a href="{link}">{link}</a></p>'
        if model == LEAD:
            title = f"<p><b>{escape(ticket.title)}</b></p>"
            message, already = self._note(LEAD, number, ticket.key, title + text)
            return Receipt(f"mail.message/{message.id}", message.date, already)
        external = "listener." + re.sub(r"[^A-Za-z0-9_-]", "_", ticket.key)
        columns, cells = ["id", "name", "description"], [external, ticket.title or ticket.key, text]
        if model:
            columns, cells = [*columns, "partner_id/.id"], [*cells, str(number)]
        return self._load_once(columns, cells)

    def _load_once(self, columns: list[str], cells: list[str]) -> Receipt:
        what, said = sentence("note a case"), ""
        # Of two at the same moment one "could not serialize", and is asked again.
        for _ in range(3):
            # With more columns than the id it would overwrite what people have edited since.
            there, _ = self._api.load(what, columns[:1], cells[:1])
            made, said = (0, "") if there else self._api.load(what, columns, cells)
            if there or made:
                term = [["id", "=", there or made]]
                for lead in self._api.rows(what, Created, LEAD, term):
                    return Receipt(f"{LEAD}/{lead.id}", lead.create_date, already=bool(there))
        raise CRMError(
            "cannot {what} at {url}: Odoo does not take the lead ({said})",
            crm=self.name,
            what=what,
            url=self._api.url,
            said=said,
            retry="serialize" in said,
        )

    def _note(self, model: str, number: int, key: str, html: str) -> tuple[Note, bool]:
        """(the note with that key on a record, whether it was there already)."""
        what = sentence("write a note")
        on_it = all_of([["model", "=", model]], [["res_id", "=", number]])
        term = all_of(on_it, [["body", "ilike", like(key)]])
        whole = re.compile(rf"(?<![\w-]){re.escape(escape(key))}(?![\w-])")
        for message in self._api.rows(what, Note, "mail.message", term):
            if whole.search(message.body):
                return message, True
        self._api.ask(
            what,
            model,
            "message_post",
            once=True,
            ids=[number],
            body=f"{html}<p>Listener, {escape(key)}</p>",
            body_is_html=True,
            subtype_xmlid="mail.mt_note",
        )
        for message in self._api.rows(what, Note, "mail.message", term):
            if whole.search(message.body):
                return message, False
        raise self._api.nonsense(what, sentence("the note is not there afterwards"))
