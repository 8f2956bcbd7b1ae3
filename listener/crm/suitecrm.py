"""SuiteCRM 7.12 and newer, and 8: contacts, leads and accounts, and their calls.

API: https://docs.suitecrm.com/developer/api/developer-setup-guide/json-api/ (version 8 of the API,
which SuiteCRM 7 has too)
Sign-in: OAuth2 client credentials (`client_id_env`, `client_secret_env`); the client's user says
what is seen and changed. A token holds for an hour.
Limits: none by request. A search for a phone reads the whole table, for phones have no index.
Cannot see: the number that called, the campaign and the list of a call, unless fields of the
company's own hold them (`call_fields`); how long a call was to the second, and whether that was
measured or only planned; meetings, e-mails and SMS. `do_not_call` is of a person, not of a phone,
accounts have none, and it has no end: until when an order holds is said in words on the record.

Its times are UTC with the server's own offset behind them, which is wrong unless the server's clock
is UTC (https://github.com/SuiteCRM/SuiteCRM/issues/9952): only the clock is read. A search by
address also finds whoever has it no more, and some records twice
(https://github.com/SuiteCRM/SuiteCRM/issues/9606).
"""

from __future__ import annotations

import html
import re
import threading
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from typing import Any, Literal
from uuid import NAMESPACE_URL, uuid5

import phonenumbers
from babel import Locale
from pydantic import Field

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
from listener.matching import handle
from listener.sections import Country, Section
from listener.settings import Settings, secret
from listener.sources.items import dict_of, load_json, text_of
from listener.times import parse_time

NAME = "suitecrm"
PAGE = 100

Module = Literal["Contacts", "Leads", "Accounts"]
CallField = Literal["disposition", "caller_number", "customer_number", "campaign", "list_name"]

_MODULES: tuple[Module, ...] = ("Contacts", "Leads", "Accounts")
_PERSON = ("phone_mobile", "phone_home", "phone_work", "phone_other")
_PHONES: Mapping[str, tuple[str, ...]] = {
    "Contacts": _PERSON,
    "Leads": _PERSON,
    "Accounts": ("phone_office", "phone_alternate"),
}
_ADDRESS: Mapping[str, str] = {
    "Contacts": "primary_address",
    "Leads": "primary_address",
    "Accounts": "billing_address",
}
_REF = re.compile(r"(Contacts|Leads|Accounts)/([A-Za-z0-9_-]{1,36})")
_ID = re.compile(r"[A-Za-z0-9_-]{1,36}")
_FIELD = r"^[a-z][a-z0-9_]*$"
_NAME_LENGTH = 255
_LONGEST = timedelta(days=7)
_EARLY = timedelta(minutes=1)  # a token is renewed before it ends
# "Held" says that somebody was spoken to, and nothing of how it ended.
_STATUSES = {"held": Disposition.NONE, "not held": Disposition.NO_ANSWER}
_ADVICE = {
    400: "If it names a field, correct the option that names it.",
    401: "SuiteCRM does not know the client that client_id_env and client_secret_env name.",
    403: "Give the OAuth2 client's user the rights that docs/crm.md lists.",
    404: "Check `url` and `api_path`.",
}


class Options(Section):
    """`customer_id_field` and `handle_fields` (platform to field) are fields of Contacts, and
    `call_fields` of Calls, by the names that Studio shows."""

    url: str = Field(pattern=r"^https?://[^\s?#]+$")
    version: Literal[7, 8] = 8  # decides what the links to people's pages are
    # Version 8 hands it to its older part; "/legacy/Api" asks that at once.
    api_path: str = Field("/Api", pattern=r"^(/[A-Za-z0-9._-]+)+$")
    client_id_env: str = "LISTENER_SUITECRM_CLIENT_ID"
    client_secret_env: str = "LISTENER_SUITECRM_CLIENT_SECRET"  # noqa: S105 - a variable's name
    country: Country | None = None  # reads national numbers of records that name no country
    customer_id_field: str = Field("", pattern=rf"^$|{_FIELD}")
    handle_fields: Mapping[str, str] = Field(default_factory=dict)
    call_fields: Mapping[CallField, str] = Field(default_factory=dict)
    dispositions: Mapping[str, Disposition] = Field(default_factory=dict)


def open(options: Options, connection: Connection) -> SuiteCrm:
    return SuiteCrm(options, connection)


