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
from contextlib import contextmanager
from datetime import datetime
from functools import lru_cache
from typing import Annotated, Any, Literal

import phonenumbers
from babel import Locale
from pydantic import Field, field_validator

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
from listener.httpclient import Response
from listener.masking import MASK
from listener.matching import handle
from listener.normalise import clean_text
from listener.sections import Country, Section
from listener.settings import Settings, secret
from listener.sources.items import dict_of, list_of, load_json, text_of
from listener.times import parse_time

NAME = "salesforce"

Kind = Literal["Contact", "Lead"]
Name = Annotated[str, Field(pattern=r"^[A-Za-z]\w*$")]  # of a field in the API
Path = Annotated[str, Field(pattern=r"^[A-Za-z]\w*(\.[A-Za-z]\w*){0,2}$")]  # through a relationship
Unset = Literal[""]
TaskField = Literal["at", "customer_number", "caller_number", "campaign", "list_name", "centre"]

_PREFIXES: Mapping[str, Kind] = {"003": "Contact", "00Q": "Lead"}
# Results of calls are free text: how people and diallers usually write them.
_RESULTS = {
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
        return _RESULTS | {code.strip().casefold(): mapped for code, mapped in given.items()}


def open(options: Options, connection: Connection) -> Salesforce:
    return Salesforce(options, connection)


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


def search_for_phone(e164: str, options: Options) -> str:
    """SOSL: its index holds the digits of a phone, however they are grouped; what stands before
    them (the country's code, a trunk zero, an old prefix) makes another number there."""
    number = phonenumbers.parse(e164)
    national = phonenumbers.national_significant_number(number)
    code = str(number.country_code)
    shown = phonenumbers.format_number(number, phonenumbers.PhoneNumberFormat.NATIONAL)
    dialled = re.sub(r"\D", "", shown)
    forms = [national, dialled, code + national, f"00{code}{national}", *_older(code, national)]
    # With what may follow: an extension.
    wanted = " OR ".join(f"{digits}*" for digits in dict.fromkeys(forms))
    returning = []
    for kind in options.objects:
        only = " WHERE IsConverted = false" if kind == "Lead" else ""
        returning.append(f"{kind}({', '.join(fields_of(kind, options))}{only})")
    return f"FIND {{{wanted}}} IN PHONE FIELDS RETURNING {', '.join(returning)}"


def _older(code: str, national: str) -> Iterator[str]:
    """Other forms of a line that `phones.normalise` reads as the same."""
    if code == "52":
        yield from (f"521{national}", f"044{national}", f"045{national}", f"01{national}")
    if code == "54":
        yield f"549{national}"
        yield from (f"0{national[:n]}15{national[n:]}" for n in (2, 3, 4))
        yield from (f"{national[:n]}15{national[n:]}" for n in (2, 3, 4))
    if code == "55" and len(national) == 11 and national[2] == "9":
        yield from (national[:2] + national[3:], f"55{national[:2]}{national[3:]}")


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
        raise ValueError("a record without an id")
    return ref


def customer_of(record: Any, options: Options, *, crm: str, home: str) -> Customer:
    """A contact is a customer, a lead a prospect. Raises ValueError. `home` reads the numbers of
    people without a country."""
    ref = ref_of(record)
    kind = kind_of(ref)
    if kind is None:
        raise ValueError("a record that is neither a contact nor a lead")
    code = "Code" if options.address_codes else ""
    place = "Mailing" if kind == "Contact" else ""
    country = country_of(value_at(record, f"{place}Country{code}"))
    state = value_at(record, f"{place}StateCode").upper()
    names = options.contact_phones if kind == "Contact" else options.lead_phones
    written = [value_at(record, name) for name in names]
    numbers = [phones.normalise(p, country or home) or p for p in written if p]
    held = options.handles.items() if kind == "Contact" else ()
    email = value_at(record, "Email").lower()
    return Customer(
        crm=crm,
        ref=ref,
        name=value_at(record, "Name"),
        phones=tuple(dict.fromkeys(numbers)),
        emails=(email,) if email else (),
        handles=tuple(handle(f"{p}:{name}") for p, f in held if (name := value_at(record, f))),
        country=country,
        status="customer" if kind == "Contact" else "prospect",
        region=state if re.fullmatch(r"[A-Z]{2,3}", state) else "",
    )


def fits(identifier: Identifier, record: Any, customer: Customer, options: Options) -> bool:
    wanted = identifier.value.strip()
    if identifier.kind is IdentifierKind.PHONE:
        return phones.normalise(wanted) in customer.phones
    if identifier.kind is IdentifierKind.EMAIL:
        return wanted.lower() in customer.emails
    if identifier.kind is IdentifierKind.HANDLE:
        return handle(wanted) in customer.handles
    return value_at(record, options.customer_id).casefold() == wanted.casefold()


def event_of(
    record: Any, options: Options, *, ref: str, country: str, incoming: Mapping[str, bool]
) -> ContactEvent | None:
    """None for a task that is no contact with the customer. `incoming` knows the e-mails that were
    received. Raises ValueError."""
    key = ref_of(record)
    channel = _channel(record)
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
        duration_s=0 if disposition in _UNANSWERED else _seconds(record),
        note=note,
    )


