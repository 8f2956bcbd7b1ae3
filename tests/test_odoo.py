"""The CRM `odoo` against a real Odoo 19: find, read, suppress, record, with Odoo falling away in
between, answers that get lost, keys that may not; and what people then see in its own pages."""

from __future__ import annotations

import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from itertools import count
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
import stamina
from aiosmtpd.controller import Controller
from chromium import launched
from servers import Answer, Asked, WebServer, answer_json, free_port, running
from servers_odoo import LOGIN, PASSWORD, OdooServer

from listener import phones
from listener.crm import odoo as module
from listener.crm import odoo_api
from listener.crm.seam import Connection, Crm, Order, Ticket
from listener.domain import ContactEvent, Identifier, IdentifierKind
from listener.errors import CRMError
from listener.httpclient import HttpClient
from listener.settings import CrmConfig, Http, Settings

pytestmark = pytest.mark.slow

_NUMBERS = count(100)


def london() -> str:
    """A number that is Odoo's valid and nobody's: 020 7946 0000 to 0999 are kept for fiction."""
    return f"+44207946{next(_NUMBERS):04}"


@pytest.fixture(scope="module")
def odoo() -> Iterator[OdooServer]:
    with running(OdooServer) as server:
        yield server


@pytest.fixture(autouse=True)
def quick(odoo: OdooServer, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setenv("LISTENER_ODOO_KEY", odoo.key)
    monkeypatch.setenv("LISTENER_SELLER_KEY", odoo.seller_key)
    with stamina.set_testing(True, attempts=2, cap=True):
        yield


@pytest.fixture
def crm(odoo: OdooServer) -> Crm:
    return opened(odoo)


def opened(odoo: OdooServer, **options: Any) -> Crm:
    settings = Settings(folder=Path(), var=Path(), database_url="")
    http = Http(allow_private_addresses=True, per_host_interval=timedelta(0))
    config = CrmConfig(name="sales", type="odoo")
    connection = Connection(
        config,
        settings,
        None,  # type: ignore[arg-type] # it has no use for our database
        HttpClient(http),
        lambda: datetime.now(UTC),
    )
    given = {"url": odoo.url, "database": odoo.database, **options}
    return module.open(module.Options.model_validate(given), connection)


def create(odoo: OdooServer, model: str, **values: Any) -> int:
    if country := values.pop("country", None):
        [values["country_id"]] = odoo.call("res.country", "search", domain=[["code", "=", country]])
    [made] = odoo.call(model, "create", vals_list=[values])
    return int(made)


def refs(crm: Crm, number: str) -> list[str]:
    found = crm.find([Identifier(IdentifierKind.PHONE, number)])
    return [candidate.customer.ref for candidate in found]


def notes(odoo: OdooServer, model: str, record: int, words: str) -> int:
    domain = [["model", "=", model], ["res_id", "=", record], ["body", "ilike", words]]
    return int(odoo.call("mail.message", "search_count", domain=domain))


# ---------------------------------------------------------------------------- who


@pytest.mark.parametrize(
    ("country", "held", "written"),
    [
        ("GB", "020 7946 0001", ["+44 20 7946 0001", "(020) 79460001", "0044207946.0001"]),
        ("GB", "+44 (0)20 7946 0002", ["020 7946 0002", "+442079460002"]),
        ("GB", "07700 900 123", ["+44 7700 900123", "07700900123", "00 44 7700 900 123"]),
        ("ES", "755 10 20 30", ["755-10-20-30", "+34755102030", "(0034) 755 102 030"]),
        ("", "755.10.20.31 / 755 10 20 32", ["755102031", "+34 755 102 032"]),
        ("AR", "011 15 5550-0101", ["11 5550 0101", "+54 9 11 5550 0101", "+54 11 5550-0101"]),
        ("AR", "+54 11 5550-0102", ["011 15 5550 0102", "1155500102"]),
        ("MX", "044 55 5550 1201", ["+52 1 55 5550 1201", "55 5550 1201", "+52 55 5550 1201"]),
        ("MX", "+52 1 55 5550 1202", ["044 55 5550 1202", "01 55 5550 1202"]),
        ("BR", "(11) 8765-0101", ["+55 11 98765 0101", "11 98765-0101", "+55 11 8765-0101"]),
        ("US", "(305) 555-0101", ["+1 305 555 0101", "305.555.0101"]),
    ],
)
def test_a_customer_is_found_by_every_written_form(
    odoo: OdooServer, crm: Crm, country: str, held: str, written: list[str]
) -> None:
    made = create(odoo, "res.partner", name="Rosa", phone=held, country=country or None)
    for form in written:
        number = phones.normalise(form, country or "ES")
        assert number is not None
        assert refs(crm, number) == [str(made)], form
    assert crm.get(str(made)) is not None


def test_whoever_is_meant_by_other_things(odoo: OdooServer, crm: Crm) -> None:
    number = london()
    rosa = create(
        *(odoo, "res.partner"),
        name="Rosa Vidal",
        ref="C-100_1",
        email="Rosa <Rosa_Vidal@Example.org>; second@example.net",
        country="GB",
    )
    create(odoo, "res.partner", parent_id=rosa, type="delivery", phone=number, name="Shop")
    create(odoo, "res.partner", name="Other", email="rosaxvidal@example.org", ref="C-100x1")
    for kind, value in (
        (IdentifierKind.EMAIL, "rosa_vidal@example.org"),
        (IdentifierKind.EMAIL, "second@example.net"),
        (IdentifierKind.CUSTOMER_ID, "c-100_1"),
        (IdentifierKind.PHONE, number),
    ):
        found = crm.find([Identifier(kind, value)])
        assert [(c.customer.ref, c.customer.name) for c in found] == [(str(rosa), "Rosa Vidal")]
    customer = crm.get(str(rosa))
    assert customer is not None
    assert (customer.country, customer.phones) == ("GB", (number,))


def test_a_lead_of_nobody_is_a_prospect_until_somebody_has_its_phone(
    odoo: OdooServer, crm: Crm
) -> None:
    number = london()
    lead = create(odoo, "crm.lead", name="Bought list", contact_name="Luis", phone=number)
    odoo.call("crm.lead", "action_set_lost", ids=[lead])
    assert refs(crm, number) == [f"lead-{lead}"]
    partner = create(odoo, "res.partner", name="Luis", phone=number, active=False)
    assert refs(crm, number) == [str(partner)]
    odoo.call("res.partner", "unlink", ids=[partner])
    assert crm.get(str(partner)) is None
    assert crm.history(str(partner)) == []


# ---------------------------------------------------------------------------- what happened


class Outside:
    """Where Odoo's e-mails and SMS go: both are taken, or refused while `takes` is false."""

    def __init__(self, odoo: OdooServer) -> None:
        self.takes = True
        self._mail = Controller(self, hostname="127.0.0.1", port=free_port())
        self._sms = WebServer(self._gateway)
        self._odoo = odoo

    def __enter__(self) -> Outside:
        self._mail.start()
        self._sms.__enter__()
        server = {"name": "outside", "smtp_host": "127.0.0.1", "smtp_port": self._mail.port}
        self._server = create(self._odoo, "ir.mail_server", smtp_encryption="none", **server)
        where = {"key": "sms.endpoint", "value": self._sms.base_url}
        self._odoo.call("ir.config_parameter", "set_param", **where)
        self._odoo.call("res.users", "write", ids=[2], vals={"email": "sales@example.com"})
        return self

    def __exit__(self, *_: object) -> None:
        self._odoo.call("ir.mail_server", "unlink", ids=[self._server])
        self._sms.__exit__()
        self._mail.stop()

    async def handle_RCPT(  # noqa: N802 - aiosmtpd's name
        self, server: Any, session: Any, envelope: Any, address: str, options: Any
    ) -> str:
        envelope.rcpt_tos.append(address)
        return "250 OK" if self.takes else "550 nobody of that name"

    def _gateway(self, asked: Asked) -> Answer:
        messages = asked.json["params"]["messages"]
        state = "success" if self.takes else "wrong_number_format"
        result = [
            {"uuid": number["uuid"], "state": state, "credit": 1}
            for message in messages
            for number in message["numbers"]
        ]
        return answer_json({"jsonrpc": "2.0", "id": asked.json["id"], "result": result})


class Desk:
    """What people do in Odoo."""

    def __init__(self, odoo: OdooServer) -> None:
        self.odoo = odoo
        [self.call_kind] = odoo.call(
            "mail.activity.type", "search", domain=[["category", "=", "phonecall"]]
        )

    def plan(self, model: str, record: int, summary: str = "Fibre offer") -> int:
        [model_id] = self.odoo.call("ir.model", "search", domain=[["model", "=", model]])
        return create(
            *(self.odoo, "mail.activity"),
            res_model_id=model_id,
            res_id=record,
            activity_type_id=self.call_kind,
            summary=summary,
            note="<p>Ask for <b>Rosa</b></p>",
        )

    def ring(self, model: str, record: int, feedback: str) -> None:
        """A call that the seller marks as done."""
        activity = self.plan(model, record)
        key = self.odoo.seller_key
        self.odoo.call_as(
            key, "mail.activity", "action_feedback", ids=[activity], feedback=feedback
        )

    def write(self, model: str, record: int, subject: str, **more: Any) -> None:
        self.odoo.call(
            *(model, "message_post"),
            ids=[record],
            body="Text",
            subject=subject,
            subtype_xmlid="mail.mt_comment",
            **{"message_type": "comment", **more},
        )

    def text(self, model: str, record: int, body: str) -> None:
        composer = create(
            *(self.odoo, "sms.composer"),
            res_model=model,
            res_id=record,
            composition_mode="comment",
            body=body,
        )
        self.odoo.call("sms.composer", "action_send_sms", ids=[composer])


def told(events: list[ContactEvent]) -> list[tuple[str, ...]]:
    return [
        (e.event_id.partition("-")[0], e.direction.value, e.disposition.value, e.note)
        for e in events
    ]


def test_the_history_is_what_reached_the_customer(
    odoo: OdooServer, crm: Crm, monkeypatch: pytest.MonkeyPatch
) -> None:
    number, other = london(), london()
    rosa = create(odoo, "res.partner", name="Rosa", phone=number, email="rosa@example.org")
    home = create(odoo, "res.partner", parent_id=rosa, type="other", phone=other, name="Home")
    campaign = create(odoo, "utm.campaign", name="Fibre autumn")
    own = create(odoo, "crm.lead", name="Fibre", partner_id=rosa, campaign_id=campaign)
    orphan = create(odoo, "crm.lead", name="Bought list", phone=f"00{number[1:]}")
    elsewhere = create(odoo, "crm.lead", name="Other", phone=london())
    desk = Desk(odoo)
    before = datetime.now(UTC).replace(microsecond=0)
    with Outside(odoo) as outside:
        desk.ring("res.partner", rosa, "No answer")
        desk.ring("crm.lead", own, 'No le interesa: "nunca más" <b>\nMuy enfadada')
        desk.ring("crm.lead", orphan, "Read the script")
        desk.ring("res.partner", home, "")
        desk.ring("crm.lead", elsewhere, "Somebody else")
        desk.plan("res.partner", rosa)
        desk.write("res.partner", rosa, "An offer", partner_ids=[rosa])
        desk.text("res.partner", rosa, "Fibre at 20 EUR")
        outside.takes = False
        desk.write("res.partner", rosa, "Bounced", partner_ids=[rosa])
        desk.text("res.partner", rosa, "Not delivered")
        sender = {"message_type": "email", "author_id": rosa, "email_from": "rosa@example.org"}
        desk.write("crm.lead", own, "Stop it", **sender)
        desk.write(
            "res.partner", rosa, "Among us", message_type="email", email_from="x@example.com"
        )
        odoo.call("res.partner", "message_post", ids=[rosa], body="She is annoyed")
    events = crm.history(str(rosa))
    assert told(events) == [
        ("call", "out", "no_answer", "No answer"),
        ("call", "out", "not_interested", 'No le interesa: "nunca más" <b>\nMuy enfadada'),
        ("call", "out", "none", "Read the script"),
        ("call", "out", "none", ""),
        ("email", "out", "none", "An offer"),
        ("sms", "out", "none", "Fibre at 20 EUR"),
        ("email", "in", "none", "Stop it"),
    ]
    assert [e.at for e in events] == sorted(e.at for e in events)
    assert all(before <= e.at <= datetime.now(UTC) for e in events)
    assert {e.agent for e in events[:4]} == {"Seller"}
    assert [e.campaign for e in events[:3]] == ["", "Fibre autumn", ""]
    assert [e.customer_number for e in events[:4]] == [number, number, number, other]
    monkeypatch.setattr(odoo_api, "PAGE", 2)
    assert crm.history(str(rosa)) == events
    assert told(crm.history(f"lead-{own}")) == told(events)
    assert told(crm.history(f"lead-{orphan}")) == told(events)[2:3]


def test_own_codes_are_read(odoo: OdooServer) -> None:
    crm = opened(odoo, dispositions={"NI": "not_interested", "no answer": "none"})
    rosa = create(odoo, "res.partner", name="Rosa", phone=london())
    for feedback in ("NI - again", "Night shift", "No answer"):
        Desk(odoo).ring("res.partner", rosa, feedback)
    codes = [e.disposition.value for e in crm.history(str(rosa))]
    assert codes == ["not_interested", "none", "none"]


# ---------------------------------------------------------------------------- orders


def test_a_suppression_stands_once_and_people_see_it(odoo: OdooServer, crm: Crm) -> None:
    number = london()
    rosa = create(odoo, "res.partner", name="Rosa", phone=f"0{number[3:]}", country="GB")
    lead = create(odoo, "crm.lead", name="Fibre", partner_id=rosa)
    assert refs(crm, number) == [str(rosa)]
    before = datetime.now(UTC).replace(microsecond=0)
    order = Order("listener-1-sales-aa", number, str(rosa), "Asked <twice> in public")
    first = crm.suppress(order)
    assert not first.already
    assert before <= first.effective_at <= datetime.now(UTC)
    for model, record in (("res.partner", rosa), ("crm.lead", lead)):
        [row] = odoo.call(model, "read", ids=[record], fields=["phone_blacklisted"])
        assert row["phone_blacklisted"] is True
    odoo.stop()
    odoo.start()
    again = crm.suppress(order)
    assert again.already
    assert (again.reference, again.effective_at) == (first.reference, first.effective_at)
    row_id = int(first.reference.partition("/")[2])
    assert notes(odoo, "phone.blacklist", row_id, order.key) == 1
    assert crm.history(str(rosa)) == []  # a note is no contact
    for page in (crm.link(str(rosa)), f"{odoo.url}/odoo/phone.blacklist/{row_id}"):
        path = urlsplit(str(page)).path
        status, ended, html = odoo.page(path)
        assert (status, urlsplit(ended).path) == (200, path)
        assert "session_info" in html


def test_a_number_that_people_took_off_comes_back_with_its_own_hour(
    odoo: OdooServer, crm: Crm
) -> None:
    number = london()
    odoo.call("phone.blacklist", "add", number=number)
    assert crm.suppress(Order("k-1", number, None, "a")).already
    odoo.call("phone.blacklist", "remove", number=number)
    removed = datetime.now(UTC).replace(microsecond=0)
    back = crm.suppress(Order("k-2", number, None, "b"))
    assert not back.already
    assert back.effective_at >= removed
    row_id = int(back.reference.partition("/")[2])
    assert [notes(odoo, "phone.blacklist", row_id, key) for key in ("k-1", "k-2")] == [1, 1]


def test_both_forms_of_an_argentine_number_are_suppressed(odoo: OdooServer, crm: Crm) -> None:
    mobile = create(odoo, "res.partner", name="Iris", phone="011 15 5550-0199", country="AR")
    line = create(odoo, "res.partner", name="Iris", phone="+54 11 5550-0199", country="AR")
    number = phones.normalise("011 15 5550-0199", "AR")
    assert number is not None
    assert not crm.suppress(Order("k", number, str(mobile), "a")).already
    flags = odoo.call("res.partner", "read", ids=[mobile, line], fields=["phone_blacklisted"])
    assert [flag["phone_blacklisted"] for flag in flags] == [True, True]
    assert crm.suppress(Order("k", number, str(mobile), "a")).already


def test_a_number_that_odoo_holds_for_invalid_is_told(odoo: OdooServer, crm: Crm) -> None:
    create(odoo, "res.partner", name="Bruno", phone="755 44 55 66", country="ES")
    with pytest.raises(CRMError, match=r"•••566.*Block it where it is dialled") as caught:
        crm.suppress(Order("k", "+34755445566", None, "a"))
    assert not caught.value.retry


def test_a_case_is_one_lead_whatever_people_do_to_it(odoo: OdooServer, crm: Crm) -> None:
    rosa = create(odoo, "res.partner", name="Rosa", phone=london())
    text = "Called 4 times\n<after> a refusal"
    ticket = Ticket(
        "listener-case-17-sales", str(rosa), "Calls & more", text, "https://l.example/17"
    )
    first = crm.record(ticket)
    lead = int(first.reference.partition("/")[2])
    fields = ["name", "partner_id", "description"]
    [row] = odoo.call("crm.lead", "read", ids=[lead], fields=fields)
    assert (row["name"], row["partner_id"][0]) == ("Calls & more", rosa)
    assert "4 times<br>&lt;after&gt; a refusal" in row["description"]
    assert 'href="https://l.example/17"' in row["description"]
    odoo.call("crm.lead", "write", ids=[lead], vals={"name": "Edited", "active": False})
    odoo.stop()
    odoo.start()
    again = crm.record(ticket)
    assert (first.already, again.already) == (False, True)
    assert (again.reference, again.effective_at) == (first.reference, first.effective_at)
    context = {"active_test": False}
    leads = odoo.call(
        *("crm.lead", "search_read"),
        domain=[["partner_id", "=", rosa]],
        fields=["name"],
        context=context,
    )
    assert [row["name"] for row in leads] == ["Edited"]
    assert refs(crm, str(crm.get(str(rosa)).phones[0])) == [str(rosa)]  # type: ignore[union-attr]
    assert odoo.page(urlsplit(str(crm.link(str(rosa)))).path)[0] == 200


def test_of_several_at_the_same_moment_one_makes_the_lead(odoo: OdooServer) -> None:
    rosa = create(odoo, "res.partner", name="Rosa", phone=london())
    ticket = Ticket("listener-case-18-sales", str(rosa), "Calls", "x", "https://l.example/18")

    def attempt() -> str | None:
        try:
            return opened(odoo).record(ticket).reference
        except CRMError as error:
            return None if error.retry else str(error)

    with ThreadPoolExecutor(4) as pool:
        told = {done.result() for done in [pool.submit(attempt) for _ in range(4)]} - {None}
    receipt = opened(odoo).record(ticket)
    assert receipt.already
    assert told == {receipt.reference}
    assert odoo.call("crm.lead", "search_count", domain=[["partner_id", "=", rosa]]) == 1


def test_a_case_of_a_prospect_is_a_note_on_their_lead(odoo: OdooServer, crm: Crm) -> None:
    number = london()
    lead = create(odoo, "crm.lead", name="Bought list", phone=number)
    ticket = Ticket("listener-case-19-sales", f"lead-{lead}", "Calls", "x", "https://l.example/19")
    first, again = crm.record(ticket), crm.record(ticket)
    assert (first.already, again.already) == (False, True)
    assert first.reference == again.reference
    assert notes(odoo, "crm.lead", lead, ticket.key) == 1
    assert refs(crm, number) == [f"lead-{lead}"]


def test_what_a_case_cannot_be_noted_for(odoo: OdooServer, crm: Crm) -> None:
    assert not crm.record(Ticket("listener-case-20-sales", None, "Calls", "x", "")).already
    with pytest.raises(CRMError, match="No matching record") as caught:
        crm.record(Ticket("listener-case-21-sales", "999999", "Calls", "x", ""))
    assert not caught.value.retry


# ---------------------------------------------------------------------------- when it goes wrong


class Between:
    """Passes on to Odoo, and cuts the line after Odoo has carried out a `lost` method."""

    def __init__(self, odoo: OdooServer) -> None:
        self._odoo = odoo
        self.lost: Callable[[Asked], bool] = lambda _: False

    def __call__(self, asked: Asked) -> Answer:
        passed = ("authorization", "content-type", "x-odoo-database")
        request = urllib.request.Request(
            f"{self._odoo.url}{asked.path}",
            data=asked.body,
            headers={name: asked.headers[name] for name in passed if name in asked.headers},
        )
        try:
            with urllib.request.urlopen(request, timeout=30) as answer:
                told = Answer(answer.read(), answer.status, {"Content-Type": "application/json"})
        except urllib.error.HTTPError as error:
            told = Answer(error.read(), error.code, {"Content-Type": "application/json"})
        return Answer(self._cut(), headers={"Content-Length": "9"}) if self.lost(asked) else told

    @staticmethod
    def _cut() -> Iterator[bytes]:
        yield b"["
        raise ConnectionError


@pytest.mark.parametrize("lost", ["add", "message_post", "load"])
def test_what_odoo_did_before_its_answer_was_lost_is_found(odoo: OdooServer, lost: str) -> None:
    number = london()
    rosa = create(odoo, "res.partner", name="Rosa", phone=number)
    order = Order(f"listener-{number}", number, str(rosa), "a")
    ticket = Ticket(f"listener-case-{number}", str(rosa), "Calls", "x", "https://l.example/1")
    between = Between(odoo)
    with WebServer(between) as web:
        crm = opened(odoo, url=web.base_url)
        question = (lambda: crm.record(ticket)) if lost == "load" else lambda: crm.suppress(order)
        # Of an import the second is lost: the first only looks.
        between.lost = lambda asked: asked.path.endswith(f"/{lost}") and b'"id"]' not in asked.body
        with pytest.raises(CRMError) as caught:
            question()
        assert caught.value.retry
        between.lost = lambda _: False
        receipt = question()
    assert receipt.already
    if lost == "load":
        assert odoo.call("crm.lead", "search_count", domain=[["partner_id", "=", rosa]]) == 1
    else:
        row_id = int(receipt.reference.partition("/")[2])
        assert notes(odoo, "phone.blacklist", row_id, order.key) == 1


def test_while_odoo_is_away_nothing_is_lost(odoo: OdooServer, crm: Crm) -> None:
    number = london()
    rosa = create(odoo, "res.partner", name="Rosa", phone=number)
    Desk(odoo).ring("res.partner", rosa, "Busy")
    before = crm.history(str(rosa))
    questions: list[Callable[[], object]] = [
        lambda: refs(crm, number),
        lambda: crm.history(str(rosa)),
        lambda: crm.suppress(Order("away", number, str(rosa), "a")),
        lambda: crm.record(Ticket("away", str(rosa), "Calls", "x", "")),
    ]
    odoo.stop()
    for question in questions:
        with pytest.raises(CRMError, match="CRM sales: cannot ") as caught:
            question()
        assert caught.value.retry
    odoo.start()
    assert refs(crm, number) == [str(rosa)]
    assert crm.history(str(rosa)) == before
    assert not crm.suppress(Order("away", number, str(rosa), "a")).already
    assert not crm.record(Ticket("away", str(rosa), "Calls", "x", "")).already


def test_a_key_that_is_none(odoo: OdooServer, crm: Crm, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LISTENER_ODOO_KEY", "0" * 40)
    with pytest.raises(CRMError, match=r"API key.*LISTENER_ODOO_KEY") as caught:
        refs(crm, london())
    assert not caught.value.retry
    assert "0" * 40 not in str(caught.value)


def test_a_seller_reads_and_records_and_may_not_suppress(odoo: OdooServer) -> None:
    crm = opened(odoo, key_env="LISTENER_SELLER_KEY")
    number = london()
    rosa = create(odoo, "res.partner", name="Rosa", phone=number, email="sold@example.org")
    Desk(odoo).ring("res.partner", rosa, "Busy")
    with Outside(odoo):
        Desk(odoo).write("res.partner", rosa, "An offer", partner_ids=[rosa])
    assert refs(crm, number) == [str(rosa)]
    kinds = [kind for kind, *_ in told(crm.history(str(rosa)))]
    assert kinds == ["call", "email"]
    ticket = Ticket("listener-case-22-sales", str(rosa), "Calls", "x", "")
    assert [crm.record(ticket).already, crm.record(ticket).already] == [False, True]
    with pytest.raises(CRMError, match=r"phone blacklist.*may not.*Settings") as caught:
        crm.suppress(Order("k", number, str(rosa), "a"))
    assert not caught.value.retry


def test_addresses_that_are_not_odoos(odoo: OdooServer) -> None:
    with pytest.raises(CRMError, match=r"no such database.*Check url, database"):
        refs(opened(odoo, database="nowhere"), london())
    assert refs(opened(odoo, database=""), london()) == []  # it has one only


# ---------------------------------------------------------------------------- its own pages


@pytest.fixture
def page(odoo: OdooServer) -> Iterator[Any]:
    """A browser's, in which the administrator has signed in."""
    with launched() as browser:
        page = browser.new_page()
        page.set_default_timeout(90_000)  # at first Odoo compiles its scripts and styles
        page.goto(f"{odoo.url}/web/login")
        page.fill("input[name=login]", LOGIN)
        page.fill("input[name=password]", PASSWORD)
        page.click("button[type=submit]")
        page.wait_for_url("**/odoo**")
        yield page


def test_a_browser_shows_the_flag_the_reason_and_the_case(
    odoo: OdooServer, crm: Crm, page: Any
) -> None:
    number = london()
    rosa = create(odoo, "res.partner", name="Rosa Vidal", phone=number)
    lead = create(odoo, "crm.lead", name="Fibre", partner_id=rosa)
    receipt = crm.suppress(Order("listener-9-sales-aa", number, str(rosa), "Asked in public"))
    case = crm.record(Ticket("listener-case-9-sales", str(rosa), "Calls", "4 a day", "https://l/9"))
    page.goto(str(crm.link(str(rosa))))
    page.wait_for_selector(".o_form_view")
    assert page.input_value("[name=name] :is(input, textarea)") == "Rosa Vidal"
    page.goto(str(crm.link(f"lead-{lead}")))
    page.wait_for_selector("button.fa-ban[name=phone_action_blacklist_remove]")
    page.goto(f"{odoo.url}/odoo/{receipt.reference}")
    page.wait_for_selector(".o-mail-Message:has-text('Asked in public')")
    assert page.input_value("[name=number] input") == number
    page.goto(f"{odoo.url}/odoo/{case.reference}")
    page.wait_for_selector(".o_form_view:has-text('4 a day')")
