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

import html
import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import datetime
from functools import lru_cache
from typing import Annotated, Any, Literal
from urllib.parse import quote
from zoneinfo import available_timezones

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
from listener.matching import handle
from listener.normalise import clean_text, html_to_text
from listener.sections import Country, Section
from listener.settings import Settings, secret
from listener.sources.items import dict_of, list_of, load_json, text_of
from listener.times import parse_time

NAME = "hubspot"

Property = Annotated[str, Field(pattern=r"^[a-z][a-z0-9_]*$")]  # its internal name
Unset = Literal[""]
Status = Literal["customer", "former", "prospect"]
Group = dict[str, list[dict[str, Any]]]

# The values that every account begins with; others are the account's own.
_OUTCOMES = {
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
        return _OUTCOMES | {code.lower(): mapped for code, mapped in given.items()}

    @property
    def properties(self) -> tuple[str, ...]:
        """Those of a contact that we read."""
        ours = (self.customer_id, self.consent, *self.phones, *self.handles.values())
        return tuple(dict.fromkeys(name for name in (*_STANDARD, *ours) if name))


_STANDARD = (
    *("firstname", "lastname", "email", "hs_additional_emails", "country"),
    *("hs_country_region_code", "hs_state_code", "hs_timezone", "lifecyclestage"),
)
_CALL = (
    *("hs_timestamp", "hs_call_body", "hs_call_direction", "hs_call_disposition"),
    *("hs_call_duration", "hs_call_from_number", "hs_call_to_number", "hs_call_status"),
    "hubspot_owner_id",
)
_EMAIL = (
    *("hs_timestamp", "hs_email_direction", "hs_email_status", "hs_email_subject"),
    *("hs_email_text", "hs_email_html", "hubspot_owner_id"),
)
_NOTE = ("hs_timestamp", "hs_note_body", "hubspot_owner_id")


def open(options: Options, connection: Connection) -> HubSpot:
    return HubSpot(options, connection)


# ---------------------------------------------------------------------------- what is answered


def record_of(value: Any) -> tuple[str, Mapping[str, str]]:
    """(id, properties) of an object of any kind. Raises ValueError."""
    record = dict_of(value)
    ref, properties = text_of(record.get("id")), record.get("properties")
    if not _is_ref(ref) or not isinstance(properties, dict):
        raise ValueError("an object without an id and properties")
    return ref, {str(k): clean_text(text_of(v)) for k, v in properties.items()}


def customer_of(value: Any, options: Options, *, crm: str, home: str) -> Customer:
    """Raises ValueError. `home` reads the numbers of contacts without a country."""
    ref, has = record_of(value)
    country = country_of(has.get("hs_country_region_code", "")) or country_of(
        has.get("country", "")
    )
    written = [has.get(name, "") for name in options.phones]
    numbers = [phones.normalise(p, country or home) or p for p in written if p]
    emails = [has.get("email", ""), *re.split(r"[;,\s]+", has.get("hs_additional_emails", ""))]
    state = has.get("hs_state_code", "").upper()
    stage = has.get("lifecyclestage", "").lower()
    return Customer(
        crm=crm,
        ref=ref,
        name=f"{has.get('firstname', '')} {has.get('lastname', '')}".strip(),
        phones=tuple(dict.fromkeys(numbers)),
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
        region=state if re.fullmatch(r"[A-Z]{2,3}", state) else "",
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
        duration_s=0 if rang else _seconds(has.get("hs_call_duration", "")),
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
        raise ValueError("no results in it")
    return results


def _agent(has: Mapping[str, str], agents: Mapping[str, str]) -> str:
    owner = has.get("hubspot_owner_id", "")
    return agents.get(owner, owner)


def _seconds(milliseconds: str) -> int:
    try:
        return round(max(0.0, float(milliseconds or 0)) / 1000)
    except OverflowError:
        raise ValueError("a call of endless duration") from None


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


# ---------------------------------------------------------------------------- what is asked


def groups_for(identifier: Identifier, options: Options) -> list[Group]:
    """The alternatives of a search that finds whoever may have it, and some more; none where
    HubSpot holds nothing of the kind. What is found is compared exactly afterwards."""
    value = identifier.value.strip()
    if identifier.kind is IdentifierKind.PHONE:
        e164 = phones.normalise(value)
        return _groups_for_phone(e164, options.phones) if e164 else []
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


def _groups_for_phone(e164: str, names: Sequence[str]) -> list[Group]:
    """HubSpot's own properties for searches hold the number without its country; whatever stood
    before (an old prefix, a trunk zero) the last digits are the same in every written form."""
    number = phonenumbers.parse(e164)
    national = phonenumbers.national_significant_number(number)
    code = str(number.country_code)
    shown = [
        phonenumbers.format_number(number, form)
        for form in (
            phonenumbers.PhoneNumberFormat.NATIONAL,
            phonenumbers.PhoneNumberFormat.INTERNATIONAL,
        )
    ]
    digits = re.sub(r"\D", "", shown[0])
    forms = [e164, code + national, f"00{code}{national}", national, digits, *shown]
    searchable = {
        "phone": "hs_searchable_calculated_phone_number",
        "mobilephone": "hs_searchable_calculated_mobile_number",
    }
    return [
        *(
            _where(searchable[name], "CONTAINS_TOKEN", f"*{national[-8:]}")
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


def fits(identifier: Identifier, value: Any, customer: Customer, options: Options) -> bool:
    wanted = identifier.value.strip()
    if identifier.kind is IdentifierKind.PHONE:
        return phones.normalise(wanted) in customer.phones
    if identifier.kind is IdentifierKind.EMAIL:
        return wanted.lower() in customer.emails
    if identifier.kind is IdentifierKind.HANDLE:
        return handle(wanted) in customer.handles
    held = record_of(value)[1].get(options.customer_id, "")
    return held.casefold() == wanted.casefold()


# ---------------------------------------------------------------------------- the wire


class _Refused(CRMError):
    """HubSpot answered with an error status."""

    status = 0


_HINTS = {
    401: "Check the service key in {}: it may have been renewed or taken back.",
    403: "Give the service key in {} the scopes that docs/crm.md lists.",
    404: "Check `url` and `api_version`.",
}
# A number or an address that stands in what HubSpot says of our request.
_PERSONAL = re.compile(r"(?<![\w-])\+?\d(?:[ ().-]{0,3}\d){6,16}(?!\w)|[^\s@\"'(<]+@[^\s@\"')>]+")


def without_people(text: str) -> str:
    """The text without phone numbers and e-mail addresses; days and times stay."""

    def one(found: re.Match[str]) -> str:
        said = found[0]
        if "@" in said:
            return "•••@•••"
        return said if re.match(r"\d{4}-\d{2}-\d{2}\b", said) else phones.mask(said)

    return _PERSONAL.sub(one, text)


class _Api:
    """HubSpot's answers as JSON objects; whatever goes wrong is a CRMError that names nobody."""

    def __init__(self, options: Options, connection: Connection) -> None:
        self.name = connection.config.name
        self._options = options
        self._base = options.url.rstrip("/")
        self._http = connection.http

    def get(self, path: str, **params: str) -> Mapping[str, Any] | None:
        """None where there is no such thing."""
        try:
            return self._ask(
                path,
                lambda url, token: self._http.get(url, params=params, auth_bearer=token),
            )
        except _Refused as error:
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
        token = secret(self._options.token_env, f"CRM {self.name}")
        try:
            answer = send(self._base + path, token)
        except HttpError as error:
            status = error.status if isinstance(error, HttpStatus) else 0
            hint = _HINTS.get(status, "").format(self._options.token_env)
            text = without_people(f"{error} {hint}".strip())
            # Without its cause, which may name the person we asked for.
            refused = _Refused(text, crm=self.name, retry=error.retry)
            refused.status = status
            raise refused from None
        try:
            value = load_json(answer.body)
        except ValueError:
            raise CRMError(
                f"{_kind(path)} was answered by something that is no JSON "
                f"({answer.content_type or 'of no kind'}). Check `url`, and whether a proxy answers "
                "in HubSpot's place; it is asked again later.",
                crm=self.name,
                retry=True,
            ) from None
        with self.reading(path):
            if not isinstance(value, dict):
                raise ValueError("no object")
        return dict_of(value)

    @contextmanager
    def reading(self, path: str) -> Iterator[None]:
        """Turns what cannot be read into a CRMError."""
        try:
            yield
        except (LookupError, TypeError, ValueError, AttributeError) as error:
            said = without_people(str(error) or type(error).__name__)
            raise CRMError(
                f"the answer to {_kind(path)} cannot be read ({said}). Check `url` and "
                "`api_version`; if they are right, HubSpot's answers have changed: report it.",
                crm=self.name,
            ) from None


def _kind(path: str) -> str:
    """The path without ids and keys, for people."""
    return re.sub(r"/(contacts|owners/[\d-]+)/(?!search)[^/]+", r"/\1/…", path)


# ---------------------------------------------------------------------------- the CRM


class HubSpot(Cannot):
    def __init__(self, options: Options, connection: Connection) -> None:
        self.name = connection.config.name
        self.can = frozenset(_capabilities(options))
        self._options = options
        self._now = connection.now
        self._api = _Api(options, connection)
        self._home = options.country or _home(connection.settings)
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
        if not _is_ref(ref):
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
        calls = self._activities(ref, "calls", (*_CALL, *ours))
        emails = self._activities(ref, "emails", _EMAIL)
        notes = self._activities(ref, "notes", (*_NOTE, self._options.key))
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
        once = {event.event_id: event for event in events if event}
        return sorted(once.values(), key=lambda e: (e.at, e.event_id))

    def suppress(self, order: Order) -> Receipt:
        """Marks everybody who has the number, and whom the order names."""
        named = [order.ref] if order.ref and _is_ref(order.ref) else []
        having = self.find([Identifier(IdentifierKind.PHONE, order.number)])
        marked: dict[str, tuple[datetime, bool]] = {}
        for ref in dict.fromkeys([*named, *(c.customer.ref for c in having)]):
            mark = self._mark(ref, order)
            if mark is not None:
                marked[ref] = mark
        if not marked and order.ref:
            raise CRMError(
                f"there is no contact {order.ref} (any more) and none with the number "
                f"{phones.mask(order.number)}, so nobody could be marked. Look whether it was "
                "merged or deleted, and mark the person by hand.",
                crm=self.name,
            )
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
        if as_note and not (ticket.ref and _is_ref(ticket.ref)):
            raise CRMError(
                "a note stands on a contact, and the case has none. Match the case with its "
                'customer, or set record_as = "ticket".',
                crm=self.name,
            )
        there = self._noted(ticket)
        if there is not None:
            return Receipt(f"{NAME}:{kind}/{there[0]}", there[1], already=True)
        path = f"{self._objects}/{kind}"
        try:
            made = self._api.write("POST", path, self._written(ticket))
        except _Refused as error:
            # Two at once: the key is unique, so the other one's record stands.
            if error.status not in (400, 409) or (there := self._noted(ticket)) is None:
                raise
            return Receipt(f"{NAME}:{kind}/{there[0]}", there[1], already=True)
        with self._api.reading(path):
            return Receipt(f"{NAME}:{kind}/{record_of(made)[0]}", _created(made))

    def link(self, ref: str) -> str | None:
        if not self._options.portal or not _is_ref(ref):
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
                    raise ValueError("its pages go in a circle")
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
            end = f" (until {order.until:%Y-%m-%d})" if order.until else ""
            properties[self._options.do_not_call_reason] = order.reason + end
        value = self._api.write("PATCH", path, {"properties": properties})
        with self._api.reading(path):
            if record_of(value)[1].get(name, "").casefold() != mark.casefold():
                raise ValueError(
                    f"the contact was changed, but its property {name} does not say {mark}"
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
                _check_errors(answer)
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
        except _Refused as error:
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
                    return ref, _created(value)
        return None

    def _written(self, ticket: Ticket) -> dict[str, Any]:
        options = self._options
        text = f"{ticket.text}\n\n{ticket.link}".strip()
        if options.record_as == "note":
            body = html.escape(f"{ticket.title}\n\n{text}", quote=False).replace("\n", "<br>")
            stamp = self._now().isoformat()
            properties = {"hs_note_body": body[:65_536], "hs_timestamp": stamp}
        else:
            properties = {
                "subject": ticket.title,
                "content": text[:65_536],
                "hs_pipeline": options.pipeline,
                "hs_pipeline_stage": options.stage,
            }
        made: dict[str, Any] = {"properties": properties | {options.key: ticket.key}}
        if ticket.ref and _is_ref(ticket.ref):
            # From the list of default types: ticket to contact, note to contact.
            type_id = 202 if options.record_as == "note" else 16
            kind = {"associationCategory": "HUBSPOT_DEFINED", "associationTypeId": type_id}
            made["associations"] = [{"to": {"id": ticket.ref}, "types": [kind]}]
        return made


def _capabilities(options: Options) -> Iterator[Capability]:
    yield from (Capability.FIND, Capability.HISTORY)
    if options.do_not_call:
        yield Capability.SUPPRESS
    if options.key:
        yield Capability.RECORD
    if options.portal:
        yield Capability.LINK


def _home(settings: Settings) -> str:
    brands = sorted(settings.brands, key=lambda b: b.kind != "own")
    return next((b.countries[0] for b in brands if b.countries), "ES")


def _is_ref(ref: str) -> bool:
    return ref.isascii() and ref.isdigit() and len(ref) <= 20


def _created(value: Mapping[str, Any]) -> datetime:
    return parse_time(value.get("createdAt"))


def _check_errors(answer: Mapping[str, Any]) -> None:
    """An object that was deleted in between is missing; anything else is an error."""
    for error in list_of(answer.get("errors")):
        category = text_of(dict_of(error).get("category"))
        if category != "OBJECT_NOT_FOUND":
            raise ValueError(f"{category or 'an error'}: {text_of(dict_of(error).get('message'))}")
