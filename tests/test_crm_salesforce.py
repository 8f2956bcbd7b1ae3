"""Salesforce: who is found, whose history it is, what is marked and noted once. The org is a model of
the documented one on a real server of this machine, with recorded forms of its answers."""

from __future__ import annotations

import contextlib
import copy
import json
import re
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, cast

import crm_cases
import pytest
import stamina
from crm_cases import Says, assert_sound, cut_off, found
from hypothesis import given, settings
from hypothesis import strategies as st
from servers import Answer, Asked, WebServer, answer_json

from listener.crm import Capability, Connection, Order, Receipt, Ticket, salesforce, salesforce_rows
from listener.crm.salesforce import Options, Salesforce
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
from listener.errors import CRMError, MissingCredential
from listener.httpclient import HttpClient

NOW = datetime(2026, 11, 26, 12, tzinfo=UTC)
KEY, SECRET = "3MVG9.key", "8A4BE698-secret"
DATA = Path(__file__).parent / "data" / "crm" / "salesforce"
PHONE, EMAIL = IdentifierKind.PHONE, IdentifierKind.EMAIL
CUSTOMER_ID, HANDLE = IdentifierKind.CUSTOMER_ID, IdentifierKind.HANDLE
ANA, BEN, DENIS = "003QK00000aAbCdYAA", "003QK00000bBbCdYAA", "003QK00000cCbCdYAA"
CARLA, CONVERTED = "00QQK00000dDbCdYAA", "00QQK00000eEbCdYAA"


def recorded(name: str) -> Any:
    return json.loads((DATA / f"{name}.json").read_text(encoding="utf-8"))


ERRORS = recorded("errors")
SOQL = re.compile(
    r"SELECT (?P<fields>.+?) FROM (?P<kind>\w+) WHERE (?P<where>.+?)(?: ORDER BY (?P<order>.+))?"
)
PHONES = ("Phone", "MobilePhone", "HomePhone", "OtherPhone")


