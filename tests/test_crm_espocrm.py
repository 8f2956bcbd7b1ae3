"""EspoCRM: against a server that answers as its interface is documented, and remembers."""

from __future__ import annotations

import copy
import json
import re
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import stamina
from crm_cases import assert_refused, cut_off, phone, refs
from hypothesis import given
from hypothesis import strategies as st
from servers import Answer, Asked, WebServer, answer_json

from listener.crm import Capability, Connection, Order, Ticket, espocrm, espocrm_rows
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
DATA = Path(__file__).parent / "data" / "crm" / "espocrm"
KEY = "5f0c-espo-key"
ANA, LUIS, BEN = ("64a1f0c2d3e4b5a61", "64a1f0c2d3e4b5a62", "64a1f0c2d3e4b5a63")
FILES = {
    "Contact": "contacts",
    "Lead": "leads",
    "Account": "accounts",
    "Call": "calls",
    "Meeting": "meetings",
    "Email": "emails",
}


class Espo:
    """The part of EspoCRM that is asked: records, searches with `where`, pages, writes."""

    def __init__(self) -> None:
        self.records: dict[str, list[dict[str, Any]]] = {
            kind: json.loads((DATA / f"{name}.json").read_text())["list"]
            for kind, name in FILES.items()
        } | {"Case": []}
        self.instead: Callable[[Asked], Answer | None] = lambda _asked: None
        self.lose_answer = False
        self.counts = True

    def answer(self, asked: Asked) -> Answer:
        if (other := self.instead(asked)) is not None:
            return other
        if asked.headers.get("x-api-key") != KEY:
            return answer_json({"messageTranslation": None}, 401)
        kind, _, record_id = asked.path.removeprefix("/api/v1/").partition("/")
        if asked.method == "GET":
            return self._get(kind, record_id) if record_id else self._list(kind, asked)
        made = self._written(kind, record_id, asked.json)
        if self.lose_answer:
            self.lose_answer = False
            return cut_off()
        return answer_json(made)

    def _get(self, kind: str, record_id: str) -> Answer:
        found = next((r for r in self.records[kind] if r["id"] == record_id), None)
        if found is None:
            return Answer(b"", 404, {"X-Status-Reason": f"Record {record_id} does not exist."})
        return answer_json(found)

    def _list(self, kind: str, asked: Asked) -> Answer:
        wanted = json.loads(asked.query["searchParams"])
        if wanted["maxSize"] > 200:
            return Answer(b"", 403)
        rows = [r for r in self.records[kind] if all(_holds(r, w) for w in wanted["where"])]
        rows.sort(key=lambda r: (str(r.get(wanted["orderBy"])), r["id"]))
        page = rows[wanted["offset"] : wanted["offset"] + wanted["maxSize"]]
        shown = [{k: r[k] for k in ("id", *wanted["select"]) if k in r} for r in page]
        return answer_json({"total": len(rows) if self.counts else -2, "list": shown})

    def _written(self, kind: str, record_id: str, body: dict[str, Any]) -> dict[str, Any]:
        if not record_id:
            made = {"id": f"77{len(self.records[kind]):015d}", "createdAt": "2026-11-26 12:00:05"}
            self.records[kind].append(made | body)
            return self.records[kind][-1]
        record = next(r for r in self.records[kind] if r["id"] == record_id)
        record |= body
        return record

    def one(self, kind: str, record_id: str) -> dict[str, Any]:
        return next(r for r in self.records[kind] if r["id"] == record_id)


def _holds(record: dict[str, Any], where: dict[str, Any]) -> bool:
    kind, value = where["type"], where["value"]
    if kind in ("or", "and"):
        return (any if kind == "or" else all)(_holds(record, w) for w in value)
    attribute = where["attribute"]
    if kind == "linkedWith":
        return bool(set(record.get(f"{attribute}Ids") or ()) & set(value))
    held = _values(record, attribute)
    if kind == "in":
        return any(h in value for h in held)
    if kind == "equals":
        return value in held
    if kind == "startsWith":
        return any(h.startswith(value) for h in held)
    assert kind == "endsWith"
    # As MySQL compares: without regard to case, _ for any character.
    pattern = re.escape(value).replace("_", ".")
    return any(re.search(f"{pattern}$", h, re.IGNORECASE) for h in held)


