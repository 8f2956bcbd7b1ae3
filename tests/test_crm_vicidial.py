"""VICIdial: its answers as documented, and a model of what it keeps, behind a real web server."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl

import pytest
import stamina
from hypothesis import given, settings
from hypothesis import strategies as st
from servers import Answer, Asked, WebServer, free_port

from listener import contact_words
from listener.crm import vicidial
from listener.crm.seam import Capability, Connection, Order, Receipt
from listener.crm.systems import options_of
from listener.crm.vicidial import (
    Vicidial,
    call_rows,
    campaign_names,
    dialling_list,
    lead_ids,
)
from listener.domain import Channel, ContactEvent, Direction, Disposition
from listener.errors import ConfigError, CRMError, MissingCredential
from listener.httpclient import HttpClient
from listener.settings import CrmConfig, Http, Settings
from listener.storage import Database

NOW = datetime(2026, 11, 26, 12, tzinfo=UTC)
DATA = Path(__file__).parent / "data" / "crm" / "vicidial"
API = "/vicidial/non_agent_api.php"
ROSA, LUIS = "+34600123456", "+34600123999"
PASSWORD = "geheim-9"


def lines_of(name: str) -> list[str]:
    return (DATA / name).read_text(encoding="utf-8").splitlines()


class Dialler:
    """What stands in VICIdial's tables, and what it answers. `faults` are sent first."""

    def __init__(self) -> None:
        self.calls = {kind: lines_of(f"phone_number_log.{kind}.txt") for kind in ("OUT", "IN")}
        self.leads = [line.split("|") for line in lines_of("leads.txt")]
        self.hopper = {lead for lead, _ in self.leads}
        self.dnc: list[tuple[str, str]] = []
        self.faults: list[Answer] = []
        self.after: list[Answer] = []  # sent instead of the answer, once it was carried out

    def answer(self, asked: Asked) -> Answer:
        form = dict(parse_qsl(asked.body.decode(), keep_blank_values=True))
        if self.faults:
            return self.faults.pop(0)
        if asked.method != "POST" or asked.query or asked.path != API:
            return text("<html>wrong</html>")
        if (form.get("user"), form.get("pass")) != ("6666", PASSWORD):
            return text("ERROR: Login incorrect, please try again: |6666|x|BAD|")
        if len(form["source"]) < 2:
            return text("ERROR: Invalid Source - x")
        done = text(getattr(self, form["function"])(form))
        return self.after.pop(0) if self.after else done

    def phone_number_log(self, form: dict[str, str]) -> str:
        wanted = [p for p in form["phone_number"].split(",") if len(p) > 3]
        rows = [r for p in wanted for r in self.calls[form["type"]] if r.split("|")[0] == p]
        if not rows:
            return (
                "NOTICE: phone_number_log NO RECORDS FOUND FOR THIS PHONE NUMBER - "
                f"6666|{form['phone_number']}||"
            )
        return "\n".join(rows)

    def list_info(self, form: dict[str, str]) -> str:
        found = [r for r in lines_of("list_info.txt") if r.split("|")[0] == form["list_id"]]
        return found[0] if found else f"ERROR: list_info LIST DOES NOT EXIST: |6666|{form}"

    def campaigns_list(self, form: dict[str, str]) -> str:
        return "\n".join(lines_of("campaigns_list.txt"))

    def add_dnc_phone(self, form: dict[str, str]) -> str:
        entry = (form["phone_number"], form["campaign_id"])
        if entry in self.dnc:
            return f"ERROR: add_dnc_phone DNC NUMBER ALREADY EXISTS: |6666|{'|'.join(entry)}"
        self.dnc.append(entry)
        return f"SUCCESS: add_dnc_phone DNC NUMBER HAS BEEN ADDED - 6666|{'|'.join(entry)}"

    def lead_search(self, form: dict[str, str]) -> str:
        wanted = form["phone_number"].split(",")
        found = {p: [lead for lead, phone in self.leads if phone == p] for p in wanted}
        if not any(found.values()):
            return f"ERROR: lead_search NO MATCHES FOUND IN THE SYSTEM: |6666|||{wanted[0]}"
        return "\n".join(f"{p}|{len(leads)}|{'-'.join(leads)}" for p, leads in found.items())

    def update_lead(self, form: dict[str, str]) -> str:
        assert form["no_update"] == "Y"
        lead = form["lead_id"]
        said = f"NOTICE: update_lead LEADS FOUND IN THE SYSTEM: |6666|{lead}||600123456|82106|0\n"
        if form["remove_from_hopper"] != "Y":
            return said
        if lead not in self.hopper:
            return f"{said}NOTICE: update_lead NOT REMOVED FROM HOPPER, LEAD IS NOT IN THE HOPPER - |{lead}|6666"
        self.hopper.remove(lead)
        return f"{said}NOTICE: update_lead REMOVED FROM HOPPER - |{lead}|READY|6666"


