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

from base64 import b64encode
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any, Literal

from pydantic import Field

from listener.crm.answers import Answers, Refused, refused, status_of
from listener.crm.contacts import in_order
from listener.crm.countries import home_of
from listener.crm.marks import nobody_to_mark
from listener.crm.seam import Cannot, Capability, Connection, Order, Receipt, Ticket
from listener.crm.zendesk_rows import (
    OURS,
    REF,
    User,
    events_of,
    fits,
    id_of,
    is_marked,
    mark_body,
    marked_since,
    may_hold_a_call,
    rows_of,
    searches_for,
    ticket_body,
    user_of,
)
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
from listener.sections import Country, Section
from listener.settings import secret
from listener.sources.items import dict_of, list_of, text_of
from listener.times import parse_time

NAME = "zendesk"
PAGE = 100

_KEY = r"^[a-z0-9_]+$"
_DEEPEST = 10  # pages that a search gives at most
_ADVICE = {
    401: sentence(
        "Zendesk does not know the token that token_env names, or `user` is not its agent."
    ),
    403: sentence("Give the token's agent the rights that docs/crm.md lists."),
    404: sentence("Check `url`, as in https://company.zendesk.com."),
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


class Zendesk(Cannot):
    """A customer's `ref` is the id of the end user."""

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
            no_json=sentence("Check `url`, as in https://company.zendesk.com."),
            other_form=sentence(
                "Check that `url` is the address of Zendesk, as in https://company.zendesk.com."
            ),
        )

    def find(self, identifiers: Sequence[Identifier]) -> list[Candidate]:
        with self._answers.reading():
            return [
                Candidate(user.customer, identifier)
                for identifier in dict.fromkeys(identifiers)
                for user in self._fitting(identifier)
            ]

    def get(self, ref: str) -> Customer | None:
        with self._answers.reading():
            user = self._user(ref)
            return user.customer if user else None

    def history(self, ref: str) -> list[ContactEvent]:
        events: dict[str, ContactEvent] = {}
        with self._answers.reading():
            user = self._user(ref)
            if user is None:
                return []
            path = f"users/{user.id}/tickets/requested"
            for ticket in self._pages(path, "tickets", include="comment_count"):
                if OURS in list_of(ticket.get("tags")):
                    continue
                comments: list[Mapping[str, Any]] = []
                if may_hold_a_call(ticket):
                    comments = list(self._pages(f"tickets/{id_of(ticket)}/comments", "comments"))
                for event in events_of(ticket, comments, user.customer, self._home, self._options):
                    events[event.event_id] = event
            names = self._names({e.agent for e in events.values()} - {""})
        told = [replace(e, agent=names.get(e.agent, e.agent)) for e in events.values()]
        return in_order(told)

    def suppress(self, order: Order) -> Receipt:
        """On every end user with the phone, and on whom the order names."""
        with self._answers.reading():
            phone = Identifier(IdentifierKind.PHONE, order.number)
            users = {user.id: user for user in self._fitting(phone)}
            if order.ref and order.ref not in users and (own := self._user(order.ref)):
                users[own.id] = own
            if not users and order.ref:
                raise nobody_to_mark(order, sentence("user"), self.name)
            if not users:
                # Nobody whom it could call: said as it is, for whoever reads the receipt.
                return Receipt(f"{NAME}: no user has this number", self._now(), already=True)
            new = [user for user in users.values() if not user.marked]
            for user in new:
                self._mark(user, order)
            reference = f"{NAME}:users/{','.join(sorted(users, key=int))}"
            if new:
                return Receipt(reference, self._now())
            since = max(marked_since(u, order.key) or self._now() for u in users.values())
            return Receipt(reference, since, already=True)

    def record(self, ticket: Ticket) -> Receipt:
        """As a ticket that only agents see, so that nobody is written to."""
        with self._answers.reading():
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
            return Receipt(f"{NAME}:tickets/{id_of(known)}", moment, already)

    def link(self, ref: str) -> str | None:
        return f"{self._url}/agent/users/{ref}" if REF.fullmatch(ref) else None

    # ------------------------------------------------------------------ users and tickets

    def _fitting(self, identifier: Identifier) -> list[User]:
        found: dict[str, User] = {}
        for search in searches_for(identifier, self._options):
            for row in self._search(search):
                if id_of(row) not in found and row.get("active") is not False:
                    user = self._whole(row)
                    if fits(identifier, user):
                        found[user.id] = user
        return list(found.values())

    def _user(self, ref: str) -> User | None:
        if not REF.fullmatch(ref):
            return None
        try:
            row = dict_of(self._get(f"users/{ref}", {}).get("user"))
        except Refused as error:
            # A wrong address is answered with 404 too, but not in these words.
            if error.status != 404 or "RecordNotFound" not in str(error):
                raise
            return None
        # A deleted user can still be read.
        return None if row.get("active") is False else self._whole(row)

    def _whole(self, row: Mapping[str, Any]) -> User:
        identities = self._pages(f"users/{id_of(row)}/identities", "identities")
        return user_of(row, identities, self.name, self._home, self._options)

    def _mark(self, user: User, order: Order) -> None:
        body = mark_body(user.has, order, self._now(), self._options)
        answer = self._write("PUT", f"users/{user.id}", {"user": body})
        if not is_marked(dict_of(answer.get("user")), self._options):
            how = self._options.do_not_call_field or sentence(
                "tag {tag}", tag=self._options.do_not_call_tag
            )
            raise CRMError(
                "user {id} was changed, but is not marked ({how}). Make the user field, or switch on "
                "tags for users (Admin Center, People, Configuration, End users).",
                crm=self.name,
                id=user.id,
                how=how,
            )

    def _ticket(self, key: str) -> Mapping[str, Any] | None:
        rows = self._pages("tickets", "tickets", external_id=key)
        return next((row for row in rows if row.get("external_id") == key), None)

    def _names(self, ids: Iterable[str]) -> dict[str, str]:
        """Agents by their ids; whoever is gone keeps the id."""
        wanted = sorted(i for i in ids if REF.fullmatch(i))
        names: dict[str, str] = {}
        for start in range(0, len(wanted), PAGE):
            asked = {"ids": ",".join(wanted[start : start + PAGE])}
            for row in rows_of(self._get("users/show_many", asked), "users"):
                names[id_of(row)] = text_of(row.get("name")).strip()
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
                raise ValueError(sentence("its pages go in a circle"))
            seen.add(after)

    def _get(self, path: str, params: Mapping[str, str]) -> dict[str, Any]:
        def send(url: str, headers: Mapping[str, str]) -> Response:
            return self._http.get(url, params=params, headers=headers)

        return self._ask(path, sentence("reading {path}", path=path), send)

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

        return self._ask(path, sentence("writing {path}", path=path), send)

    def _ask(
        self, path: str, doing: Sentence, send: Callable[[str, Mapping[str, str]], Response]
    ) -> dict[str, Any]:
        token = secret(self._options.token_env, sentence("the CRM {crm}", crm=self.name))
        if self._options.user:
            pair = f"{self._options.user}/token:{token}".encode()
            sign_in = f"Basic {b64encode(pair).decode()}"
        else:
            sign_in = f"Bearer {token}"
        try:
            answer = send(f"{self._url}/api/v2/{path}", {"Authorization": sign_in})
        except HttpError as error:
            advice = _ADVICE.get(status_of(error), "")
            raise refused(error, self.name, doing=doing, advice=advice) from None
        return self._answers.object_of(answer, sentence("the answer to {doing}", doing=doing))
