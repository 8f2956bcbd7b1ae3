"""EspoCRM, from version 7: contacts, leads and accounts with their calls, meetings and e-mails.

API: https://docs.espocrm.com/development/api/ (what can be searched for, and how:
https://docs.espocrm.com/development/api-search-params/)
Sign-in: the key of an API user (`key_env`), sent as X-Api-Key; what it sees and changes is said
by the user's role.
Limits: none by request; a list gives at most 200 records (`recordListMaxSizeLimit`), so 100 a page.
Cannot see: the number that called, the campaign and the list of a call, unless fields of the
company's own hold them (`call_fields`); whether the length of a held call was measured or only
planned; SMS; what the API user's role does not let it read. An opted-out number has no end: until
when an order holds is said in words on the record.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from typing import Any, Literal

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
from listener.sources.items import dict_of, list_of, load_json, text_of
from listener.times import parse_time

NAME = "espocrm"
PAGE = 100

Kind = Literal["Contact", "Lead", "Account"]
Activity = Literal["Call", "Meeting", "Email"]
CallField = Literal["disposition", "caller_number", "customer_number", "campaign", "list_name"]

_KINDS: tuple[Kind, ...] = ("Contact", "Lead", "Account")
_ADDRESS: Mapping[str, str] = {"Account": "billingAddress"}  # the others': "address"
_REF = re.compile(r"(Contact|Lead|Account)/([A-Za-z0-9_-]{1,36})")
_ID = re.compile(r"[A-Za-z0-9_-]{1,36}")
_FIELD = r"^[A-Za-z][A-Za-z0-9]*$"
_LONGEST = timedelta(days=7)  # a call that seems longer has a wrong end
_NAME_LENGTH = 249
# "Held" says that somebody was spoken to, and nothing of how it ended.
_STATUSES = {"held": Disposition.NONE, "not held": Disposition.NO_ANSWER}
_SELECT: Mapping[Activity, tuple[str, ...]] = {
    "Call": ("name", "status", "direction", "dateStart", "dateEnd", "description"),
    "Meeting": ("name", "status", "dateStart", "dateStartDate", "dateEnd", "description"),
    "Email": ("name", "status", "dateSent", "fromString", "fromEmailAddressName", "sentByName"),
}
_ADVICE = {
    401: "EspoCRM does not know the API user's key that `key_env` names.",
    403: "Give the API user's role the rights that docs/crm.md lists.",
}


class Options(Section):
    """`customer_id_field` and `handle_fields` (platform to field) are fields of Contact, and
    `call_fields` of Call, by the names that the Entity Manager shows."""

    url: str = Field(pattern=r"^https?://[^\s?#]+$")
    key_env: str = "LISTENER_ESPOCRM_KEY"
    country: Country | None = None  # reads national numbers of records that name no country
    customer_id_field: str = Field("", pattern=rf"^$|{_FIELD}")
    handle_fields: Mapping[str, str] = Field(default_factory=dict)
    call_fields: Mapping[CallField, str] = Field(default_factory=dict)
    dispositions: Mapping[str, Disposition] = Field(default_factory=dict)
    do_not_call: bool = True  # a suppression sets the person's doNotCall too, for all their phones
    key_field: str = Field("", pattern=rf"^$|{_FIELD}")  # of Case; empty: at the end of its name


def open(options: Options, connection: Connection) -> EspoCrm:
    return EspoCrm(options, connection)


class EspoCrm(Cannot):
    """A customer's `ref` is the type and the id of their record, as in `Contact/5f0c…`."""

    can = frozenset(Capability) - {Capability.CALLS}  # `history` has them

    def __init__(self, options: Options, connection: Connection) -> None:
        self.name = connection.config.name
        self._options = options
        self._http = connection.http
        self._now = connection.now
        self._home = options.country or _home(connection.settings)
        self._url = options.url.rstrip("/")

    def find(self, identifiers: Sequence[Identifier]) -> list[Candidate]:
        found: list[Candidate] = []
        with self._reading():
            people = self._people(identifiers)
            for identifier in dict.fromkeys(identifiers):
                fitting = [
                    (kind, record, customer)
                    for kind, record, customer in people
                    if _fits(identifier, kind, record, customer, self._options)
                ]
                doubles = _doubles((kind, record) for kind, record, _ in fitting)
                found += [Candidate(c, identifier) for _, _, c in fitting if c.ref not in doubles]
        return found

    def get(self, ref: str) -> Customer | None:
        with self._reading():
            kind, record = self._read(ref)
            return self._customer(kind, record) if kind and record is not None else None

    def history(self, ref: str) -> list[ContactEvent]:
        events: dict[str, ContactEvent] = {}
        with self._reading():
            kind, record = self._read(ref)
            if kind is None or record is None:
                return []
            customer = self._customer(kind, record)
            record_id = _id_of(record)
            for activity in ("Call", "Meeting", "Email"):
                where = _belongs_to(kind, record_id, activity, customer.emails)
                select = self._select(activity)
                for row in self._list(activity, where, select, _order_of(activity)):
                    event = event_of(activity, row, customer, self._options)
                    if event is not None:
                        events[event.event_id] = event
        return sorted(events.values(), key=lambda e: (e.at, e.event_id))

    def suppress(self, order: Order) -> Receipt:
        """On every record that has the number, and on that which the order names."""
        with self._reading():
            return self._suppress(order)

    def _suppress(self, order: Order) -> Receipt:
        holders = self._holders(order)
        if not holders and order.ref:
            raise CRMError(
                f"there is no record {order.ref} (any more), and none has the number "
                f"{phones.mask(order.number)}: nobody could be marked. Look whether it was merged "
                "or deleted, and mark the person by hand.",
                crm=self.name,
            )
        if not holders:
            # Nobody whom it could call: said as it is, for whoever reads the receipt.
            return Receipt(f"{NAME}: no record has this number", self._now(), already=True)
        changed = False
        for ref, (kind, record) in holders.items():
            change = suppression(record, order, self._country(kind, record), self._options)
            if change:
                change["description"] = _with_mark(record, order, self._now())
                after = self._write("PUT", ref, change, repeatable=True)
                if suppression(after, order, self._country(kind, record), self._options):
                    raise CRMError(
                        f"{ref} was changed, but the number {phones.mask(order.number)} is not opted "
                        "out. EspoCRM leaves a number as it is that stands on a record which the "
                        "API user may not edit as well: give the user's role that right.",
                        crm=self.name,
                    )
                changed = True
        reference = f"{NAME}:{','.join(sorted(holders))}"
        if changed:
            return Receipt(reference, self._now())
        since = [_marked_at(record, order.key) or self._now() for _, record in holders.values()]
        return Receipt(reference, max(since), already=True)

    def record(self, ticket: Ticket) -> Receipt:
        with self._reading():
            if existing := self._case(ticket.key):
                return self._receipt(existing, already=True)
            return self._receipt(self._write("POST", "Case", case_body(ticket, self._options)))

    def link(self, ref: str) -> str | None:
        found = _REF.fullmatch(ref)
        return f"{self._url}/#{found[1]}/view/{found[2]}" if found else None

    # ------------------------------------------------------------------ records

    def _people(
        self, identifiers: Sequence[Identifier]
    ) -> list[tuple[Kind, Mapping[str, Any], Customer]]:
        """All records that one of the identifiers may fit, each read whole: lists tell the primary
        phone and address only."""
        found: list[tuple[Kind, Mapping[str, Any], Customer]] = []
        for kind in _KINDS:
            conditions = [c for i in identifiers for c in conditions_for(i, kind, self._options)]
            if not conditions:
                continue
            for row in self._list(kind, _any_of(conditions), ("id",), "createdAt"):
                _, record = self._read(f"{kind}/{_id_of(row)}")
                if record is not None:
                    found.append((kind, record, self._customer(kind, record)))
        return found

    def _holders(self, order: Order) -> dict[str, tuple[Kind, Mapping[str, Any]]]:
        """Whoever has the number, and whose order it is."""
        identifier = Identifier(IdentifierKind.PHONE, order.number)
        holders: dict[str, tuple[Kind, Mapping[str, Any]]] = {
            customer.ref: (kind, record)
            for kind, record, customer in self._people([identifier])
            if order.number in customer.phones
        }
        if order.ref and order.ref not in holders:
            kind, record = self._read(order.ref)
            if kind and record is not None:
                holders[order.ref] = (kind, record)
        return holders

    def _case(self, key: str) -> Mapping[str, Any] | None:
        if field := self._options.key_field:
            where = {"type": "equals", "attribute": field, "value": key}
        else:
            field = "name"
            where = {"type": "endsWith", "attribute": field, "value": f"[{key}]"}
        # The database compares without regard to case, and takes _ and % for any character.
        for row in self._list("Case", where, (field, "createdAt"), "createdAt"):
            value = text_of(row.get(field))
            if value == key or (field == "name" and value.endswith(f"[{key}]")):
                return row
        return None

    def _receipt(self, case: Mapping[str, Any], *, already: bool = False) -> Receipt:
        made_at = case.get("createdAt")
        at = parse_time(made_at) if made_at else self._now()
        return Receipt(f"{NAME}:Case/{_id_of(case)}", at, already)

    def _customer(self, kind: Kind, record: Mapping[str, Any]) -> Customer:
        return customer_of(kind, record, self.name, self._home, self._options)

    def _country(self, kind: Kind, record: Mapping[str, Any]) -> str:
        return _country_of(kind, record) or self._home

    def _select(self, activity: Activity) -> tuple[str, ...]:
        own = self._options.call_fields.values() if activity == "Call" else ()
        return ("id", "createdAt", "assignedUserName", *_SELECT[activity], *own)

    # ------------------------------------------------------------------ the API

    def _read(self, ref: str) -> tuple[Kind | None, Mapping[str, Any] | None]:
        """The type and the whole record; no record where there is none (any more)."""
        found = _REF.fullmatch(ref)
        kind = next((k for k in _KINDS if found and k == found[1]), None)
        if kind is None:
            return None, None
        try:
            return kind, self._get(ref, {})
        except _Missing:
            return kind, None

    def _list(
        self, path: str, where: Mapping[str, Any], select: Sequence[str], order_by: str
    ) -> Iterator[Mapping[str, Any]]:
        """All records of a list, each once: one that is added while we leaf through shifts the
        pages."""
        offset = 0
        seen: set[str] = set()
        while True:
            asked = {
                "where": [where],
                "select": list(select),
                "orderBy": order_by,
                "order": "asc",
                "offset": offset,
                "maxSize": PAGE,
            }
            answer = self._get(path, {"searchParams": json.dumps(asked, ensure_ascii=False)})
            rows = rows_of(answer)
            fresh = [r for r in rows if _id_of(r) not in seen]
            seen |= {_id_of(r) for r in fresh}
            yield from fresh
            offset += len(rows)
            # -1 and -2 for a total: counting is switched off for that type of record.
            total = answer.get("total")
            more = offset < total if isinstance(total, int) and total >= 0 else len(rows) >= PAGE
            if not (fresh and more):
                return

    def _get(self, path: str, params: Mapping[str, str]) -> dict[str, Any]:
        try:
            answer = self._http.get(
                f"{self._url}/api/v1/{path}", params=params, headers=self._headers()
            )
        except HttpError as error:
            raise self._told(error, f"reading {path}") from error
        return self._json(answer, path)

    def _write(
        self,
        method: Literal["POST", "PUT"],
        path: str,
        body: Mapping[str, Any],
        *,
        repeatable: bool = False,
    ) -> dict[str, Any]:
        try:
            answer = self._http.change(
                method,
                f"{self._url}/api/v1/{path}",
                json=body,
                repeatable=repeatable,
                headers=self._headers(),
            )
        except HttpError as error:
            raise self._told(error, f"writing {path}") from error
        return self._json(answer, path)

    def _headers(self) -> dict[str, str]:
        return {"X-Api-Key": secret(self._options.key_env, f"the CRM {self.name}")}

    @contextmanager
    def _reading(self) -> Iterator[None]:
        try:
            yield
        except ValueError as error:
            raise CRMError(
                f"its answer cannot be read ({error}). Check that `url` is the address of an EspoCRM "
                "from version 7 on.",
                crm=self.name,
            ) from error

    def _json(self, answer: Response, path: str) -> dict[str, Any]:
        try:
            value = load_json(answer.body)
        except ValueError:
            value = None
        if not isinstance(value, dict):
            raise CRMError(
                f"{path} was answered with something that is no record or list of EspoCRM "
                f"({answer.content_type or 'of no type'}, {len(answer.body)} bytes). Check that "
                "`url` is the address at which people open EspoCRM, and that it is not down for "
                "an upgrade.",
                crm=self.name,
            )
        return value

    def _told(self, error: HttpError, doing: str) -> CRMError:
        status = error.status if isinstance(error, HttpStatus) else 0
        kind = _Missing if status == 404 else CRMError
        text = f"{doing}: {_without_people(str(error))} {_ADVICE.get(status, '')}".strip()
        return kind(text, crm=self.name, retry=error.retry)


