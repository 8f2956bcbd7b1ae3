"""SuiteCRM: against a server that answers as its API does, with its peculiarities, and remembers."""

from __future__ import annotations

import copy
import html
import json
import re
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, cast
from urllib.parse import urlencode

import pytest
import stamina
from crm_cases import assert_refused, cut_off, phone, refs
from hypothesis import given
from hypothesis import strategies as st
from servers import Answer, Asked, WebServer, answer_json

from listener.crm import Capability, Connection, Order, Ticket, suitecrm, suitecrm_rows
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
DATA = Path(__file__).parent / "data" / "crm" / "suitecrm"
CLIENT, SECRET = "3d55a713-12be-62ea-c814-5aaa5faa93ef", "s3cret<&>client"
ANA, LUIS, BEN, BIA, EVA, TOM = (f"b13a39f8-1c24-c5d0-ba0d-5ab123d6e80{n}" for n in range(1, 7))
CONVERTED, CARLA = (f"c24b4a09-2d35-d6e1-cb1e-6bc234e7f90{n}" for n in (1, 2))
ACCOUNT = "d35c5b10-3e46-e7f2-dc2f-7cd345f80a01"
CALL = "f57e7d32-5068-0914-fe41-9ef5671a2c0"


def recorded(name: str) -> Any:
    return json.loads((DATA / f"{name}.json").read_text())


