"""Zendesk: against a server that answers as its API is documented, and remembers."""

from __future__ import annotations

import copy
import json
import re
import time
from base64 import b64decode
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, cast

import pytest
import stamina
from crm_cases import assert_refused, cut_off, phone, refs
from hypothesis import given
from hypothesis import strategies as st
from servers import Answer, Asked, WebServer, answer_json

from listener.crm import Capability, Connection, Order, Ticket, zendesk, zendesk_rows
from listener.domain import (
    Channel,
    ContactEvent,
    Customer,
    Direction,
    Disposition,
    Identifier,
    IdentifierKind,
)
from listener.errors import CRMError, MissingCredential
from listener.httpclient import HttpClient
from listener.settings import CrmConfig, Http, Settings
from listener.storage import Database

NOW = datetime(2026, 11, 26, 12, tzinfo=UTC)
DATA = Path(__file__).parent / "data" / "crm" / "zendesk"
TOKEN, AGENT = "6wiIBWbGkBMo1mRDMuVwkw1EPsNkeUj95PIz2akv", "listener@brand.example"
ANA, LUIS, BEN, BIA, EVA, GONE = (f"3543600{n}" for n in range(1, 7))


def recorded(name: str) -> Any:
    return json.loads((DATA / f"{name}.json").read_text())


class Desk:
    """The part of Zendesk that is asked: searches, cursors, users, tickets, comments."""

    def __init__(self) -> None:
        self.users: list[dict[str, Any]] = recorded("users")["users"]
        self.identities: dict[str, list[dict[str, Any]]] = recorded("identities")
        self.tickets: list[dict[str, Any]] = recorded("tickets")["tickets"]
        self.comments: dict[str, list[dict[str, Any]]] = recorded("comments")
        self.idempotent: dict[str, dict[str, Any]] = {}
        self.instead: Callable[[Asked], Answer | None] = lambda _asked: None
        self.lose_answer = False
        self.user_tags = True

    def answer(self, asked: Asked) -> Answer:
        if (other := self.instead(asked)) is not None:
            return other
        kind, _, sent = asked.headers.get("authorization", "").partition(" ")
        known = {"Basic": f"{AGENT}/token:{TOKEN}", "Bearer": TOKEN}.get(kind)
        if (b64decode(sent).decode() if kind == "Basic" else sent) != known:
            return answer_json(recorded("couldnt_authenticate"), 401)
        path = asked.path.removeprefix("/api/v2/").split("/")
        if asked.method in ("PUT", "POST"):
            return self._write(asked, path)
        match path:
            case ["users", "search"]:
                return self._search(asked.query)
            case ["users", "show_many"]:
                ids = asked.query["ids"].split(",")
                return answer_json({"users": [u for u in self.users if str(u["id"]) in ids]})
            case ["users", user_id]:
                found = [u for u in self.users if str(u["id"]) == user_id]
                if not found:
                    return answer_json(recorded("record_not_found"), 404)
                return answer_json({"user": found[0]})
            case ["users", user_id, "identities"]:
                return self._page("identities", self.identities.get(user_id, []), asked)
            case ["users", user_id, "tickets", "requested"]:
                rows = [t for t in self.tickets if str(t["requester_id"]) == user_id]
                return self._page("tickets", rows, asked)
            case ["tickets", ticket_id, "comments"]:
                return self._page("comments", self.comments.get(ticket_id, []), asked)
            case ["tickets"]:
                key = asked.query["external_id"].lower()
                rows = [t for t in self.tickets if str(t["external_id"]).lower() == key]
                return self._page("tickets", rows, asked)
        raise AssertionError(asked.path)

    def _search(self, query: Any) -> Answer:
        if "external_id" in query:
            wanted = query["external_id"].lower()
            rows = [u for u in self.users if str(u["external_id"]).lower() == wanted]
        else:
            rows = [u for u in self.users if self._found(u, query["query"])]
        number, size = int(query["page"]), int(query["per_page"])
        shown = rows[size * (number - 1) : size * number]
        more = "https://acme.zendesk.com/…" if size * number < len(rows) else None
        return answer_json({"users": shown, "next_page": more, "count": len(rows)})

    def _found(self, user: dict[str, Any], query: str) -> bool:
        role, _, rest = query.partition(" ")
        field, _, value = rest.partition(":")
        if f"role:{user['role']}" != role:
            return False
        known = self.identities.get(str(user["id"]), [])
        if field == "phone":
            assert value.startswith("*")
            numbers = [user["phone"], *(i["value"] for i in known if i["type"] == "phone_number")]
            digits = [re.sub(r"\D", "", n or "") for n in numbers]
            return any(d.endswith(value[1:]) for d in digits)
        if field == "email":
            return value in [str(i["value"]).lower() for i in known]
        held = str(user["user_fields"].get(field) or "").lower()
        return bool(held) and value.strip('"') in held

    def _page(self, key: str, rows: list[dict[str, Any]], asked: Asked) -> Answer:
        size, start = int(asked.query["page[size]"]), int(asked.query.get("page[after]") or 0)
        more = start + size < len(rows)
        meta = {"has_more": more, "after_cursor": str(start + size) if more else None}
        return answer_json({key: rows[start : start + size], "meta": meta})

    def _write(self, asked: Asked, path: list[str]) -> Answer:
        if path == ["tickets"]:
            made = self._made(asked)
            status, body = 201, {"ticket": made}
        else:
            user = next(u for u in self.users if str(u["id"]) == path[1])
            change = asked.json["user"]
            fields = user["user_fields"] | change.pop("user_fields", {})
            if not self.user_tags:
                change.pop("tags", None)
            user |= change | {"user_fields": fields}
            status, body = 200, {"user": user}
        if self.lose_answer:
            self.lose_answer = False
            return cut_off()
        return answer_json(body, status)

    def _made(self, asked: Asked) -> dict[str, Any]:
        key = asked.headers["idempotency-key"]
        if key not in self.idempotent:
            made = {"id": 2000 + len(self.tickets), "created_at": "2026-11-26T12:00:05Z"}
            made |= asked.json["ticket"]
            self.tickets.append(made)
            self.idempotent[key] = made
        return self.idempotent[key]

    def user(self, user_id: str) -> dict[str, Any]:
        return next(u for u in self.users if str(u["id"]) == user_id)


