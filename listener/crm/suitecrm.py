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

import threading
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any, Literal

from pydantic import Field

from listener import phones
from listener.crm.answers import Answers, refused, status_of
from listener.crm.contacts import in_order
from listener.crm.countries import home_of
from listener.crm.marks import nobody_to_mark, with_mark
from listener.crm.seam import Cannot, Capability, Connection, Order, Receipt, Ticket
from listener.crm.suitecrm_rows import (
    MODULES,
    REF,
    CallField,
    Record,
    case_data,
    customer_of,
    doubles_of,
    event_of,
    fits,
    marked_since,
    moment_of,
    record_of,
    rows_of,
    searches_for,
    token_of,
)
from listener.domain import (
    Candidate,
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
from listener.sources.items import dict_of

NAME = "suitecrm"
PAGE = 100

_FIELD = r"^[a-z][a-z0-9_]*$"
_EARLY = timedelta(minutes=1)  # a token is renewed before it ends
_ADVICE = {
    400: sentence("If it names a field, correct the option that names it."),
    401: sentence(
        "SuiteCRM does not know the client that client_id_env and client_secret_env name."
    ),
    403: sentence("Give the OAuth2 client's user the rights that docs/crm.md lists."),
    404: sentence("Check `url` and `api_path`."),
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


class SuiteCrm(Cannot):
    """A customer's `ref` is the module and the id of their record, as in `Contacts/b13a39f8-…`."""

    can = frozenset(Capability) - {Capability.CALLS}  # `history` has them

    def __init__(self, options: Options, connection: Connection) -> None:
        self.name = connection.config.name
        self._options = options
        self._http = connection.http
        self._now = connection.now
        self._home = options.country or home_of(connection.settings)
        self._url = options.url.rstrip("/")
        self._api = f"{self._url}{options.api_path}"
        self._answers = Answers(
            self.name,
            no_json=sentence(
                "Check `url`, the address at which people open SuiteCRM, and that it is not down."
            ),
            other_form=sentence(
                "Check that `url` is the address of a SuiteCRM from version 7.12 on."
            ),
        )
        self._token: tuple[str, datetime] | None = None
        self._lock = threading.Lock()

    def find(self, identifiers: Sequence[Identifier]) -> list[Candidate]:
        found: list[Candidate] = []
        with self._answers.reading():
            for identifier in dict.fromkeys(identifiers):
                fitting = self._fitting(identifier)
                others = doubles_of([record for record, _ in fitting])
                found += [Candidate(c, identifier) for _, c in fitting if c.ref not in others]
        return found

    def get(self, ref: str) -> Customer | None:
        with self._answers.reading():
            record = self._read(ref)
            return self._customer(record) if record else None

    def history(self, ref: str) -> list[ContactEvent]:
        events: dict[str, ContactEvent] = {}
        with self._answers.reading():
            record = self._read(ref)
            if record is None:
                return []
            customer = self._customer(record)
            for call in self._calls(record):
                event = event_of(call, customer, self._options)
                if event is not None:
                    events[event.event_id] = event
        return in_order(events.values())

    def suppress(self, order: Order) -> Receipt:
        """On every person who has the phone, and on whom the order names: the flag is theirs, so it
        holds for all their phones."""
        with self._answers.reading():
            holders = self._holders(order)
            people = [r for r in holders if r.module != "Accounts"]
            if not people and (holders or order.ref):
                raise self._nobody_to_mark(order, holders)
            if not people:
                # Nobody whom it could call: said as it is, for whoever reads the receipt.
                return Receipt(f"{NAME}: no record has this number", self._now(), already=True)
            new = [record for record in people if not record.true("do_not_call")]
            for record in new:
                description = with_mark(record.text("description"), order, self._now())
                attributes = {"do_not_call": "1", "description": description}
                data = {"type": record.module, "id": record.id, "attributes": attributes}
                after = self._write("PATCH", {"data": data}, repeatable=True)
                if not record_of(record.module, after.get("data")).true("do_not_call"):
                    raise CRMError(
                        "{ref} was changed, but is not marked. Look whether a logic hook or a "
                        "workflow of SuiteCRM sets do_not_call back.",
                        crm=self.name,
                        ref=record.ref,
                    )
            reference = f"{NAME}:{','.join(sorted(r.ref for r in people))}"
            if new:
                return Receipt(reference, self._now())
            since = max(marked_since(r, order.key) or self._now() for r in people)
            return Receipt(reference, since, already=True)

    def record(self, ticket: Ticket) -> Receipt:
        """As a case; on a lead, which can have none, as a task. Its id is made of the key, so that
        there can be one only."""
        data = case_data(ticket)
        module, record_id = str(data["type"]), str(data["id"])
        with self._answers.reading():
            known = self._of_id(module, record_id)
            made = known or record_of(
                module, dict_of(self._write("POST", {"data": data}).get("data"))
            )
            at = moment_of(made, "date_entered") or self._now()
            return Receipt(f"{NAME}:{module}/{made.id}", at, already=known is not None)

    def link(self, ref: str) -> str | None:
        found = REF.fullmatch(ref)
        if found is None:
            return None
        if self._options.version == 8:
            return f"{self._url}/#/{found[1].lower()}/record/{found[2]}"
        return f"{self._url}/index.php?module={found[1]}&action=DetailView&record={found[2]}"

    # ------------------------------------------------------------------ records

    def _fitting(self, identifier: Identifier) -> list[tuple[Record, Customer]]:
        found: dict[str, tuple[Record, Customer]] = {}
        for module in MODULES:
            for filters in searches_for(identifier, module, self._options):
                for record in self._list(f"module/{module}", module, filters, "id"):
                    if record.ref not in found and self._may_fit(identifier, record):
                        customer = self._customer(record)
                        if fits(identifier, record, customer, self._options):
                            found[record.ref] = record, customer
        return list(found.values())

    def _may_fit(self, identifier: Identifier, record: Record) -> bool:
        """Before its addresses are asked for: a search for a phone finds others too."""
        bare = customer_of(record, (), self.name, self._home, self._options)
        is_address = identifier.kind is IdentifierKind.EMAIL
        return is_address or fits(identifier, record, bare, self._options)

    def _holders(self, order: Order) -> list[Record]:
        """Whoever has the number, and whose order it is."""
        phone = Identifier(IdentifierKind.PHONE, order.number)
        holders = {record.ref: record for record, _ in self._fitting(phone)}
        if order.ref and order.ref not in holders and (own := self._read(order.ref)):
            holders[own.ref] = own
        return list(holders.values())

    def _nobody_to_mark(self, order: Order, holders: Sequence[Record]) -> CRMError:
        if not holders:
            return nobody_to_mark(order, sentence("record"), self.name)
        refs = ", ".join(record.ref for record in holders)
        return CRMError(
            "{refs} has the number {number}, but accounts have no flag: nobody could be marked. Look "
            "at the record, and mark the person by hand.",
            crm=self.name,
            refs=refs,
            number=phones.mask(order.number),
        )

    def _read(self, ref: str) -> Record | None:
        found = REF.fullmatch(ref)
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

        return self._ask(sentence("reading {path}", path=path), send)

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

        return self._ask(sentence("writing {path}", path=body["data"]["type"]), send)

    def _ask(self, doing: Sentence, send: Callable[[str], Response]) -> dict[str, Any]:
        try:
            try:
                answer = send(self._signed_in())
            except HttpStatus as error:
                if error.status != 401:
                    raise
                # Somebody has taken the token back, or its hour is over by the server's clock.
                answer = send(self._signed_in(anew=True))
        except HttpError as error:
            advice = _ADVICE.get(status_of(error), "")
            raise refused(error, self.name, doing=doing, advice=advice) from None
        return self._answers.object_of(answer, sentence("the answer to {doing}", doing=doing))

    def _signed_in(self, *, anew: bool = False) -> str:
        with self._lock:
            if anew or self._token is None or self._token[1] <= self._now():
                needed_by = sentence("the CRM {crm}", crm=self.name)
                asked = {
                    "grant_type": "client_credentials",
                    "client_id": secret(self._options.client_id_env, needed_by),
                    "client_secret": secret(self._options.client_secret_env, needed_by),
                }
                url = f"{self._api}/access_token"
                answer = self._http.post(url, json=asked, repeatable=True)
                made = self._answers.object_of(answer, sentence("the answer to signing in"))
                token, lasts = token_of(made)
                self._token = token, self._now() + lasts - _EARLY
            return self._token[0]