class Suite:
    """The part of SuiteCRM's API that is asked: tokens, filters, pages, relationships, writes."""

    def __init__(self, prefix: str) -> None:
        self.prefix = prefix
        self.records: dict[str, list[dict[str, Any]]] = {
            module: recorded(module.lower())["data"]
            for module in ("Contacts", "Leads", "Accounts", "Calls")
        } | {"Cases": [], "Tasks": []}
        self.addresses: dict[str, list[dict[str, Any]]] = recorded("email_addresses")
        self.invited: dict[str, list[str]] = recorded("invited")
        self.tokens: list[str] = []
        self.instead: Callable[[Asked], Answer | None] = lambda _asked: None
        self.lose_answer = False

    def answer(self, asked: Asked) -> Answer:
        if (other := self.instead(asked)) is not None:
            return other
        path = asked.path.removeprefix(self.prefix)
        if path == "/access_token":
            return self._token(asked)
        if asked.headers.get("authorization") not in {f"Bearer {t}" for t in self.tokens[-1:]}:
            return answer_json(
                {"error": "access_denied", "message": "The resource owner denied the request."}, 401
            )
        if asked.method != "GET":
            return self._write(asked)
        parts = path.split("/")[3:]
        if len(parts) == 4:
            return self._related(parts[0], parts[1], parts[3], asked)
        return self._search(parts[0], asked)

    def _token(self, asked: Asked) -> Answer:
        given_ = asked.json
        if (given_["grant_type"], given_["client_id"], given_["client_secret"]) != (
            *("client_credentials", CLIENT),
            SECRET,
        ):
            return answer_json(recorded("invalid_client"), 401)
        token = f"token-{len(self.tokens)}"
        self.tokens.append(token)
        return answer_json(recorded("access_token") | {"access_token": token})

    def _search(self, module: str, asked: Asked) -> Answer:
        filters = [
            (found[1], found[2], value)
            for name, value in asked.query.items()
            if (found := re.fullmatch(r"filter\[(\w+)\]\[(\w+)\]", name))
        ]
        join = any if asked.query.get("filter[operator]") == "or" else all
        rows = [
            row
            for row in self.records[module]
            if join(self._holds(module, row, *one) for one in filters)
        ]
        if any(field == "email1" for field, _, _ in filters):
            rows = rows * 2  # the join finds some twice
        return self._page(rows, asked)

    def _holds(self, module: str, row: dict[str, Any], field: str, op: str, value: str) -> bool:
        if field == "id":
            return bool(row["id"] == value)
        held = html.unescape(str(row["attributes"].get(field, "")))
        if field == "email1":
            own = self.addresses.get(f"{module}/{row['id']}", [])
            former = row["attributes"].get("former_address", "")
            known = [a["attributes"]["email_address"] for a in own] + [former]
            return value.lower() in [k.lower() for k in known]
        if op == "like":
            pattern = re.escape(value).replace("%", ".*").replace("_", ".")
            return bool(re.fullmatch(pattern, held, re.IGNORECASE))
        assert op == "eq"
        return held.lower() == value.lower()

    def _related(self, module: str, record_id: str, link: str, asked: Asked) -> Answer:
        key = f"{module}/{record_id}"
        if link == "email_addresses":
            rows = self.addresses.get(key, [])
        else:
            ids = self.invited.get(key, [])
            rows = [r for r in self.records["Calls"] if r["id"] in ids]
        return self._page(rows, asked) if rows else answer_json(recorded("no_relationship"))

    def _page(self, rows: list[dict[str, Any]], asked: Asked) -> Answer:
        size, number = int(asked.query["page[size]"]), int(asked.query["page[number]"])
        if field := asked.query.get("sort"):
            rows = sorted(rows, key=lambda r: str(r["attributes"].get(field) or r["id"]))
        page = rows[size * (number - 1) : size * number]
        meta = {"total-pages": -(-len(rows) // size), "records-on-this-page": len(page)}
        return answer_json({"data": page} | ({"meta": meta} if page else {}))

    def _write(self, asked: Asked) -> Answer:
        data = asked.json["data"]
        rows = self.records[data["type"]]
        known = next((r for r in rows if r["id"] == data["id"]), None)
        if asked.method == "POST":
            if known is not None:
                return answer_json({"errors": {"status": 400, "detail": "is already exist"}}, 400)
            known = {"type": data["type"][:-1], "id": data["id"]}
            known["attributes"] = {"date_entered": "2026-11-26T12:00:00+01:00"}
            rows.append(known)
        assert known is not None
        known["attributes"] |= {k: html.escape(v) for k, v in data["attributes"].items()}
        if self.lose_answer:
            self.lose_answer = False
            return cut_off()
        return answer_json({"data": known}, 201)

    def has(self, module: str, record_id: str) -> dict[str, Any]:
        row = next(r for r in self.records[module] if r["id"] == record_id)
        return cast(dict[str, Any], row["attributes"])


@pytest.fixture(params=[8, 7])
def version(request: pytest.FixtureRequest) -> int:
    return int(request.param)


@pytest.fixture
def suite() -> Suite:
    return Suite("/Api")


@pytest.fixture
def server(suite: Suite) -> Iterator[WebServer]:
    with WebServer(suite.answer) as running:
        yield running


@pytest.fixture
def opened(
    server: WebServer, version: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Callable[..., suitecrm.SuiteCrm]]:
    monkeypatch.setenv("LISTENER_SUITECRM_CLIENT_ID", CLIENT)
    monkeypatch.setenv("LISTENER_SUITECRM_CLIENT_SECRET", SECRET)
    settings = Settings(folder=tmp_path, var=tmp_path, database_url="")
    fast = Http(timeout="1s", per_host_interval="0s", allow_private_addresses=True)

    def make(now: Callable[[], datetime] = lambda: NOW, **options: Any) -> suitecrm.SuiteCrm:
        full = suitecrm.Options.model_validate(
            {"url": server.base_url, "version": version, **options}
        )
        config = CrmConfig(name="crm", type="suitecrm")
        return suitecrm.open(full, Connection(config, settings, cast(Database, None), http, now))

    with stamina.set_testing(True, attempts=1), HttpClient(fast) as http:
        yield make


OWN = {
    "customer_id_field": "customer_number_c",
    "handle_fields": {"mastodon": "mastodon_c"},
    "call_fields": {
        "disposition": "outcome_c",
        "customer_number": "dialled_c",
        "caller_number": "caller_c",
        "campaign": "campaign_c",
        "list_name": "list_c",
    },
}


@pytest.fixture
def crm(opened: Callable[..., suitecrm.SuiteCrm]) -> suitecrm.SuiteCrm:
    return opened(**OWN)


# ---------------------------------------------------------------------------- who


@pytest.mark.parametrize(
    ("e164", "ref"),
    [
        ("+34755102030", f"Contacts/{ANA}"),
        ("+34755102031", f"Contacts/{LUIS}"),  # "755 10 20 31" in Spain
        ("+447700900123", f"Contacts/{BEN}"),  # "+44 (0)7700 900123"
        ("+5511987654321", f"Contacts/{BIA}"),  # "(11) 8765-4321", before the ninth digit
        ("+541123456789", f"Contacts/{EVA}"),  # "011 15-2345-6789"
        ("+491511234567", f"Contacts/{TOM}"),  # with an extension
        ("+525512345678", f"Leads/{CARLA}"),  # "044 55 1234 5678"
    ],
)
def test_a_phone_is_found_however_it_is_written(
    crm: suitecrm.SuiteCrm, e164: str, ref: str
) -> None:
    [candidate] = crm.find([phone(e164)])
    assert candidate.customer.ref == ref
    assert candidate.found_by == phone(e164)
    assert e164 in candidate.customer.phones


def test_a_number_that_only_looks_alike_is_nobodys(
    suite: Suite, server: WebServer, crm: suitecrm.SuiteCrm
) -> None:
    suite.has("Contacts", LUIS)["phone_work"] = "97551020301"  # has the digits, in their order
    assert f"Contacts/{LUIS}" not in refs(crm, phone("+34755102030"))
    assert not any(LUIS in a.path for a in server.asked)


def test_addresses_ids_and_accounts(suite: Suite, crm: suitecrm.SuiteCrm) -> None:
    ana = f"Contacts/{ANA}"
    assert refs(crm, Identifier(IdentifierKind.EMAIL, "ANA@correo.example")) == [ana]
    assert refs(crm, Identifier(IdentifierKind.CUSTOMER_ID, "c-1001")) == [ana]
    given_handle = Identifier(IdentifierKind.HANDLE, "mastodon:ana@social.example")
    assert refs(crm, given_handle) == [ana]
    assert refs(crm, Identifier(IdentifierKind.HANDLE, "x:ana@social.example")) == []
    # The search finds whoever ever had an address.
    suite.has("Contacts", LUIS)["former_address"] = "old@ejemplo.es"
    assert refs(crm, Identifier(IdentifierKind.EMAIL, "old@ejemplo.es")) == []


def test_a_customer_as_they_stand(crm: suitecrm.SuiteCrm) -> None:
    assert crm.get(f"Contacts/{ANA}") == Customer(
        crm="crm",
        ref=f"Contacts/{ANA}",
        name="Ana O'Ruiz",
        phones=("+34755102030", "+34840112233"),
        emails=("ana.ruiz@ejemplo.es", "ana@correo.example"),
        handles=("mastodon:ana@social.example",),
        country="ES",
        region="MD",
    )
    lead = crm.get(f"Leads/{CARLA}")
    assert lead is not None
    assert (lead.name, lead.country, lead.status) == ("Carla Díaz", "MX", "prospect")
    account = crm.get(f"Accounts/{ACCOUNT}")
    assert account is not None
    assert account.phones == ("+34840112233",)


def test_a_converted_lead_and_an_account_are_not_somebody_else(crm: suitecrm.SuiteCrm) -> None:
    assert refs(crm, phone("+34755102030"), phone("+34840112233")) == [f"Contacts/{ANA}"] * 2
    found = refs(crm, Identifier(IdentifierKind.EMAIL, "hola@talleres.example"))
    assert found == [f"Accounts/{ACCOUNT}"]


def test_two_who_share_a_phone_are_both_told(suite: Suite, crm: suitecrm.SuiteCrm) -> None:
    suite.has("Contacts", BEN)["phone_home"] = "0034755102031"
    assert refs(crm, phone("+34755102031")) == [f"Contacts/{LUIS}", f"Contacts/{BEN}"]


@pytest.mark.parametrize("value", ["", " ", "x", "1004", "+34600000000", "a@b.example", "%", "_"])
def test_whoever_is_unknown_is_nobody(crm: suitecrm.SuiteCrm, value: str) -> None:
    assert crm.find([Identifier(kind, value) for kind in IdentifierKind]) == []
    assert crm.find([]) == []
    assert crm.get(value) is None
    assert crm.history(value) == []
    assert crm.link(value) is None


def test_a_record_that_is_gone(crm: suitecrm.SuiteCrm) -> None:
    assert crm.get(f"Contacts/{ACCOUNT}") is None
    assert crm.history(f"Leads/{ACCOUNT}") == []


# ---------------------------------------------------------------------------- history


def test_history_is_whole_and_in_order(crm: suitecrm.SuiteCrm) -> None:
    events = crm.history(f"Contacts/{ANA}")
    assert [(e.event_id[-1:], e.direction, e.disposition) for e in events] == [
        ("8", Direction.OUT, Disposition.NONE),  # without a start: when it was entered
        ("1", Direction.OUT, Disposition.NOT_INTERESTED),
        ("2", Direction.OUT, Disposition.NO_ANSWER),
        ("3", Direction.IN, Disposition.NONE),
    ]
    # "09:15:00+01:00" is 09:15 UTC: the offset is the server's, the clock is not.
    assert events[1] == ContactEvent(
        event_id=f"call:{CALL}1",
        at=datetime(2026, 3, 2, 9, 15, tzinfo=UTC),
        direction=Direction.OUT,
        channel=Channel.CALL,
        customer_ref=f"Contacts/{ANA}",
        customer_number="+34755102030",
        caller_number="1004",
        campaign="Fibra",
        list_name="L1",
        agent="Marta Gil",
        disposition=Disposition.NOT_INTERESTED,
        duration_s=60,
        note='Fibra 600\nShe said "no, never again".',
    )
    assert events[2].duration_s == 0  # a quarter of an hour was planned, and nobody answered
    assert events[3].duration_s == 65 * 60
    assert events[3].note == "KX7\nComplaint"  # a code that nobody has explained
    assert crm.history(f"Contacts/{ANA}") == events


def test_codes_are_mapped(opened: Callable[..., suitecrm.SuiteCrm]) -> None:
    codes = {"kx7": "hang_up_by_agent", "Held": "sale"}
    crm = opened(call_fields={"disposition": "outcome_c"}, dispositions=codes)
    found = {e.event_id[-1:]: e.disposition for e in crm.history(f"Contacts/{ANA}")}
    assert (found["3"], found["8"]) == (Disposition.HANG_UP_BY_AGENT, Disposition.SALE)


def test_history_of_leads_and_accounts(crm: suitecrm.SuiteCrm) -> None:
    assert [e.event_id for e in crm.history(f"Leads/{CARLA}")] == [f"call:{CALL}6"]
    assert [e.event_id for e in crm.history(f"Accounts/{ACCOUNT}")] == [f"call:{CALL}5"]


def test_all_pages_are_read(suite: Suite, server: WebServer, crm: suitecrm.SuiteCrm) -> None:
    call = suite.records["Calls"][0]
    begin = datetime(2026, 4, 1, tzinfo=UTC)
    for n in range(500):
        more = copy.deepcopy(call)
        more["id"] = f"a67e7d32-5068-0914-fe41-9ef5671{n:05d}"
        at = begin + timedelta(hours=n)
        more["attributes"]["date_start"] = f"{at:%Y-%m-%dT%H:%M:%S}+01:00"
        if n % 2:
            more["attributes"]["parent_type"] = ""
            suite.invited[f"Contacts/{ANA}"].append(more["id"])
        suite.records["Calls"].append(more)
    events = crm.history(f"Contacts/{ANA}")
    assert len(events) == 504
    assert len({e.event_id for e in events}) == 504
    assert events == sorted(events, key=lambda e: (e.at, e.event_id))
    assert sum(a.path.endswith("/V8/module/Calls") for a in server.asked) == 3
    assert sum(a.path.endswith("/relationships/calls") for a in server.asked) == 3


# ---------------------------------------------------------------------------- signing in


def test_one_token_is_used_until_its_hour_is_over(
    suite: Suite, opened: Callable[..., suitecrm.SuiteCrm]
) -> None:
    clock = [NOW]
    crm = opened(now=lambda: clock[0])
    crm.get(f"Contacts/{ANA}")
    crm.get(f"Contacts/{LUIS}")
    assert suite.tokens == ["token-0"]
    clock[0] += timedelta(minutes=59, seconds=1)
    crm.get(f"Contacts/{ANA}")
    assert suite.tokens == ["token-0", "token-1"]


def test_a_token_that_was_taken_back_is_renewed(suite: Suite, crm: suitecrm.SuiteCrm) -> None:
    crm.get(f"Contacts/{ANA}")
    suite.tokens.append("somebody else's")
    assert crm.get(f"Contacts/{ANA}") is not None
    assert suite.tokens[-1] == "token-2"


def test_the_older_part_of_version_8_can_be_asked_at_once(
    suite: Suite, opened: Callable[..., suitecrm.SuiteCrm]
) -> None:
    suite.prefix = "/legacy/Api"
    assert opened(api_path="/legacy/Api").get(f"Contacts/{ANA}") is not None


def test_version_8_may_hand_on_what_is_asked(suite: Suite, crm: suitecrm.SuiteCrm) -> None:
    def handed_on(asked: Asked) -> Answer | None:
        if not asked.path.startswith("/Api/"):
            return None
        query = f"?{urlencode(asked.query)}" if asked.query else ""
        place = asked.path.replace("/Api/", "/legacy/Api/index.php/") + query
        return Answer(b"", 307, {"Location": place})

    suite.prefix, suite.instead = "/legacy/Api/index.php", handed_on
    assert refs(crm, phone("+34755102030")) == [f"Contacts/{ANA}"]
    assert not crm.suppress(order()).already
    assert not crm.record(ticket()).already


def test_a_wrong_secret_is_told(
    crm: suitecrm.SuiteCrm, server: WebServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LISTENER_SUITECRM_CLIENT_SECRET", "wrong-secret")
    with pytest.raises(CRMError, match="client_id_env and client_secret_env") as caught:
        crm.get(f"Contacts/{ANA}")
    assert not caught.value.retry
    assert "wrong-secret" not in str(caught.value)
    monkeypatch.delenv("LISTENER_SUITECRM_CLIENT_SECRET")
    with pytest.raises(MissingCredential, match="LISTENER_SUITECRM_CLIENT_SECRET"):
        crm.get(f"Contacts/{ANA}")


# ---------------------------------------------------------------------------- suppress


def order(ref: str | None = f"Contacts/{ANA}", number: str = "+34755102030") -> Order:
    return Order("suppress-7-1", number, ref, "Complained <in public>")


def test_suppress_marks_everybody_with_the_phone_once(
    suite: Suite, server: WebServer, crm: suitecrm.SuiteCrm
) -> None:
    receipt = crm.suppress(order())
    assert not receipt.already
    assert receipt.effective_at == NOW
    assert receipt.reference == f"suitecrm:Contacts/{ANA},Leads/{CONVERTED}"
    ana = suite.has("Contacts", ANA)
    assert ana["do_not_call"] == "1"
    assert html.unescape(ana["description"]) == (
        "Prefers mornings & e-mail.\n\n[suppress-7-1] 2026-11-26 12:00:00 UTC: do not call "
        "+34755102030. Complained <in public>"
    )
    customer = crm.get(f"Contacts/{ANA}")
    assert customer is not None
    assert customer.consent == "refused"
    written = [a for a in server.asked if a.method == "PATCH"]
    again = crm.suppress(order())
    assert again.already
    assert again.reference == receipt.reference
    assert again.effective_at == NOW
    assert [a for a in server.asked if a.method == "PATCH"] == written


def test_a_suppression_that_was_there(suite: Suite, crm: suitecrm.SuiteCrm) -> None:
    suite.has("Contacts", LUIS)["do_not_call"] = "1"
    receipt = crm.suppress(order(None, "+34755102031"))
    assert receipt.already
    assert receipt.effective_at == datetime(2026, 1, 15, 8, 30, tzinfo=UTC)


def test_an_order_with_an_end_says_so(suite: Suite, crm: suitecrm.SuiteCrm) -> None:
    until = datetime(2027, 1, 31, 23, tzinfo=UTC)
    crm.suppress(Order("k", "+34755102031", f"Contacts/{LUIS}", "asked", until))
    assert "until 2027-01-31 23:00 UTC" in suite.has("Contacts", LUIS)["description"]


def test_a_phone_that_nobody_has(server: WebServer, crm: suitecrm.SuiteCrm) -> None:
    receipt = crm.suppress(order(None, "+34600000000"))
    assert receipt.already
    assert receipt.reference == "suitecrm: no record has this number"
    with pytest.raises(CRMError, match="mark the person by hand") as caught:
        crm.suppress(order(f"Contacts/{ACCOUNT}", "+34600000000"))
    assert not caught.value.retry
    assert "+34600000000" not in str(caught.value)
    assert all(a.method != "PATCH" for a in server.asked)


def test_an_account_alone_cannot_be_marked(suite: Suite, crm: suitecrm.SuiteCrm) -> None:
    suite.has("Contacts", ANA)["phone_work"] = ""
    with pytest.raises(CRMError, match="accounts have no flag"):
        crm.suppress(order(None, "+34840112233"))


def test_an_answer_that_is_lost(suite: Suite, crm: suitecrm.SuiteCrm) -> None:
    suite.lose_answer = True
    with pytest.raises(CRMError) as caught:
        crm.suppress(order(f"Contacts/{LUIS}", "+34755102031"))
    assert caught.value.retry
    assert crm.suppress(order(f"Contacts/{LUIS}", "+34755102031")).already
    suite.lose_answer = True
    with pytest.raises(CRMError):
        crm.record(ticket())
    assert crm.record(ticket()).already
    assert len(suite.records["Cases"]) == 1


# ---------------------------------------------------------------------------- record


def ticket(ref: str | None = f"Contacts/{ANA}") -> Ticket:
    return Ticket("case-7-1", ref, "Five calls a day", "What she wrote", "https://l/case?id=7")


@pytest.mark.parametrize(
    ("ref", "module", "field"),
    [
        (f"Contacts/{ANA}", "Cases", "contact_id"),
        (f"Accounts/{ACCOUNT}", "Cases", "account_id"),
        (f"Leads/{CARLA}", "Tasks", "parent_id"),
    ],
)
def test_record_notes_a_case_once(
    suite: Suite, crm: suitecrm.SuiteCrm, ref: str, module: str, field: str
) -> None:
    receipt = crm.record(ticket(ref))
    assert not receipt.already
    assert receipt.effective_at == NOW
    [case] = suite.records[module]
    assert receipt.reference == f"suitecrm:{module}/{case['id']}"
    assert case["attributes"]["name"] == "Five calls a day [case-7-1]"
    assert case["attributes"]["description"] == "What she wrote\n\nhttps://l/case?id=7"
    assert case["attributes"][field] == ref.partition("/")[2]
    again = crm.record(ticket(ref))
    assert (again.already, again.reference) == (True, receipt.reference)
    assert len(suite.records[module]) == 1
    other = crm.record(Ticket("case-8-1", ref, "", "", ""))
    assert not other.already
    assert len(suite.records[module]) == 2


def test_a_case_of_nobody_known_and_a_long_title(suite: Suite, crm: suitecrm.SuiteCrm) -> None:
    assert not crm.record(Ticket("k-1", None, "x" * 400, "", "")).already
    name = suite.records["Cases"][0]["attributes"]["name"]
    assert len(name) == 255
    assert name.endswith("x [k-1]")


def test_link_and_what_it_can(crm: suitecrm.SuiteCrm, server: WebServer, version: int) -> None:
    expected = {
        8: f"{server.base_url}/#/contacts/record/{ANA}",
        7: f"{server.base_url}/index.php?module=Contacts&action=DetailView&record={ANA}",
    }
    assert crm.link(f"Contacts/{ANA}") == expected[version]
    assert crm.link("../x") is None
    assert crm.can == set(Capability) - {Capability.CALLS}


# ---------------------------------------------------------------------------- what goes wrong


def _slow(_asked: Asked) -> Answer:
    time.sleep(1.5)
    return answer_json({})


WRONG: list[tuple[str, Callable[[Asked], Answer], bool]] = [
    ("400", lambda _: answer_json(recorded("refused"), 400), False),
    ("403", lambda _: Answer(b"", 403), False),
    ("404", lambda _: Answer(b"<h1>Not Found</h1>", 404), False),
    ("429", lambda _: Answer(b"", 429), True),
    ("500", lambda _: Answer(b"Slim Application Error", 500), True),
    ("html", lambda _: Answer(b"<html>Login</html>", 200, {"Content-Type": "text/html"}), False),
    ("empty", lambda _: Answer(b""), False),
    ("half", lambda _: Answer(b'{"data": [{"ty'), False),
    ("list", lambda _: answer_json([]), False),
    ("no data", lambda _: answer_json({"meta": {}}), False),
    ("no records", lambda _: answer_json({"data": ["x", None]}), False),
    ("no ids", lambda _: answer_json({"data": [{"attributes": {}}]}), False),
    ("slow", _slow, True),
]


@pytest.mark.parametrize("version", [8], indirect=True)
@pytest.mark.parametrize(("wrong", "retry"), [w[1:] for w in WRONG], ids=[w[0] for w in WRONG])
def test_what_is_not_promised_is_an_error_that_names_nobody(
    suite: Suite, crm: suitecrm.SuiteCrm, wrong: Callable[[Asked], Answer], retry: bool
) -> None:
    for signed_in in (True, False):
        if signed_in:
            suite.instead = lambda a: None if a.path.endswith("access_token") else wrong(a)
        else:
            suite.instead = wrong
            crm._token = None
        asks = (
            lambda: crm.find([phone("+34755102030")]),
            lambda: crm.suppress(order(None)),
            lambda: crm.record(ticket()),
        )
        assert_refused(asks, retry=retry, hidden=rf"token-|{SECRET}|{CLIENT}|755102030|Ana")


def test_what_the_server_repeats_is_masked(suite: Suite, crm: suitecrm.SuiteCrm) -> None:
    said = "no value %7%5%5%1%0%2%0%3%0% nor +34 755 10 20 30 nor ana@correo.example, 2026-03-02"
    refused = answer_json({"errors": {"status": 400, "title": None, "detail": said}}, 400)
    suite.instead = lambda a: None if a.path.endswith("access_token") else refused
    with pytest.raises(CRMError) as caught:
        crm.find([phone("+34755102030")])
    text = str(caught.value)
    assert "2026-03-02" in text
    assert "127.0.0.1" in text
    assert not re.search(r"755 10|7%5%5|ana@", text)


def test_nothing_at_all_is_nobody(suite: Suite, crm: suitecrm.SuiteCrm) -> None:
    suite.records = {module: [] for module in suite.records}
    assert crm.find([phone("+34755102030")]) == []
    assert crm.history(f"Contacts/{ANA}") == []


# ---------------------------------------------------------------------------- any answer

OPTIONS = suitecrm.Options(
    url="http://x",
    customer_id_field="name",
    handle_fields={"x": "name"},
    call_fields={"disposition": "name", "caller_number": "status", "customer_number": "direction"},
)
KEYS = [
    *("id", "attributes", "name", "status", "direction", "date_start", "date_entered", "meta"),
    *("duration_hours", "duration_minutes", "phone_mobile", "phone_office", "email1", "data"),
    *("primary_address_country", "do_not_call", "full_name", "access_token", "expires_in"),
]
VALUES = ["Held", "Not Held", "2026-03-02T09:15:00+01:00", ANA, "755 10 20 30", "Espa&ntilde;a"]
ANY = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text() | st.sampled_from(VALUES),
    lambda inner: (
        st.lists(inner, max_size=4) | st.dictionaries(st.sampled_from(KEYS), inner, max_size=8)
    ),
    max_leaves=20,
)
HAS = st.dictionaries(st.sampled_from(KEYS), ANY, max_size=10)
ROW = st.fixed_dictionaries({"id": st.just(ANA) | ANY, "attributes": HAS | ANY})


@given(ANY | ROW)
def test_any_record_is_a_customer_or_a_value_error(value: Any) -> None:
    for module in ("Contacts", "Leads", "Accounts"):
        try:
            record = suitecrm_rows.record_of(module, value)
            found = suitecrm_rows.customer_of(record, ["A@b.example"], "crm", "ES", OPTIONS)
        except ValueError:
            continue
        assert found.ref == f"{module}/{record.id}"
        assert found.emails == ("a@b.example",)


@given(ANY | ROW)
def test_any_call_is_an_event_or_a_value_error(value: Any) -> None:
    ana = Customer("crm", f"Contacts/{ANA}", "Ana", ("+34755102030",))
    try:
        event = suitecrm_rows.event_of(suitecrm_rows.record_of("Calls", value), ana, OPTIONS)
    except ValueError:
        return
    if event is not None:
        assert event.at.tzinfo is UTC
        assert 0 <= event.duration_s <= 7 * 86400


@given(HAS | st.fixed_dictionaries({"data": st.lists(ROW, max_size=3)}))
def test_any_answer_is_a_list_or_a_value_error(value: dict[str, Any]) -> None:
    try:
        rows = suitecrm_rows.rows_of(value, "Contacts")
    except ValueError:
        return
    assert all(isinstance(row, suitecrm_rows.Record) for row in rows)


@given(HAS)
def test_any_token_is_one_or_a_value_error(value: dict[str, Any]) -> None:
    try:
        token, lasts = suitecrm_rows.token_of(value)
    except ValueError:
        return
    assert token
    assert lasts > timedelta(0)