def _channel(record: Mapping[str, Any]) -> Channel | None:
    subtype, kind = value_at(record, "TaskSubtype"), value_at(record, "Type").casefold()
    way = value_at(record, "CallType")
    if way == "Internal":
        return None  # between colleagues
    if subtype == "Call" or way or kind == "call":
        return Channel.CALL
    if subtype in ("Email", "ListEmail") or kind == "email":
        return Channel.EMAIL
    return {"sms": Channel.SMS, "whatsapp": Channel.WHATSAPP}.get(kind)


def _seconds(record: Mapping[str, Any]) -> int:
    written = record.get("CallDurationInSeconds")
    try:
        return round(max(0.0, float(text_of(written) or 0)))
    except OverflowError:
        raise ValueError("a call of endless duration") from None


def kind_of(ref: str) -> Kind | None:
    """What an id is the id of; None: of nobody that we know."""
    known = re.fullmatch(r"[A-Za-z0-9]{15}([A-Za-z0-9]{3})?", ref)
    return _PREFIXES.get(ref[:3]) if known else None


def country_of(written: str) -> str:
    """The two letters of a country that is written as these or by its name; empty: unknown."""
    code = {"UK": "GB"}.get(written.upper(), written.upper())
    return code if code in phonenumbers.SUPPORTED_REGIONS else _names().get(written.casefold(), "")


@lru_cache(maxsize=1)
def _names() -> dict[str, str]:
    return {
        name.casefold(): code
        for language in ("en", "es", "pt", "fr", "it", "de")
        for code, name in Locale(language).territories.items()
        if code in phonenumbers.SUPPORTED_REGIONS
    }


# ---------------------------------------------------------------------------- the wire

# What Salesforce says with a status that would not be asked again, though it may go well later.
_PASSING = ("REQUEST_LIMIT_EXCEEDED", "UNABLE_TO_LOCK_ROW", "QUERY_TIMEOUT", "SERVER_UNAVAILABLE")
# A number or an address that stands in what Salesforce says of our request.
_PERSONAL = re.compile(r"(?<![\w-])\+?\d(?:[ ().-]{0,3}\d){6,16}(?!\w)|[^\s@\"'(<]+@[^\s@\"')>]+")


def without_people(text: str) -> str:
    """The text without phone numbers and e-mail addresses; days and times stay."""

    def one(found: re.Match[str]) -> str:
        said = found[0]
        if "@" in said:
            return "•••@•••"
        return said if re.match(r"\d{4}-\d{2}-\d{2}\b", said) else phones.mask(said)

    return _PERSONAL.sub(one, text)


class _Refused(CRMError):
    """Salesforce answered with an error status."""

    status = 0


