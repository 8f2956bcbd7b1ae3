"""HubSpot: who is found, whose history it is, what is marked and noted once. The account is a model
of the documented one on a real server of this machine, with recorded forms of its answers."""

from __future__ import annotations

import contextlib
import copy
import json
import re
import time
from collections.abc import Callable, Iterator, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, cast

import crm_cases
import phonenumbers
import pytest
import stamina
from crm_cases import Says, assert_sound, cut_off, found
from hubspot.crm import objects
from hubspot.crm.association_type import AssociationType
from hypothesis import given, settings
from hypothesis import strategies as st
from servers import Answer, Asked, WebServer, answer_json

from listener.crm import Capability, Connection, Order, Receipt, Ticket, hubspot, hubspot_rows
from listener.crm.hubspot import HubSpot, Options
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
TOKEN = "pat-eu1-5ecre7"
DATA = Path(__file__).parent / "data" / "crm" / "hubspot"
PHONE, EMAIL = IdentifierKind.PHONE, IdentifierKind.EMAIL
CUSTOMER_ID, HANDLE = IdentifierKind.CUSTOMER_ID, IdentifierKind.HANDLE


def recorded(name: str) -> Any:
    return json.loads((DATA / f"{name}.json").read_text(encoding="utf-8"))


ERRORS = recorded("errors")


