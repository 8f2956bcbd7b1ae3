"""Zendesk: end users, their tickets with the calls in them, a do-not-call mark, and cases as tickets.

API: https://developer.zendesk.com/api-reference/ticketing/introduction/ (how phones are searched for:
https://developer.zendesk.com/documentation/voice/talk-partner-edition/retrieving-the-zendesk-user-id-of-a-caller/)
Sign-in: an API token (`token_env`) with the address of its agent (`user`), or without `user` the
token of an OAuth client with the scopes read and write.
Limits: 200 to 2,500 requests a minute by plan; history takes one for each ticket that may hold a
call. A new or changed user is found after up to a few minutes, for the search's index comes later.
Cannot see: calls that left no ticket (abandoned in the queue), diallers that are not Zendesk Talk or
its partners, campaigns and lists, how a call ended unless agents tag it (`dispositions`), single
messages within a ticket. The mark is of a person, not of a phone; Zendesk itself calls nobody by
list, so whoever does has to heed it. It has no end: until when an order holds is said in the notes.
"""

from __future__ import annotations

import re
from base64 import b64encode
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Any, Literal

import phonenumbers
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

NAME = "zendesk"
PAGE = 100
OURS = "listener"  # the tag of the tickets that we write, which are no contacts

_REF = re.compile(r"[1-9][0-9]{0,18}")
_KEY = r"^[a-z0-9_]+$"
_LONGEST = timedelta(days=7)
_DEEPEST = 10  # pages that a search gives at most
_CHANNELS = {"email": Channel.EMAIL, "sms": Channel.SMS, "whatsapp": Channel.WHATSAPP}
# By these a ticket may begin with a call.
_WITH_CALLS = ("voice", "api", "web_service")
_ADVICE = {
    401: "Zendesk does not know the token that token_env names, or `user` is not its agent.",
    403: "Give the token's agent the rights that docs/crm.md lists.",
    404: "Check `url`, as in https://company.zendesk.com.",
}


class Options(Section):
    """A suppression sets the checkbox of a user field (`do_not_call_field`, its key), or without
    one a tag. `handle_fields` are platforms and keys of user fields; `dispositions` the tags of
    tickets, also those that stand for the options of a drop-down field."""

    url: str = Field(pattern=r"^https?://[^\s/?#]+/?$")
    user: str = Field("", pattern=r"^$|^[^\s:@]+@[^\s:@]+$")
    token_env: str = "LISTENER_ZENDESK_TOKEN"  # noqa: S105 - the name of a variable
    country: Country | None = None  # reads national numbers
    handle_fields: Mapping[str, str] = Field(default_factory=dict)
    do_not_call_tag: str = Field("do_not_call", pattern=_KEY)
    do_not_call_field: str = Field("", pattern=rf"^$|{_KEY}")
    dispositions: Mapping[str, Disposition] = Field(default_factory=dict)


def open(options: Options, connection: Connection) -> Zendesk:
    return Zendesk(options, connection)


@dataclass(frozen=True, slots=True)
class User:
    """An end user with all their phones and addresses."""

    id: str
    has: Mapping[str, Any]
    customer: Customer
    marked: bool


