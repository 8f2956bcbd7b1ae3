"""HubSpot: contacts; their calls, e-mails and notes; a property of the contact as do-not-call mark;
a ticket or a note as the record of a case.

API: https://developers.hubspot.com/docs/api-reference/latest/overview (search-the-crm, contacts,
tickets, activities, associations, owners). It is asked with our own client: the official one for
Python (hubspot-api-client 12) is bound to the paths v3 and v4, whose support ends in 2027, bounds
neither the time nor the size of an answer, and reads a page of HTML as an empty record. Its types
are what our requests and answers are tested against.
Sign-in: a service key (or the token of a private app), sent as bearer.
Limits: 5 searches a second in an account, 100 requests in 10 seconds for a key, 10,000 results of a
search; what is over them is answered 429, waited for and asked again.
Cannot see: contacts of the last moments (the search index runs behind); whether a call that was
logged by hand without a duration was answered; SMS and WhatsApp (logged without a direction),
marketing e-mails, deleted activities; consent, unless a property holds it. A mark is on a contact,
not on a number, and has no end: a contact that is created later is not marked.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from datetime import datetime
from typing import Annotated, Any, Literal
from urllib.parse import quote

from pydantic import Field, field_validator

from listener.crm.answers import Answers, Refused, refused, status_of
from listener.crm.contacts import in_order
from listener.crm.countries import home_of
from listener.crm.hubspot_rows import (
    CALL,
    EMAIL,
    NOTE,
    OUTCOMES,
    STANDARD,
    Group,
    Status,
    call_of,
    check_errors,
    created_at,
    customer_of,
    email_of,
    fits,
    groups_for,
    is_ref,
    marked_since,
    next_page,
    note_of,
    record_of,
    results_of,
    ticket_body,
)
from listener.crm.marks import nobody_to_mark, reason_of
from listener.crm.seam import Cannot, Capability, Connection, Order, Receipt, Ticket
from listener.domain import (
    Candidate,
    ContactEvent,
    Customer,
    Disposition,
    Identifier,
    IdentifierKind,
)
from listener.errors import CRMError, HttpError, Sentence, sentence
from listener.httpclient import Response
from listener.normalise import clean_text
from listener.sections import Country, Section
from listener.settings import secret
from listener.sources.items import dict_of, text_of

NAME = "hubspot"

Property = Annotated[str, Field(pattern=r"^[a-z][a-z0-9_]*$")]  # its internal name
Unset = Literal[""]


class Options(Section):
    """Empty properties are not used. Without `do_not_call` nothing can be suppressed, without `key`
    nothing recorded, without `portal` (the account's number) there are no links."""

    token_env: str = "LISTENER_HUBSPOT_TOKEN"  # noqa: S105 - the name of a variable
    url: str = "https://api.hubapi.com"
    app_url: str = "https://app.hubspot.com"
    api_version: str = Field("2026-09", pattern=r"^\d{4}-\d{2}(-beta)?$")
    portal: str = Field("", pattern=r"^\d*$")
    country: Country | Unset = ""  # of numbers without one; empty: our first brand's
    phones: tuple[Property, ...] = Field(("phone", "mobilephone"), min_length=1, max_length=3)
    customer_id: Property | Unset = ""
    handles: Mapping[str, Property] = Field(default_factory=dict)  # by platform
    consent: Property | Unset = ""
    stages: Mapping[str, Status] = Field(default_factory=dict)  # of `lifecyclestage`
    dispositions: Mapping[str, Disposition] = Field(default_factory=dict, validate_default=True)
    campaign: Property | Unset = ""  # of a call, as the two below
    list_name: Property | Unset = ""
    centre: Property | Unset = ""
    do_not_call: Property | Unset = ""
    do_not_call_value: str = "true"
    do_not_call_reason: Property | Unset = ""
    record_as: Literal["ticket", "note"] = "ticket"
    key: Property | Unset = ""
    pipeline: str = "0"
    stage: str = "1"

    @field_validator("dispositions")
    @classmethod
    def _and_the_usual(cls, given: Mapping[str, Disposition]) -> Mapping[str, Disposition]:
        return OUTCOMES | {code.lower(): mapped for code, mapped in given.items()}

    @property
    def properties(self) -> tuple[str, ...]:
        """Those of a contact that we read."""
        ours = (self.customer_id, self.consent, *self.phones, *self.handles.values())
        return tuple(dict.fromkeys(name for name in (*STANDARD, *ours) if name))


def open(options: Options, connection: Connection) -> HubSpot:
    return HubSpot(options, connection)


# ---------------------------------------------------------------------------- the wire


def _advice(status: int, variable: str) -> str | Sentence:
    """What a person can do about an error status; `variable` names the key."""
    match status:
        case 401:
            return sentence(
                "Check the service key in {variable}: it may have been renewed or taken back.",
                variable=variable,
            )
        case 403:
            return sentence(
                "Give the service key in {variable} the scopes that docs/crm.md lists.",
                variable=variable,
            )
        case 404:
            return sentence("Check `url` and `api_version`.")
    return ""


class _Api:
    """HubSpot's answers as JSON objects; whatever goes wrong is a CRMError that names nobody."""

    def __init__(self, options: Options, connection: Connection) -> None:
        self.name = connection.config.name
        self._options = options
        self._base = options.url.rstrip("/")
        self._http = connection.http
        self._answers = Answers(
            self.name,
            no_json=sentence(
                "Check `url`, and whether a proxy answers in HubSpot's place; it is asked again later."
            ),
            other_form=sentence(
                "Check `url` and `api_version`; if they are right, HubSpot's answers have changed: "
                "report it."
            ),
            no_json_passes=True,
        )

    def get(self, path: str, **params: str) -> Mapping[str, Any] | None:
        """None where there is no such thing."""
        try:
            return self._ask(
                path,
                lambda url, token: self._http.get(url, params=params, auth_bearer=token),
            )
        except Refused as error:
            if error.status == 404:
                return None
            raise

    def read(self, path: str, body: Mapping[str, Any]) -> Mapping[str, Any]:
        """A POST that changes nothing, and may be repeated."""
        return self._ask(
            path,
            lambda url, token: self._http.post(url, json=body, auth_bearer=token, repeatable=True),
        )

    def write(
        self, method: Literal["POST", "PATCH"], path: str, body: Mapping[str, Any]
    ) -> Mapping[str, Any]:
        return self._ask(
            path,
            lambda url, token: self._http.change(method, url, json=body, auth_bearer=token),
        )

    def _ask(self, path: str, send: Callable[[str, str], Response]) -> Mapping[str, Any]:
        token = secret(self._options.token_env, sentence("the CRM {crm}", crm=self.name))
        try:
            answer = send(self._base + path, token)
        except HttpError as error:
            advice = _advice(status_of(error), self._options.token_env)
            raise refused(error, self.name, advice=advice) from None
        return self._answers.object_of(answer, _whose(path))

    def reading(self, path: str) -> AbstractContextManager[None]:
        """Turns what cannot be read into a CRMError."""
        return self._answers.reading(_whose(path))


def _whose(path: str) -> Sentence:
    """The path without ids and keys, for people."""
    kind = re.sub(r"/(contacts|owners/[\d-]+)/(?!search)[^/]+", r"/\1/…", path)
    return sentence("the answer to {doing}", doing=kind)


# ---------------------------------------------------------------------------- the CRM


class HubSpot(Cannot):
    def __init__(self, options: Options, connection: Connection) -> None:
        self.name = connection.config.name
        self.can = frozenset(_capabilities(options))
        self._options = options
        self._now = connection.now
        self._api = _Api(options, connection)
        self._home = options.country or home_of(connection.settings)
        self._objects = f"/crm/objects/{options.api_version}"
        self._agents: dict[str, str] = {}  # owner's id to name; there are few

    def find(self, identifiers: Sequence[Identifier]) -> list[Candidate]:
        found: list[Candidate] = []
        for identifier in dict.fromkeys(identifiers):
            groups = groups_for(identifier, self._options)
            people = self._search(groups) if groups else ()
            fitting = {
                customer.ref: customer
                for value, customer in people
                if fits(identifier, value, customer, self._options)
            }
            found += [Candidate(fitting[ref], identifier) for ref in sorted(fitting, key=int)]
        return found

    def get(self, ref: str) -> Customer | None:
        if not is_ref(ref):
            return None
        path = f"{self._objects}/contacts/{ref}"
        value = self._api.get(path, properties=",".join(self._options.properties))
        if value is None:
            return None
        with self._api.reading(path):
            return self._customer(value)

    def history(self, ref: str) -> list[ContactEvent]:
        customer = self.get(ref)
        if customer is None:
            return []
        ref = customer.ref  # another one where contacts were merged
        ours = (self._options.campaign, self._options.list_name, self._options.centre)
        calls = self._activities(ref, "calls", (*CALL, *ours))
        emails = self._activities(ref, "emails", EMAIL)
        notes = self._activities(ref, "notes", (*NOTE, self._options.key))
        agents = self._names([*calls, *emails, *notes])
        country = customer.country or self._home
        with self._api.reading(f"{self._objects}/calls/batch/read"):
            events: list[ContactEvent | None] = [
                call_of(v, self._options, ref=ref, country=country, agents=agents) for v in calls
            ]
        with self._api.reading(f"{self._objects}/emails/batch/read"):
            events += [email_of(v, ref=ref, agents=agents) for v in emails]
        with self._api.reading(f"{self._objects}/notes/batch/read"):
            # Not what we noted ourselves.
            events += [
                note_of(v, ref=ref, agents=agents)
                for v in notes
                if not record_of(v)[1].get(self._options.key)
            ]
        return in_order({event.event_id: event for event in events if event}.values())

    def suppress(self, order: Order) -> Receipt:
        """Marks everybody who has the number, and whom the order names."""
        named = [order.ref] if order.ref and is_ref(order.ref) else []
        having = self.find([Identifier(IdentifierKind.PHONE, order.number)])
        marked: dict[str, tuple[datetime, bool]] = {}
        for ref in dict.fromkeys([*named, *(c.customer.ref for c in having)]):
            mark = self._mark(ref, order)
            if mark is not None:
                marked[ref] = mark
        if not marked and order.ref:
            raise nobody_to_mark(order, sentence("contact"), self.name)
        if not marked:
            # Nobody whom it could call: said as it is, for whoever reads the receipt.
            return Receipt(f"{NAME}: no contact has this number", self._now(), already=True)
        return Receipt(
            f"{NAME}:contacts/{','.join(marked)}",
            max(since for since, _ in marked.values()),
            already=not any(new for _, new in marked.values()),
        )

    def record(self, ticket: Ticket) -> Receipt:
        as_note = self._options.record_as == "note"
        kind = "notes" if as_note else "tickets"
        if as_note and not (ticket.ref and is_ref(ticket.ref)):
            raise CRMError(
                "a note stands on a contact, and the case has none. Match the case with its customer, "
                'or set record_as = "ticket".',
                crm=self.name,
            )
        there = self._noted(ticket)
        if there is not None:
            return Receipt(f"{NAME}:{kind}/{there[0]}", there[1], already=True)
        path = f"{self._objects}/{kind}"
        try:
            made = self._api.write("POST", path, ticket_body(ticket, self._options, self._now()))
        except Refused as error:
            # Two at once: the key is unique, so the other one's record stands.
            if error.status not in (400, 409) or (there := self._noted(ticket)) is None:
                raise
            return Receipt(f"{NAME}:{kind}/{there[0]}", there[1], already=True)
        with self._api.reading(path):
            return Receipt(f"{NAME}:{kind}/{record_of(made)[0]}", created_at(made))

    def link(self, ref: str) -> str | None:
        if not self._options.portal or not is_ref(ref):
            return None
        app = self._options.app_url.rstrip("/")
        return f"{app}/contacts/{self._options.portal}/record/0-1/{ref}"

    # ------------------------------------------------------------------ contacts

    def _customer(self, value: Any) -> Customer:
        return customer_of(value, self._options, crm=self.name, home=self._home)

    def _search(self, groups: Sequence[Group]) -> Iterator[tuple[Any, Customer]]:
        path = f"{self._objects}/contacts/search"
        body = {"filterGroups": groups, "properties": list(self._options.properties), "limit": 100}

        def page(after: str) -> Mapping[str, Any]:
            return self._api.read(path, body | ({"after": after} if after else {}))

        for value in self._pages(path, page):
            with self._api.reading(path):
                customer = self._customer(value)
            yield value, customer

    def _pages(self, path: str, page: Callable[[str], Mapping[str, Any] | None]) -> Iterator[Any]:
        after, seen = "", set[str]()
        while True:
            answer = page(after)
            with self._api.reading(path):
                results = results_of(answer) if answer is not None else []
                after = next_page(answer or {})
                if after in seen:
                    raise ValueError(sentence("its pages go in a circle"))
            yield from results
            if not after:
                return
            seen.add(after)

    def _mark(self, ref: str, order: Order) -> tuple[datetime, bool] | None:
        """(since when the contact is marked, whether that is new); None: it is not there."""
        name, mark = self._options.do_not_call, self._options.do_not_call_value
        path = f"{self._objects}/contacts/{ref}"
        value = self._api.get(path, properties=name, propertiesWithHistory=name)
        if value is None:
            return None
        with self._api.reading(path):
            since = marked_since(value, name, mark)
        if since is not None:
            return since, False
        properties = {name: mark}
        if self._options.do_not_call_reason:
            properties[self._options.do_not_call_reason] = reason_of(order)
        value = self._api.write("PATCH", path, {"properties": properties})
        with self._api.reading(path):
            if record_of(value)[1].get(name, "").casefold() != mark.casefold():
                raise ValueError(
                    sentence(
                        "the contact was changed, but its property {name} does not say {mark}",
                        name=name,
                        mark=mark,
                    )
                )
        return self._now(), True

    # ------------------------------------------------------------------ activities

    def _activities(self, ref: str, kind: str, properties: Iterable[str]) -> list[Any]:
        """Every object of a kind that is associated with the contact."""
        of = f"{self._objects}/contacts/{ref}/associations/{kind}"

        def page(after: str) -> Mapping[str, Any] | None:
            return self._api.get(of, limit="500", **({"after": after} if after else {}))

        associated = list(self._pages(of, page))
        with self._api.reading(of):
            ids = list(dict.fromkeys(text_of(dict_of(a)["toObjectId"]) for a in associated))
        return self._objects_by(kind, ids, properties)

    def _objects_by(
        self, kind: str, ids: Sequence[str], properties: Iterable[str], id_property: str = ""
    ) -> list[Any]:
        """The objects of these ids that there are; by another property than the id where named."""
        path = f"{self._objects}/{kind}/batch/read"
        wanted = [name for name in properties if name]
        found: list[Any] = []
        for start in range(0, len(ids), 100):
            body: dict[str, Any] = {
                "inputs": [{"id": i} for i in ids[start : start + 100]],
                "properties": wanted,
                "propertiesWithHistory": [],
            }
            answer = self._api.read(
                path, body | ({"idProperty": id_property} if id_property else {})
            )
            with self._api.reading(path):
                found += results_of(answer)
                check_errors(answer)
        return found

    def _names(self, values: Sequence[Any]) -> Mapping[str, str]:
        """Names of the people whom the activities are assigned to, by their id as owners."""
        for value in values:
            with self._api.reading(f"{self._objects}/…/batch/read"):
                owner = record_of(value)[1].get("hubspot_owner_id", "")
            if owner and owner not in self._agents:
                self._agents[owner] = self._name_of(owner)
        return self._agents

    def _name_of(self, owner: str) -> str:
        """Without the scope for owners the agents are told apart by their ids alone."""
        path = f"/crm/owners/{self._options.api_version}/{quote(owner, safe='')}"
        try:
            # Whoever has left is archived.
            found = self._api.get(path) or self._api.get(path, archived="true") or {}
        except Refused as error:
            if error.status != 403:
                raise
            found = {}
        parts = [text_of(found.get(k)) for k in ("firstName", "lastName")]
        return clean_text(" ".join(p for p in parts if p)) or text_of(found.get("email")) or owner

    # ------------------------------------------------------------------ records of cases

    def _noted(self, ticket: Ticket) -> tuple[str, datetime] | None:
        """(id, when it was made) of the record with the ticket's key. Not by a search, whose index
        would not have it yet after a crash."""
        name = self._options.key
        if self._options.record_as == "note":
            # Notes may have no property that is unique.
            values = self._activities(ticket.ref or "", "notes", (name, "hs_timestamp"))
        else:
            values = self._objects_by("tickets", [ticket.key], (name,), id_property=name)
        with self._api.reading(f"{self._objects}/{self._options.record_as}s/batch/read"):
            for value in values:
                ref, has = record_of(value)
                if has.get(name) == ticket.key:
                    return ref, created_at(value)
        return None


def _capabilities(options: Options) -> Iterator[Capability]:
    yield from (Capability.FIND, Capability.HISTORY)
    if options.do_not_call:
        yield Capability.SUPPRESS
    if options.key:
        yield Capability.RECORD
    if options.portal:
        yield Capability.LINK