class Account:
    """Answers as HubSpot does, two at a time, and keeps what is written. `fails` maps part of a
    path to what is answered instead, once for each entry."""

    def __init__(self) -> None:
        self.contacts = {c["id"]: c for c in copy.deepcopy(recorded("contacts")["results"])}
        self.kinds = {
            kind: {o["id"]: o for o in copy.deepcopy(recorded(kind)["results"])}
            for kind in ("calls", "emails", "notes")
        }
        self.kinds["tickets"] = {}
        self.owners = {o["id"]: o for o in recorded("owners")["results"]}
        self.of = {"151": {kind: list(self.kinds[kind]) for kind in self.kinds}}
        self.properties = {
            "do_not_call": {"no_llamar", "no_llamar_motivo"},
            "key": {"listener_key"},
        }
        self.fails: list[tuple[str, Answer]] = []
        self.written: list[tuple[str, Any]] = []
        self.lose_answers = False
        self.bodies: list[tuple[str, Any]] = []

    def __call__(self, asked: Asked) -> Answer:
        if asked.headers.get("authorization") != f"Bearer {TOKEN}":
            return self.error(401)
        for place, (part, answer) in enumerate(self.fails):
            if part in asked.path:
                del self.fails[place]
                return answer
        parts = asked.path.strip("/").split("/")
        if asked.method in ("POST", "PATCH"):
            self.bodies.append((asked.path, asked.json))
        match parts:
            case ["crm", "objects", "2026-09", "contacts", "search"]:
                return self.search(asked.json)
            case ["crm", "objects", "2026-09", "contacts", ref]:
                return self.contact(asked, ref)
            case ["crm", "objects", "2026-09", "contacts", ref, "associations", kind]:
                return self.associations(asked, ref, kind)
            case ["crm", "objects", "2026-09", kind, "batch", "read"]:
                return self.batch(asked.json, kind)
            case ["crm", "objects", "2026-09", kind] if asked.method == "POST":
                return self.create(asked.json, kind)
            case ["crm", "owners", "2026-09", owner]:
                return self.owner(asked, owner)
        return self.error(404)

    def error(self, status: int, **headers: str) -> Answer:
        return answer_json(ERRORS[str(status)], status, **headers)

    # ------------------------------------------------------------------ contacts

    def search(self, body: Any) -> Answer:
        assert len(json.dumps(body)) <= 3000
        assert 1 <= len(body["filterGroups"]) <= 5
        found = [
            c
            for c in self.contacts.values()
            if any(all(self.holds(c, f) for f in g["filters"]) for g in body["filterGroups"])
        ]
        start = int(body.get("after", "0"))
        page: dict[str, Any] = {"total": len(found), "results": found[start : start + 2]}
        if len(found) > start + 2:
            page["paging"] = {"next": {"after": str(start + 2), "link": "?after=2"}}
        return answer_json(page)

    def holds(self, contact: Any, wanted: Mapping[str, Any]) -> bool:
        name = wanted["propertyName"]
        held = self.indexed(contact, name).lower()
        if wanted["operator"] == "EQ":
            return bool(held) and held == wanted["value"].lower()
        if wanted["operator"] == "IN":
            assert all(v == v.lower() for v in wanted["values"])
            return held in wanted["values"]
        assert wanted["operator"] == "CONTAINS_TOKEN"
        form = ".*".join(re.escape(p) for p in wanted["value"].lower().split("*"))
        return any(re.fullmatch(form, token) for token in re.split(r"[;\s]+", held))

    def indexed(self, contact: Any, name: str) -> str:
        """The searchable forms of phones: without the country's code and a trunk zero."""
        source = {
            "hs_searchable_calculated_phone_number": "phone",
            "hs_searchable_calculated_mobile_number": "mobilephone",
        }.get(name)
        held = contact["properties"].get(source or name) or ""
        if source is None or not held:
            return str(held)
        if held.startswith("+"):
            number = phonenumbers.parse(held)
            return phonenumbers.national_significant_number(number)
        return re.sub(r"\D", "", held).lstrip("0")

    def contact(self, asked: Asked, ref: str) -> Answer:
        found = self.contacts.get(ref)
        if found is None:
            return self.error(404)
        if asked.method == "PATCH":
            given = asked.json["properties"]
            if not set(given) <= self.properties["do_not_call"]:
                return self.error(400)
            self.written.append((asked.path, given))
            found["properties"] |= given
            history = found.setdefault("propertiesWithHistory", {})
            for name, value in given.items():
                version = {
                    "value": value,
                    "timestamp": "2026-11-26T12:00:01Z",
                    "sourceType": "INTEGRATION",
                }
                history[name] = [version, *history.get(name, ())]
            return self.lost() or answer_json(found)
        names = asked.query["properties"].split(",")
        shown = {n: found["properties"][n] for n in names if n in found["properties"]}
        more = {}
        if "propertiesWithHistory" in asked.query:
            name = asked.query["propertiesWithHistory"]
            held = found.get("propertiesWithHistory", {})
            more = {"propertiesWithHistory": {name: held.get(name, [])}}
        return answer_json(found | {"properties": shown} | more)

    # ------------------------------------------------------------------ activities and records

    def associations(self, asked: Asked, ref: str, kind: str) -> Answer:
        if ref not in self.contacts:
            return self.error(404)
        ids = self.of.get(ref, {}).get(kind, [])
        start = int(asked.query.get("after", "0"))
        kinds = [{"category": "HUBSPOT_DEFINED", "typeId": 193, "label": None}]
        results = [{"toObjectId": int(i), "associationTypes": kinds} for i in ids]
        page: dict[str, Any] = {"results": results[start : start + 2]}
        if len(results) > start + 2:
            page["paging"] = {"next": {"after": str(start + 2), "link": "https://x.example"}}
        return answer_json(page)

    def batch(self, body: Any, kind: str) -> Answer:
        assert len(body["inputs"]) <= 100
        name = body.get("idProperty")
        if name is not None and name not in self.properties["key"]:
            return self.error(400)
        held = {
            o["properties"].get(name) if name else ref: o for ref, o in self.kinds[kind].items()
        }
        wanted = [i["id"] for i in body["inputs"]]
        there = [held[i] for i in wanted if i in held]
        answer: dict[str, Any] = {"status": "COMPLETE", "results": there}
        gone = [i for i in wanted if i not in held]
        if gone:
            problem = {"status": "error", "category": "OBJECT_NOT_FOUND", "context": {"ids": gone}}
            answer |= {"numErrors": 1, "errors": [problem | {"message": "Could not get some"}]}
        return answer_json(answer, 207 if gone else 200)

    def create(self, body: Any, kind: str) -> Answer:
        properties = body["properties"]
        key = properties.get("listener_key")
        if any(o["properties"].get("listener_key") == key for o in self.kinds[kind].values()):
            return self.error(409)
        self.written.append((kind, body))
        ref = str(50_000 + len(self.written))
        made = "2026-11-26T12:00:02.123Z"
        stored = {"id": ref, "properties": properties, "createdAt": made, "updatedAt": made}
        self.kinds[kind][ref] = stored | {"archived": False}
        for one in body.get("associations", ()):
            self.of.setdefault(one["to"]["id"], {}).setdefault(kind, []).append(ref)
        return self.lost() or answer_json(self.kinds[kind][ref], 201)

    def owner(self, asked: Asked, owner: str) -> Answer:
        found = self.owners.get(owner)
        archived = asked.query.get("archived", "false") == "true"
        if found is None or found["archived"] is not archived:
            return self.error(404)
        return answer_json(found)

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
def _token(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LISTENER_HUBSPOT_TOKEN", TOKEN)


@pytest.fixture
def account() -> Account:
    return Account()


FULL: dict[str, Any] = {
    "portal": "62515",
    "customer_id": "numero_cliente",
    "handles": {"x": "twitterhandle"},
    "consent": "consentimiento",
    "do_not_call": "no_llamar",
    "do_not_call_reason": "no_llamar_motivo",
    "key": "listener_key",
    "campaign": "campana",
    "list_name": "lista",
    "centre": "centro",
    "dispositions": {"0B7A5C7E-0000-4c1c-9f51-1f1a1d3a0b11": "callback"},
}


def connection(http: HttpClient | None = None) -> Connection:
    return crm_cases.connection("hubspot", NOW, http)


Opened = Callable[..., HubSpot]


@pytest.fixture
def opened(account: Account) -> Iterator[Opened]:
    with WebServer(account) as server:

        def make(**options: Any) -> HubSpot:
            given = Options.model_validate(FULL | {"url": server.base_url} | options)
            return hubspot.open(given, connection())

        yield make


# ---------------------------------------------------------------------------- what it can


def test_it_can_what_it_is_set_up_for(opened: Opened) -> None:
    assert opened().can == set(Capability) - {Capability.CALLS}
    bare = hubspot.open(Options(), connection())
    assert bare.can == {Capability.FIND, Capability.HISTORY}
    assert bare.link("151") is None


def test_a_link_leads_to_the_contact_and_to_nothing_else(opened: Opened) -> None:
    crm = opened(app_url="https://app-eu1.hubspot.com/")
    assert crm.link("151") == "https://app-eu1.hubspot.com/contacts/62515/record/0-1/151"
    assert crm.link("../x") is None


@pytest.mark.parametrize(
    "wrong", [{"key": "Not A Name"}, {"api_version": "v3"}, {"portal": "x"}, {"phones": []}]
)
def test_a_wrong_option_is_refused(wrong: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match=next(iter(wrong))):
        Options.model_validate(wrong)


# ---------------------------------------------------------------------------- who


@pytest.mark.parametrize(
    ("written", "country", "e164"),
    [
        ("755 10 20 31", "ES", "+34755102031"),
        ("+34 (755) 10.20.31", "", "+34755102031"),
        ("+34755102031", "", "+34755102031"),
        ("0034-755-102031", "", "+34755102031"),
        ("755102031", "", "+34755102031"),
        ("34755102031", "ES", "+34755102031"),
        ("07700 900129", "GB", "+447700900129"),
        ("+44 7700 900129", "", "+447700900129"),
        ("044 55 1234 5679", "MX", "+525512345679"),
        ("01 55 1234 5679", "MX", "+525512345679"),
        ("+52 1 55 1234 5679", "", "+525512345679"),
        ("+54 9 11 2345-6789", "", "+541123456789"),
        ("011 15 2345-6789", "AR", "+541123456789"),
        ("(20) 8123-4567", "BR", "+5520981234567"),
        ("06 39 98 12 35", "FR", "+33639981235"),
        ("06 1234 5678", "IT", "+390612345678"),
    ],
)
@pytest.mark.parametrize("held", ["phone", "mobilephone"])
def test_a_phone_is_found_in_every_written_form(
    opened: Opened, account: Account, written: str, country: str, e164: str, held: str
) -> None:
    properties = {"firstname": "Eva", held: written, "hs_country_region_code": country}
    account.contacts["160"] = account.contacts["152"] | {"id": "160", "properties": properties}
    assert found(opened(), PHONE, e164) == ["160"]


def test_who_has_the_same_last_digits_in_another_country_is_not_found(opened: Opened) -> None:
    crm = opened()
    assert found(crm, PHONE, "+34755102030") == ["151"]
    assert found(crm, PHONE, "+33755102030") == ["154"]
    assert found(crm, PHONE, "+34655102030") == []


def test_two_with_one_phone_are_two_candidates_over_all_pages(
    opened: Opened, account: Account
) -> None:
    for ref in ("161", "162", "163", "164"):
        account.contacts[ref] = copy.deepcopy(account.contacts["151"]) | {"id": ref}
    given = Identifier(PHONE, "+34755102030")
    candidates = opened().find([given, given])
    assert [c.customer.ref for c in candidates] == ["151", "161", "162", "163", "164"]
    assert {c.found_by for c in candidates} == {given}


def test_addresses_ids_and_accounts_are_compared_exactly(opened: Opened) -> None:
    crm = opened()
    assert found(crm, EMAIL, "ana.ruiz@ejemplo.example") == ["151"]
    assert found(crm, EMAIL, "ARUIZ@trabajo.example") == ["151"]
    assert found(crm, EMAIL, "ruiz@ejemplo.example") == []
    assert found(crm, EMAIL, "*@ejemplo.example") == []
    assert found(crm, CUSTOMER_ID, "C-1001") == ["151"]
    assert found(crm, CUSTOMER_ID, "c-1001") == ["151"]
    assert found(crm, CUSTOMER_ID, "151") == []
    assert found(crm, HANDLE, "x:anaruiz") == ["151"]
    assert found(crm, HANDLE, "x:ana") == ["154"]
    assert found(crm, HANDLE, "mastodon:anaruiz") == []


def test_hubspots_own_numbers_are_no_customers_ids(opened: Opened, account: Account) -> None:
    assert found(opened(customer_id=""), CUSTOMER_ID, "151") == []
    assert account.bodies == []


def test_the_given_is_told_with_each_candidate_and_nothing_asks_for_nothing(
    opened: Opened, account: Account
) -> None:
    crm = opened()
    assert crm.find([]) == []
    given = [Identifier(EMAIL, "ben@example.org"), Identifier(PHONE, "+447700900123")]
    assert [(c.customer.ref, c.found_by) for c in crm.find(given)] == [
        ("152", given[0]),
        ("152", given[1]),
    ]


@pytest.mark.parametrize("value", ["", " ", "x", "1004", "%", "\u200b", "ñ" * 300, "' OR 1=1 --"])
def test_guesses_find_nobody(opened: Opened, value: str) -> None:
    crm = opened()
    assert crm.find([Identifier(kind, value) for kind in IdentifierKind]) == []
    assert crm.get(value) is None
    assert crm.history(value) == []


def test_a_contact_becomes_a_customer(opened: Opened) -> None:
    ana = opened().get("151")
    assert ana is not None
    assert (ana.crm, ana.ref, ana.name) == ("ventas", "151", "Ana Ruiz")
    assert ana.phones == ("+34755102030", "+34840112233")
    assert ana.emails == (
        *("ana.ruiz@ejemplo.example", "ana@otro.example", "aruiz@trabajo.example"),
    )
    assert ana.handles == ("x:anaruiz",)
    assert (ana.country, ana.region, ana.time_zone) == ("ES", "MD", "Europe/Madrid")
    assert (ana.consent, ana.status) == ("granted", "customer")


def test_countries_in_words_and_stages_are_read(opened: Opened) -> None:
    crm = opened(stages={"opportunity": "former"})
    ben, carla, denis = (crm.get(ref) for ref in ("152", "153", "154"))
    assert ben is not None
    assert carla is not None
    assert denis is not None
    assert (ben.country, ben.phones, ben.status) == ("GB", ("+447700900123",), "prospect")
    assert (carla.country, carla.phones) == ("MX", ("+525512345678",))
    assert (carla.status, carla.consent, carla.name) == ("former", "refused", "Carla")
    assert denis.status == "customer"


def test_who_is_not_there_is_nobody(opened: Opened) -> None:
    crm = opened()
    assert crm.get("404") is None
    assert crm.history("404") == []


# ---------------------------------------------------------------------------- history


def test_the_history_is_complete_and_in_order(opened: Opened) -> None:
    events = opened().history("151")
    assert [e.event_id for e in events] == [
        *("call:9001", "call:9002", "email:8001", "call:9003", "email:8002", "email:8004"),
        *("call:9004", "note:7001", "call:9005", "call:9006", "call:9007", "call:9008"),
    ]
    assert [e.at for e in events] == sorted(e.at for e in events)
    assert all(e.at.tzinfo == UTC and e.customer_ref == "151" for e in events)
    assert opened().history("151") == events
    assert opened().history("152") == []


def test_a_call_is_read_whole(opened: Opened) -> None:
    by_id = {e.event_id: e for e in opened().history("151")}
    call = by_id["call:9004"]
    assert (call.direction, call.channel) == (Direction.OUT, Channel.CALL)
    assert call.at == datetime(2026, 3, 5, 9, 15, tzinfo=UTC)
    assert (call.caller_number, call.customer_number) == ("1004", "+34755102030")
    assert (call.campaign, call.list_name, call.centre) == ("Fibra", "L-2026-01", "Norte")
    assert (call.agent, call.duration_s) == ("Marta Gil", 64)
    assert call.note == "dice que no le interesa,\n\nno llamar"
    inbound = by_id["call:9002"]
    assert (inbound.direction, inbound.customer_number) == (Direction.IN, "+34755102030")
    assert (inbound.caller_number, inbound.duration_s) == ("", 240)
    assert inbound.agent == "luis@empresa.example"  # archived, and without a name
    assert by_id["call:9005"].agent == "77"  # known to nobody
    assert by_id["call:9003"].agent == ""


def test_outcomes_are_mapped_and_unknown_ones_stay_readable(opened: Opened) -> None:
    by_id = {e.event_id: e for e in opened().history("151")}
    assert {key: by_id[f"call:{key}"].disposition for key in range(9001, 9009)} == {
        9001: Disposition.NO_ANSWER,
        9002: Disposition.NONE,
        9003: Disposition.BUSY,
        9004: Disposition.NONE,
        9005: Disposition.CALLBACK,
        9006: Disposition.NONE,
        9007: Disposition.WRONG_NUMBER,
        9008: Disposition.VOICEMAIL,
    }
    assert by_id["call:9006"].note == "[5d9a4f20-0000-4a51-8a2e-6f1a1d3a0b22]"
    assert by_id["call:9005"].note == "pide que le llamen mañana"


def test_what_rang_was_not_answered(opened: Opened) -> None:
    assert next(e for e in opened().history("151") if e.event_id == "call:9001").duration_s == 0


def test_emails_have_a_direction_and_notes_are_no_contacts_of_ours(opened: Opened) -> None:
    by_id = {e.event_id: e for e in opened().history("151")}
    sent, answer = by_id["email:8001"], by_id["email:8002"]
    assert (sent.direction, sent.channel) == (Direction.OUT, Channel.EMAIL)
    assert sent.note == "Oferta de fibra\nHola Ana, tenemos una oferta."
    assert answer.direction is Direction.IN
    assert answer.note == "Re: Oferta de fibra\nNo me interesa."
    assert by_id["email:8004"].direction is Direction.IN
    note = by_id["note:7001"]
    assert (note.direction, note.channel) == (Direction.IN, Channel.OTHER)
    assert note.note == "se puso de mal humor"


def test_what_we_noted_ourselves_is_no_history(opened: Opened) -> None:
    ids = {e.event_id for e in opened().history("151")}
    assert "note:7001" in ids
    assert "note:7002" not in ids
    assert "note:7002" in {e.event_id for e in opened(key="").history("151")}


def test_an_activity_that_goes_away_in_between_is_missing(opened: Opened, account: Account) -> None:
    account.of["151"]["calls"].append("9999")
    assert len(opened().history("151")) == 12


def test_a_long_history_is_read_a_hundred_at_a_time(opened: Opened, account: Account) -> None:
    call = account.kinds["calls"]["9001"]
    more = {str(n): call | {"id": str(n)} for n in range(20_000, 20_205)}
    account.kinds["calls"] |= more
    account.of["151"] = {"calls": list(more)}
    assert len(opened().history("151")) == 205
    sizes = [len(b["inputs"]) for path, b in account.bodies if path.endswith("calls/batch/read")]
    assert sizes == [100, 100, 5]


def test_the_history_of_a_merged_contact_is_that_of_what_it_became(
    opened: Opened, account: Account
) -> None:
    account.contacts["99"] = account.contacts["151"]
    events = opened().history("99")
    assert len(events) == 12
    assert {e.customer_ref for e in events} == {"151"}


def test_an_activity_that_cannot_be_had_is_no_shorter_history(
    opened: Opened, account: Account
) -> None:
    problem = {"category": "INTERNAL_ERROR", "message": "try again"}
    answer = answer_json({"status": "COMPLETE", "results": [], "errors": [problem]}, 207)
    account.fails = [("calls/batch/read", answer)]
    with pytest.raises(CRMError, match="INTERNAL_ERROR: try again"):
        opened().history("151")


def test_without_the_scope_for_owners_agents_are_their_ids(
    opened: Opened, account: Account
) -> None:
    account.fails = [("/owners/", account.error(403)), ("/owners/", account.error(403))]
    events = opened().history("151")
    assert {e.agent for e in events} == {"41629779", "41629780", "77", ""}


# ---------------------------------------------------------------------------- suppress


def order(**more: Any) -> Order:
    given = {"key": "sup-1", "number": "+34755102030", "ref": "151", "reason": "caso 12"}
    return Order(**(given | more))


def test_a_contact_is_marked_once(opened: Opened, account: Account) -> None:
    crm = opened()
    first, second = crm.suppress(order()), crm.suppress(order())
    assert (first.reference, first.already) == ("hubspot:contacts/151", False)
    assert first.effective_at == NOW
    assert (second.reference, second.already) == ("hubspot:contacts/151", True)
    assert second.effective_at == datetime(2026, 11, 26, 12, 0, 1, tzinfo=UTC)
    assert [given for _, given in account.written] == [
        {"no_llamar": "true", "no_llamar_motivo": "caso 12"}
    ]


def test_a_mark_whose_answer_was_lost_is_found_again(opened: Opened, account: Account) -> None:
    crm = opened()
    account.lose_answers = True
    with pytest.raises(CRMError) as caught:
        crm.suppress(order())
    assert caught.value.retry
    assert crm.suppress(order()).already
    assert len(account.written) == 1


def test_everybody_with_the_number_is_marked(opened: Opened, account: Account) -> None:
    twin = copy.deepcopy(account.contacts["151"])
    twin["properties"] |= {"phone": "+34 755 102 030", "mobilephone": None}
    account.contacts["170"] = twin | {"id": "170"}
    crm = opened(do_not_call_reason="")
    receipt = crm.suppress(order(ref=None))
    assert receipt.reference == "hubspot:contacts/151,170"
    assert {path.rpartition("/")[2] for path, _ in account.written} == {"151", "170"}
    assert crm.suppress(order()).already


def test_somebody_else_had_marked_them_before(opened: Opened, account: Account) -> None:
    ana = account.contacts["151"]
    ana["properties"]["no_llamar"] = "true"
    ana["propertiesWithHistory"] = {
        "no_llamar": [
            {"value": "true", "timestamp": "2026-05-01T10:00:00Z", "sourceType": "CRM_UI"},
            {"value": "false", "timestamp": "2026-04-01T10:00:00Z", "sourceType": "CRM_UI"},
            {"value": "true", "timestamp": "2026-03-01T10:00:00Z", "sourceType": "CRM_UI"},
        ]
    }
    receipt = opened().suppress(order())
    assert receipt.already
    assert receipt.effective_at == datetime(2026, 5, 1, 10, tzinfo=UTC)
    assert account.written == []


def test_nobody_to_be_marked_is_said(opened: Opened, account: Account) -> None:
    crm = opened()
    receipt = crm.suppress(order(ref=None, number="+34699000111"))
    assert receipt.reference == "hubspot: no contact has this number"
    with pytest.raises(CRMError, match="no contact 404") as caught:
        crm.suppress(order(ref="404", number="+34699000111"))
    assert "699000111" not in str(caught.value)
    assert not caught.value.retry
    assert account.written == []


def test_a_mark_that_does_not_hold_is_told(opened: Opened, account: Account) -> None:
    untouched = answer_json(account.contacts["151"])
    crm = opened()
    account.fails = [("/contacts/151", answer_json(account.contacts["151"]))]
    with pytest.raises(CRMError, match="does not exist"):
        opened(do_not_call="no_such").suppress(order())
    account.fails = [
        ("/contacts/search", answer_json({"total": 0, "results": []})),
        ("/contacts/151", answer_json(account.contacts["151"])),
        ("/contacts/151", untouched),
    ]
    with pytest.raises(CRMError, match="no_llamar does not say true"):
        crm.suppress(order())


# ---------------------------------------------------------------------------- record


def ticket(**more: Any) -> Ticket:
    given = {"key": "case-7", "ref": "151", "title": "Queja", "text": "Llaman <b>mucho</b>"}
    return Ticket(**(given | {"link": "https://listener.example/case/7"} | more))


def test_a_case_becomes_a_ticket_once(opened: Opened, account: Account) -> None:
    crm = opened(pipeline="3", stage="33")
    first, second = crm.record(ticket()), crm.record(ticket())
    assert first.reference == second.reference == "hubspot:tickets/50001"
    assert (first.already, second.already) == (False, True)
    assert first.effective_at == second.effective_at
    [(kind, body)] = account.written
    assert kind == "tickets"
    assert body["properties"] == {
        "subject": "Queja",
        "content": "Llaman <b>mucho</b>\n\nhttps://listener.example/case/7",
        "hs_pipeline": "3",
        "hs_pipeline_stage": "33",
        "listener_key": "case-7",
    }
    types = [{"associationCategory": "HUBSPOT_DEFINED", "associationTypeId": 16}]
    assert body["associations"] == [{"to": {"id": "151"}, "types": types}]


def test_a_case_becomes_a_note_once(opened: Opened, account: Account) -> None:
    crm = opened(record_as="note")
    first, second = crm.record(ticket()), crm.record(ticket())
    assert (first.already, second.already) == (False, True)
    assert first.reference == second.reference == "hubspot:notes/50001"
    [(_, body)] = account.written
    assert body["properties"]["hs_note_body"] == (
        "Queja<br><br>Llaman &lt;b&gt;mucho&lt;/b&gt;<br><br>https://listener.example/case/7"
    )
    assert body["associations"][0]["types"][0]["associationTypeId"] == 202
    with pytest.raises(CRMError, match="record_as"):
        crm.record(ticket(ref=None))


@pytest.mark.parametrize("kind", ["ticket", "note"])
def test_a_record_whose_answer_was_lost_is_found_again(
    opened: Opened, account: Account, kind: str
) -> None:
    crm = opened(record_as=kind)
    account.lose_answers = True
    with pytest.raises(CRMError) as caught:
        crm.record(ticket())
    assert caught.value.retry
    assert crm.record(ticket()).already
    assert len(account.written) == 1


def test_of_two_at_once_one_stands(opened: Opened, account: Account) -> None:
    crm = opened()
    crm.record(ticket())
    nothing = answer_json({"status": "COMPLETE", "results": []})
    account.fails = [("/tickets/batch/read", nothing)]  # looked before the other wrote
    assert crm.record(ticket()).already
    assert len(account.written) == 1


def test_a_case_without_a_customer_is_a_ticket_on_nobody(opened: Opened, account: Account) -> None:
    opened().record(ticket(ref=None, key="case/8?x"))
    assert "associations" not in account.written[0][1]
    assert opened().record(ticket(ref=None, key="case/8?x")).already


def test_a_missing_property_for_the_key_is_told(opened: Opened) -> None:
    with pytest.raises(CRMError, match="does not exist"):
        opened(key="no_such").record(ticket())


# ---------------------------------------------------------------------------- what goes wrong


@pytest.mark.parametrize(
    ("status", "retry", "said"),
    [
        (400, False, "VALIDATION_ERROR|not valid"),
        (401, False, "service key in LISTENER_HUBSPOT_TOKEN"),
        (403, False, "scopes that docs/crm.md lists"),
        (404, False, "api_version"),
        (429, True, "asked too often"),
        (500, True, "asked again later"),
    ],
)
def test_an_error_says_what_to_do_and_whether_to_ask_again(
    opened: Opened, account: Account, status: int, retry: bool, said: str
) -> None:
    headers = {"Retry_After": "120"} if status == 429 else {}
    account.fails = [("/search", account.error(status, **headers))] * 3
    with pytest.raises(CRMError, match=said) as caught:
        opened().find([Identifier(PHONE, "+34755102030")])
    assert caught.value.retry is retry
    assert str(caught.value).startswith("CRM ventas: ")


def test_a_moment_of_trouble_is_bridged(opened: Opened, account: Account) -> None:
    account.fails = [("/search", account.error(500))]
    assert found(opened(), PHONE, "+34755102030") == ["151"]


def test_an_error_names_nobody_and_no_token(opened: Opened, account: Account) -> None:
    body = {"message": f"phone +34 755 10 20 30 of ana.ruiz@ejemplo.example, {TOKEN}, 755102030"}
    account.fails = [("/search", answer_json(body, 400))]
    with pytest.raises(CRMError) as caught:
        opened().find([Identifier(PHONE, "+34755102030")])
    for secret in ("755", "ana.ruiz", TOKEN):
        assert secret not in str(caught.value)
    assert caught.value.__cause__ is None
    assert caught.value.__suppress_context__


def test_a_server_that_does_not_answer_in_time_is_asked_again_later(
    opened: Opened, account: Account
) -> None:
    def late() -> Iterator[bytes]:
        time.sleep(1.2)
        yield b"{}"

    account.fails = [("/contacts/151", Answer(late())), ("/contacts/151", Answer(late()))]
    with pytest.raises(CRMError, match="in time") as caught:
        opened().get("151")
    assert caught.value.retry


def test_a_page_of_html_is_not_taken_for_an_answer(opened: Opened, account: Account) -> None:
    page = Answer(b"<html>Sign in</html>", headers={"Content-Type": "text/html"})
    account.fails = [("/search", page)]
    with pytest.raises(CRMError, match=r"no JSON \(text/html\)") as caught:
        opened().find([Identifier(PHONE, "+34755102030")])
    assert caught.value.retry


@pytest.mark.parametrize("value", [{}, [], None, "x", {"results": {}}, {"results": [{}]}])
def test_an_answer_without_what_was_asked_for_is_no_answer(
    opened: Opened, account: Account, value: Any
) -> None:
    account.fails = [("/search", answer_json(value))]
    with pytest.raises(CRMError, match="cannot be read") as caught:
        opened().find([Identifier(PHONE, "+34755102030")])
    assert not caught.value.retry


def test_pages_that_go_in_a_circle_end(opened: Opened, account: Account) -> None:
    page = {"results": [], "paging": {"next": {"after": "2"}}}
    account.fails = [("/search", answer_json(page)), ("/search", answer_json(page))]
    with pytest.raises(CRMError, match="in a circle"):
        opened().find([Identifier(PHONE, "+34755102030")])


def test_an_empty_account_knows_nobody(opened: Opened, account: Account) -> None:
    account.contacts.clear()
    crm = opened()
    assert found(crm, PHONE, "+34755102030") == []
    assert crm.get("151") is None


def test_a_token_that_is_not_set_is_told(opened: Opened, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("LISTENER_HUBSPOT_TOKEN")
    with pytest.raises(MissingCredential, match="LISTENER_HUBSPOT_TOKEN"):
        opened().get("151")


# ---------------------------------------------------------------------------- hostile answers

ANYTHING = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3)
    ),
    max_leaves=8,
)
NAMES = [*hubspot_rows.CALL, *hubspot_rows.EMAIL, *hubspot_rows.NOTE, *Options(**FULL).properties]
TELLING = st.sampled_from(
    [
        "",
        "INBOUND",
        "1e999",
        "-5",
        "2026-03-02T09:15:00Z",
        "1772877600000",
        "0",
        "true",
        "ES",
        "nan",
    ]
)
RECORD = ANYTHING | st.fixed_dictionaries(
    {
        "id": st.sampled_from(["1", "151", "", "x", "9" * 30]) | ANYTHING,
        "properties": st.dictionaries(st.sampled_from(NAMES), TELLING | ANYTHING, max_size=12)
        | ANYTHING,
    },
    optional={
        "propertiesWithHistory": st.dictionaries(st.just("no_llamar"), ANYTHING) | ANYTHING,
        "updatedAt": TELLING,
    },
)