class Zendesk(Cannot):
    """A customer's `ref` is the id of the end user."""

    can = frozenset(Capability) - {Capability.CALLS}  # `history` has them

    def __init__(self, options: Options, connection: Connection) -> None:
        self.name = connection.config.name
        self._options = options
        self._http = connection.http
        self._now = connection.now
        self._home = options.country or _home(connection.settings)
        self._url = options.url.rstrip("/")

    def find(self, identifiers: Sequence[Identifier]) -> list[Candidate]:
        with self._reading():
            return [
                Candidate(user.customer, identifier)
                for identifier in dict.fromkeys(identifiers)
                for user in self._fitting(identifier)
            ]

    def get(self, ref: str) -> Customer | None:
        with self._reading():
            user = self._user(ref)
            return user.customer if user else None

    def history(self, ref: str) -> list[ContactEvent]:
        events: dict[str, ContactEvent] = {}
        with self._reading():
            user = self._user(ref)
            if user is None:
                return []
            path = f"users/{user.id}/tickets/requested"
            for ticket in self._pages(path, "tickets", include="comment_count"):
                if OURS in list_of(ticket.get("tags")):
                    continue
                comments: list[Mapping[str, Any]] = []
                if may_hold_a_call(ticket):
                    comments = list(self._pages(f"tickets/{_id_of(ticket)}/comments", "comments"))
                for event in events_of(ticket, comments, user.customer, self._home, self._options):
                    events[event.event_id] = event
            names = self._names({e.agent for e in events.values()} - {""})
        told = [replace(e, agent=names.get(e.agent, e.agent)) for e in events.values()]
        return sorted(told, key=lambda e: (e.at, e.event_id))

    def suppress(self, order: Order) -> Receipt:
        """On every end user with the phone, and on whom the order names."""
        with self._reading():
            phone = Identifier(IdentifierKind.PHONE, order.number)
            users = {user.id: user for user in self._fitting(phone)}
            if order.ref and order.ref not in users and (own := self._user(order.ref)):
                users[own.id] = own
            if not users and order.ref:
                raise CRMError(
                    f"there is no user {order.ref} (any more), and none has the number "
                    f"{phones.mask(order.number)}: nobody could be marked. Look whether they were "
                    "merged or deleted, and mark the person by hand.",
                    crm=self.name,
                )
            if not users:
                # Nobody whom it could call: said as it is, for whoever reads the receipt.
                return Receipt(f"{NAME}: no user has this number", self._now(), already=True)
            new = [user for user in users.values() if not user.marked]
            for user in new:
                self._mark(user, order)
            reference = f"{NAME}:users/{','.join(sorted(users, key=int))}"
            if new:
                return Receipt(reference, self._now())
            since = max(_marked_at(u, order.key) or self._now() for u in users.values())
            return Receipt(reference, since, already=True)

    def record(self, ticket: Ticket) -> Receipt:
        """As a ticket that only agents see, so that nobody is written to."""
        with self._reading():
            known = self._ticket(ticket.key)
            if known is None:
                # Zendesk carries out one request of a key only, so it may be sent again.
                headers = {"Idempotency-Key": ticket.key}
                made = self._write("POST", "tickets", {"ticket": ticket_body(ticket)}, headers)
                known, already = dict_of(made.get("ticket")), False
            else:
                already = True
            at = known.get("created_at")
            moment = parse_time(at) if at else self._now()
            return Receipt(f"{NAME}:tickets/{_id_of(known)}", moment, already)

    def link(self, ref: str) -> str | None:
        return f"{self._url}/agent/users/{ref}" if _REF.fullmatch(ref) else None

    # ------------------------------------------------------------------ users and tickets

    def _fitting(self, identifier: Identifier) -> list[User]:
        found: dict[str, User] = {}
        for search in searches_for(identifier, self._options):
            for row in self._search(search):
                if _id_of(row) not in found and row.get("active") is not False:
                    user = self._whole(row)
                    if _fits(identifier, user):
                        found[user.id] = user
        return list(found.values())

    def _user(self, ref: str) -> User | None:
        if not _REF.fullmatch(ref):
            return None
        try:
            row = dict_of(self._get(f"users/{ref}", {}).get("user"))
        except _Missing:
            return None
        # A deleted user can still be read.
        return None if row.get("active") is False else self._whole(row)

    def _whole(self, row: Mapping[str, Any]) -> User:
        identities = self._pages(f"users/{_id_of(row)}/identities", "identities")
        return user_of(row, identities, self.name, self._home, self._options)

    def _mark(self, user: User, order: Order) -> None:
        body = mark_body(user.has, order, self._now(), self._options)
        answer = self._write("PUT", f"users/{user.id}", {"user": body})
        if not is_marked(dict_of(answer.get("user")), self._options):
            how = self._options.do_not_call_field or f"tag {self._options.do_not_call_tag}"
            raise CRMError(
                f"user {user.id} was changed, but is not marked ({how}). Make the user field, or "
                "switch on tags for users (Admin Center, People, Configuration, End users).",
                crm=self.name,
            )

    def _ticket(self, key: str) -> Mapping[str, Any] | None:
        rows = self._pages("tickets", "tickets", external_id=key)
        return next((row for row in rows if row.get("external_id") == key), None)

    def _names(self, ids: Iterable[str]) -> dict[str, str]:
        """Agents by their ids; whoever is gone keeps the id."""
        wanted = sorted(i for i in ids if _REF.fullmatch(i))
        names: dict[str, str] = {}
        for start in range(0, len(wanted), PAGE):
            asked = {"ids": ",".join(wanted[start : start + PAGE])}
            for row in rows_of(self._get("users/show_many", asked), "users"):
                names[_id_of(row)] = text_of(row.get("name")).strip()
        return {i: name for i, name in names.items() if name}

    # ------------------------------------------------------------------ the API

    def _search(self, params: Mapping[str, str]) -> Iterator[Mapping[str, Any]]:
        for number in range(1, _DEEPEST + 1):
            page = {"page": str(number), "per_page": str(PAGE)}
            answer = self._get("users/search", {**params, **page})
            yield from rows_of(answer, "users")
            if not answer.get("next_page"):
                return

    def _pages(self, path: str, key: str, **params: str) -> Iterator[Mapping[str, Any]]:
        """All items of a list, by Zendesk's cursors."""
        seen: set[str] = set()
        after = ""
        while True:
            page = {"page[size]": str(PAGE)} | ({"page[after]": after} if after else {})
            answer = self._get(path, {**params, **page})
            yield from rows_of(answer, key)
            meta = dict_of(answer.get("meta"))
            after = text_of(meta.get("after_cursor"))
            if meta.get("has_more") is not True:
                return
            if not after or after in seen:
                raise ValueError("its pages go in a circle")
            seen.add(after)

    def _get(self, path: str, params: Mapping[str, str]) -> dict[str, Any]:
        def send(url: str, headers: Mapping[str, str]) -> Response:
            return self._http.get(url, params=params, headers=headers)

        return self._ask(path, f"reading {path}", send)

    def _write(
        self,
        method: Literal["POST", "PUT"],
        path: str,
        body: Mapping[str, Any],
        more: Mapping[str, str] | None = None,
    ) -> dict[str, Any]:
        def send(url: str, headers: Mapping[str, str]) -> Response:
            sent = {**headers, **(more or {})}
            return self._http.change(method, url, json=body, headers=sent, repeatable=True)

        return self._ask(path, f"writing {path}", send)

    def _ask(
        self, path: str, doing: str, send: Callable[[str, Mapping[str, str]], Response]
    ) -> dict[str, Any]:
        token = secret(self._options.token_env, f"the CRM {self.name}")
        if self._options.user:
            pair = f"{self._options.user}/token:{token}".encode()
            sign_in = f"Basic {b64encode(pair).decode()}"
        else:
            sign_in = f"Bearer {token}"
        try:
            answer = send(f"{self._url}/api/v2/{path}", {"Authorization": sign_in})
        except HttpError as error:
            status = error.status if isinstance(error, HttpStatus) else 0
            # A wrong address is answered with 404 too, but not in these words.
            is_missing = status == 404 and "RecordNotFound" in str(error)
            kind = _Missing if is_missing else CRMError
            text = f"{doing}: {_without_people(str(error))} {_ADVICE.get(status, '')}".strip()
            raise kind(text, crm=self.name, retry=error.retry) from error
        try:
            value = load_json(answer.body)
        except ValueError:
            value = None
        if not isinstance(value, dict):
            raise CRMError(
                f"{doing}: the answer is nothing that Zendesk's API answers "
                f"({answer.content_type or 'of no type'}, {len(answer.body)} bytes). Check `url`, "
                "as in https://company.zendesk.com.",
                crm=self.name,
            )
        return value

    @contextmanager
    def _reading(self) -> Iterator[None]:
        try:
            yield
        except ValueError as error:
            raise CRMError(
                f"its answer cannot be read ({error}). Check that `url` is the address of Zendesk, "
                "as in https://company.zendesk.com.",
                crm=self.name,
            ) from error