def _values(record: dict[str, Any], attribute: str) -> list[str]:
    if attribute == "phoneNumberNumeric":
        return [re.sub(r"\D", "", i["phoneNumber"]) for i in record.get("phoneNumberData") or ()]
    if attribute == "emailAddress":
        own = [i["lower"] for i in record.get("emailAddressData") or ()]
        return own + list(record.get("addresses") or ())
    return [record[attribute]] if record.get(attribute) is not None else []


@pytest.fixture
def espo() -> Espo:
    return Espo()


@pytest.fixture
def server(espo: Espo) -> Iterator[WebServer]:
    with WebServer(espo.answer) as running:
        yield running


@pytest.fixture
def opened(
    server: WebServer,
    sqlite_database: Database,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> Iterator[Callable[..., espocrm.EspoCrm]]:
    monkeypatch.setenv("LISTENER_ESPOCRM_KEY", KEY)
    settings = Settings(folder=tmp_path, var=tmp_path, database_url="")

    def make(**options: Any) -> espocrm.EspoCrm:
        full = espocrm.Options.model_validate({"url": server.base_url, **options})
        config = CrmConfig(name="crm", type="espocrm")
        return espocrm.open(full, Connection(config, settings, sqlite_database, http, lambda: NOW))

    fast = Http(timeout="1s", per_host_interval="0s")
    with (
        stamina.set_testing(True, attempts=1),
        HttpClient(fast.model_copy(update={"allow_private_addresses": True})) as http,
    ):
        yield make


@pytest.fixture
def crm(opened: Callable[..., espocrm.EspoCrm]) -> espocrm.EspoCrm:
    return opened(
        customer_id_field="cCustomerNumber",
        handle_fields={"mastodon": "cMastodon"},
        call_fields={
            "disposition": "cOutcome",
            "customer_number": "cDialled",
            "caller_number": "cCaller",
            "campaign": "cCampaign",
            "list_name": "cList",
        },
    )


# ---------------------------------------------------------------------------- who


@pytest.mark.parametrize(
    ("e164", "ref"),
    [
        ("+34755102030", f"Contact/{ANA}"),
        ("+34755102031", f"Contact/{LUIS}"),  # "755 10 20 31" in Spain
        ("+447700900123", f"Contact/{BEN}"),  # "+44 (0)7700 900123"
        ("+5511987654321", "Contact/64a1f0c2d3e4b5a64"),  # "(11) 8765-4321", before the ninth digit
        ("+541123456789", "Contact/64a1f0c2d3e4b5a65"),  # "011 15-2345-6789"
        ("+491511234567", "Contact/64a1f0c2d3e4b5a66"),  # with an extension
        ("+525512345678", "Lead/64a1f0c2d3e4b5a72"),  # "044 55 1234 5678"
    ],
)
def test_a_phone_is_found_however_it_is_written(crm: espocrm.EspoCrm, e164: str, ref: str) -> None:
    [candidate] = crm.find([phone(e164)])
    assert candidate.customer.ref == ref
    assert candidate.found_by == phone(e164)
    assert e164 in candidate.customer.phones


def test_addresses_ids_and_accounts(crm: espocrm.EspoCrm) -> None:
    ana = f"Contact/{ANA}"
    assert refs(crm, Identifier(IdentifierKind.EMAIL, "ANA@correo.example")) == [ana]
    assert refs(crm, Identifier(IdentifierKind.CUSTOMER_ID, "c-1001")) == [ana]
    assert refs(crm, Identifier(IdentifierKind.HANDLE, "mastodon:ana@social.example")) == []
    # The server of this test tells capital letters apart, as PostgreSQL does.
    crm_record = crm.get(ana)
    assert crm_record is not None
    assert crm_record.handles == ("mastodon:ana@social.example",)


def test_a_handle_is_found(espo: Espo, crm: espocrm.EspoCrm) -> None:
    espo.one("Contact", ANA)["cMastodon"] = "@ana@social.example"
    given_handle = Identifier(IdentifierKind.HANDLE, "mastodon:ana@social.example")
    assert refs(crm, given_handle) == [f"Contact/{ANA}"]
    assert refs(crm, Identifier(IdentifierKind.HANDLE, "x:ana@social.example")) == []


def test_a_customer_as_they_stand(crm: espocrm.EspoCrm) -> None:
    assert crm.get(f"Contact/{ANA}") == Customer(
        crm="crm",
        ref=f"Contact/{ANA}",
        name="Ana Ruiz",
        phones=("+34755102030", "+34840112233"),
        emails=("ana.ruiz@ejemplo.es", "ana@correo.example"),
        handles=("mastodon:ana@social.example",),
        country="ES",
        region="MD",
    )
    lead = crm.get("Lead/64a1f0c2d3e4b5a72")
    assert lead is not None
    assert (lead.country, lead.status) == ("MX", "prospect")


def test_a_converted_lead_and_an_account_are_not_somebody_else(crm: espocrm.EspoCrm) -> None:
    assert refs(crm, phone("+34755102030"), phone("+34840112233")) == [f"Contact/{ANA}"] * 2
    assert refs(crm, Identifier(IdentifierKind.EMAIL, "hola@talleres.example")) == [
        "Account/64a1f0c2d3e4b5a91"
    ]


def test_two_who_share_a_phone_are_both_told(espo: Espo, crm: espocrm.EspoCrm) -> None:
    espo.one("Contact", BEN)["phoneNumberData"].append({"phoneNumber": "0034755102031"})
    assert refs(crm, phone("+34755102031")) == [f"Contact/{LUIS}", f"Contact/{BEN}"]


@pytest.mark.parametrize("value", ["", " ", "x", "1004", "+34600000000", "a@b.example", "%", "_"])
def test_whoever_is_unknown_is_nobody(crm: espocrm.EspoCrm, value: str) -> None:
    assert crm.find([Identifier(kind, value) for kind in IdentifierKind]) == []
    assert crm.find([]) == []
    assert crm.get(value) is None
    assert crm.history(value) == []
    assert crm.link(value) is None


def test_a_record_that_is_gone(crm: espocrm.EspoCrm) -> None:
    assert crm.get("Contact/64a1f0c2d3e4b5a00") is None
    assert crm.history("Lead/64a1f0c2d3e4b5a00") == []


# ---------------------------------------------------------------------------- history


def test_history_is_whole_and_in_order(crm: espocrm.EspoCrm) -> None:
    events = crm.history(f"Contact/{ANA}")
    assert [(e.event_id[-4:], e.channel, e.direction, e.disposition) for e in events] == [
        ("d003", Channel.VISIT, Direction.OUT, Disposition.NONE),
        ("d001", Channel.VISIT, Direction.OUT, Disposition.NONE),
        ("c001", Channel.CALL, Direction.OUT, Disposition.NOT_INTERESTED),
        ("c002", Channel.CALL, Direction.OUT, Disposition.NO_ANSWER),
        ("c003", Channel.CALL, Direction.IN, Disposition.NONE),
        ("e001", Channel.EMAIL, Direction.OUT, Disposition.NONE),
        ("e002", Channel.EMAIL, Direction.IN, Disposition.NONE),
    ]
    assert {e.customer_ref for e in events} == {f"Contact/{ANA}"}
    first_call = events[2]
    assert first_call == ContactEvent(
        event_id="call:65b0000000000c001",
        at=datetime(2026, 3, 2, 9, 15, tzinfo=UTC),
        direction=Direction.OUT,
        channel=Channel.CALL,
        customer_ref=f"Contact/{ANA}",
        customer_number="+34755102030",
        caller_number="1004",
        campaign="Fibra",
        list_name="L1",
        agent="Marta Gil",
        disposition=Disposition.NOT_INTERESTED,
        duration_s=64,
        note="Fibra 600\nShe said no, never again.",
    )
    assert events[3].duration_s == 0  # five minutes were planned, and nobody answered
    assert events[4].note == "KX7\nComplaint"  # a code that nobody has explained
    assert [e.agent for e in events[5:]] == ["Marta Gil", ""]
    assert crm.history(f"Contact/{ANA}") == events


def test_codes_are_mapped(opened: Callable[..., espocrm.EspoCrm]) -> None:
    codes = {"kx7": "hang_up_by_agent", "Held": "sale"}
    crm = opened(call_fields={"disposition": "cOutcome"}, dispositions=codes)
    found = {e.event_id[-4:]: e.disposition for e in crm.history(f"Contact/{ANA}")}
    assert found["c003"] is Disposition.HANG_UP_BY_AGENT
    plain = opened(dispositions=codes)
    found = {e.event_id[-4:]: e.disposition for e in plain.history(f"Contact/{ANA}")}
    assert found["c003"] is Disposition.SALE


def test_history_of_leads_and_accounts(crm: espocrm.EspoCrm) -> None:
    assert [e.event_id for e in crm.history("Lead/64a1f0c2d3e4b5a72")] == ["call:65b0000000000c007"]
    assert [e.event_id for e in crm.history("Account/64a1f0c2d3e4b5a91")] == [
        "call:65b0000000000c006"
    ]


@pytest.mark.parametrize("counts", [True, False])
def test_all_pages_are_read(
    espo: Espo, server: WebServer, crm: espocrm.EspoCrm, counts: bool
) -> None:
    espo.counts = counts
    call = espo.one("Call", "65b0000000000c001")
    begin = datetime(2026, 4, 1, tzinfo=UTC)
    for n in range(250):
        # Many at one moment: the order of such is by id.
        at = f"{begin + timedelta(hours=n // 3):%Y-%m-%d %H:%M:%S}"
        espo.records["Call"].append(
            copy.deepcopy(call) | {"id": f"65c{n:014d}", "dateStart": at, "dateEnd": at}
        )
    events = crm.history(f"Contact/{ANA}")
    assert len(events) == 257
    assert len({e.event_id for e in events}) == 257
    assert events == sorted(events, key=lambda e: (e.at, e.event_id))
    assert sum(a.path == "/api/v1/Call" for a in server.asked) == 3


# ---------------------------------------------------------------------------- suppress


def order(ref: str | None = f"Contact/{ANA}", number: str = "+34755102030") -> Order:
    return Order("suppress-7-1", number, ref, "Complained in public")


def test_suppress_opts_the_phone_out_once(
    espo: Espo, server: WebServer, crm: espocrm.EspoCrm
) -> None:
    receipt = crm.suppress(order())
    assert not receipt.already
    assert receipt.effective_at == NOW
    assert receipt.reference == f"espocrm:Contact/{ANA},Lead/64a1f0c2d3e4b5a71"
    ana = espo.one("Contact", ANA)
    assert [(i["phoneNumber"], i["optOut"]) for i in ana["phoneNumberData"]] == [
        ("+34755102030", True),
        ("840 11 22 33", False),
    ]
    assert ana["doNotCall"] is True
    assert ana["description"] == (
        "Prefers mornings.\n\n[suppress-7-1] 2026-11-26 12:00:00 UTC: do not call +34755102030. "
        "Complained in public"
    )
    customer = crm.get(f"Contact/{ANA}")
    assert customer is not None
    assert customer.consent == "refused"
    written = [a for a in server.asked if a.method == "PUT"]
    again = crm.suppress(order())
    assert again.already
    assert again.reference == receipt.reference
    assert again.effective_at == NOW
    assert [a for a in server.asked if a.method == "PUT"] == written


def test_a_suppression_that_was_there(espo: Espo, crm: espocrm.EspoCrm) -> None:
    luis = espo.one("Contact", LUIS)
    luis["phoneNumberData"][0]["optOut"] = luis["doNotCall"] = True
    receipt = crm.suppress(order(None, "+34755102031"))
    assert receipt.already
    assert receipt.effective_at == datetime(2026, 1, 15, 8, 30, tzinfo=UTC)


def test_the_phone_alone(espo: Espo, opened: Callable[..., espocrm.EspoCrm]) -> None:
    crm = opened(do_not_call=False)
    assert not crm.suppress(order()).already
    assert espo.one("Contact", ANA)["doNotCall"] is False
    assert crm.suppress(order()).already


def test_an_account_has_the_phone(espo: Espo, crm: espocrm.EspoCrm) -> None:
    receipt = crm.suppress(order(None, "+34840112233"))
    assert receipt.reference == f"espocrm:Account/64a1f0c2d3e4b5a91,Contact/{ANA}"
    account = espo.one("Account", "64a1f0c2d3e4b5a91")
    assert account["phoneNumberData"][0]["optOut"] is True
    assert "doNotCall" not in account


def test_an_order_with_an_end_says_so(espo: Espo, crm: espocrm.EspoCrm) -> None:
    until = datetime(2027, 1, 31, 23, tzinfo=UTC)
    crm.suppress(Order("k", "+34755102031", f"Contact/{LUIS}", "asked", until))
    assert "until 2027-01-31 23:00 UTC" in espo.one("Contact", LUIS)["description"]


def test_a_phone_that_nobody_has(server: WebServer, crm: espocrm.EspoCrm) -> None:
    receipt = crm.suppress(order(None, "+34600000000"))
    assert receipt.already
    assert receipt.reference == "espocrm: no record has this number"
    with pytest.raises(CRMError, match="mark the person by hand") as caught:
        crm.suppress(order("Contact/64a1f0c2d3e4b5a00", "+34600000000"))
    assert not caught.value.retry
    assert "+34600000000" not in str(caught.value)
    assert all(a.method == "GET" for a in server.asked)


def test_a_customer_who_has_the_phone_no_more(espo: Espo, crm: espocrm.EspoCrm) -> None:
    assert not crm.suppress(order(f"Contact/{LUIS}", "+34600000000")).already
    assert espo.one("Contact", LUIS)["doNotCall"] is True


def test_an_answer_that_is_lost(espo: Espo, crm: espocrm.EspoCrm) -> None:
    espo.lose_answer = True
    with pytest.raises(CRMError) as caught:
        crm.suppress(order(f"Contact/{LUIS}", "+34755102031"))
    assert caught.value.retry
    assert crm.suppress(order(f"Contact/{LUIS}", "+34755102031")).already
    espo.lose_answer = True
    with pytest.raises(CRMError):
        crm.record(ticket())
    assert crm.record(ticket()).already
    assert len(espo.records["Case"]) == 1


# ---------------------------------------------------------------------------- record


def ticket(ref: str | None = f"Contact/{ANA}") -> Ticket:
    return Ticket(
        "case-7_1", ref, "Calls <again> = 5 a day", "What she wrote", "https://l/case?id=7"
    )


@pytest.mark.parametrize(
    ("ref", "field"),
    [
        (f"Contact/{ANA}", "contactId"),
        ("Lead/64a1f0c2d3e4b5a72", "leadId"),
        ("Account/64a1f0c2d3e4b5a91", "accountId"),
    ],
)
def test_record_makes_one_case(espo: Espo, crm: espocrm.EspoCrm, ref: str, field: str) -> None:
    # A case that the database takes for ours: "_" is any character to it.
    espo.records["Case"].append({"id": "6" * 17, "name": "Other [case-7x1]"})
    receipt = crm.record(ticket(ref))
    assert not receipt.already
    assert receipt.effective_at == datetime(2026, 11, 26, 12, 0, 5, tzinfo=UTC)
    case = espo.records["Case"][-1]
    assert receipt.reference == f"espocrm:Case/{case['id']}"
    assert case["name"] == "Calls again 5 a day [case-7_1]"
    assert case["description"] == "What she wrote\n\nhttps://l/case?id=7\n\ncase-7_1"
    assert case[field] == ref.partition("/")[2]
    again = crm.record(ticket(ref))
    assert (again.already, again.reference) == (True, receipt.reference)
    assert len(espo.records["Case"]) == 2


def test_a_field_for_the_key(espo: Espo, opened: Callable[..., espocrm.EspoCrm]) -> None:
    crm = opened(key_field="cListenerKey")
    assert not crm.record(ticket(None)).already
    assert espo.records["Case"][0]["cListenerKey"] == "case-7_1"
    assert espo.records["Case"][0]["name"] == "Calls again 5 a day"
    assert crm.record(ticket(None)).already


def test_a_long_title_keeps_the_key() -> None:
    options = espocrm.Options(url="http://x")
    body = espocrm_rows.case_body(Ticket("k-1", None, "x" * 400, "", ""), options)
    assert len(body["name"]) == 249
    assert body["name"].endswith("x [k-1]")


def test_link_and_what_it_can(crm: espocrm.EspoCrm, server: WebServer) -> None:
    assert crm.link(f"Contact/{ANA}") == f"{server.base_url}/#Contact/view/{ANA}"
    assert crm.link("../x") is None
    assert crm.can == set(Capability) - {Capability.CALLS}


# ---------------------------------------------------------------------------- what goes wrong


def _slow(_asked: Asked) -> Answer:
    time.sleep(1.5)
    return answer_json({})


WRONG: list[tuple[str, Callable[[Asked], Answer], bool]] = [
    ("401", lambda _: answer_json({}, 401), False),
    ("403", lambda _: Answer(b"", 403), False),
    ("429", lambda _: Answer(b"", 429), True),
    ("500", lambda _: Answer(b"<h1>Error</h1>", 500), True),
    ("503", lambda _: Answer(b"", 503), True),
    ("html", lambda _: Answer(b"<html>Login</html>", 200, {"Content-Type": "text/html"}), False),
    ("empty", lambda _: Answer(b""), False),
    ("half", lambda _: Answer(b'{"total": 1, "li'), False),
    ("list", lambda _: answer_json([]), False),
    ("no list", lambda _: answer_json({"total": 0}), False),
    ("no records", lambda _: answer_json({"total": 2, "list": ["x", None]}), False),
    ("no ids", lambda _: answer_json({"total": 1, "list": [{"name": "Ana"}]}), False),
    ("slow", _slow, True),
]


@pytest.mark.parametrize(("wrong", "retry"), [w[1:] for w in WRONG], ids=[w[0] for w in WRONG])
def test_what_is_not_promised_is_an_error_that_names_nobody(
    espo: Espo, crm: espocrm.EspoCrm, wrong: Callable[[Asked], Answer], retry: bool
) -> None:
    espo.instead = wrong
    asks = (
        lambda: crm.find([phone("+34755102030")]),
        lambda: crm.suppress(order(None)),
        lambda: crm.record(ticket()),
    )
    assert_refused(asks, retry=retry, hidden=rf"{KEY}|755102030|ana")


def test_what_the_server_repeats_is_masked(espo: Espo, crm: espocrm.EspoCrm) -> None:
    said = "no such value +34 755 10 20 30 nor ana@correo.example on 2026-03-02"
    espo.instead = lambda _: answer_json({"message": said}, 400)
    with pytest.raises(CRMError) as caught:
        crm.find([phone("+34755102030")])
    assert "•••" in str(caught.value)
    assert "2026-03-02" in str(caught.value)
    assert "127.0.0.1" in str(caught.value)
    assert "755 10" not in str(caught.value)
    assert "ana@" not in str(caught.value)


def test_nothing_at_all_is_nobody(espo: Espo, crm: espocrm.EspoCrm) -> None:
    espo.records = {kind: [] for kind in espo.records}
    assert crm.find([phone("+34755102030")]) == []
    assert crm.history(f"Contact/{ANA}") == []


def test_a_key_that_is_not_set(crm: espocrm.EspoCrm, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("LISTENER_ESPOCRM_KEY")
    with pytest.raises(MissingCredential, match="LISTENER_ESPOCRM_KEY"):
        crm.find([phone("+34755102030")])


# ---------------------------------------------------------------------------- any answer

OPTIONS = espocrm.Options(
    url="http://x",
    customer_id_field="id",
    handle_fields={"x": "name"},
    call_fields={"disposition": "name", "caller_number": "status", "customer_number": "direction"},
)
KEYS = [
    *("id", "name", "status", "direction", "dateStart", "dateEnd", "createdAt", "dateSent", "list"),
    *("phoneNumber", "phoneNumberData", "emailAddressData", "optOut", "emailAddress", "fromString"),
    *("addressCountry", "addressState", "doNotCall", "total", "description", "assignedUserName"),
]
VALUES = ["Held", "Not Held", "2026-03-02 09:15:00", "64a1f0c2d3e4b5a61", "755 10 20 30", "España"]
ANY = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text() | st.sampled_from(VALUES),
    lambda inner: (
        st.lists(inner, max_size=4) | st.dictionaries(st.sampled_from(KEYS), inner, max_size=8)
    ),
    max_leaves=20,
)
RECORD = st.dictionaries(st.sampled_from(KEYS), ANY, max_size=10)


@given(ANY | RECORD)
def test_any_record_is_a_customer_or_a_value_error(value: Any) -> None:
    for kind in ("Contact", "Lead", "Account"):
        try:
            found = espocrm_rows.customer_of(kind, value, "crm", "ES", OPTIONS)
        except ValueError:
            continue
        assert isinstance(found, Customer)
        assert found.ref.startswith(f"{kind}/")


@given(ANY | RECORD)
def test_any_activity_is_an_event_or_a_value_error(value: Any) -> None:
    ana = Customer("crm", f"Contact/{ANA}", "Ana", ("+34755102030",), ("ana@correo.example",))
    for kind in ("Call", "Meeting", "Email"):
        try:
            event = espocrm_rows.event_of(kind, value, ana, OPTIONS)
        except ValueError:
            continue
        if event is not None:
            assert event.at.tzinfo is UTC
            assert 0 <= event.duration_s <= 7 * 86400


@given(RECORD)
def test_any_answer_is_a_list_or_a_value_error(value: dict[str, Any]) -> None:
    try:
        rows = espocrm_rows.rows_of(value)
    except ValueError:
        return
    assert all(isinstance(row, dict) for row in rows)


@given(RECORD)
def test_a_suppression_changes_what_it_must(value: dict[str, Any]) -> None:
    change = espocrm_rows.suppression(value, order(), "ES", OPTIONS)
    assert set(change) <= {"phoneNumberData", "doNotCall"}
    assert espocrm_rows.suppression(value | change, order(), "ES", OPTIONS) == {}