@dataclass(frozen=True, slots=True)
class Record:
    """One record of a module: its id and its attributes."""

    module: str
    id: str
    has: Mapping[str, Any]

    @property
    def ref(self) -> str:
        return f"{self.module}/{self.id}"

    def text(self, field: str) -> str:
        """SuiteCRM keeps texts as they stand in a page: `O&#039;Brien`."""
        return html.unescape(text_of(self.has.get(field))).strip() if field else ""

    def true(self, field: str) -> bool:
        return text_of(self.has.get(field)) in ("1", "true", "on") or self.has.get(field) is True


class SuiteCrm(Cannot):
    """A customer's `ref` is the module and the id of their record, as in `Contacts/b13a39f8-…`."""

    can = frozenset(Capability) - {Capability.CALLS}  # `history` has them

    def __init__(self, options: Options, connection: Connection) -> None:
        self.name = connection.config.name
        self._options = options
        self._http = connection.http
        self._now = connection.now
        self._home = options.country or _home(connection.settings)
        self._url = options.url.rstrip("/")
        self._api = f"{self._url}{options.api_path}"
        self._token: tuple[str, datetime] | None = None
        self._lock = threading.Lock()

    def find(self, identifiers: Sequence[Identifier]) -> list[Candidate]:
        found: list[Candidate] = []
        with self._reading():
            for identifier in dict.fromkeys(identifiers):
                fitting = self._fitting(identifier)
                doubles = _doubles([record for record, _ in fitting])
                found += [Candidate(c, identifier) for _, c in fitting if c.ref not in doubles]
        return found

    def get(self, ref: str) -> Customer | None:
        with self._reading():
            record = self._read(ref)
            return self._customer(record) if record else None

    def history(self, ref: str) -> list[ContactEvent]:
        events: dict[str, ContactEvent] = {}
        with self._reading():
            record = self._read(ref)
            if record is None:
                return []
            customer = self._customer(record)
            for call in self._calls(record):
                event = event_of(call, customer, self._options)
                if event is not None:
                    events[event.event_id] = event
        return sorted(events.values(), key=lambda e: (e.at, e.event_id))

    def suppress(self, order: Order) -> Receipt:
        """On every person who has the phone, and on whom the order names: the flag is theirs, so it
        holds for all their phones."""
        with self._reading():
            holders = self._holders(order)
            people = [r for r in holders if r.module != "Accounts"]
            if not people and (holders or order.ref):
                raise self._nobody_to_mark(order, holders)
            if not people:
                # Nobody whom it could call: said as it is, for whoever reads the receipt.
                return Receipt(f"{NAME}: no record has this number", self._now(), already=True)
            new = [record for record in people if not record.true("do_not_call")]
            for record in new:
                description = _with_mark(record, order, self._now())
                attributes = {"do_not_call": "1", "description": description}
                data = {"type": record.module, "id": record.id, "attributes": attributes}
                after = self._write("PATCH", {"data": data}, repeatable=True)
                if not record_of(record.module, after.get("data")).true("do_not_call"):
                    raise CRMError(
                        f"{record.ref} was changed, but is not marked. Look whether a logic hook or "
                        "a workflow of SuiteCRM sets do_not_call back.",
                        crm=self.name,
                    )
            reference = f"{NAME}:{','.join(sorted(r.ref for r in people))}"
            if new:
                return Receipt(reference, self._now())
            since = max(_marked_at(r, order.key) or self._now() for r in people)
            return Receipt(reference, since, already=True)

    def record(self, ticket: Ticket) -> Receipt:
        """As a case; on a lead, which can have none, as a task. Its id is made of the key, so that
        there can be one only."""
        data = case_data(ticket)
        module, record_id = str(data["type"]), str(data["id"])
        with self._reading():
            known = self._of_id(module, record_id)
            made = known or record_of(
                module, dict_of(self._write("POST", {"data": data}).get("data"))
            )
            at = _moment(made, "date_entered") or self._now()
            return Receipt(f"{NAME}:{module}/{made.id}", at, already=known is not None)

    def link(self, ref: str) -> str | None:
        found = _REF.fullmatch(ref)
        if found is None:
            return None
        if self._options.version == 8:
            return f"{self._url}/#/{found[1].lower()}/record/{found[2]}"
        return f"{self._url}/index.php?module={found[1]}&action=DetailView&record={found[2]}"

    # ------------------------------------------------------------------ records

    def _fitting(self, identifier: Identifier) -> list[tuple[Record, Customer]]:
        found: dict[str, tuple[Record, Customer]] = {}
        for module in _MODULES:
            for filters in searches_for(identifier, module, self._options):
                for record in self._list(f"module/{module}", module, filters, "id"):
                    if record.ref not in found and self._may_fit(identifier, record):
                        customer = self._customer(record)
                        if _fits(identifier, record, customer, self._options):
                            found[record.ref] = record, customer
        return list(found.values())

    def _may_fit(self, identifier: Identifier, record: Record) -> bool:
        """Before its addresses are asked for: a search for a phone finds others too."""
        bare = customer_of(record, (), self.name, self._home, self._options)
        is_address = identifier.kind is IdentifierKind.EMAIL
        return is_address or _fits(identifier, record, bare, self._options)

    def _holders(self, order: Order) -> list[Record]:
        """Whoever has the number, and whose order it is."""
        phone = Identifier(IdentifierKind.PHONE, order.number)
        holders = {record.ref: record for record, _ in self._fitting(phone)}
        if order.ref and order.ref not in holders and (own := self._read(order.ref)):
            holders[own.ref] = own
        return list(holders.values())

    def _nobody_to_mark(self, order: Order, holders: Sequence[Record]) -> CRMError:
        if holders:
            what = f"{', '.join(r.ref for r in holders)} has the number, but accounts have no flag"
        else:
            what = f"there is no record {order.ref} (any more), and none has the number"
        return CRMError(
            f"{what} ({phones.mask(order.number)}): nobody could be marked. Look at the record, and "
            "mark the person by hand.",
            crm=self.name,
        )

    def _read(self, ref: str) -> Record | None:
        found = _REF.fullmatch(ref)
        return self._of_id(found[1], found[2]) if found else None

    def _of_id(self, module: str, record_id: str) -> Record | None:
        # To ask for the record itself is refused as a bad request where there is none.
        filters = [("filter[id][eq]", record_id)]
        rows = self._list(f"module/{module}", module, filters, "id")
        return next((r for r in rows if r.id == record_id), None)

    def _customer(self, record: Record) -> Customer:
        return customer_of(record, self._addresses(record), self.name, self._home, self._options)

    def _addresses(self, record: Record) -> list[str]:
        """All addresses: the record itself tells the first one only."""
        own = [record.text(field) for field in ("email1", "email2")]
        path = f"module/{record.module}/{record.id}/relationships/email_addresses"
        related = self._list(path, "EmailAddresses", (), "")
        return own + [address.text("email_address") for address in related]

    def _calls(self, record: Record) -> Iterator[Record]:
        """Those about the record, and those to which a person was invited."""
        about = [
            ("filter[operator]", "and"),
            ("filter[parent_type][eq]", record.module),
            ("filter[parent_id][eq]", record.id),
        ]
        yield from self._list("module/Calls", "Calls", about, "id")
        if record.module != "Accounts":
            path = f"module/{record.module}/{record.id}/relationships/calls"
            yield from self._list(path, "Calls", (), "date_start")

    # ------------------------------------------------------------------ the API

    def _list(
        self, path: str, module: str, filters: Iterable[tuple[str, str]], sort: str
    ) -> Iterator[Record]:
        """All records of a list, each once: one that is added while we leaf through shifts the
        pages."""
        seen: set[str] = set()
        number = 1
        while True:
            params = [*filters, ("page[size]", str(PAGE)), ("page[number]", str(number))]
            params += [("sort", sort)] if sort else []
            answer = self._get(path, params)
            fresh = {r.id: r for r in rows_of(answer, module) if r.id not in seen}
            yield from fresh.values()
            seen |= set(fresh)
            pages = dict_of(answer.get("meta")).get("total-pages")
            number += 1
            if not fresh or not isinstance(pages, int | float) or number > pages:
                return

    def _get(self, path: str, params: Sequence[tuple[str, str]]) -> dict[str, Any]:
        def send(token: str) -> Response:
            return self._http.get(f"{self._api}/V8/{path}", params=params, auth_bearer=token)

        return self._ask(f"reading {path}", send)

    def _write(
        self, method: Literal["POST", "PATCH"], body: Mapping[str, Any], *, repeatable: bool = False
    ) -> dict[str, Any]:
        def send(token: str) -> Response:
            return self._http.change(
                method,
                f"{self._api}/V8/module",
                json=body,
                auth_bearer=token,
                repeatable=repeatable,
            )

        return self._ask(f"writing {body['data']['type']}", send)

    def _ask(self, doing: str, send: Callable[[str], Response]) -> dict[str, Any]:
        try:
            try:
                answer = send(self._signed_in())
            except HttpStatus as error:
                if error.status != 401:
                    raise
                # Somebody has taken the token back, or its hour is over by the server's clock.
                answer = send(self._signed_in(anew=True))
        except HttpError as error:
            status = error.status if isinstance(error, HttpStatus) else 0
            text = f"{doing}: {_without_people(str(error))} {_ADVICE.get(status, '')}".strip()
            raise CRMError(text, crm=self.name, retry=error.retry) from error
        return self._json(answer, doing)

    def _signed_in(self, *, anew: bool = False) -> str:
        with self._lock:
            if anew or self._token is None or self._token[1] <= self._now():
                needed_by = f"the CRM {self.name}"
                asked = {
                    "grant_type": "client_credentials",
                    "client_id": secret(self._options.client_id_env, needed_by),
                    "client_secret": secret(self._options.client_secret_env, needed_by),
                }
                url = f"{self._api}/access_token"
                answer = self._json(self._http.post(url, json=asked, repeatable=True), "signing in")
                token, lasts = token_of(answer)
                self._token = token, self._now() + lasts - _EARLY
            return self._token[0]

    def _json(self, answer: Response, doing: str) -> dict[str, Any]:
        try:
            value = load_json(answer.body)
        except ValueError:
            value = None
        if not isinstance(value, dict):
            raise CRMError(
                f"{doing}: the answer is nothing that SuiteCRM's API answers "
                f"({answer.content_type or 'of no type'}, {len(answer.body)} bytes). Check `url`, "
                "the address at which people open SuiteCRM, and that it is not down.",
                crm=self.name,
            )
        return value

    @contextmanager
    def _reading(self) -> Iterator[None]:
        try:
            yield
        except ValueError as error:
            raise CRMError(
                f"its answer cannot be read ({error}). Check that `url` is the address of a SuiteCRM "
                "from version 7.12 on.",
                crm=self.name,
            ) from error