class Org:
    """Answers as Salesforce does, two records a page, and keeps what is written. `fails` maps part
    of a path to what is answered instead, once for each entry."""

    def __init__(self) -> None:
        files = {"Contact": "contacts", "Lead": "leads", "Task": "tasks"}
        files["EmailMessage"] = "email_messages"
        self.tables = {k: copy.deepcopy(recorded(f)["records"]) for k, f in files.items()}
        self.tables["Case"] = []
        self.fails: list[tuple[str, Answer]] = []
        self.written: list[tuple[str, Any]] = []
        self.asked: list[str] = []
        self.signed_in = 0
        self.sessions: set[str] = set()
        self.unique = True
        self.lose_answers = False
        self._pages: dict[str, list[Any]] = {}

    def __call__(self, asked: Asked) -> Answer:
        for place, (part, answer) in enumerate(self.fails):
            if part in asked.path:
                del self.fails[place]
                return answer
        if asked.path == "/services/oauth2/token":
            return self.token(asked)
        if asked.headers.get("authorization", "").removeprefix("Bearer ") not in self.sessions:
            return self.error(401)
        base = "/services/data/v66.0/"
        if not asked.path.startswith(base):
            return self.error(404)
        match asked.path.removeprefix(base).strip("/").split("/"):
            case ["search"]:
                return self.search(asked.query["q"])
            case ["query" | "queryAll" as how]:
                return self.query(asked.query["q"], archived=how == "queryAll")
            case ["query", locator]:
                return self.page(locator, self._pages.pop(locator))
            case ["sobjects", kind] if asked.method == "POST":
                return self.create(kind, asked.json)
            case ["sobjects", kind, ref] if asked.method == "PATCH":
                return self.update(kind, ref, asked.json)
        return self.error(404)

    def error(self, name: int | str, status: int = 0, **headers: str) -> Answer:
        return answer_json(ERRORS[str(name)], status or int(name), **headers)

    def token(self, asked: Asked) -> Answer:
        form = asked.body.decode()
        right = f"grant_type=client_credentials&client_id={KEY}&client_secret={SECRET}"
        if form != right:
            return self.error("sign-in", 400)
        self.signed_in += 1
        given = recorded("token")
        given["access_token"] += f".{self.signed_in}"
        self.sessions = {given["access_token"]}
        return answer_json(given)

    # ------------------------------------------------------------------ reading

    def query(self, soql: str, *, archived: bool) -> Answer:
        self.asked.append(soql)
        said = SOQL.fullmatch(soql)
        assert said is not None, soql
        rows = self.tables[said["kind"]]
        if not archived:
            rows = [r for r in rows if not r.get("IsArchived") and not r.get("IsDeleted")]
        fields = said["fields"].split(", ")
        conditions = said["where"].split(" AND ")
        known = {key for row in self.tables[said["kind"]] for key in row} | {"Listener_Key__c"}
        named = [f.partition(".")[0] for f in (*fields, *(c.split()[0] for c in conditions))]
        if self.tables[said["kind"]] and not set(named) <= known:
            return self.error(400)
        found = [r for r in rows if all(self.holds(r, c) for c in conditions)]
        order = (said["order"] or "Id").removesuffix(" LIMIT 1").split(", ")
        found.sort(key=lambda r: [str(r.get(name)) for name in order])
        if (said["order"] or "").endswith(" LIMIT 1"):
            found = found[:1]
        return self.page("01gQK0000000001", [self.shown(r, fields) for r in found])

    def page(self, locator: str, rows: list[Any]) -> Answer:
        answer = {"totalSize": len(rows), "done": len(rows) <= 2, "records": rows[:2]}
        if len(rows) > 2:
            following = f"01gQK{len(rows):010d}-2"
            self._pages[following] = rows[2:]
            answer["nextRecordsUrl"] = f"/services/data/v66.0/query/{following}"
        return answer_json(answer)

    def holds(self, row: Any, condition: str) -> bool:
        path, operator, wanted = condition.split(" ", 2)
        held = self.at(row, path)
        if wanted in ("true", "false"):
            return held is (wanted == "true")
        values = re.findall(r"'((?:[^'\\]|\\.)*)'", wanted)
        assert operator in ("=", "IN")
        assert values
        plain = [re.sub(r"\\(.)", r"\1", v).lower() for v in values]
        return held is not None and str(held).lower() in plain

    def at(self, row: Any, path: str) -> Any:
        for name in path.split("."):
            row = (row or {}).get(name)
        return row

    def shown(self, row: Any, fields: list[str]) -> Any:
        answer: dict[str, Any] = {"attributes": row["attributes"]}
        for path in fields:
            first = path.partition(".")[0]
            answer[first] = row.get(first)
        return answer

    def search(self, sosl: str) -> Answer:
        self.asked.append(sosl)
        said = re.fullmatch(r"FIND \{(.+?)\} IN PHONE FIELDS RETURNING (.+)", sosl)
        assert said is not None, sosl
        assert re.fullmatch(r"\d+\*( OR \d+\*)*", said[1])
        starts = [term.removesuffix("*") for term in said[1].split(" OR ")]
        found = []
        for kind, inside in re.findall(r"(\w+)\(([^)]*)\)", said[2]):
            fields, _, where = inside.partition(" WHERE ")
            for row in self.tables[kind]:
                digits = [re.sub(r"\D", "", row.get(n) or "") for n in PHONES]
                fitting = any(d and d.startswith(s) for d in digits for s in starts)
                if fitting and (not where or self.holds(row, where)):
                    found.append(self.shown(row, fields.split(", ")))
        return answer_json({"searchRecords": found})

    # ------------------------------------------------------------------ writing

    def create(self, kind: str, values: Any) -> Answer:
        key = values.get("Listener_Key__c")
        if self.unique and any(r.get("Listener_Key__c") == key for r in self.tables[kind]):
            return self.error("duplicate", 400)
        self.written.append((kind, values))
        ref = f"{'500' if kind == 'Case' else '00T'}QK00009{len(self.written):05d}YAA"
        made = {
            "Id": ref,
            "attributes": {"type": kind},
            "CreatedDate": "2026-11-26T12:00:02.000+0000",
        }
        self.tables[kind].append(values | made)
        return self.lost() or answer_json(ERRORS["created"] | {"id": ref}, 201)

    def update(self, kind: str, ref: str, values: Any) -> Answer:
        [row] = [r for r in self.tables[kind] if r["Id"] == ref]
        if not set(values) <= set(row):
            return self.error(400)
        self.written.append((ref, values))
        row |= values | {"LastModifiedDate": "2026-11-26T12:00:01.000+0000"}
        return self.lost() or Answer(status=204)

    def lost(self) -> Answer | None:
        """The change is made, and its answer does not arrive."""
        if not self.lose_answers:
            return None
        self.lose_answers = False
        return cut_off()


@pytest.fixture(autouse=True)
def _no_backoff() -> Iterator[None]:
    with stamina.set_testing(True, attempts=2, cap=True):
        yield