class _Missing(CRMError):
    """There is no such record."""


# ---------------------------------------------------------------------------- what is asked for


def conditions_for(identifier: Identifier, kind: Kind, options: Options) -> list[dict[str, Any]]:
    """The search conditions for records of that kind, nothing where it has no field for it."""
    value = identifier.value.strip()
    if identifier.kind is IdentifierKind.EMAIL and value:
        return [{"type": "in", "attribute": "emailAddress", "value": [value.lower()]}]
    if identifier.kind is IdentifierKind.PHONE and (forms := dialled_forms(value)):
        # EspoCRM keeps each number's digits beside it. An extension stands behind them.
        whole = value.removeprefix("+")
        return [
            {"type": "in", "attribute": "phoneNumberNumeric", "value": forms},
            {"type": "startsWith", "attribute": "phoneNumberNumeric", "value": whole},
        ]
    if kind != "Contact":
        return []
    if identifier.kind is IdentifierKind.CUSTOMER_ID and options.customer_id_field and value:
        spellings = list(dict.fromkeys([value, value.upper(), value.lower()]))
        return [{"type": "in", "attribute": options.customer_id_field, "value": spellings}]
    if identifier.kind is IdentifierKind.HANDLE:
        platform, _, name = value.partition(":")
        if name and (field := options.handle_fields.get(platform)):
            return [{"type": "in", "attribute": field, "value": [name, f"@{name}"]}]
    return []