# ---------------------------------------------------------------------------- what is asked for


def searches_for(
    identifier: Identifier, module: Module, options: Options
) -> list[list[tuple[str, str]]]:
    """One list of filters for each search; nothing where the module has no field for it."""
    value = identifier.value.strip()
    if identifier.kind is IdentifierKind.EMAIL and value:
        return [[("filter[email1][eq]", value.lower())]]
    if identifier.kind is IdentifierKind.PHONE and (pattern := any_spelling(value)):
        either = [(f"filter[{field}][like]", pattern) for field in _PHONES[module]]
        return [[("filter[operator]", "or"), *either]]
    if module != "Contacts" or not value:
        return []
    if identifier.kind is IdentifierKind.CUSTOMER_ID and options.customer_id_field:
        return [[(f"filter[{options.customer_id_field}][eq]", value)]]
    if identifier.kind is IdentifierKind.HANDLE:
        platform, _, name = value.partition(":")
        if name and (field := options.handle_fields.get(platform)):
            # A filter takes one value for each field.
            return [[(f"filter[{field}][eq]", written)] for written in (name, f"@{name}")]
    return []


def any_spelling(e164: str) -> str:
    """For LIKE: the subscriber's digits in their order, with anything between them. That finds
    blanks, brackets, country code, 00, trunk prefix, extension, Mexico's 1, Argentina's 9 and 15;
    Brazil's ninth digit is left out, because old records lack it."""
    try:
        number = phonenumbers.parse(e164)
    except phonenumbers.NumberParseException:
        return ""
    digits = phonenumbers.national_significant_number(number)
    if number.country_code == 55 and re.fullmatch(r"\d{2}9\d{8}", digits):
        digits = digits[:2] + digits[3:]
    return "%" + "%".join(digits) + "%" if len(digits) >= 6 else ""