class _Missing(CRMError):
    """There is no such thing."""


# ---------------------------------------------------------------------------- what is asked for


def searches_for(identifier: Identifier, options: Options) -> list[dict[str, str]]:
    """The parameters of each search for users."""
    value = identifier.value.strip()
    if not value or re.search(r'[\s"*]', value):
        return []  # nothing that a person has, but something in the language of searches
    if identifier.kind is IdentifierKind.PHONE:
        # The asterisk finds the number however its beginning and its blanks are written.
        return [{"query": f"role:end-user phone:*{tail}"} for tail in tails(value)]
    if identifier.kind is IdentifierKind.EMAIL:
        return [{"query": f"role:end-user email:{value.lower()}"}] if "@" in value else []
    if identifier.kind is IdentifierKind.CUSTOMER_ID:
        return [{"external_id": value}]
    platform, _, name = value.partition(":")
    field = options.handle_fields.get(platform)
    return [{"query": f'role:end-user {field}:"{name}"'}] if field and name else []


def tails(e164: str) -> list[str]:
    """The last digits of a line, one for each way to write it that ends otherwise."""
    lines = [e164]
    if re.fullmatch(r"\+54\d{10}", e164):
        lines.append("+549" + e164[3:])  # a mobile's 15 stands behind its area code
    if re.fullmatch(r"\+55\d{2}9\d{8}", e164):
        lines.append(e164[:5] + e164[6:])  # before mobiles had a ninth digit
    found: list[str] = []
    for line in lines:
        try:
            number = phonenumbers.parse(line)
        except phonenumbers.NumberParseException:
            return []
        own = phonenumbers.national_significant_number(number)
        written = phonenumbers.format_number(number, phonenumbers.PhoneNumberFormat.NATIONAL)
        digits = re.sub(r"\D", "", written)
        found += [own if digits.endswith(own) else digits.removeprefix("0")]
    return list(dict.fromkeys(found))