@pytest.fixture(autouse=True)
def _account(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LISTENER_SALESFORCE_CLIENT_ID", KEY)
    monkeypatch.setenv("LISTENER_SALESFORCE_CLIENT_SECRET", SECRET)


@pytest.fixture
def org() -> Org:
    return Org()


FULL: dict[str, Any] = {
    "url": "https://empresa.my.salesforce.com",
    "customer_id": "Account.AccountNumber",
    "handles": {"mastodon": "Mastodon__c"},
    "do_not_call_reason": "Reason__c",
    "key": "Listener_Key__c",
    "dispositions": {"llamar luego": "callback"},
    "task_fields": {
        "at": "Called_At__c",
        "customer_number": "To__c",
        "caller_number": "From__c",
        "campaign": "Campaign__c",
        "list_name": "List__c",
        "centre": "Centre__c",
    },
}


def connection(http: HttpClient | None = None) -> Connection:
    return crm_cases.connection("salesforce", NOW, http)


Opened = Callable[..., Salesforce]


@pytest.fixture
def opened(org: Org) -> Iterator[Opened]:
    with WebServer(org) as server:

        def make(**options: Any) -> Salesforce:
            given = Options.model_validate(FULL | {"url": server.base_url} | options)
            return salesforce.open(given, connection())

        yield make


# ---------------------------------------------------------------------------- what it can


def test_it_can_what_it_is_set_up_for(opened: Opened) -> None:
    assert opened().can == set(Capability) - {Capability.CALLS}
    bare = salesforce.open(Options(url="https://x.my.salesforce.com", do_not_call=""), connection())
    assert bare.can == {Capability.FIND, Capability.HISTORY, Capability.LINK}


def test_a_link_leads_to_the_record_and_to_nothing_else() -> None:
    crm = salesforce.open(Options.model_validate(FULL), connection())
    page = "https://empresa.lightning.force.com/lightning/r"
    assert crm.link(ANA) == f"{page}/Contact/{ANA}/view"
    assert crm.link(CARLA) == f"{page}/Lead/{CARLA}/view"
    assert crm.link("00QQK00000dDbCd") == f"{page}/Lead/00QQK00000dDbCd/view"
    assert crm.link("C-1") is None
    assert crm.link("../../003QK00000aA") is None


@pytest.mark.parametrize(
    "wrong",
    [
        {"url": "empresa.my.salesforce.com"},
        {"key": "Key__c = 'x'"},
        {"customer_id": "Account.Number OR Id"},
        {"api_version": "v66"},
        {"objects": []},
    ],
)
def test_a_wrong_option_is_refused(wrong: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match=next(iter(wrong))):
        Options.model_validate(FULL | wrong)


# ---------------------------------------------------------------------------- sign-in


def test_a_token_is_kept_and_renewed_when_it_is_refused(opened: Opened, org: Org) -> None:
    crm = opened()
    crm.get(ANA)
    crm.get(BEN)
    assert org.signed_in == 1
    org.sessions.clear()
    assert crm.get(ANA) is not None
    assert org.signed_in == 2


def test_many_threads_sign_in_once(opened: Opened, org: Org) -> None:
    crm = opened()
    threads = [threading.Thread(target=crm.get, args=(ANA,)) for _ in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert org.signed_in == 1


def test_a_refused_sign_in_says_what_to_check(
    opened: Opened, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LISTENER_SALESFORCE_CLIENT_SECRET", "wrong-secret")
    with pytest.raises(CRMError, match="client credentials flow") as caught:
        opened().get(ANA)
    assert "invalid_client_id" in str(caught.value)
    assert "wrong-secret" not in str(caught.value)
    assert not caught.value.retry


def test_a_sign_in_without_a_token_or_with_an_echo_is_told(opened: Opened, org: Org) -> None:
    org.fails = [("/oauth2/", answer_json({"token_type": "Bearer"}))]
    with pytest.raises(CRMError, match="no access_token"):
        opened().get(ANA)
    org.fails = [("/oauth2/", answer_json({"error": f"{KEY} and {SECRET}"}, 400))]
    with pytest.raises(CRMError) as caught:
        opened().get(ANA)
    assert SECRET not in str(caught.value)
    assert KEY not in str(caught.value)


def test_a_session_that_is_refused_again_and_again_is_an_error(opened: Opened, org: Org) -> None:
    org.fails = [("/query", org.error(401)), ("/query", org.error(401))]
    with pytest.raises(CRMError, match="INVALID_SESSION_ID") as caught:
        opened().get(ANA)
    assert not caught.value.retry
    assert "00DQK" not in str(caught.value)


def test_an_account_that_is_not_set_is_told(
    opened: Opened, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("LISTENER_SALESFORCE_CLIENT_ID")
    with pytest.raises(MissingCredential, match="LISTENER_SALESFORCE_CLIENT_ID"):
        opened().get(ANA)


# ---------------------------------------------------------------------------- who


@pytest.mark.parametrize(
    ("written", "country", "e164"),
    [
        ("755 10 20 31", "ES", "+34755102031"),
        ("+34 (755) 10.20.31", "", "+34755102031"),
        ("+34755102031", "", "+34755102031"),
        ("0034-755-102031", "", "+34755102031"),
        ("755102031", "", "+34755102031"),
        ("755102031 ext. 12", "ES", "+34755102031"),
        ("07700 900129", "GB", "+447700900129"),
        ("+44 7700 900129", "", "+447700900129"),
        ("044 55 1234 5679", "MX", "+525512345679"),
        ("01 55 1234 5679", "MX", "+525512345679"),
        ("+52 1 55 1234 5679", "", "+525512345679"),
        ("+54 9 11 2345-6789", "", "+541123456789"),
        ("011 15 2345-6789", "AR", "+541123456789"),
        ("(20) 8123-4567", "BR", "+5520981234567"),
        ("+55 20 8123-4567", "", "+5520981234567"),
        ("06 39 98 12 35", "FR", "+33639981235"),
        ("06 1234 5678", "IT", "+390612345678"),
        ("(213) 555-0149", "US", "+12135550149"),
    ],
)
@pytest.mark.parametrize(("kind", "field"), [("Contact", "OtherPhone"), ("Lead", "MobilePhone")])
def test_a_phone_is_found_in_every_written_form(
    opened: Opened, org: Org, kind: str, field: str, written: str, country: str, e164: str
) -> None:
    row = copy.deepcopy(org.tables[kind][0])
    place = "MailingCountry" if kind == "Contact" else "Country"
    ref = row["Id"][:3] + "QK00000zZbCdYAA"
    org.tables[kind].append(
        row | dict.fromkeys(PHONES) | {"Id": ref, field: written, place: country}
    )
    assert found(opened(), PHONE, e164) == [ref]


def test_who_has_the_same_digits_in_another_country_is_not_found(opened: Opened) -> None:
    crm = opened()
    assert found(crm, PHONE, "+34755102030") == [ANA]
    assert found(crm, PHONE, "+33755102030") == [DENIS]
    assert found(crm, PHONE, "+34655102030") == []


def test_two_with_one_phone_are_two_candidates(opened: Opened, org: Org) -> None:
    org.tables["Lead"][0]["Phone"] = "0034 755 102 030"
    given = Identifier(PHONE, "+34755102030")
    candidates = opened().find([given, given])
    assert [c.customer.ref for c in candidates] == [ANA, CARLA]
    assert {c.found_by for c in candidates} == {given}


def test_addresses_ids_and_accounts_are_compared_exactly(opened: Opened, org: Org) -> None:
    crm = opened()
    assert found(crm, EMAIL, "ana.ruiz@ejemplo.example") == [ANA]  # the lead has become Ana
    assert found(crm, EMAIL, "CARLA@ejemplo.example") == [CARLA]
    assert found(crm, EMAIL, "o'neil@ejemplo.example") == [DENIS]
    assert found(crm, EMAIL, "neil@ejemplo.example") == []
    assert found(crm, CUSTOMER_ID, "c-1001") == [ANA]
    assert found(crm, CUSTOMER_ID, "C-100") == []
    assert found(crm, CUSTOMER_ID, ANA) == []
    assert found(crm, HANDLE, "mastodon:ana@social.example") == [ANA]
    assert found(crm, HANDLE, "x:ana") == []
    for number in range(3):
        ref = f"003QK00000g{number}bCdYAA"
        org.tables["Contact"].append(org.tables["Contact"][1] | {"Id": ref})
    assert len(found(crm, EMAIL, "ben@example.org")) == 4  # over two pages


def test_without_a_field_nothing_is_asked(opened: Opened, org: Org) -> None:
    crm = opened(customer_id="", handles={})
    assert found(crm, CUSTOMER_ID, "C-1001") == []
    assert found(crm, HANDLE, "mastodon:ana@social.example") == []
    assert crm.find([]) == []
    assert org.asked == []


def test_an_org_without_leads_is_not_asked_for_them(opened: Opened, org: Org) -> None:
    crm = opened(objects=["Contact"])
    assert found(crm, EMAIL, "ana.ruiz@ejemplo.example") == [ANA]
    assert found(crm, PHONE, "+34755102030") == [ANA]
    assert not any("Lead" in question for question in org.asked)


@pytest.mark.parametrize(
    "value", ["", " ", "x", "1004", "%", "_", "\u200b", "ñ" * 300, "' OR Id != '", "\\", "a\\'@b.c"]
)
def test_guesses_find_nobody(opened: Opened, value: str) -> None:
    crm = opened()
    assert crm.find([Identifier(kind, value) for kind in IdentifierKind]) == []
    assert crm.get(value) is None
    assert crm.history(value) == []


def test_a_contact_is_a_customer_and_a_lead_a_prospect(opened: Opened) -> None:
    crm = opened()
    ana, carla = crm.get(ANA), crm.get(CARLA)
    assert ana is not None
    assert carla is not None
    assert (ana.crm, ana.ref, ana.name) == ("ventas", ANA, "Ana Ruiz")
    assert ana.phones == ("+34755102030", "+34840112233")
    assert (ana.emails, ana.handles) == (
        ("ana.ruiz@ejemplo.example",),
        ("mastodon:ana@social.example",),
    )
    assert (ana.country, ana.status) == ("ES", "customer")
    assert (carla.country, carla.status, carla.phones) == ("MX", "prospect", ("+525512345678",))


def test_codes_of_places_are_read_where_the_org_has_them(opened: Opened) -> None:
    ana = opened(address_codes=True).get(ANA)
    assert ana is not None
    assert (ana.country, ana.region) == ("ES", "MD")


def test_a_converted_lead_is_the_contact_that_it_became(opened: Opened) -> None:
    crm = opened()
    became = crm.get(CONVERTED)
    assert became is not None
    assert became.ref == ANA
    assert crm.history(CONVERTED) == crm.history(ANA)


def test_who_is_not_there_is_nobody(opened: Opened) -> None:
    crm = opened()
    assert crm.get("003QK00000404CdYAA") is None
    assert crm.history("003QK00000404CdYAA") == []


# ---------------------------------------------------------------------------- history


def test_the_history_is_complete_and_in_order(opened: Opened) -> None:
    events = opened().history(ANA)
    assert [e.event_id for e in events] == [
        f"task:00TQK00000{n:05d}YAA" for n in (1, 2, 3, 4, 5, 6, 7, 8, 9)
    ]
    assert all(e.at.tzinfo == UTC and e.customer_ref == ANA for e in events)
    assert events[0].at.year == 2025  # put away by Salesforce, and read all the same
    assert opened().history(ANA) == events


def task(crm: Salesforce, number: int) -> Any:
    key = f"task:00TQK00000{number:05d}YAA"
    return next(e for e in crm.history(ANA) if e.event_id == key)


def test_a_call_is_read_whole(opened: Opened) -> None:
    crm = opened()
    call = task(crm, 4)
    assert (call.direction, call.channel) == (Direction.OUT, Channel.CALL)
    assert call.at == datetime(2026, 3, 5, 9, 15, tzinfo=UTC)
    assert (call.caller_number, call.customer_number) == ("1004", "+34755102030")
    assert (call.campaign, call.list_name, call.centre) == ("Fibra", "L-2026-01", "Norte")
    assert (call.agent, call.duration_s) == ("Marta Gil", 64)
    assert call.note == "Call\ndice que no le interesa, no llamar"
    inbound = task(crm, 2)
    assert (inbound.direction, inbound.customer_number) == (Direction.IN, "+34755102030")
    assert (inbound.caller_number, inbound.duration_s) == ("", 240)
    assert inbound.agent == "Luis Vega"


def test_the_hour_is_the_diallers_else_that_of_completion(opened: Opened) -> None:
    crm = opened()
    assert task(crm, 5).at.hour == 10
    assert task(crm, 3).at.hour == 10
    assert task(opened(task_fields={}), 5).at.hour == 18


def test_results_are_mapped_and_unknown_ones_stay_readable(opened: Opened) -> None:
    crm = opened()
    assert {n: task(crm, n).disposition for n in range(1, 7)} == {
        1: Disposition.NO_ANSWER,
        2: Disposition.NONE,
        3: Disposition.BUSY,
        4: Disposition.NOT_INTERESTED,
        5: Disposition.CALLBACK,
        6: Disposition.NONE,
    }
    assert task(crm, 6).note == "Call [Meaningful Connect]"
    assert task(crm, 1).duration_s == 0  # it rang for 25 seconds


def test_emails_and_short_messages_have_their_channel_and_direction(
    opened: Opened, org: Org
) -> None:
    crm = opened()
    sent, received, sms = task(crm, 7), task(crm, 8), task(crm, 9)
    assert (sent.channel, sent.direction) == (Channel.EMAIL, Direction.OUT)
    assert (received.channel, received.direction) == (Channel.EMAIL, Direction.IN)
    assert (sms.channel, sms.direction) == (Channel.SMS, Direction.OUT)
    org.asked.clear()
    channels = {e.channel for e in opened(emails=False).history(ANA)}
    assert channels == {Channel.CALL, Channel.SMS}
    assert not any("EmailMessage" in question for question in org.asked)


def test_what_we_noted_ourselves_is_no_history(opened: Opened) -> None:
    ids = {e.event_id for e in opened().history(ANA)}
    assert "task:00TQK0000000015YAA" not in ids
    assert "task:00TQK0000000015YAA" in {e.event_id for e in opened(key="").history(ANA)}


# ---------------------------------------------------------------------------- suppress


def order(**more: Any) -> Order:
    given = {"key": "sup-1", "number": "+34755102030", "ref": ANA, "reason": "caso 12"}
    return Order(**(given | more))


def test_a_person_is_marked_once(opened: Opened, org: Org) -> None:
    crm = opened()
    first, second = crm.suppress(order()), crm.suppress(order())
    assert (first.reference, first.already) == (f"salesforce:{ANA}", False)
    assert first.effective_at == NOW
    assert (second.reference, second.already) == (f"salesforce:{ANA}", True)
    assert second.effective_at == datetime(2026, 11, 26, 12, 0, 1, tzinfo=UTC)
    assert org.written == [(ANA, {"DoNotCall": True, "Reason__c": "caso 12"})]


def test_a_mark_whose_answer_was_lost_is_found_again(opened: Opened, org: Org) -> None:
    crm = opened(do_not_call_reason="")
    org.fails = [("/sobjects/Contact", org.error(500))] * 2
    with pytest.raises(CRMError) as caught:
        crm.suppress(order())
    assert caught.value.retry
    org.lose_answers = True
    assert not crm.suppress(order()).already  # the same change is sent again at once
    assert crm.suppress(order()).already
    assert org.written == [(ANA, {"DoNotCall": True})] * 2


def test_everybody_with_the_number_is_marked(opened: Opened, org: Org) -> None:
    org.tables["Lead"][0]["Phone"] = "0034 755 102 030"
    crm = opened()
    receipt = crm.suppress(order(ref=None))
    assert receipt.reference == f"salesforce:{ANA},{CARLA}"
    assert [ref for ref, _ in org.written] == [ANA, CARLA]
    assert crm.suppress(order(ref=CARLA)).already


def test_nobody_to_be_marked_is_said(opened: Opened, org: Org) -> None:
    crm = opened()
    receipt = crm.suppress(order(ref=None, number="+34699000111"))
    assert receipt.reference == "salesforce: nobody has this number"
    gone = "003QK00000404CdYAA"
    with pytest.raises(CRMError, match=gone) as caught:
        crm.suppress(order(ref=gone, number="+34699000111"))
    assert "699000111" not in str(caught.value)
    assert org.written == []


def test_a_field_that_is_not_there_is_told(opened: Opened) -> None:
    with pytest.raises(CRMError, match="No such column"):
        opened(do_not_call="No_Such__c").suppress(order())


# ---------------------------------------------------------------------------- record


def ticket(**more: Any) -> Ticket:
    given = {"key": "case-7", "ref": ANA, "title": "Queja", "text": "Llaman mucho"}
    return Ticket(**(given | {"link": "https://listener.example/case/7"} | more))


def test_a_case_becomes_a_task_once(opened: Opened, org: Org) -> None:
    crm = opened(record_values={"Priority": "High"})
    first, second = crm.record(ticket()), crm.record(ticket())
    assert first.reference == second.reference == "salesforce:Task/00TQK0000900001YAA"
    assert (first.already, second.already) == (False, True)
    assert org.written == [
        (
            "Task",
            {
                "Status": "Completed",
                "Priority": "High",
                "WhoId": ANA,
                "Subject": "Queja",
                "Description": "Llaman mucho\n\nhttps://listener.example/case/7",
                "Listener_Key__c": "case-7",
            },
        )
    ]
    assert crm.record(ticket(ref=CARLA, key="case-8")).already is False
    assert org.written[1][1]["WhoId"] == CARLA


def test_a_case_becomes_a_case_of_a_contact_once(opened: Opened, org: Org) -> None:
    crm = opened(record_as="Case")
    first, second = crm.record(ticket()), crm.record(ticket())
    assert first.reference == second.reference == "salesforce:Case/500QK0000900001YAA"
    assert (first.already, second.already) == (False, True)
    assert org.written[0][1] == {
        "ContactId": ANA,
        "Subject": "Queja",
        "Description": "Llaman mucho\n\nhttps://listener.example/case/7",
        "Listener_Key__c": "case-7",
    }
    with pytest.raises(CRMError, match="a lead has no cases"):
        crm.record(ticket(ref=CARLA))


@pytest.mark.parametrize("kind", ["Task", "Case"])
def test_a_record_whose_answer_was_lost_is_found_again(opened: Opened, org: Org, kind: str) -> None:
    crm = opened(record_as=kind)
    org.lose_answers = True
    with pytest.raises(CRMError) as caught:
        crm.record(ticket())
    assert caught.value.retry
    assert crm.record(ticket()).already
    assert len(org.written) == 1


def test_of_two_at_once_one_stands(opened: Opened, org: Org) -> None:
    crm = opened()
    crm.record(ticket())
    nothing = answer_json({"totalSize": 0, "done": True, "records": []})
    org.fails = [("/query", nothing)]  # looked before the other wrote
    assert crm.record(ticket()).already
    assert len(org.written) == 1


def test_a_case_without_a_customer_is_on_nobody(opened: Opened, org: Org) -> None:
    opened().record(ticket(ref=None, key="it's \\ 8"))
    assert "WhoId" not in org.written[0][1]
    assert opened().record(ticket(ref=None, key="it's \\ 8")).already


# ---------------------------------------------------------------------------- what goes wrong


@pytest.mark.parametrize(
    ("name", "status", "retry", "said"),
    [
        ("400", 400, False, "No such column"),
        ("403", 403, False, "may see and change"),
        ("limit", 403, True, "REQUEST_LIMIT_EXCEEDED"),
        ("404", 404, False, "NOT_FOUND"),
        ("429", 429, True, "asked too often"),
        ("500", 500, True, "asked again later"),
    ],
)
def test_an_error_says_what_to_do_and_whether_to_ask_again(
    opened: Opened, org: Org, name: str, status: int, retry: bool, said: str
) -> None:
    headers = {"Retry_After": "120"} if status == 429 else {}
    org.fails = [("/search", org.error(name, status, **headers))] * 3
    with pytest.raises(CRMError, match=said) as caught:
        opened().find([Identifier(PHONE, "+34755102030")])
    assert caught.value.retry is retry
    assert str(caught.value).startswith("CRM ventas: ")


def test_an_error_names_nobody_and_no_token(opened: Opened, org: Org) -> None:
    crm = opened()
    crm.get(ANA)
    token = next(iter(org.sessions))
    body = [{"message": f"FIND {{755102030}} ana.ruiz@ejemplo.example {token}", "errorCode": "X"}]
    org.fails = [("/search", answer_json(body, 400))]
    with pytest.raises(CRMError) as caught:
        crm.find([Identifier(PHONE, "+34755102030")])
    for secret in ("755", "ana.ruiz", token):
        assert secret not in str(caught.value)
    assert caught.value.__cause__ is None
    assert caught.value.__suppress_context__


def test_a_server_that_does_not_answer_in_time_is_asked_again_later(
    opened: Opened, org: Org
) -> None:
    def late() -> Iterator[bytes]:
        time.sleep(1.2)
        yield b"{}"

    org.fails = [("/query", Answer(late())), ("/query", Answer(late()))]
    with pytest.raises(CRMError, match="in time") as caught:
        opened().get(ANA)
    assert caught.value.retry


@pytest.mark.parametrize("part", ["/query", "/oauth2/"])
def test_a_page_of_html_is_not_taken_for_an_answer(opened: Opened, org: Org, part: str) -> None:
    page = Answer(b"<html>Maintenance</html>", headers={"Content-Type": "text/html"})
    org.fails = [(part, page)]
    with pytest.raises(CRMError, match=r"no JSON \(text/html\)") as caught:
        opened().get(ANA)
    assert caught.value.retry


@pytest.mark.parametrize(
    "value", [{}, [], None, "x", {"records": {}}, {"records": [{}]}, {"records": [1]}]
)
def test_an_answer_without_what_was_asked_for_is_no_answer(
    opened: Opened, org: Org, value: Any
) -> None:
    org.fails = [("/query", answer_json(value))]
    with pytest.raises(CRMError, match="cannot be read") as caught:
        opened().get(ANA)
    assert not caught.value.retry


@pytest.mark.parametrize(
    ("following", "said"),
    [("/services/data/v66.0/query/01g-2", "circle"), ("https://x.example/q", "somewhere else")],
)
def test_pages_that_lead_nowhere_end(opened: Opened, org: Org, following: str, said: str) -> None:
    page = answer_json({"records": [], "done": False, "nextRecordsUrl": following})
    org.fails = [("/query", page)] * 3
    with pytest.raises(CRMError, match=said):
        opened().get(ANA)


def test_an_empty_org_knows_nobody(opened: Opened, org: Org) -> None:
    for rows in org.tables.values():
        rows.clear()
    crm = opened()
    assert found(crm, PHONE, "+34755102030") == []
    assert found(crm, EMAIL, "ana.ruiz@ejemplo.example") == []
    assert crm.history(ANA) == []


# ---------------------------------------------------------------------------- hostile answers


@given(st.text(max_size=30))
def test_a_value_ends_where_it_is_said_to_end(value: str) -> None:
    written = salesforce_rows.quoted(value)
    inner = re.fullmatch(r"'((?:[^'\\]|\\.)*)'", written, re.DOTALL)
    assert inner is not None
    plain = re.sub(
        r"\\(.)", lambda m: {"n": "\n", "r": "\r"}.get(m[1], m[1]), inner[1], flags=re.DOTALL
    )
    assert plain == value


ANYTHING = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3)
    ),
    max_leaves=8,
)
NAMES = [
    *salesforce_rows.fields_of("Contact", Options(**FULL)),
    *salesforce_rows.fields_of("Lead", Options(**FULL)),
    *salesforce_rows.task_fields_of(Options(**FULL)),
    *("Account", "Owner", "ActivityId", "Incoming", "attributes"),
]
TELLING = st.sampled_from(
    ["", "Inbound", "Call", "Email", "1e999", -5, True, "2026-03-02T09:15:00.000+0000", "ES", "nan"]
)
RECORD = ANYTHING | st.dictionaries(
    st.sampled_from(NAMES), TELLING | ANYTHING, max_size=14
).flatmap(
    lambda fields: st.sampled_from([ANA, CARLA, "00TQK0000000001YAA", "x", None]).map(
        lambda ref: fields | {"Id": ref}
    )
)


@settings(max_examples=300, deadline=None)
@given(RECORD)
def test_whatever_is_answered_is_read_or_refused(value: Any) -> None:
    options = Options(**FULL)
    for read, kinds in (
        (lambda: salesforce_rows.customer_of(value, options, crm="x", home="ES"), (Customer,)),
        (
            lambda: salesforce_rows.event_of(value, options, ref=ANA, country="ES", incoming={}),
            (ContactEvent, type(None)),
        ),
    ):
        with contextlib.suppress(ValueError):
            answer = read()
            assert isinstance(answer, kinds)
            assert_sound(answer)


def pages(name: str) -> st.SearchStrategy[Mapping[str, Any]]:
    rows = st.lists(RECORD, max_size=3) | ANYTHING
    return st.fixed_dictionaries({name: rows}, optional={"nextRecordsUrl": TELLING | ANYTHING})


@settings(max_examples=150, deadline=None)
@given(RECORD | pages("records") | pages("searchRecords"))
def test_nonsense_is_a_crm_error_and_nothing_else(value: Any) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("LISTENER_SALESFORCE_CLIENT_ID", KEY)
        patch.setenv("LISTENER_SALESFORCE_CLIENT_SECRET", SECRET)
        http = cast(HttpClient, Says(value, [("/oauth2/token", recorded("token"))]))
        crm = salesforce.open(Options(**FULL), connection(http))
        given = [Identifier(PHONE, "+34755102030"), Identifier(EMAIL, "a@b.c")]
        for ask, kinds in (
            (lambda: crm.find(given), (Candidate,)),
            (lambda: [crm.get(ANA)], (Customer, type(None))),
            (lambda: crm.history(ANA), (ContactEvent,)),
            (lambda: [crm.suppress(order())], (Receipt,)),
            (lambda: [crm.record(ticket())], (Receipt,)),
        ):
            with contextlib.suppress(CRMError):
                for answer in ask():
                    assert isinstance(answer, kinds)
                    assert_sound(answer)