# ---------------------------------------------------------------------------- what is answered


def token_of(answer: Mapping[str, Any]) -> tuple[str, timedelta]:
    """The token, and how long it holds. Raises ValueError."""
    token, seconds = answer.get("access_token"), answer.get("expires_in")
    if not isinstance(token, str) or not token:
        raise ValueError("signing in gave no token")
    lasts = seconds if isinstance(seconds, int) and 0 < seconds < 10**7 else 3600
    return token, timedelta(seconds=lasts)


def rows_of(answer: Mapping[str, Any], module: str) -> list[Record]:
    """The records of a list. Raises ValueError where it is none. A relationship without any has a
    message instead of data."""
    rows = answer.get("data")
    if rows is None and "message" in dict_of(answer.get("meta")):
        return []
    if not isinstance(rows, list):
        raise ValueError("an answer without a list of records in `data`")
    return [record_of(module, row) for row in rows]


def record_of(module: str, value: Any) -> Record:
    row = dict_of(value)
    found, has = row.get("id"), row.get("attributes")
    if not isinstance(found, str) or not _ID.fullmatch(found) or not isinstance(has, dict):
        raise ValueError("a record without an id or without attributes")
    return Record(module, found, has)


def customer_of(
    record: Record, addresses: Iterable[str], crm: str, home: str, options: Options
) -> Customer:
    address = _ADDRESS[record.module]
    country = _countries().get(record.text(f"{address}_country").casefold(), "")
    written = [record.text(field) for field in _PHONES[record.module]]
    handles = [
        handle(f"{platform}:{name}")
        for platform, field in options.handle_fields.items()
        if record.module == "Contacts" and (name := record.text(field))
    ]
    state = record.text(f"{address}_state")
    whole = f"{record.text('first_name')} {record.text('last_name')}".strip()
    return Customer(
        crm=crm,
        ref=record.ref,
        name=record.text("full_name") or whole or record.text("name"),
        phones=tuple(
            dict.fromkeys(phones.normalise(n, country or home) or n for n in written if n)
        ),
        emails=tuple(dict.fromkeys(a.strip().lower() for a in addresses if a.strip())),
        handles=tuple(handles),
        country=country,
        consent="refused" if record.true("do_not_call") else "none",
        status="prospect" if record.module == "Leads" else "customer",
        region=state.upper() if re.fullmatch(r"[A-Za-z]{2,3}", state) else "",
    )