def may_hold_a_call(ticket: Mapping[str, Any]) -> bool:
    """Whether its comments have to be read: one that began otherwise and has one comment has none."""
    via = dict_of(ticket.get("via"))
    count = ticket.get("comment_count")
    return text_of(via.get("channel")) in _WITH_CALLS or not isinstance(count, int) or count > 1


# ---------------------------------------------------------------------------- what is answered


def rows_of(answer: Mapping[str, Any], key: str) -> list[Mapping[str, Any]]:
    """The items of a list. Raises ValueError where it is none."""
    rows = answer.get(key)
    if not isinstance(rows, list) or not all(isinstance(r, dict) for r in rows):
        raise ValueError(f"a list without the key `{key}`, or with something else in it")
    return rows


def _id_of(row: Mapping[str, Any]) -> str:
    found = row.get("id")
    if isinstance(found, bool) or not _REF.fullmatch(text_of(found)):
        raise ValueError("something without an id")
    return text_of(found)


def user_of(value: Any, identities: Iterable[Any], crm: str, home: str, options: Options) -> User:
    """Raises ValueError for what is no user."""
    row = dict_of(value)
    user_id = _id_of(row)
    known = [dict_of(identity) for identity in identities]

    def of(kind: str, first: str) -> list[str]:
        more = [text_of(i.get("value")) for i in known if i.get("type") == kind]
        return [v for written in (text_of(row.get(first)), *more) if (v := written.strip())]

    numbers = [phones.normalise(n, home) or n for n in of("phone_number", "phone")]
    fields = dict_of(row.get("user_fields"))
    handles = [
        handle(f"{platform}:{name}")
        for platform, field in options.handle_fields.items()
        if (name := text_of(fields.get(field)).strip())
    ]
    marked = is_marked(row, options)
    customer = Customer(
        crm=crm,
        ref=user_id,
        name=text_of(row.get("name")).strip(),
        phones=tuple(dict.fromkeys(numbers)),
        emails=tuple(dict.fromkeys(a.lower() for a in of("email", "email"))),
        handles=tuple(handles),
        consent="refused" if marked else "none",
    )
    return User(user_id, row, customer, marked)