@settings(max_examples=300, deadline=None)
@given(RECORD)
def test_whatever_is_answered_is_read_or_refused(value: Any) -> None:
    options = Options(**FULL)
    agents = {"41629779": "Marta"}
    nothing = type(None)
    for read, kinds in (
        (lambda: hubspot_rows.customer_of(value, options, crm="x", home="ES"), (Customer,)),
        (
            lambda: hubspot_rows.call_of(value, options, ref="1", country="ES", agents=agents),
            (ContactEvent, nothing),
        ),
        (lambda: hubspot_rows.email_of(value, ref="1", agents=agents), (ContactEvent, nothing)),
        (lambda: hubspot_rows.note_of(value, ref="1", agents=agents), (ContactEvent,)),
        (lambda: hubspot_rows.marked_since(value, "no_llamar", "true"), (datetime, nothing)),
        (lambda: hubspot_rows.results_of(value if isinstance(value, dict) else {}), (list,)),
    ):
        with contextlib.suppress(ValueError):
            answer = read()
            assert isinstance(answer, kinds)
            assert_sound(answer)


@settings(max_examples=150, deadline=None)
@given(RECORD | st.fixed_dictionaries({"results": st.lists(RECORD, max_size=2) | ANYTHING}))
def test_nonsense_is_a_crm_error_and_nothing_else(value: Any) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("LISTENER_HUBSPOT_TOKEN", TOKEN)
        http = cast(HttpClient, Says(value))
        crm = hubspot.open(Options(**FULL), connection(http))
        given = [Identifier(PHONE, "+34755102030"), Identifier(EMAIL, "a@b.c")]
        for ask, kinds in (
            (lambda: crm.find(given), (Candidate,)),
            (lambda: [crm.get("151")], (Customer, type(None))),
            (lambda: crm.history("151"), (ContactEvent,)),
            (lambda: [crm.suppress(order())], (Receipt,)),
            (lambda: [crm.record(ticket())], (Receipt,)),
        ):
            with contextlib.suppress(CRMError):
                for answer in ask():
                    assert isinstance(answer, kinds)
                    assert_sound(answer)


