"""Salesforce: contacts and leads; tasks as their calls and e-mails; DoNotCall as suppression; a task
or a case as the record of a case of ours.

API: https://developer.salesforce.com/docs/atlas.en-us.api_rest.meta/api_rest/ (Query, QueryAll,
Search, sObject Rows) with SOQL and SOSL:
https://developer.salesforce.com/docs/atlas.en-us.soql_sosl.meta/soql_sosl/
Sign-in: OAuth 2.0 client credentials at the org's own domain, with key and secret of an external
client app whose "run as" user may see what is asked; a token lives in memory until it is refused.
Limits: the org's requests in 24 hours (REQUEST_LIMIT_EXCEEDED: asked again later), 2,000 records a
page (all pages are read), 2,000 results of a search.
Cannot see: people of the last minutes by their phone (the search index runs behind); the hour of a
call that is written down later, unless a field of the dialler holds it; tasks on a contact who is
not the first of several; person accounts where contacts are hidden; SMS and WhatsApp of packages
with objects of their own; consent. DoNotCall is on a person, not on a number, and has no end: one who
is created later is not marked.
"""

from __future__ import annotations

import re
import threading
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from datetime import datetime
from typing import Annotated, Any, Literal

from pydantic import Field, field_validator

from listener import phones
from listener.crm.answers import Answers, Refused, refused, status_of
from listener.crm.contacts import in_order
from listener.crm.countries import home_of
from listener.crm.marks import nobody_to_mark, reason_of
from listener.crm.salesforce_rows import (
    RESULTS,
    Kind,
    TaskField,
    channel_of,
    customer_of,
    event_of,
    fields_of,
    fits,
    kind_of,
    queries_for,
    quoted,
    ref_of,
    search_for_phone,
    soql,
    task_fields_of,
    value_at,
)
from listener.crm.seam import Cannot, Capability, Connection, Order, Receipt, Ticket
from listener.crm.spellings import spelt
from listener.domain import (
    Candidate,
    Channel,
    ContactEvent,
    Customer,
    Disposition,
    Identifier,
    IdentifierKind,
)
from listener.errors import CRMError, HttpError, HttpStatus, Sentence, sentence
from listener.httpclient import Response
from listener.sections import Country, Section
from listener.settings import secret
from listener.sources.items import list_of, text_of
from listener.times import parse_time

NAME = "salesforce"

Name = Annotated[str, Field(pattern=r"^[A-Za-z]\w*$")]  # of a field in the API
Path = Annotated[str, Field(pattern=r"^[A-Za-z]\w*(\.[A-Za-z]\w*){0,2}$")]  # through a relationship
Unset = Literal[""]


class Options(Section):
    """`url` is the org's own domain. Without `do_not_call` nothing can be suppressed, without `key` (a
    field of `record_as` that holds ours) nothing recorded."""

    url: str = Field(pattern=r"^https?://[^/\s]+/?$")
    client_id_env: str = "LISTENER_SALESFORCE_CLIENT_ID"
    client_secret_env: str = "LISTENER_SALESFORCE_CLIENT_SECRET"  # noqa: S105 - a variable's name
    api_version: str = Field("66.0", pattern=r"^\d{2,3}\.0$")
    app_url: str = ""  # of links; empty: made of `url`
    country: Country | Unset = ""  # of numbers without one; empty: our first brand's
    objects: tuple[Kind, ...] = Field(("Contact", "Lead"), min_length=1)
    contact_phones: tuple[Name, ...] = ("Phone", "MobilePhone", "HomePhone", "OtherPhone")
    lead_phones: tuple[Name, ...] = ("Phone", "MobilePhone")
    address_codes: bool = False  # the org has state and country picklists
    customer_id: Path | Unset = ""  # of a contact, as Account.AccountNumber
    handles: Mapping[str, Path] = Field(default_factory=dict)  # of a contact, by platform
    emails: bool = True  # tasks that are e-mails, too
    task_fields: Mapping[TaskField, Name] = Field(default_factory=dict)
    dispositions: Mapping[str, Disposition] = Field(default_factory=dict, validate_default=True)
    do_not_call: Name | Unset = "DoNotCall"
    do_not_call_reason: Name | Unset = ""
    record_as: Literal["Task", "Case"] = "Task"
    key: Name | Unset = ""
    record_values: Mapping[Name, str | bool | int] = Field(default_factory=dict)

    @field_validator("dispositions")
    @classmethod
    def _and_the_usual(cls, given: Mapping[str, Disposition]) -> Mapping[str, Disposition]:
        return RESULTS | {code.strip().casefold(): mapped for code, mapped in given.items()}