def is_marked(row: Mapping[str, Any], options: Options) -> bool:
    if field := options.do_not_call_field:
        return dict_of(row.get("user_fields")).get(field) is True
    return options.do_not_call_tag in list_of(row.get("tags"))


def _fits(identifier: Identifier, user: User) -> bool:
    value = identifier.value.strip()
    if identifier.kind is IdentifierKind.PHONE:
        return value in user.customer.phones
    if identifier.kind is IdentifierKind.EMAIL:
        return value.lower() in user.customer.emails
    if identifier.kind is IdentifierKind.HANDLE:
        return value in user.customer.handles
    return text_of(user.has.get("external_id")).casefold() == value.casefold()


def events_of(
    ticket: Any, comments: Iterable[Any], customer: Customer, home: str, options: Options
) -> list[ContactEvent]:
    """Each call in a ticket; of one without calls, its beginning. An agent's internal comment is
    the note of the call before it. `agent` is the agent's id. Raises ValueError for what is no
    ticket."""
    ticket = dict_of(ticket)
    ticket_id = _id_of(ticket)
    subject = text_of(ticket.get("subject")).strip()
    calls: list[ContactEvent] = []
    said = [dict_of(comment) for comment in comments]
    for comment in said:
        if comment.get("type") == "VoiceComment":
            calls.append(_call(comment, subject, customer, home))
        elif calls and comment.get("public") is False:
            note = f"{calls[-1].note}\n{text_of(comment.get('body')).strip()}"
            calls[-1] = replace(calls[-1], note=note.strip())
    if calls:
        tags = {tag for tag in list_of(ticket.get("tags")) if isinstance(tag, str)}
        coded = next((d for tag, d in options.dispositions.items() if tag in tags), None)
        # A ticket is tagged when it is done with.
        calls[-1] = replace(calls[-1], disposition=coded or calls[-1].disposition)
        return calls
    opening = _opening(ticket, said, customer, home)
    return [] if opening is None else [replace(opening, event_id=f"ticket:{ticket_id}")]


def _opening(
    ticket: Mapping[str, Any], said: Sequence[Mapping[str, Any]], customer: Customer, home: str
) -> ContactEvent | None:
    """How a ticket without the details of a call began; None for one among agents."""
    via = dict_of(ticket.get("via"))
    channel, source = text_of(via.get("channel")), dict_of(via.get("source"))
    author = text_of(said[0].get("author_id")) if said else text_of(ticket.get("submitter_id"))
    theirs = author in ("", text_of(ticket.get("requester_id")))
    event = ContactEvent(
        event_id="",
        at=parse_time(ticket.get("created_at")),
        direction=Direction.IN if theirs else Direction.OUT,
        channel=_CHANNELS.get(channel, Channel.OTHER),
        customer_ref=customer.ref,
        agent="" if theirs else author,
        note=text_of(ticket.get("subject")).strip(),
    )
    if channel != "voice":
        is_private = ticket.get("is_public") is False or (said and said[0].get("public") is False)
        return None if is_private else event
    is_ours = source.get("rel") == "outbound"
    from_, to = (
        phones.normalise_caller(text_of(dict_of(source.get(k)).get("phone")), home)
        for k in ("from", "to")
    )
    return replace(
        event,
        direction=Direction.OUT if is_ours else Direction.IN,
        channel=Channel.CALL,
        customer_number=to if is_ours else from_,
        caller_number=from_ if is_ours else to,
        agent=author if is_ours else "",
    )