@lru_cache(maxsize=1)
def _countries() -> Mapping[str, str]:
    """ISO codes by themselves and by the countries' names."""
    found = {code.casefold(): code for code in phonenumbers.SUPPORTED_REGIONS} | {"uk": "GB"}
    for language in ("de", "fr", "it", "pt", "en", "es"):
        for code, name in Locale(language).territories.items():
            if code in phonenumbers.SUPPORTED_REGIONS:
                found[name.casefold()] = code
    return found


def _fits(identifier: Identifier, record: Record, customer: Customer, options: Options) -> bool:
    value = identifier.value.strip()
    if identifier.kind is IdentifierKind.PHONE:
        return value in customer.phones
    if identifier.kind is IdentifierKind.EMAIL:
        return value.lower() in customer.emails
    if identifier.kind is IdentifierKind.HANDLE:
        return value in customer.handles
    return record.text(options.customer_id_field).casefold() == value.casefold()


def _doubles(records: Sequence[Record]) -> set[str]:
    """Refs of records that another one of them stands for: a converted lead is its contact, and an
    account that has the phone of one of its people is not somebody else."""
    found = {record.ref for record in records}
    doubles = set()
    for record in records:
        if record.module == "Leads" and f"Contacts/{record.text('contact_id')}" in found:
            doubles.add(record.ref)
        if record.module == "Contacts":
            doubles.add(f"Accounts/{record.text('account_id')}")
    return doubles


def event_of(call: Record, customer: Customer, options: Options) -> ContactEvent | None:
    """A call that took place or was tried; None for one that is planned. Raises ValueError where
    it has no time."""
    status = call.text("status")
    if status.casefold() == "planned":
        return None
    at = _moment(call, "date_start") or _moment(call, "date_entered")
    if at is None:
        raise ValueError(f"the call {call.id} has no time")

    def own(field: CallField) -> str:
        return call.text(options.call_fields.get(field, ""))

    code = own("disposition") or status
    disposition = _disposition(code, options)
    country = customer.country or _region(customer.phones)
    note = ["" if disposition else code, call.text("name"), call.text("description")]
    return ContactEvent(
        event_id=f"call:{call.id}",
        at=at,
        direction=Direction.IN if call.text("direction") == "Inbound" else Direction.OUT,
        channel=Channel.CALL,
        customer_ref=customer.ref,
        customer_number=phones.normalise(own("customer_number"), country) or "",
        caller_number=phones.normalise_caller(own("caller_number"), country),
        campaign=own("campaign"),
        list_name=own("list_name"),
        agent=call.text("assigned_user_name"),
        disposition=disposition or Disposition.NONE,
        # The length of a call that did not take place is the planned one.
        duration_s=0 if status == "Not Held" else _seconds(call),
        note="\n".join(part for part in note if part),
    )