class _Api:
    """Salesforce's answers as JSON objects; whatever goes wrong is a CRMError that names nobody."""

    def __init__(self, options: Options, connection: Connection) -> None:
        self.name = connection.config.name
        self._options = options
        self._base = options.url.rstrip("/")
        self._data = f"/services/data/v{options.api_version}"
        self._http = connection.http
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
            with self.reading("a query"):
                records = page.get("records")
                if not isinstance(records, list):
                    raise ValueError("no records in it")
                found += records
                path, params = text_of(page.get("nextRecordsUrl")), {}
                if path in seen:
                    raise ValueError("its pages go in a circle")
                if path and not path.startswith("/services/data/"):
                    raise ValueError("its next page is somewhere else")
                seen.add(path)
        return found

    def search(self, sosl: str) -> list[Any]:
        page = self._get(f"{self._data}/search/", {"q": sosl})
        with self.reading("a search"):
            records = page.get("searchRecords")
            if not isinstance(records, list):
                raise ValueError("no searchRecords in it")
        return list_of(records)

    def create(self, kind: str, values: Mapping[str, Any]) -> str:
        """The new record's id."""
        path = f"{self._data}/sobjects/{kind}/"
        made = self._ask(
            f"the creation of a {kind}",
            lambda token: self._http.post(self._base + path, json=values, auth_bearer=token),
        )
        with self.reading(f"the creation of a {kind}"):
            return ref_of({"Id": made.get("id")})

    def update(self, kind: str, ref: str, values: Mapping[str, Any]) -> None:
        path = f"{self._data}/sobjects/{kind}/{ref}"
        self._ask(
            f"the change of a {kind}",
            # The same again changes nothing.
            lambda token: self._http.change(
                "PATCH", self._base + path, json=values, auth_bearer=token, repeatable=True
            ),
        )

    def _get(self, path: str, params: Mapping[str, str]) -> Mapping[str, Any]:
        return self._ask(
            "a search" if "/search/" in path else "a query",
            lambda token: self._http.get(self._base + path, params=params, auth_bearer=token),
        )

    def _ask(self, what: str, send: Callable[[str], Response]) -> Mapping[str, Any]:
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

    def _object(self, answer: Response, what: str) -> Mapping[str, Any]:
        if answer.status == 204:
            return {}
        try:
            value = load_json(answer.body)
        except ValueError:
            raise CRMError(
                f"{what} was answered by something that is no JSON "
                f"({answer.content_type or 'of no kind'}). Check that `url` is the org's own domain "
                "and whether a proxy answers in its place; it is asked again later.",
                crm=self.name,
                retry=True,
            ) from None
        with self.reading(what):
            if not isinstance(value, dict):
                raise ValueError("no object")
        return dict_of(value)

    def _signed_in(self, refused: str) -> str:
        """A token other than the one that was refused."""
        with self._lock:
            if not self._token or self._token == refused:
                self._token = self._sign_in()
            return self._token

    def _sign_in(self) -> str:
        options, name = self._options, f"CRM {self.name}"
        account = secret(options.client_id_env, name), secret(options.client_secret_env, name)
        form = {"grant_type": "client_credentials"}
        form |= zip(("client_id", "client_secret"), account, strict=True)
        try:
            answer = self._http.change(
                "POST", f"{self._base}/services/oauth2/token", form=form, repeatable=True
            )
        except HttpError as error:
            hint = (
                f"The sign-in failed: check {options.client_id_env}, {options.client_secret_env} and "
                "that the app allows the client credentials flow with a user to run as."
            )
            raise self._refused(error, "" if error.retry else hint, hidden=account) from None
        token = text_of(self._object(answer, "the sign-in").get("access_token"))
        with self.reading("the sign-in"):
            if not token:
                raise ValueError("no access_token in it")
        return token

    def _refused(self, error: HttpError, hint: str, hidden: Iterable[str] = ()) -> _Refused:
        """Without its cause, which may name the person we asked for."""
        status = error.status if isinstance(error, HttpStatus) else 0
        said = str(error)
        for value in hidden:
            said = said.replace(value, MASK)
        passing = any(code in said for code in _PASSING)
        if status == 403 and not passing:
            hint = hint or "Check what the app's user may see and change (docs/crm.md)."
        refused = _Refused(
            without_people(f"{said} {hint}".strip()), crm=self.name, retry=error.retry or passing
        )
        refused.status = status
        return refused

    @contextmanager
    def reading(self, what: str) -> Iterator[None]:
        """Turns what cannot be read into a CRMError."""
        try:
            yield
        except (LookupError, TypeError, ValueError, AttributeError) as error:
            said = without_people(str(error) or type(error).__name__)
            raise CRMError(
                f"the answer to {what} cannot be read ({said}). Check `url` and `api_version`; if "
                "they are right, Salesforce's answers have changed: report it.",
                crm=self.name,
            ) from None