def _call(comment: Mapping[str, Any], subject: str, customer: Customer, home: str) -> ContactEvent:
    data = dict_of(comment.get("data"))
    source, target = (phones.normalise_caller(text_of(data.get(k)), home) for k in ("from", "to"))
    is_ours = _is_outbound(comment, data, target, customer)
    answered_by = text_of(data.get("answered_by_id"))
    seconds = data.get("call_duration")
    known = isinstance(seconds, int) and 0 < seconds <= _LONGEST.total_seconds()
    return ContactEvent(
        event_id=f"call:{_id_of(comment)}",
        at=_started(data.get("started_at"), comment.get("created_at")),
        direction=Direction.OUT if is_ours else Direction.IN,
        channel=Channel.CALL,
        customer_ref=customer.ref,
        customer_number=target if is_ours else source,
        caller_number=source if is_ours else target,
        agent=answered_by or (text_of(comment.get("author_id")) if is_ours else ""),
        disposition=Disposition.NO_ANSWER if is_ours and seconds == 0 else Disposition.NONE,
        duration_s=seconds if known and isinstance(seconds, int) else 0,
        note=f"{subject}\n{text_of(data.get('transcription_text')).strip()}".strip(),
    )


def _is_outbound(
    comment: Mapping[str, Any], data: Mapping[str, Any], target: str, customer: Customer
) -> bool:
    said = data.get("outbound")
    if isinstance(said, bool):
        return said
    rel = text_of(dict_of(dict_of(comment.get("via")).get("source")).get("rel"))
    return rel == "outbound" or (not rel and target in customer.phones)


def _started(began: Any, written: Any) -> datetime:
    """When it began; partners write that in forms of their own."""
    try:
        return parse_time(began)
    except ValueError:
        return parse_time(written)


# ---------------------------------------------------------------------------- what is written


def mark_body(
    row: Mapping[str, Any], order: Order, now: datetime, options: Options
) -> dict[str, Any]:
    """What of a user changes: mark and reason at once."""
    until = f", until {order.until.astimezone(UTC):%Y-%m-%d %H:%M} UTC" if order.until else ""
    mark = (
        f"[{order.key}] {now.astimezone(UTC):%Y-%m-%d %H:%M:%S} UTC: do not call {order.number}"
        f"{until}. {order.reason}".strip()
    )
    before = text_of(row.get("notes")).rstrip()
    body: dict[str, Any] = {"notes": f"{before}\n\n{mark}" if before else mark}
    if field := options.do_not_call_field:
        return body | {"user_fields": {field: True}}
    # All of them, as Zendesk takes them: a tag that is left out is taken off.
    return body | {"tags": [*list_of(row.get("tags")), options.do_not_call_tag]}


def _marked_at(user: User, key: str) -> datetime | None:
    """Since when it holds: as our note says, else by the user's last change at the latest."""
    notes = text_of(user.has.get("notes"))
    pattern = rf"\[{re.escape(key)}\] (\d{{4}}-\d\d-\d\d \d\d:\d\d:\d\d) UTC"
    found = re.search(pattern, notes)
    moment = found[1] if found else user.has.get("updated_at")
    return parse_time(moment) if moment else None


def ticket_body(ticket: Ticket) -> dict[str, Any]:
    text = "\n\n".join(part for part in (ticket.text, ticket.link) if part) or ticket.title
    body: dict[str, Any] = {
        "external_id": ticket.key,
        "subject": ticket.title.strip() or "Complaint",
        "comment": {"body": text or ticket.key, "public": False},
        "tags": [OURS],
    }
    if ticket.ref and _REF.fullmatch(ticket.ref):
        body["requester_id"] = int(ticket.ref)
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