def _moment(record: Record, field: str) -> datetime | None:
    written = record.text(field)
    # UTC, whatever the offset says: see above.
    clock = re.sub(r"(?<=:\d\d)(?:Z|[+-]\d\d:?\d\d)$", "", written)
    return parse_time(clock, UTC) if clock else None


def _disposition(code: str, options: Options) -> Disposition | None:
    """None for a code that nobody has explained."""
    codes = _STATUSES | {c.casefold(): d for c, d in options.dispositions.items()}
    if not code or code.casefold() in codes:
        return codes.get(code.casefold(), Disposition.NONE)
    plain = re.sub(r"[\s-]+", "_", code.casefold())
    return next((d for d in Disposition if d.value == plain), None)


def _seconds(call: Record) -> int:
    hours, minutes = call.text("duration_hours") or "0", call.text("duration_minutes") or "0"
    if not re.fullmatch(r"[0-9]{1,3}", hours) or not re.fullmatch(r"[0-9]{1,4}", minutes):
        return 0
    length = timedelta(hours=int(hours), minutes=int(minutes))
    return int(length.total_seconds()) if length <= _LONGEST else 0


def _region(numbers: Sequence[str]) -> str:
    for number in numbers:
        try:
            return phonenumbers.region_code_for_number(phonenumbers.parse(number)) or ""
        except phonenumbers.NumberParseException:
            continue
    return ""


# ---------------------------------------------------------------------------- what is written


def _with_mark(record: Record, order: Order, now: datetime) -> str:
    until = f", until {order.until.astimezone(UTC):%Y-%m-%d %H:%M} UTC" if order.until else ""
    mark = (
        f"[{order.key}] {now.astimezone(UTC):%Y-%m-%d %H:%M:%S} UTC: do not call {order.number}"
        f"{until}. {order.reason}".strip()
    )
    before = record.text("description")
    return f"{before}\n\n{mark}" if before else mark


def _marked_at(record: Record, key: str) -> datetime | None:
    """Since when it holds: as our mark says, else by the record's last change at the latest."""
    found = re.search(
        rf"\[{re.escape(key)}\] (\d{{4}}-\d\d-\d\d \d\d:\d\d:\d\d) UTC", record.text("description")
    )
    return parse_time(found[1]) if found else _moment(record, "date_modified")


def case_data(ticket: Ticket) -> dict[str, Any]:
    """A new case, or task, under an id that the key makes."""
    found = _REF.fullmatch(ticket.ref or "")
    end = f" [{ticket.key}]"
    attributes = {
        "name": (ticket.title.strip() or "Complaint")[: _NAME_LENGTH - len(end)] + end,
        "description": "\n\n".join(part for part in (ticket.text, ticket.link) if part),
    }
    is_task = found is not None and found[1] == "Leads"
    if found and is_task:
        attributes |= {"parent_type": "Leads", "parent_id": found[2], "status": "Not Started"}
    elif found:
        attributes["contact_id" if found[1] == "Contacts" else "account_id"] = found[2]
    if not is_task:
        attributes |= {"status": "Open_New", "state": "Open", "priority": "P2"}
    return {
        "type": "Tasks" if is_task else "Cases",
        "id": str(uuid5(NAMESPACE_URL, f"listener:{ticket.key}")),
        "attributes": attributes,
    }


def _home(settings: Settings) -> str:
    """The country of the first brand of our own, else of the first brand."""
    brands = sorted(settings.brands, key=lambda b: b.kind != "own")
    return brands[0].countries[0] if brands and brands[0].countries else "ES"


_PERSONAL = re.compile(
    r"[^\s@\"'(<]+@[^\s@\"')>]+|(?<![\w.-])\+?\d(?:[ ().%-]{0,2}\d){6,16}(?![\w.])"
)


def _without_people(text: str) -> str:
    """What a server says may repeat what it was asked: phones and addresses are masked."""

    def masked(found: re.Match[str]) -> str:
        if "@" in found[0]:
            return "•••@•••"
        # A day, or the address of a machine.
        plain = re.match(r"\d{4}-\d\d-\d\d|(?:\d{1,3}\.){3}\d{1,3}$", found[0])
        return found[0] if plain else phones.mask(found[0])

    return _PERSONAL.sub(masked, text)