@pytest.fixture
def desk() -> Desk:
    return Desk()


@pytest.fixture
def server(desk: Desk) -> Iterator[WebServer]:
    with WebServer(desk.answer) as running:
        yield running


@pytest.fixture
def opened(
    server: WebServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Callable[..., zendesk.Zendesk]]:
    monkeypatch.setenv("LISTENER_ZENDESK_TOKEN", TOKEN)
    settings = Settings(folder=tmp_path, var=tmp_path, database_url="")
    fast = Http(timeout="1s", per_host_interval="0s", allow_private_addresses=True)

    def make(**options: Any) -> zendesk.Zendesk:
        full = zendesk.Options.model_validate({"url": server.base_url, **options})
        config = CrmConfig(name="crm", type="zendesk")
        connection = Connection(config, settings, cast(Database, None), http, lambda: NOW)
        return zendesk.open(full, connection)

    with stamina.set_testing(True, attempts=1), HttpClient(fast) as http:
        yield make


@pytest.fixture
def crm(opened: Callable[..., zendesk.Zendesk]) -> zendesk.Zendesk:
    return opened(
        user=AGENT,
        handle_fields={"mastodon": "mastodon_handle"},
        dispositions={"sold": "sale", "refused_by_phone": "not_interested"},
    )


# ---------------------------------------------------------------------------- who


@pytest.mark.parametrize(
    ("e164", "ref"),
    [
        ("+34755102030", ANA),  # not whoever had it and is deleted
        ("+34840112233", ANA),  # their second number
        ("+34755102031", LUIS),  # "755 10 20 31"
        ("+447700900123", BEN),  # "+44 (0)7700 900123"
        ("+5511987654321", BIA),  # "+55 11 8765-4321", before the ninth digit
        ("+541123456789", EVA),  # "+54 9 11 2345-6789"
    ],
)
def test_a_phone_is_found_however_it_is_written(crm: zendesk.Zendesk, e164: str, ref: str) -> None:
    [candidate] = crm.find([phone(e164)])
    assert candidate.customer.ref == ref
    assert candidate.found_by == phone(e164)
    assert e164 in candidate.customer.phones


def test_addresses_ids_and_accounts(crm: zendesk.Zendesk) -> None:
    assert refs(crm, Identifier(IdentifierKind.EMAIL, "ANA@correo.example")) == [ANA]
    assert refs(crm, Identifier(IdentifierKind.CUSTOMER_ID, "c-1001")) == [ANA]
    given_handle = Identifier(IdentifierKind.HANDLE, "mastodon:ana@social.example")
    assert refs(crm, given_handle) == [ANA]
    # The search takes a part for the whole.
    assert refs(crm, Identifier(IdentifierKind.HANDLE, "mastodon:ana@social")) == []
    assert refs(crm, Identifier(IdentifierKind.HANDLE, "x:ana@social.example")) == []


