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
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Literal

from pydantic import Field

from listener import phones
from listener.crm.answers import Answers, Refused, refused, status_of
from listener.crm.contacts import in_order
from listener.crm.countries import home_of
from listener.crm.espocrm_rows import (
    KINDS,
    REF,
    SELECT,
    Activity,
    CallField,
    Kind,
    any_of,
    belongs_to,
    case_body,
    conditions_for,
    country_in,
    customer_of,
    description_of,
    doubles_of,
    event_of,
    fits,
    id_of,
    marked_since,
    order_of,
    rows_of,
    suppression,
)
from listener.crm.marks import nobody_to_mark, with_mark
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
from listener.sections import Country, Section
from listener.settings import secret
from listener.sources.items import text_of
from listener.times import parse_time

NAME = "espocrm"
PAGE = 100

_FIELD = r"^[A-Za-z][A-Za-z0-9]*$"
_ADVICE = {
    401: sentence("EspoCRM does not know the API user's key that `key_env` names."),
    403: sentence("Give the API user's role the rights that docs/crm.md lists."),
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
        self._home = options.country or home_of(connection.settings)
        self._url = options.url.rstrip("/")
        self._answers = Answers(
            self.name,
            no_json=sentence(
                "Check that `url` is the address at which people open EspoCRM, and that it is not "
                "down for an upgrade."
            ),
            other_form=sentence("Check that `url` is the address of an EspoCRM from version 7 on."),
        )

    def find(self, identifiers: Sequence[Identifier]) -> list[Candidate]:
        found: list[Candidate] = []
        with self._answers.reading():
            people = self._people(identifiers)
            for identifier in dict.fromkeys(identifiers):
                fitting = [
                    (kind, record, customer)
                    for kind, record, customer in people
                    if fits(identifier, kind, record, customer, self._options)
                ]
                others = doubles_of((kind, record) for kind, record, _ in fitting)
                found += [Candidate(c, identifier) for _, _, c in fitting if c.ref not in others]
        return found

    def get(self, ref: str) -> Customer | None:
        with self._answers.reading():
            kind, record = self._read(ref)
            return self._customer(kind, record) if kind and record is not None else None

    def history(self, ref: str) -> list[ContactEvent]:
        events: dict[str, ContactEvent] = {}
        with self._answers.reading():
            kind, record = self._read(ref)
            if kind is None or record is None:
                return []
            customer = self._customer(kind, record)
            record_id = id_of(record)
            for activity in ("Call", "Meeting", "Email"):
                where = belongs_to(kind, record_id, activity, customer.emails)
                select = self._select(activity)
                for row in self._list(activity, where, select, order_of(activity)):
                    event = event_of(activity, row, customer, self._options)
                    if event is not None:
                        events[event.event_id] = event
        return in_order(events.values())

    def suppress(self, order: Order) -> Receipt:
        """On every record that has the number, and on that which the order names."""
        with self._answers.reading():
            return self._suppress(order)

    def _suppress(self, order: Order) -> Receipt:
        holders = self._holders(order)
        if not holders and order.ref:
            raise nobody_to_mark(order, sentence("record"), self.name)
        if not holders:
            # Nobody whom it could call: said as it is, for whoever reads the receipt.
            return Receipt(f"{NAME}: no record has this number", self._now(), already=True)
        changed = False
        for ref, (kind, record) in holders.items():
            change = suppression(record, order, self._country(kind, record), self._options)
            if change:
                change["description"] = with_mark(description_of(record), order, self._now())
                after = self._write("PUT", ref, change, repeatable=True)
                if suppression(after, order, self._country(kind, record), self._options):
                    raise CRMError(
                        "{ref} was changed, but the number {number} is not opted out. EspoCRM leaves "
                        "a number as it is that stands on a record which the API user may not edit "
                        "as well: give the user's role that right.",
                        crm=self.name,
                        ref=ref,
                        number=phones.mask(order.number),
                    )
                changed = True
        reference = f"{NAME}:{','.join(sorted(holders))}"
        if changed:
            return Receipt(reference, self._now())
        since = [marked_since(record, order.key) or self._now() for _, record in holders.values()]
        return Receipt(reference, max(since), already=True)

    def record(self, ticket: Ticket) -> Receipt:
        with self._answers.reading():
            if existing := self._case(ticket.key):
                return self._receipt(existing, already=True)
            return self._receipt(self._write("POST", "Case", case_body(ticket, self._options)))

    def link(self, ref: str) -> str | None:
        found = REF.fullmatch(ref)
        return f"{self._url}/#{found[1]}/view/{found[2]}" if found else None

    # ------------------------------------------------------------------ records

    def _people(
        self, identifiers: Sequence[Identifier]
    ) -> list[tuple[Kind, Mapping[str, Any], Customer]]:
        """All records that one of the identifiers may fit, each read whole: lists tell the primary
        phone and address only."""
        found: list[tuple[Kind, Mapping[str, Any], Customer]] = []
        for kind in KINDS:
            conditions = [c for i in identifiers for c in conditions_for(i, kind, self._options)]
            if not conditions:
                continue
            for row in self._list(kind, any_of(conditions), ("id",), "createdAt"):
                _, record = self._read(f"{kind}/{id_of(row)}")
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
        return Receipt(f"{NAME}:Case/{id_of(case)}", at, already)

    def _customer(self, kind: Kind, record: Mapping[str, Any]) -> Customer:
        return customer_of(kind, record, self.name, self._home, self._options)

    def _country(self, kind: Kind, record: Mapping[str, Any]) -> str:
        return country_in(kind, record) or self._home

    def _select(self, activity: Activity) -> tuple[str, ...]:
        own = self._options.call_fields.values() if activity == "Call" else ()
        return ("id", "createdAt", "assignedUserName", *SELECT[activity], *own)

    # ------------------------------------------------------------------ the API

    def _read(self, ref: str) -> tuple[Kind | None, Mapping[str, Any] | None]:
        """The type and the whole record; no record where there is none (any more)."""
        found = REF.fullmatch(ref)
        kind = next((k for k in KINDS if found and k == found[1]), None)
        if kind is None:
            return None, None
        try:
            return kind, self._get(ref, {})
        except Refused as error:
            if error.status != 404:
                raise
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
            fresh = [r for r in rows if id_of(r) not in seen]
            seen |= {id_of(r) for r in fresh}
            yield from fresh
            offset += len(rows)
            # -1 and -2 for a total: counting is switched off for that type of record.
            total = answer.get("total")
            more = offset < total if isinstance(total, int) and total >= 0 else len(rows) >= PAGE
            if not (fresh and more):
                return

    def _get(self, path: str, params: Mapping[str, str]) -> dict[str, Any]:
        doing = sentence("reading {path}", path=path)
        try:
            answer = self._http.get(
                f"{self._url}/api/v1/{path}", params=params, headers=self._headers()
            )
        except HttpError as error:
            raise self._refused(error, doing) from None
        return self._answers.object_of(answer, sentence("the answer to {doing}", doing=doing))

    def _write(
        self,
        method: Literal["POST", "PUT"],
        path: str,
        body: Mapping[str, Any],
        *,
        repeatable: bool = False,
    ) -> dict[str, Any]:
        doing = sentence("writing {path}", path=path)
        try:
            answer = self._http.change(
                method,
                f"{self._url}/api/v1/{path}",
                json=body,
                repeatable=repeatable,
                headers=self._headers(),
            )
        except HttpError as error:
            raise self._refused(error, doing) from None
        return self._answers.object_of(answer, sentence("the answer to {doing}", doing=doing))

    def _headers(self) -> dict[str, str]:
        return {
            "X-Api-Key": secret(self._options.key_env, sentence("the CRM {crm}", crm=self.name))
        }

    def _refused(self, error: HttpError, doing: Sentence) -> Refused:
        advice = _ADVICE.get(status_of(error), "")
        return refused(error, self.name, doing=doing, advice=advice)