# ---------------------------------------------------------------------------- the CRM


class Salesforce(Cannot):
    def __init__(self, options: Options, connection: Connection) -> None:
        self.name = connection.config.name
        self.can = frozenset(_capabilities(options))
        self._options = options
        self._now = connection.now
        self._api = _Api(options, connection)
        self._home = options.country or _home(connection.settings)

    def find(self, identifiers: Sequence[Identifier]) -> list[Candidate]:
        found: list[Candidate] = []
        for identifier in dict.fromkeys(identifiers):
            records = self._asked_for(identifier)
            with self._api.reading("a search for people"):
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
        with self._api.reading("a query for a person"):
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
        with self._api.reading("a query for tasks"):
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
        return sorted(events.values(), key=lambda e: (e.at, e.event_id))

    def suppress(self, order: Order) -> Receipt:
        """Marks everybody who has the number, and whom the order names."""
        people = self._having(order)
        if not people and order.ref:
            raise CRMError(
                f"there is no contact or lead {order.ref} (any more) and none with the number "
                f"{phones.mask(order.number)}, so nobody could be marked. Look whether it was "
                "merged or deleted, and mark the person by hand.",
                crm=self.name,
            )
        if not people:
            # Nobody whom it could call: said as it is, for whoever reads the receipt.
            return Receipt(f"{NAME}: nobody has this number", self._now(), already=True)
        with self._api.reading("a query for a person"):
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
        except _Refused as error:
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
            e164 = phones.normalise(identifier.value)
            return self._api.search(search_for_phone(e164, self._options)) if e164 else []
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
        with self._api.reading("a query for a person"):
            became = value_at(found[0], "ConvertedContactId")
        return self._person(became) if kind == "Lead" and kind_of(became) else found[0]

    def _having(self, order: Order) -> dict[str, Any]:
        """By id the record that the order names, and those that have its number."""
        named = self._person(order.ref) if order.ref else None
        given = Identifier(IdentifierKind.PHONE, order.number)
        with self._api.reading("a search for people"):
            people = {} if named is None else {ref_of(named): named}
            for record in self._asked_for(given):
                if fits(given, record, self._customer(record), self._options):
                    people.setdefault(ref_of(record), record)
        return people

    def _mark(self, order: Order) -> dict[str, Any]:
        values: dict[str, Any] = {self._options.do_not_call: True}
        if self._options.do_not_call_reason:
            end = f" (until {order.until:%Y-%m-%d})" if order.until else ""
            values[self._options.do_not_call_reason] = order.reason + end
        return values

    def _incoming(self, tasks: Sequence[Any]) -> dict[str, bool]:
        """By task, whether its e-mail was received: the task itself does not say."""
        with self._api.reading("a query for tasks"):
            ids = [ref_of(task) for task in tasks if _channel(task) is Channel.EMAIL]
        found: dict[str, bool] = {}
        for start in range(0, len(ids), 100):
            part = ", ".join(quoted(ref) for ref in ids[start : start + 100])
            messages = self._api.query(
                soql(("ActivityId", "Incoming"), "EmailMessage", f"ActivityId IN ({part})")
            )
            with self._api.reading("a query for e-mails"):
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
        with self._api.reading("a query for a record"):
            return ref_of(found[0]), parse_time(found[0].get("CreatedDate"))


def _capabilities(options: Options) -> Iterator[Capability]:
    yield from (Capability.FIND, Capability.HISTORY, Capability.LINK)
    if options.do_not_call:
        yield Capability.SUPPRESS
    if options.key:
        yield Capability.RECORD


def _home(settings: Settings) -> str:
    brands = sorted(settings.brands, key=lambda b: b.kind != "own")
    return next((b.countries[0] for b in brands if b.countries), "ES")