# ---------------------------------------------------------------------------- the official client


def test_our_requests_and_answers_are_of_the_official_clients_types(
    opened: Opened, account: Account
) -> None:
    """hubspot-api-client 12, the reference of the forms."""
    crm = opened()
    crm.find([Identifier(PHONE, "+34755102030"), Identifier(EMAIL, "a@b.example")])
    crm.history("151")
    crm.suppress(order())
    crm.record(ticket())

    def keys(name: str) -> set[str]:
        return set(getattr(objects, name).attribute_map.values())

    assert len({path.rpartition("/")[2] for path, _ in account.bodies}) == 4
    for path, body in account.bodies:
        if path.endswith("/search"):
            assert set(body) <= keys("PublicObjectSearchRequest")
            for group in body["filterGroups"]:
                assert set(group) <= keys("FilterGroup")
                for one in group["filters"]:
                    assert set(one) <= keys("Filter")
                    strict = objects.Configuration()
                    strict.client_side_validation = True
                    objects.Filter(
                        property_name=one["propertyName"],
                        operator=one["operator"],
                        local_vars_configuration=strict,
                    )
        elif path.endswith("/batch/read"):
            assert set(body) <= keys("BatchReadInputSimplePublicObjectId")
        elif path.endswith("/tickets"):
            assert set(body) == keys("SimplePublicObjectInputForCreate")
            [one] = body["associations"]
            assert set(one) == keys("PublicAssociationsForObject")
            assert set(one["types"][0]) == keys("AssociationSpec")
            assert one["types"][0]["associationTypeId"] == AssociationType.TICKET_TO_CONTACT
        else:
            assert set(body) == keys("SimplePublicObjectInput")
    assert AssociationType.NOTE_TO_CONTACT == 202
    for name, kind in (
        ("contacts", "CollectionResponseWithTotalSimplePublicObjectForwardPaging"),
        ("calls", "BatchResponseSimplePublicObject"),
        ("emails", "BatchResponseSimplePublicObject"),
        ("notes", "BatchResponseSimplePublicObject"),
    ):
        raw = recorded(name)
        answer = type("Answer", (), {"data": json.dumps(raw)})
        read = objects.ApiClient().deserialize(answer, kind)
        assert [o.id for o in read.results] == [o["id"] for o in raw["results"]]
        assert set(raw) <= set(getattr(objects, kind).attribute_map.values())
        for one in raw["results"]:
            assert set(one) <= keys("SimplePublicObject")