def text(body: str, status: int = 200, kind: str = "text/html", **headers: str) -> Answer:
    return Answer(body.encode(), status, {"Content-Type": f"{kind}; charset=utf-8", **headers})


@pytest.fixture(autouse=True)
def _no_backoff() -> Iterator[None]:
    with stamina.set_testing(True, attempts=3, cap=True):
        yield


@pytest.fixture
def dialler() -> Dialler:
    return Dialler()


@pytest.fixture
def server(dialler: Dialler) -> Iterator[WebServer]:
    with WebServer(dialler.answer) as running:
        yield running


@pytest.fixture
def opened(
    server: WebServer,
    sqlite_database: Database,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> Callable[..., Vicidial]:
    monkeypatch.setenv("VICI_USER", "6666")
    monkeypatch.setenv("VICI_PASSWORD", PASSWORD)

    def make(timeout: str = "5s", **options: Any) -> Vicidial:
        least = {
            "url": server.base_url + API,
            "user_env": "VICI_USER",
            "password_env": "VICI_PASSWORD",
            **options,
        }
        config = CrmConfig(name="vicidial", type="vicidial", options=least)
        http = Http(allow_private_addresses=True, per_host_interval="0s", timeout=timeout)
        home = Settings(folder=tmp_path, var=tmp_path, database_url="")
        connection = Connection(config, home, sqlite_database, HttpClient(http), lambda: NOW)
        return vicidial.open(options_of(config, {"vicidial": vicidial}), connection)

    return make


@pytest.fixture
def crm(opened: Callable[..., Vicidial]) -> Vicidial:
    return opened()


def functions(server: WebServer) -> list[str]:
    return [dict(parse_qsl(a.body.decode()))["function"] for a in server.asked]


# ---------------------------------------------------------------------------- calls


def test_what_it_offers(crm: Vicidial) -> None:
    assert crm.name == "vicidial"
    assert crm.can == {Capability.CALLS, Capability.SUPPRESS, Capability.LINK}


def test_the_calls_with_a_phone(crm: Vicidial) -> None:
    found = crm.calls([ROSA])
    told = [
        (e.at.isoformat()[:19], e.direction.value, e.disposition.value, e.duration_s, e.agent)
        for e in found
    ]
    assert told == [
        ("2026-05-10T08:00:00", "out", "voicemail", 20, "6666"),
        ("2026-05-10T08:00:00", "out", "busy", 0, "6666"),
        # Passed on to the agent who sold, a minute later: one contact.
        ("2026-05-11T08:00:00", "out", "sale", 361, "6666"),
        ("2026-05-12T16:30:00", "out", "none", 41, "7001"),
        ("2026-05-13T07:05:10", "out", "abandoned", 8, ""),
        ("2026-05-14T10:10:00", "out", "callback", 96, "6666"),
        ("2026-05-15T14:00:00", "in", "do_not_call", 75, "7002"),
        # Half a minute of ringing is no answer; that they called back then is a call of theirs.
        ("2026-05-16T15:20:00", "out", "no_answer", 0, ""),
        ("2026-05-16T15:20:40", "in", "abandoned", 12, ""),
        ("2026-05-22T09:40:00", "out", "not_interested", 14, "6666"),
    ]
    assert {e.customer_number for e in found} == {ROSA}
    assert {e.channel for e in found} == {Channel.CALL}


def test_one_event_in_full(crm: Vicidial) -> None:
    event = crm.calls([ROSA])[-1]
    assert event == ContactEvent(
        event_id=event.event_id,
        at=datetime(2026, 5, 22, 9, 40, tzinfo=UTC),
        direction=Direction.OUT,
        channel=Channel.CALL,
        customer_number=ROSA,
        campaign="VENTAS1 Ventas fibra",
        list_name="82106 Fibra mayo",
        agent="6666",
        disposition=Disposition.NOT_INTERESTED,
        duration_s=14,
    )
    assert event.event_id.startswith("vicidial:out:20260522T114000:82106:")
    assert "600123456" not in event.event_id


def test_an_unknown_code_is_kept_in_the_note(crm: Vicidial) -> None:
    [event] = [e for e in crm.calls([ROSA]) if e.note]
    assert event.note == "(code ZZTOP)"
    assert (event.list_name, event.campaign) == ("998", "")  # a list that was deleted
    assert not contact_words.note_refuses(event.note)


def test_own_codes_are_added_to_vicidials(opened: Callable[..., Vicidial]) -> None:
    own = {"zztop": "wrong_number", "NI": "hang_up_by_customer"}
    found = {e.disposition for e in opened(dispositions=own).calls([ROSA])}
    assert Disposition.WRONG_NUMBER in found
    assert Disposition.HANG_UP_BY_CUSTOMER in found
    assert Disposition.NOT_INTERESTED not in found
    assert Disposition.VOICEMAIL in found


def test_each_event_once_and_always_under_the_same_id(crm: Vicidial, dialler: Dialler) -> None:
    first = crm.calls([ROSA])
    dialler.calls["OUT"].insert(0, "600123456|2026-05-23 09:00:00|82106|5|NI|CALLER|NI||6666")
    later = crm.calls([LUIS, ROSA, ROSA])
    ids = [e.event_id for e in later]
    assert len(set(ids)) == len(ids) == len(first) + 2
    assert {e.event_id for e in first} < set(ids)


def test_every_written_form_is_asked_for(crm: Vicidial, server: WebServer) -> None:
    crm.calls([ROSA])
    form = dict(parse_qsl(server.asked[0].body.decode()))
    assert form["phone_number"].split(",") == ["600123456", "34600123456", "0034600123456"]


def test_the_number_of_another_country_is_not_somebodys_here(crm: Vicidial) -> None:
    assert crm.calls(["+351912345678"]) == []
    assert len(crm.calls(["+34912345678"])) == 1


def test_the_servers_time_zone(opened: Callable[..., Vicidial]) -> None:
    [event] = opened(time_zone="America/Bogota").calls([LUIS])
    assert event.at == datetime(2026, 5, 20, 15, tzinfo=UTC)


def test_names_are_not_looked_up_where_that_is_switched_off(
    opened: Callable[..., Vicidial], server: WebServer
) -> None:
    event = opened(campaigns=False).calls([ROSA])[-1]
    assert (event.list_name, event.campaign) == ("82106", "")
    assert functions(server) == ["phone_number_log", "phone_number_log"]


def test_nobody_and_nothing(crm: Vicidial, server: WebServer) -> None:
    assert crm.calls(["+34600999999"]) == []
    asked = len(server.asked)
    assert crm.calls([]) == crm.calls(["x", "1004"]) == []
    assert len(server.asked) == asked


def test_an_older_version_says_it_otherwise(crm: Vicidial, dialler: Dialler) -> None:
    old = "ERROR: phone_number_log NO RECORDS FOUND - 1255|600123456|2026-12-03"
    dialler.faults = [text(old), text(old)]
    assert crm.calls([ROSA]) == []


def test_the_password_stands_in_no_address(crm: Vicidial, server: WebServer) -> None:
    crm.calls([ROSA])
    crm.suppress(Order("k-1", ROSA, None, "case 7"))
    assert {(a.method, a.path) for a in server.asked} == {("POST", API)}
    assert all(not a.query for a in server.asked)


# ---------------------------------------------------------------------------- suppress


def test_a_suppressed_phone_is_on_the_list_and_out_of_the_hopper(
    crm: Vicidial, dialler: Dialler
) -> None:
    receipt = crm.suppress(Order("k-1", ROSA, "C-1", "case 7"))
    assert receipt == Receipt("SYSTEM_INTERNAL:•••456", NOW, already=False)
    assert dialler.dnc == [
        (form, "SYSTEM_INTERNAL") for form in ("600123456", "34600123456", "0034600123456")
    ]
    assert dialler.hopper == {"1700001"}


def test_suppressing_again_changes_nothing(crm: Vicidial, dialler: Dialler) -> None:
    order = Order("k-1", ROSA, None, "case 7")
    crm.suppress(order)
    kept = list(dialler.dnc)
    assert crm.suppress(order).already
    assert dialler.dnc == kept


def test_a_form_that_somebody_entered_is_not_enough(crm: Vicidial, dialler: Dialler) -> None:
    dialler.dnc = [("600123456", "SYSTEM_INTERNAL")]
    assert not crm.suppress(Order("k-1", ROSA, None, "case 7")).already
    assert len(dialler.dnc) == 3


def test_an_answer_that_got_lost(crm: Vicidial, dialler: Dialler) -> None:
    """It was carried out, and asked again: once on the list all the same."""
    dialler.after = [text("gateway", 502)]
    receipt = crm.suppress(Order("k-1", ROSA, None, "case 7"))
    assert not receipt.already
    assert len(dialler.dnc) == len(set(dialler.dnc)) == 3


def test_a_crash_half_way(crm: Vicidial, dialler: Dialler) -> None:
    dialler.after = [text("", 500)] * 3
    order = Order("k-1", ROSA, None, "case 7")
    with pytest.raises(CRMError) as error:
        crm.suppress(order)
    assert error.value.retry
    crm.suppress(order)
    assert len(dialler.dnc) == len(set(dialler.dnc)) == 3
    assert crm.suppress(order).already


def test_lists_of_campaigns(opened: Callable[..., Vicidial], dialler: Dialler) -> None:
    crm = opened(dnc_lists=["SYSTEM_INTERNAL", "VENTAS1"], hopper=False)
    crm.suppress(Order("k-1", "+34600999999", None, "case 7"))
    assert len(dialler.dnc) == 6
    assert {name for _, name in dialler.dnc} == {"SYSTEM_INTERNAL", "VENTAS1"}
    assert len(dialler.hopper) == 4


def test_a_phone_of_another_country_blocks_nobody_here(crm: Vicidial, dialler: Dialler) -> None:
    crm.suppress(Order("k-1", "+351912345678", None, "case 7"))
    assert {form for form, _ in dialler.dnc} == {"351912345678", "00351912345678"}


def test_whoever_has_no_lead_is_suppressed_all_the_same(crm: Vicidial, dialler: Dialler) -> None:
    assert not crm.suppress(Order("k-1", "+34600999999", None, "case 7")).already
    assert crm.suppress(Order("k-1", "+34600999999", None, "case 7")).already


def test_what_is_no_phone_is_not_suppressed(crm: Vicidial) -> None:
    with pytest.raises(CRMError, match="no phone that it dials"):
        crm.suppress(Order("k-1", "1004", None, "case 7"))


def test_an_unclear_answer_is_no_receipt(crm: Vicidial, dialler: Dialler) -> None:
    dialler.faults = [text("ERROR: add_dnc_phone YOU MUST USE ALL REQUIRED FIELDS: |6666||")]
    with pytest.raises(CRMError, match="something else than its documentation says"):
        crm.suppress(Order("k-1", ROSA, None, "case 7"))


# ---------------------------------------------------------------------------- link


def test_the_page_of_a_lead(crm: Vicidial, server: WebServer) -> None:
    assert crm.lead([ROSA]) == "1949076"
    assert crm.link("1949076") == (
        f"{server.base_url}/vicidial/admin_modify_lead.php?lead_id=1949076&archive_search=No"
    )
    assert crm.lead(["+34600999999"]) is None
    assert crm.lead([]) is None
    for ref in ("C-1", "", "1&x=2", "٣", "12345678901"):
        assert crm.link(ref) is None


# ---------------------------------------------------------------------------- when it fails


@pytest.mark.parametrize("line", lines_of("refusals.txt"))
def test_refusals_are_told_without_what_they_repeat(
    crm: Vicidial, dialler: Dialler, line: str
) -> None:
    dialler.faults = [text(line)] * 3
    with pytest.raises(CRMError, match="CRM vicidial: phone_number_log was") as error:
        crm.calls([ROSA])
    said = str(error.value)
    assert error.value.retry == ("15 minutes" in line)
    assert not any(word in said for word in (PASSWORD, "600123456", "6666"))


@pytest.mark.parametrize(
    ("status", "retry"),
    [(400, False), (401, False), (403, False), (404, False), (429, True), (500, True)],
)
def test_error_statuses(crm: Vicidial, dialler: Dialler, status: int, retry: bool) -> None:
    secret = f"ERROR: |6666|{PASSWORD}|600123456|"
    headers = {"Retry-After": "0"} if status == 429 else {}
    dialler.faults = [text(secret, status, "text/plain", **headers)] * 3
    with pytest.raises(CRMError, match=f"127.0.0.1 answered {status}") as error:
        crm.calls([ROSA])
    assert error.value.retry is retry
    assert PASSWORD not in str(error.value)
    assert "600123456" not in str(error.value)
    assert error.value.__suppress_context__


@pytest.mark.parametrize(
    ("body", "says", "retry"),
    [
        ("", "answered with nothing", True),
        (" \n\n", "answered with nothing", True),
        ("<html><body>It works!</body></html>", "something else", False),
        ("<br />\n<b>Warning</b>: mysqli_connect()", "something else", False),
        ('{"error": "600123456"}', "something else", False),
        ("600123456|2026-05-22 11:40:00|82106", "something else", False),
        ("699999999|2026-05-22 11:40:00|82106|14|NI|CALLER|NI||6666", "something else", False),
        ("600123456|yesterday|82106|14|NI|CALLER|NI||6666", "something else", False),
        ("600123456|2026-05-22 11:40:00|82106|long|NI|CALLER|NI||6666", "something else", False),
        ("600123456|0000-00-00 00:00:00|82106|1|NI|CALLER|NI||6666", "something else", False),
    ],
)
def test_nonsense(crm: Vicidial, dialler: Dialler, body: str, says: str, retry: bool) -> None:
    dialler.faults = [text(body)]
    with pytest.raises(CRMError, match=says) as error:
        crm.calls([ROSA])
    assert error.value.retry is retry
    assert "600123456" not in str(error.value)


@pytest.mark.parametrize("function", ["list_info", "campaigns_list", "lead_search", "update_lead"])
def test_nonsense_of_every_function(crm: Vicidial, dialler: Dialler, function: str) -> None:
    setattr(dialler, function, lambda _form: "who|is\nthis")
    reads = function in ("list_info", "campaigns_list")
    with pytest.raises(CRMError, match=f"{function} was answered with something else"):
        crm.calls([ROSA]) if reads else crm.suppress(Order("k-1", ROSA, None, "case 7"))


def test_bytes_that_are_no_text(crm: Vicidial, dialler: Dialler) -> None:
    row = b"600123456|2026-05-22 11:40:00|82106|14|NI|CALLER|NI|se\xf1or|6666\n"
    dialler.faults = [Answer(row, 200, {"Content-Type": "text/html"})]
    assert crm.calls([ROSA])[-1].duration_s == 14


def test_a_redirect_loses_the_question(crm: Vicidial, dialler: Dialler, server: WebServer) -> None:
    dialler.faults = [
        Answer(b"", 301, {"Location": "/new" + API}),
        text("ERROR: Login incorrect, please try again: ||||"),
    ]
    with pytest.raises(CRMError, match=f"sends us on to http://127.0.0.1/new{API}") as error:
        crm.calls([ROSA])
    assert not error.value.retry


def test_a_slow_server(opened: Callable[..., Vicidial], dialler: Dialler) -> None:
    def slowly() -> Iterator[bytes]:
        time.sleep(2)
        yield b""

    dialler.faults = [Answer(slowly(), 200) for _ in range(3)]
    with pytest.raises(CRMError, match="did not answer in time") as error:
        opened(timeout="0.2s").calls([ROSA])
    assert error.value.retry


def test_a_server_that_is_down(opened: Callable[..., Vicidial]) -> None:
    crm = opened(url=f"http://127.0.0.1:{free_port()}{API}")
    with pytest.raises(CRMError, match="cannot connect") as error:
        crm.suppress(Order("k-1", ROSA, None, "case 7"))
    assert error.value.retry


def test_without_its_password(
    opened: Callable[..., Vicidial], monkeypatch: pytest.MonkeyPatch
) -> None:
    crm = opened()
    monkeypatch.delenv("VICI_PASSWORD")
    with pytest.raises(MissingCredential, match="VICI_PASSWORD"):
        crm.calls([ROSA])


@pytest.mark.parametrize(
    "wrong",
    [
        {"url": "https://dialler.example/vicidial/"},
        {"url": "https://6666:geheim-9@dialler.example/non_agent_api.php"},
        {"url": "ftp://dialler.example/non_agent_api.php"},
        {"dnc_lists": []},
        {"dnc_lists": ["A B"]},
        {"user_env": ""},
        {"dispositions": {"NI": "nonsense"}},
    ],
)
def test_wrong_options(opened: Callable[..., Vicidial], wrong: dict[str, Any]) -> None:
    with pytest.raises(ConfigError, match=r"crms\.toml: CRM vicidial"):
        opened(**wrong)


# ---------------------------------------------------------------------------- properties

_CELL = st.one_of(
    st.sampled_from(["600123456", "2026-05-22 11:40:00", "82106", "14", "NI", "", "6666", "1-2"]),
    st.text(max_size=12),
)
_LINES = st.lists(st.lists(_CELL, max_size=11).map("|".join), max_size=4)


@settings(max_examples=400, deadline=None)
@given(_LINES)
def test_any_text_is_rows_or_a_value_error(lines: list[str]) -> None:
    forms = {"600123456": ROSA}
    with contextlib.suppress(ValueError):
        rows = call_rows(lines, forms)
        assert {row.form for row in rows} <= set(forms)
        assert all(row.number == ROSA and row.seconds >= 0 for row in rows)
    with contextlib.suppress(ValueError):
        assert all(lead.isdigit() for lead in lead_ids(lines, forms))
    with contextlib.suppress(ValueError):
        found = dialling_list([*lines, ""])
        assert [found.name, found.campaign] == [c.strip() for c in lines[0].split("|")[1:3]]
    with contextlib.suppress(ValueError):
        assert len(campaign_names(lines)) <= len(lines)


@settings(max_examples=200, deadline=None)
@given(_LINES)
def test_any_answer_is_events_or_a_crm_error(lines: list[str]) -> None:
    codes, zone = vicidial.DISPOSITIONS, vicidial.ZoneInfo("Europe/Madrid")
    try:
        rows = call_rows(lines, {"600123456": ROSA})
    except ValueError:
        return
    events = [vicidial.event_of(r, Direction.OUT, str(n), codes, zone) for n, r in enumerate(rows)]
    inbound = [vicidial.event_of(r, Direction.IN, f"i{n}", codes, zone) for n, r in enumerate(rows)]
    assert len(vicidial.with_transfers(events, inbound)) >= len(events)