def test_a_customer_as_they_stand(crm: zendesk.Zendesk) -> None:
    assert crm.get(ANA) == Customer(
        crm="crm",
        ref=ANA,
        name="Ana Ruiz",
        phones=("+34755102030", "+34840112233"),
        emails=("ana.ruiz@ejemplo.es", "ana@correo.example"),
        handles=("mastodon:ana@social.example",),
    )


def test_two_who_share_a_phone_are_both_told(desk: Desk, crm: zendesk.Zendesk) -> None:
    desk.user(BEN)["phone"] = "0034755102031"
    assert refs(crm, phone("+34755102031")) == [LUIS, BEN]


def test_all_pages_of_a_search_are_read(desk: Desk, crm: zendesk.Zendesk) -> None:
    for n in range(150):
        desk.users.append(desk.user(LUIS) | {"id": 40000000 + n})
    assert len(refs(crm, phone("+34755102031"))) == 151


@pytest.mark.parametrize(
    "value", ["", " ", "x", "1004", "+34600000000", "a@b.example", "*", 'x" OR role:end-user "']
)
def test_whoever_is_unknown_is_nobody(crm: zendesk.Zendesk, value: str) -> None:
    assert crm.find([Identifier(kind, value) for kind in IdentifierKind]) == []
    assert crm.find([]) == []
    if value != "1004":
        assert crm.link(value) is None
    assert crm.get(value) is None
    assert crm.history(value) == []


def test_whoever_is_gone(crm: zendesk.Zendesk) -> None:
    for ref in (GONE, "999"):
        assert crm.get(ref) is None
        assert crm.history(ref) == []


def test_a_wrong_address_is_no_customer_who_is_gone(desk: Desk, crm: zendesk.Zendesk) -> None:
    desk.instead = lambda _: Answer(b"<h1>No help desk here</h1>", 404)
    with pytest.raises(CRMError, match="Check `url`"):
        crm.get(ANA)


# ---------------------------------------------------------------------------- history


def test_history_is_whole_and_in_order(server: WebServer, crm: zendesk.Zendesk) -> None:
    events = crm.history(ANA)
    assert [(e.event_id, e.channel, e.direction, e.disposition) for e in events] == [
        ("call:9002", Channel.CALL, Direction.OUT, Disposition.NOT_INTERESTED),
        ("call:9004", Channel.CALL, Direction.OUT, Disposition.NO_ANSWER),
        ("call:9007", Channel.CALL, Direction.OUT, Disposition.NONE),
        ("ticket:1004", Channel.EMAIL, Direction.OUT, Disposition.NONE),
        ("call:9008", Channel.CALL, Direction.IN, Disposition.NONE),
        ("ticket:1006", Channel.WHATSAPP, Direction.IN, Disposition.NONE),
        ("ticket:1008", Channel.OTHER, Direction.IN, Disposition.NONE),
        ("ticket:1009", Channel.CALL, Direction.IN, Disposition.NONE),
        ("ticket:1010", Channel.SMS, Direction.OUT, Disposition.NONE),
    ]
    assert events[0] == ContactEvent(
        event_id="call:9002",
        at=datetime(2026, 3, 2, 9, 15, tzinfo=UTC),
        direction=Direction.OUT,
        channel=Channel.CALL,
        customer_ref=ANA,
        customer_number="+34755102030",
        caller_number="+34840556677",
        agent="Marta Gil",
        disposition=Disposition.NOT_INTERESTED,
        duration_s=64,
        note="Llamada a +34 755 10 20 30\nNo, gracias.\nDice que no la llamemos más.",
    )
    incoming = events[4]
    assert incoming.at == datetime(2026, 3, 5, 9, 58, tzinfo=UTC)
    assert (incoming.customer_number, incoming.caller_number) == ("+34755102030", "+34840556677")
    assert [e.agent for e in events] == [
        *("Marta Gil", "Pau Font", "Marta Gil", "Marta Gil", "Pau Font", "", "", "", "Marta Gil"),
    ]
    assert (events[7].customer_number, events[7].caller_number) == (
        "+34755102030",
        "+34840556677",
    )
    assert crm.history(ANA) == events
    # A ticket of one comment that began as no call is not read further.
    assert not any("/tickets/1004/" in a.path for a in server.asked)