def open(options: Options, connection: Connection) -> Salesforce:
    return Salesforce(options, connection)


# ---------------------------------------------------------------------------- the wire

# What Salesforce says with a status that would not be asked again, though it may go well later.
_PASSING = ("REQUEST_LIMIT_EXCEEDED", "UNABLE_TO_LOCK_ROW", "QUERY_TIMEOUT", "SERVER_UNAVAILABLE")


class _Api:
    """Salesforce's answers as JSON objects; whatever goes wrong is a CRMError that names nobody."""

    def __init__(self, options: Options, connection: Connection) -> None:
        self.name = connection.config.name
        self._options = options
        self._base = options.url.rstrip("/")
        self._data = f"/services/data/v{options.api_version}"
        self._http = connection.http
        self._answers = Answers(
            self.name,
            no_json=sentence(
                "Check that `url` is the org's own domain and whether a proxy answers in its place; "
                "it is asked again later."
            ),
            other_form=sentence(
                "Check `url` and `api_version`; if they are right, Salesforce's answers have changed: "
                "report it."
            ),
            no_json_passes=True,
        )
        self._token = ""
        self._lock = threading.Lock()

    def query(self, soql: str, *, archived: bool = False) -> list[Any]:
        """All records of all pages; with `archived` also those that Salesforce has put away."""
        found: list[Any] = []
        seen: set[str] = set()
        path = f"{self._data}/{'queryAll' if archived else 'query'}/"
        params = {"q": soql}
        while path:
            page = self._get(path, params)
            with self.reading(sentence("a query")):
                records = page.get("records")
                if not isinstance(records, list):
                    raise ValueError(sentence("no records in it"))
                found += records
                path, params = text_of(page.get("nextRecordsUrl")), {}
                if path in seen:
                    raise ValueError(sentence("its pages go in a circle"))
                if path and not path.startswith("/services/data/"):
                    raise ValueError(sentence("its next page is somewhere else"))
                seen.add(path)
        return found

    def search(self, sosl: str) -> list[Any]:
        page = self._get(f"{self._data}/search/", {"q": sosl})
        with self.reading(sentence("a search")):
            records = page.get("searchRecords")
            if not isinstance(records, list):
                raise ValueError(sentence("no searchRecords in it"))
        return list_of(records)

    def create(self, kind: str, values: Mapping[str, Any]) -> str:
        """The new record's id."""
        path = f"{self._data}/sobjects/{kind}/"
        what = sentence("the creation of a {kind}", kind=kind)
        made = self._ask(
            what,
            lambda token: self._http.post(self._base + path, json=values, auth_bearer=token),
        )
        with self.reading(what):
            return ref_of({"Id": made.get("id")})

    def update(self, kind: str, ref: str, values: Mapping[str, Any]) -> None:
        path = f"{self._data}/sobjects/{kind}/{ref}"
        self._ask(
            sentence("the change of a {kind}", kind=kind),
            # The same again changes nothing.
            lambda token: self._http.change(
                "PATCH", self._base + path, json=values, auth_bearer=token, repeatable=True
            ),
        )

    def _get(self, path: str, params: Mapping[str, str]) -> Mapping[str, Any]:
        return self._ask(
            sentence("a search" if "/search/" in path else "a query"),
            lambda token: self._http.get(self._base + path, params=params, auth_bearer=token),
        )

    def _ask(self, what: Sentence, send: Callable[[str], Response]) -> Mapping[str, Any]:
        token = self._signed_in("")
        try:
            try:
                answer = send(token)
            except HttpStatus as error:
                if error.status != 401:
                    raise
                answer = send(self._signed_in(token))  # the session is over
        except HttpError as error:
            raise self._refused(error, "") from None
        return self._object(answer, what)

    def _object(self, answer: Response, what: Sentence) -> Mapping[str, Any]:
        if answer.status == 204:
            return {}
        return self._answers.object_of(answer, sentence("the answer to {doing}", doing=what))

    def _signed_in(self, rejected: str) -> str:
        """A token other than the one that was rejected."""
        with self._lock:
            if not self._token or self._token == rejected:
                self._token = self._sign_in()
            return self._token

    def _sign_in(self) -> str:
        options, name = self._options, sentence("the CRM {crm}", crm=self.name)
        account = secret(options.client_id_env, name), secret(options.client_secret_env, name)
        form = {"grant_type": "client_credentials"}
        form |= zip(("client_id", "client_secret"), account, strict=True)
        try:
            answer = self._http.change(
                "POST", f"{self._base}/services/oauth2/token", form=form, repeatable=True
            )
        except HttpError as error:
            advice = sentence(
                "The sign-in failed: check {client_id}, {client_secret} and that the app allows the "
                "client credentials flow with a user to run as.",
                client_id=options.client_id_env,
                client_secret=options.client_secret_env,
            )
            raise self._refused(error, "" if error.retry else advice, hidden=account) from None
        token = text_of(self._object(answer, sentence("the sign-in")).get("access_token"))
        with self.reading(sentence("the sign-in")):
            if not token:
                raise ValueError(sentence("no access_token in it"))
        return token

    def _refused(
        self, error: HttpError, advice: str | Sentence, hidden: Iterable[str] = ()
    ) -> Refused:
        passing = any(code in str(error) for code in _PASSING)
        if status_of(error) == 403 and not passing:
            advice = advice or sentence(
                "Check what the app's user may see and change (docs/crm.md)."
            )
        return refused(error, self.name, advice=advice, hidden=hidden, passing=passing)

    def reading(self, what: Sentence) -> AbstractContextManager[None]:
        """Turns what cannot be read into a CRMError."""
        return self._answers.reading(sentence("the answer to {doing}", doing=what))