def dialled_forms(e164: str) -> list[str]:
    """The digits of every way to write a line: with and without its country code, 00 and trunk
    prefix, and as the variants that `phones.normalise` reads as one line."""
    lines = [e164]
    if re.fullmatch(r"\+52\d{10}", e164):
        lines.append("+521" + e164[3:])
    if re.fullmatch(r"\+54\d{10}", e164):
        lines.append("+549" + e164[3:])
    if re.fullmatch(r"\+55\d{2}9\d{8}", e164):
        lines.append(e164[:5] + e164[6:])
    forms: list[str] = []
    for line in lines:
        try:
            number = phonenumbers.parse(line)
        except phonenumbers.NumberParseException:
            return []
        code = str(number.country_code)
        own = phonenumbers.national_significant_number(number)
        written = phonenumbers.format_number(number, phonenumbers.PhoneNumberFormat.NATIONAL)
        trunk = re.sub(r"\D", "", written)
        for short in (own, trunk, trunk.removeprefix("0")):
            forms += [code + short, short, "00" + code + short]
    if e164.startswith("+52"):
        forms += [prefix + e164[3:] for prefix in ("044", "045", "01")]
    return list(dict.fromkeys(forms))


def _any_of(conditions: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    return {"type": "or", "value": list(conditions)}


def _belongs_to(
    kind: Kind, record_id: str, activity: Activity, emails: Iterable[str]
) -> dict[str, Any]:
    """An activity belongs to the record that it is about, to each of its attendees, and an e-mail
    to whoever has one of its addresses."""
    about = [
        {"type": "equals", "attribute": "parentType", "value": kind},
        {"type": "equals", "attribute": "parentId", "value": record_id},
    ]
    conditions: list[dict[str, Any]] = [{"type": "and", "value": about}]
    if kind == "Account":
        conditions.append({"type": "equals", "attribute": "accountId", "value": record_id})
    elif activity != "Email":
        link = "contacts" if kind == "Contact" else "leads"
        conditions.append({"type": "linkedWith", "attribute": link, "value": [record_id]})
    if activity == "Email":
        conditions += [{"type": "equals", "attribute": "emailAddress", "value": e} for e in emails]
    return _any_of(conditions)


def _order_of(activity: Activity) -> str:
    return "dateSent" if activity == "Email" else "dateStart"


# ---------------------------------------------------------------------------- what is answered


def rows_of(answer: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    """The records of a list. Raises ValueError where it is none."""
    rows = answer.get("list")
    if not isinstance(rows, list) or not all(isinstance(r, dict) for r in rows):
        raise ValueError("a list without the key `list`, or with something else than records in it")
    return rows


def _id_of(record: Mapping[str, Any]) -> str:
    found = record.get("id")
    if not isinstance(found, str) or not _ID.fullmatch(found):
        raise ValueError("a record without an id")
    return found


def customer_of(kind: Kind, record: Any, crm: str, home: str, options: Options) -> Customer:
    """Raises ValueError for what is no record."""
    record = dict_of(record)
    ref = f"{kind}/{_id_of(record)}"
    country = _country_of(kind, record)
    numbers = [phones.normalise(n, country or home) or n for n, _ in _numbers(record)]
    addresses = [
        text_of(dict_of(item).get("emailAddress"))
        for item in list_of(record.get("emailAddressData"))
    ]
    addresses.append(text_of(record.get("emailAddress")))
    handles = [
        handle(f"{platform}:{name}")
        for platform, field in options.handle_fields.items()
        if kind == "Contact" and (name := text_of(record.get(field)).strip())
    ]
    opted_out = any(out for _, out in _numbers(record))
    state = text_of(record.get(f"{_ADDRESS.get(kind, 'address')}State")).strip()
    return Customer(
        crm=crm,
        ref=ref,
        name=text_of(record.get("name")).strip(),
        phones=tuple(dict.fromkeys(numbers)),
        emails=tuple(dict.fromkeys(a.strip().lower() for a in addresses if a.strip())),
        handles=tuple(handles),
        country=country,
        consent="refused" if record.get("doNotCall") is True or opted_out else "none",
        status="prospect" if kind == "Lead" else "customer",
        region=state.upper() if re.fullmatch(r"[A-Za-z]{2,3}", state) else "",
    )


def _numbers(record: Mapping[str, Any]) -> list[tuple[str, bool]]:
    """Each phone as written, and whether it is opted out."""
    items = [dict_of(item) for item in list_of(record.get("phoneNumberData"))]
    found = [(text_of(i.get("phoneNumber")).strip(), i.get("optOut") is True) for i in items]
    primary = text_of(record.get("phoneNumber")).strip()
    if primary not in {number for number, _ in found}:
        found.append((primary, record.get("phoneNumberIsOptedOut") is True))
    return [(number, out) for number, out in found if number]


def _country_of(kind: Kind, record: Mapping[str, Any]) -> str:
    """ISO code of the country that the record names, in whatever language; empty for none."""
    written = text_of(record.get(f"{_ADDRESS.get(kind, 'address')}Country")).strip()
    return _countries().get(written.casefold(), "")


@lru_cache(maxsize=1)
def _countries() -> Mapping[str, str]:
    found = {code.casefold(): code for code in phonenumbers.SUPPORTED_REGIONS} | {"uk": "GB"}
    for language in ("de", "fr", "it", "pt", "en", "es"):
        for code, name in Locale(language).territories.items():
            if code in phonenumbers.SUPPORTED_REGIONS:
                found[name.casefold()] = code
    return found


def _fits(
    identifier: Identifier,
    kind: Kind,
    record: Mapping[str, Any],
    customer: Customer,
    options: Options,
) -> bool:
    value = identifier.value.strip()
    if identifier.kind is IdentifierKind.PHONE:
        return value in customer.phones
    if identifier.kind is IdentifierKind.EMAIL:
        return value.lower() in customer.emails
    if identifier.kind is IdentifierKind.HANDLE:
        return value in customer.handles
    written = text_of(record.get(options.customer_id_field)) if options.customer_id_field else ""
    return kind == "Contact" and bool(written) and written.casefold() == value.casefold()


def _doubles(records: Iterable[tuple[Kind, Mapping[str, Any]]]) -> set[str]:
    """Refs of records that another one of them stands for: a converted lead is its contact, and an
    account that has the phone of one of its people is not somebody else."""
    found = {f"{kind}/{_id_of(record)}": (kind, record) for kind, record in records}
    doubles = set()
    for ref, (kind, record) in found.items():
        person = f"Contact/{text_of(record.get('createdContactId'))}"
        if kind == "Lead" and person in found:
            doubles.add(ref)
        account = f"Account/{text_of(record.get('accountId'))}"
        if kind == "Contact" and account in found:
            doubles.add(account)
    return doubles


def event_of(
    activity: Activity, row: Any, customer: Customer, options: Options
) -> ContactEvent | None:
    """A contact that took place or was tried; None for what was planned, cancelled or not sent.
    Raises ValueError for what is no activity."""
    row = dict_of(row)
    event_id = f"{activity.lower()}:{_id_of(row)}"
    status = text_of(row.get("status")).strip()
    if activity == "Email":
        return _email(row, event_id, status, customer)
    if status.casefold() == "planned" or (activity == "Meeting" and status != "Held"):
        return None
    # A meeting of a whole day has a date alone.
    at = parse_time(row.get("dateStart") or row.get("dateStartDate") or row.get("createdAt"))
    event = ContactEvent(
        event_id=event_id,
        at=at,
        direction=Direction.OUT,
        channel=Channel.VISIT,
        customer_ref=customer.ref,
        agent=text_of(row.get("assignedUserName")).strip(),
        # The end of a call that did not take place is the planned one.
        duration_s=0 if status == "Not Held" else _seconds(at, row.get("dateEnd")),
        note=_note(row.get("name"), row.get("description")),
    )
    return _call(event, row, status, customer, options) if activity == "Call" else event


def _call(
    event: ContactEvent, row: Mapping[str, Any], status: str, customer: Customer, options: Options
) -> ContactEvent:
    def own(field: CallField) -> str:
        return text_of(row.get(options.call_fields.get(field, ""))).strip()

    code = own("disposition") or status
    disposition = _disposition(code, options)
    country = customer.country or _region(customer.phones)
    return replace(
        event,
        direction=Direction.IN if row.get("direction") == "Inbound" else Direction.OUT,
        channel=Channel.CALL,
        customer_number=phones.normalise(own("customer_number"), country) or "",
        caller_number=phones.normalise_caller(own("caller_number"), country),
        campaign=own("campaign"),
        list_name=own("list_name"),
        disposition=disposition or Disposition.NONE,
        note=event.note if disposition else _note(code, event.note),
    )


def _email(
    row: Mapping[str, Any], event_id: str, status: str, customer: Customer
) -> ContactEvent | None:
    if status not in ("Sent", "Archived"):
        return None
    sender = f"{text_of(row.get('fromEmailAddressName'))} {text_of(row.get('fromString'))}".lower()
    theirs = bool(set(re.findall(r"[^\s<>\"',;]+@[^\s<>\"',;]+", sender)) & set(customer.emails))
    agent = text_of(row.get("sentByName")) or text_of(row.get("assignedUserName"))
    return ContactEvent(
        event_id=event_id,
        at=parse_time(row.get("dateSent") or row.get("createdAt")),
        direction=Direction.IN if theirs else Direction.OUT,
        channel=Channel.EMAIL,
        customer_ref=customer.ref,
        agent="" if theirs else agent.strip(),
        note=_note(row.get("name")),
    )


def _disposition(code: str, options: Options) -> Disposition | None:
    """None for a code that nobody has explained."""
    codes = _STATUSES | {c.casefold(): d for c, d in options.dispositions.items()}
    if not code or code.casefold() in codes:
        return codes.get(code.casefold(), Disposition.NONE)
    plain = re.sub(r"[\s-]+", "_", code.casefold())
    return next((d for d in Disposition if d.value == plain), None)


def _seconds(start: datetime, end: Any) -> int:
    length = parse_time(end) - start if end else timedelta(0)
    return int(length.total_seconds()) if timedelta(0) < length <= _LONGEST else 0


def _note(*parts: Any) -> str:
    return "\n".join(t for part in parts if (t := text_of(part).strip()))


def _region(numbers: Sequence[str]) -> str:
    for number in numbers:
        try:
            return phonenumbers.region_code_for_number(phonenumbers.parse(number)) or ""
        except phonenumbers.NumberParseException:
            continue
    return ""


# ---------------------------------------------------------------------------- what is written


def suppression(
    record: Mapping[str, Any], order: Order, country: str, options: Options
) -> dict[str, Any]:
    """What has to change on a record so that the number is opted out; empty where it is already."""
    change: dict[str, Any] = {}
    data = [dict_of(item) for item in list_of(record.get("phoneNumberData"))]
    theirs = [
        item
        for item in data
        if phones.normalise(text_of(item.get("phoneNumber")), country) == order.number
    ]
    if any(item.get("optOut") is not True for item in theirs):
        # The whole set, as EspoCRM takes it: a number that is left out is taken off the record.
        change["phoneNumberData"] = [
            {**item, "optOut": True} if item in theirs else item for item in data
        ]
    if options.do_not_call and record.get("doNotCall") is False:
        change["doNotCall"] = True
    return change


def _mark(order: Order, now: datetime) -> str:
    until = f", until {order.until.astimezone(UTC):%Y-%m-%d %H:%M} UTC" if order.until else ""
    return (
        f"[{order.key}] {now.astimezone(UTC):%Y-%m-%d %H:%M:%S} UTC: do not call {order.number}"
        f"{until}. {order.reason}".strip()
    )


def _with_mark(record: Mapping[str, Any], order: Order, now: datetime) -> str:
    before = text_of(record.get("description")).rstrip()
    return f"{before}\n\n{_mark(order, now)}" if before else _mark(order, now)


def _marked_at(record: Mapping[str, Any], key: str) -> datetime | None:
    """Since when it holds: as our mark says, else by the record's last change at the latest."""
    found = re.search(
        rf"\[{re.escape(key)}\] (\d{{4}}-\d\d-\d\d \d\d:\d\d:\d\d) UTC",
        text_of(record.get("description")),
    )
    moment = found[1] if found else record.get("modifiedAt")
    return parse_time(moment) if moment else None


def case_body(ticket: Ticket, options: Options) -> dict[str, Any]:
    """A new Case. Names may not hold < > =, and end with the key where no field is made for it."""
    end = "" if options.key_field else f" [{ticket.key}]"
    title = re.sub(r"[<>=\s]+", " ", ticket.title).strip() or "Complaint"
    body: dict[str, Any] = {
        "name": title[: _NAME_LENGTH - len(end)] + end,
        "description": "\n\n".join(part for part in (ticket.text, ticket.link, ticket.key) if part),
    }
    if options.key_field:
        body[options.key_field] = ticket.key
    found = _REF.fullmatch(ticket.ref or "")
    if found:
        body[f"{found[1].lower()}Id"] = found[2]
    return body


def _home(settings: Settings) -> str:
    """The country of the first brand of our own, else of the first brand."""
    brands = sorted(settings.brands, key=lambda b: b.kind != "own")
    return brands[0].countries[0] if brands and brands[0].countries else "ES"


_PERSONAL = re.compile(
    r"[^\s@\"'(<]+@[^\s@\"')>]+|(?<![\w.-])\+?\d(?:[ ().-]{0,2}\d){6,16}(?![\w.])"
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