def test_what_the_case_began_with_stays_when_it_holds_a_call(crm: zendesk.Zendesk) -> None:
    # Ticket 1003 began as an e-mail: its calls are told instead.
    assert "ticket:1003" not in {e.event_id for e in crm.history(ANA)}


def test_all_pages_are_read(desk: Desk, server: WebServer, crm: zendesk.Zendesk) -> None:
    begin = datetime(2026, 4, 1, tzinfo=UTC)
    sample = desk.tickets[5]
    for n in range(250):
        at = begin + timedelta(hours=n // 3)
        more = {"id": 5000 + n, "created_at": at.isoformat()}
        desk.tickets.insert(0, copy.deepcopy(sample) | more)
    call = desk.comments["1002"][0]
    desk.comments["1002"] = [call | {"id": 9500 + n} for n in range(120)]
    events = crm.history(ANA)
    assert len(events) == 250 + 8 + 120
    assert len({e.event_id for e in events}) == len(events)
    assert events == sorted(events, key=lambda e: (e.at, e.event_id))
    assert sum(a.path.endswith("/tickets/requested") for a in server.asked) == 3


def test_pages_that_go_in_a_circle_end(desk: Desk, crm: zendesk.Zendesk) -> None:
    circle = {"tickets": [], "meta": {"has_more": True, "after_cursor": "aGVsbG8"}}
    desk.instead = lambda a: answer_json(circle) if "requested" in a.path else None
    with pytest.raises(CRMError, match="go in a circle"):
        crm.history(ANA)


# ---------------------------------------------------------------------------- suppress


def order(ref: str | None = ANA, number: str = "+34755102030") -> Order:
    return Order("suppress-7-1", number, ref, "Complained in public")


def test_suppress_tags_the_person_once(desk: Desk, server: WebServer, crm: zendesk.Zendesk) -> None:
    receipt = crm.suppress(order())
    assert not receipt.already
    assert receipt.effective_at == NOW
    assert receipt.reference == f"zendesk:users/{ANA}"
    ana = desk.user(ANA)
    assert ana["tags"] == ["vip", "do_not_call"]
    assert ana["notes"] == (
        "Prefers mornings.\n\n[suppress-7-1] 2026-11-26 12:00:00 UTC: do not call +34755102030. "
        "Complained in public"
    )
    customer = crm.get(ANA)
    assert customer is not None
    assert customer.consent == "refused"
    written = [a for a in server.asked if a.method == "PUT"]
    again = crm.suppress(order())
    assert (again.already, again.reference, again.effective_at) == (True, receipt.reference, NOW)
    assert [a for a in server.asked if a.method == "PUT"] == written


def test_a_user_field_instead_of_a_tag(desk: Desk, opened: Callable[..., zendesk.Zendesk]) -> None:
    crm = opened(user=AGENT, do_not_call_field="no_calls")
    assert not crm.suppress(order()).already
    assert desk.user(ANA)["user_fields"] == {
        "mastodon_handle": "@Ana@social.example",
        "no_calls": True,
    }
    assert desk.user(ANA)["tags"] == ["vip"]
    assert crm.suppress(order()).already


def test_tags_that_are_switched_off_are_told(desk: Desk, crm: zendesk.Zendesk) -> None:
    desk.user_tags = False
    with pytest.raises(CRMError, match="switch on tags for users"):
        crm.suppress(order())


def test_everybody_with_the_phone(desk: Desk, crm: zendesk.Zendesk) -> None:
    desk.user(BEN)["phone"] = "0034755102031"
    receipt = crm.suppress(order(None, "+34755102031"))
    assert receipt.reference == f"zendesk:users/{LUIS},{BEN}"
    assert "do_not_call" in desk.user(BEN)["tags"]


def test_a_suppression_that_was_there(desk: Desk, crm: zendesk.Zendesk) -> None:
    desk.user(LUIS)["tags"] = ["do_not_call"]
    receipt = crm.suppress(order(None, "+34755102031"))
    assert receipt.already
    assert receipt.effective_at == datetime(2026, 1, 15, 8, 30, tzinfo=UTC)


def test_an_order_with_an_end_says_so(desk: Desk, crm: zendesk.Zendesk) -> None:
    until = datetime(2027, 1, 31, 23, tzinfo=UTC)
    crm.suppress(Order("k", "+34755102031", LUIS, "asked", until))
    assert "until 2027-01-31 23:00 UTC" in desk.user(LUIS)["notes"]


def test_a_phone_that_nobody_has(server: WebServer, crm: zendesk.Zendesk) -> None:
    receipt = crm.suppress(order(None, "+34600000000"))
    assert receipt.already
    assert receipt.reference == "zendesk: no user has this number"
    with pytest.raises(CRMError, match="mark the person by hand") as caught:
        crm.suppress(order("999", "+34600000000"))
    assert not caught.value.retry
    assert "+34600000000" not in str(caught.value)
    assert all(a.method == "GET" for a in server.asked)


def test_a_customer_who_has_the_phone_no_more(desk: Desk, crm: zendesk.Zendesk) -> None:
    assert not crm.suppress(order(LUIS, "+34600000000")).already
    assert desk.user(LUIS)["tags"] == ["do_not_call"]


def test_an_answer_that_is_lost(desk: Desk, crm: zendesk.Zendesk) -> None:
    desk.lose_answer = True
    with pytest.raises(CRMError) as caught:
        crm.suppress(order(LUIS, "+34755102031"))
    assert caught.value.retry
    assert crm.suppress(order(LUIS, "+34755102031")).already
    before = len(desk.tickets)
    desk.lose_answer = True
    with pytest.raises(CRMError):
        crm.record(ticket())
    assert crm.record(ticket()).already
    assert len(desk.tickets) == before + 1


# ---------------------------------------------------------------------------- record


def ticket(ref: str | None = ANA) -> Ticket:
    return Ticket("case-7-1", ref, "Five calls a day", "What she wrote", "https://l/case?id=7")


def test_record_writes_one_ticket_that_only_agents_see(
    desk: Desk, server: WebServer, crm: zendesk.Zendesk
) -> None:
    desk.tickets.append(desk.tickets[6] | {"id": 1900, "external_id": "CASE-7-1"})
    receipt = crm.record(ticket())
    assert not receipt.already
    assert receipt.effective_at == datetime(2026, 11, 26, 12, 0, 5, tzinfo=UTC)
    made = desk.tickets[-1]
    assert receipt.reference == f"zendesk:tickets/{made['id']}"
    assert made["comment"] == {"body": "What she wrote\n\nhttps://l/case?id=7", "public": False}
    assert (made["subject"], made["external_id"]) == ("Five calls a day", "case-7-1")
    assert (made["requester_id"], made["tags"]) == (int(ANA), ["listener"])
    assert server.asked[-1].headers["idempotency-key"] == "case-7-1"
    again = crm.record(ticket())
    assert (again.already, again.reference) == (True, receipt.reference)
    assert sum(a.method == "POST" for a in server.asked) == 1
    assert made["id"] not in {e.event_id for e in crm.history(ANA)}


def test_a_case_of_nobody_known(desk: Desk, crm: zendesk.Zendesk) -> None:
    assert not crm.record(Ticket("k-1", None, "", "", "")).already
    assert "requester_id" not in desk.tickets[-1]
    assert desk.tickets[-1]["comment"]["body"] == "k-1"


def test_link_and_what_it_can(crm: zendesk.Zendesk, server: WebServer) -> None:
    assert crm.link(ANA) == f"{server.base_url}/agent/users/{ANA}"
    assert crm.link("../x") is None
    assert crm.can == set(Capability) - {Capability.CALLS}


def test_a_token_of_an_oauth_client(opened: Callable[..., zendesk.Zendesk]) -> None:
    assert opened().get(ANA) is not None


# ---------------------------------------------------------------------------- what goes wrong


def _slow(_asked: Asked) -> Answer:
    time.sleep(1.5)
    return answer_json({})


WRONG: list[tuple[str, Callable[[Asked], Answer], bool]] = [
    ("401", lambda _: answer_json(recorded("couldnt_authenticate"), 401), False),
    ("403", lambda _: answer_json(recorded("forbidden"), 403), False),
    ("404", lambda _: answer_json(recorded("record_not_found"), 404), False),
    ("422", lambda _: answer_json({"error": "RecordInvalid"}, 422), False),
    ("429", lambda _: Answer(b"", 429), True),
    ("500", lambda _: Answer(b"", 500), True),
    ("html", lambda _: Answer(b"<html>Login</html>", 200, {"Content-Type": "text/html"}), False),
    ("empty", lambda _: Answer(b""), False),
    ("half", lambda _: Answer(b'{"users": [{"na'), False),
    ("list", lambda _: answer_json([]), False),
    ("no list", lambda _: answer_json({"count": 0}), False),
    ("no records", lambda _: answer_json({"users": ["x"], "tickets": [None]}), False),
    (
        "no ids",
        lambda _: answer_json({"users": [{}], "tickets": [{"external_id": "case-7-1"}]}),
        False,
    ),
    ("slow", _slow, True),
]


@pytest.mark.parametrize(("wrong", "retry"), [w[1:] for w in WRONG], ids=[w[0] for w in WRONG])
def test_what_is_not_promised_is_an_error_that_names_nobody(
    desk: Desk, crm: zendesk.Zendesk, wrong: Callable[[Asked], Answer], retry: bool
) -> None:
    desk.instead = wrong
    asks = (
        lambda: crm.find([phone("+34755102030")]),
        lambda: crm.suppress(order(None)),
        lambda: crm.record(ticket()),
    )
    assert_refused(asks, retry=retry, hidden=rf"{TOKEN}|{AGENT}|755102030|Ana")


def test_what_the_server_repeats_is_masked(desk: Desk, crm: zendesk.Zendesk) -> None:
    said = "no user with +34 755 10 20 30 nor ana@correo.example since 2026-03-02"
    desk.instead = lambda _: answer_json({"error": "InvalidValue", "description": said}, 400)
    with pytest.raises(CRMError) as caught:
        crm.find([phone("+34755102030")])
    text = str(caught.value)
    assert "2026-03-02" in text
    assert "127.0.0.1" in text
    assert not re.search(r"755 10|ana@", text)


def test_nothing_at_all_is_nobody(desk: Desk, crm: zendesk.Zendesk) -> None:
    desk.users = []
    assert crm.find([phone("+34755102030")]) == []
    assert crm.history(ANA) == []


def test_a_token_that_is_not_set(crm: zendesk.Zendesk, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("LISTENER_ZENDESK_TOKEN")
    with pytest.raises(MissingCredential, match="LISTENER_ZENDESK_TOKEN"):
        crm.find([phone("+34755102030")])


# ---------------------------------------------------------------------------- any answer

OPTIONS = zendesk.Options(
    url="https://x.example", handle_fields={"x": "name"}, dispositions={"Held": "sale"}
)
KEYS = [
    *("id", "name", "phone", "email", "user_fields", "tags", "notes", "active", "type", "value"),
    *("via", "channel", "source", "rel", "from", "to", "data", "outbound", "call_duration"),
    *("created_at", "started_at", "author_id", "submitter_id", "requester_id", "public", "subject"),
    *("users", "meta", "answered_by_id", "is_public", "comment_count", "body"),
]
VALUES = ["voice", "VoiceComment", "email", "outbound", "2026-03-02T09:15:00Z", "755 10 20 30", 7]
ANY = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text() | st.sampled_from(VALUES),
    lambda inner: (
        st.lists(inner, max_size=4) | st.dictionaries(st.sampled_from(KEYS), inner, max_size=8)
    ),
    max_leaves=20,
)
ROW = st.dictionaries(st.sampled_from(KEYS), ANY, max_size=12)
VOICE = st.builds(
    lambda data, row: row | {"id": 7, "type": "VoiceComment", "data": data}, ROW | ANY, ROW
)


@given(ROW | ANY, st.lists(ROW | ANY, max_size=3))
def test_any_record_is_a_user_or_a_value_error(value: Any, identities: list[Any]) -> None:
    try:
        user = zendesk_rows.user_of(value, identities, "crm", "ES", OPTIONS)
    except ValueError:
        return
    assert user.customer.ref == user.id


@given(ROW | ANY, st.lists(ROW | VOICE | ANY, max_size=3))
def test_any_ticket_is_events_or_a_value_error(value: Any, comments: list[Any]) -> None:
    ana = Customer("crm", ANA, "Ana", ("+34755102030",))
    try:
        events = zendesk_rows.events_of(value, comments, ana, "ES", OPTIONS)
    except ValueError:
        return
    for event in events:
        assert event.at.tzinfo is UTC
        assert 0 <= event.duration_s <= 7 * 86400


@given(ROW)
def test_any_answer_is_a_list_or_a_value_error(value: dict[str, Any]) -> None:
    assert isinstance(zendesk_rows.may_hold_a_call(value), bool)
    try:
        rows = zendesk_rows.rows_of(value, "users")
    except ValueError:
        return
    assert all(isinstance(row, dict) for row in rows)


@given(ROW)
def test_a_mark_is_seen_again(value: dict[str, Any]) -> None:
    body = zendesk_rows.mark_body(value, order(), NOW, OPTIONS)
    assert zendesk_rows.is_marked(value | body, OPTIONS)