# ---------------------------------------------------------------------------- the CRM


class Salesforce(Cannot):
    def __init__(self, options: Options, connection: Connection) -> None:
        self.name = connection.config.name
        self.can = frozenset(_capabilities(options))
        self._options = options
        self._now = connection.now
        self._api = _Api(options, connection)
        self._home = options.country or home_of(connection.settings)

    def find(self, identifiers: Sequence[Identifier]) -> list[Candidate]:
        found: list[Candidate] = []
        for identifier in dict.fromkeys(identifiers):
            records = self._asked_for(identifier)
            with self._api.reading(sentence("a search for people")):
                people = [(record, self._customer(record)) for record in records]
            fitting = {
                customer.ref: customer
                for record, customer in people
                if fits(identifier, record, customer, self._options)
            }
            found += [Candidate(fitting[ref], identifier) for ref in sorted(fitting)]
        return found

    def get(self, ref: str) -> Customer | None:
        record = self._person(ref)
        if record is None:
            return None
        with self._api.reading(sentence("a query for a person")):
            return self._customer(record)

    def history(self, ref: str) -> list[ContactEvent]:
        customer = self.get(ref)
        if customer is None:
            return []
        # Tasks of a lead move to the contact that it becomes.
        tasks = self._api.query(
            soql(
                task_fields_of(self._options),
                "Task",
                f"WhoId = {quoted(customer.ref)}",
                "IsClosed = true",
                "IsDeleted = false",
                order="CreatedDate, Id",
            ),
            archived=True,
        )
        incoming = self._incoming(tasks) if self._options.emails else {}
        country = customer.country or self._home
        with self._api.reading(sentence("a query for tasks")):
            events = {
                event.event_id: event
                for task in tasks
                if (
                    event := event_of(
                        task,
                        self._options,
                        ref=customer.ref,
                        country=country,
                        incoming=incoming,
                    )
                )
            }
        return in_order(events.values())

    def suppress(self, order: Order) -> Receipt:
        """Marks everybody who has the number, and whom the order names."""
        people = self._having(order)
        if not people and order.ref:
            raise nobody_to_mark(order, sentence("contact or lead"), self.name)
        if not people:
            # Nobody whom it could call: said as it is, for whoever reads the receipt.
            return Receipt(f"{NAME}: nobody has this number", self._now(), already=True)
        with self._api.reading(sentence("a query for a person")):
            # Since when exactly is not kept; at the latest since the last change.
            marked = {
                ref: parse_time(record.get("LastModifiedDate"))
                for ref, record in people.items()
                if record.get(self._options.do_not_call) is True
            }
        for ref in sorted(people.keys() - marked.keys()):
            self._api.update(str(kind_of(ref)), ref, self._mark(order))
        new = len(marked) < len(people)
        since = self._now() if new else max(marked.values())
        return Receipt(f"{NAME}:{','.join(sorted(people))}", since, already=not new)

    def record(self, ticket: Ticket) -> Receipt:
        kind = self._options.record_as
        who = self._of(ticket)
        there = self._noted(ticket)
        if there is not None:
            return Receipt(f"{NAME}:{kind}/{there[0]}", there[1], already=True)
        text = f"{ticket.text}\n\n{ticket.link}".strip()
        usual = {"Status": "Completed"} if kind == "Task" else {}
        values = {
            **usual,
            **self._options.record_values,
            **who,
            "Subject": ticket.title[:255],
            "Description": text[:32_000],
            self._options.key: ticket.key,
        }
        try:
            ref = self._api.create(kind, values)
        except Refused as error:
            # Two at once: where the key is unique, the other one's record stands.
            if error.status != 400 or (there := self._noted(ticket)) is None:
                raise
            return Receipt(f"{NAME}:{kind}/{there[0]}", there[1], already=True)
        return Receipt(f"{NAME}:{kind}/{ref}", self._now())

    def link(self, ref: str) -> str | None:
        kind = kind_of(ref)
        if kind is None:
            return None
        # The pages stand on a domain of their own beside that of the interfaces.
        made = re.sub(
            r"\.my\.salesforce\.com$", ".lightning.force.com", self._options.url.strip("/")
        )
        app = self._options.app_url.rstrip("/") or made
        return f"{app}/lightning/r/{kind}/{ref}/view"

    # ------------------------------------------------------------------ people

    def _customer(self, record: Any) -> Customer:
        return customer_of(record, self._options, crm=self.name, home=self._home)

    def _asked_for(self, identifier: Identifier) -> list[Any]:
        """Records of people who may have it."""
        if identifier.kind is IdentifierKind.PHONE:
            line = spelt(phones.normalise(identifier.value) or "")
            return self._api.search(search_for_phone(line, self._options)) if line else []
        found: list[Any] = []
        for query in queries_for(identifier, self._options):
            found += self._api.query(query)
        return found

    def _person(self, ref: str) -> Any | None:
        """The record; for a lead that was converted, that of the contact it became."""
        kind = kind_of(ref)
        if kind is None:
            return None
        fields = fields_of(kind, self._options)
        found = self._api.query(soql(fields, kind, f"Id = {quoted(ref)}"))
        if not found:
            return None
        with self._api.reading(sentence("a query for a person")):
            became = value_at(found[0], "ConvertedContactId")
        return self._person(became) if kind == "Lead" and kind_of(became) else found[0]

    def _having(self, order: Order) -> dict[str, Any]:
        """By id the record that the order names, and those that have its number."""
        named = self._person(order.ref) if order.ref else None
        given = Identifier(IdentifierKind.PHONE, order.number)
        with self._api.reading(sentence("a search for people")):
            people = {} if named is None else {ref_of(named): named}
            for record in self._asked_for(given):
                if fits(given, record, self._customer(record), self._options):
                    people.setdefault(ref_of(record), record)
        return people

    def _mark(self, order: Order) -> dict[str, Any]:
        values: dict[str, Any] = {self._options.do_not_call: True}
        if self._options.do_not_call_reason:
            values[self._options.do_not_call_reason] = reason_of(order)
        return values

    def _incoming(self, tasks: Sequence[Any]) -> dict[str, bool]:
        """By task, whether its e-mail was received: the task itself does not say."""
        with self._api.reading(sentence("a query for tasks")):
            ids = [ref_of(task) for task in tasks if channel_of(task) is Channel.EMAIL]
        found: dict[str, bool] = {}
        for start in range(0, len(ids), 100):
            part = ", ".join(quoted(ref) for ref in ids[start : start + 100])
            messages = self._api.query(
                soql(("ActivityId", "Incoming"), "EmailMessage", f"ActivityId IN ({part})")
            )
            with self._api.reading(sentence("a query for e-mails")):
                found |= {value_at(m, "ActivityId"): m.get("Incoming") is True for m in messages}
        return found

    # ------------------------------------------------------------------ records of cases

    def _of(self, ticket: Ticket) -> dict[str, Any]:
        """Whose record it is put on. Raises CRMError for a case of a lead: it has none."""
        kind = kind_of(ticket.ref or "")
        if self._options.record_as == "Task":
            return {"WhoId": ticket.ref} if kind else {}
        if kind == "Lead":
            raise CRMError(
                'a lead has no cases in Salesforce. Set record_as = "Task", or convert the lead.',
                crm=self.name,
            )
        return {"ContactId": ticket.ref} if kind else {}

    def _noted(self, ticket: Ticket) -> tuple[str, datetime] | None:
        """(id, when it was made) of the record with the ticket's key."""
        kind, key = self._options.record_as, self._options.key
        found = self._api.query(
            soql(
                ("Id", "CreatedDate"),
                kind,
                f"{key} = {quoted(ticket.key)}",
                order="CreatedDate LIMIT 1",
            )
        )
        if not found:
            return None
        with self._api.reading(sentence("a query for a record")):
            return ref_of(found[0]), parse_time(found[0].get("CreatedDate"))


def _capabilities(options: Options) -> Iterator[Capability]:
    yield from (Capability.FIND, Capability.HISTORY, Capability.LINK)
    if options.do_not_call:
        yield Capability.SUPPRESS
    if options.key:
        yield Capability.RECORD
