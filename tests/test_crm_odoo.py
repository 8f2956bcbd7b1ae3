"""The CRM `odoo`, by rows that a real Odoo 19 answered (tests/data/crm/odoo): who is found, what the
history says, what is written once, what its errors are turned into."""

from __future__ import annotations

import json
import re
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import phonenumbers
import pytest
import stamina
from crm_cases import phone
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError
from servers import Answer, Asked, WebServer, answer_json

from listener import phones
from listener.crm import odoo, odoo_api
from listener.crm.odoo_rows import (
    DISPOSITIONS,
    LEAD,
    PARTNER,
    Blocked,
    Coded,
    Created,
    Document,
    Lead,
    Letter,
    Loaded,
    Note,
    Notice,
    Partner,
    Person,
    call,
    disposition_of,
    emails_of,
    feedback_of,
    fits,
    letter,
    phones_of,
    read,
    rows,
    term_of,
)
from listener.crm.seam import Connection, Crm, Order, Ticket
from listener.domain import Channel, Direction, Disposition, Identifier, IdentifierKind
from listener.errors import CRMError
from listener.httpclient import HttpClient
from listener.settings import Brand, CrmConfig, Http, Settings

DATA = Path(__file__).parent / "data" / "crm" / "odoo"
KEY = "6578616d706c65206b6579"
NOW = datetime(2026, 11, 26, 12, tzinfo=UTC)
FILES = {
    PARTNER: "partners",
    LEAD: "leads",
    "mail.message": "messages",
    "mail.notification": "notifications",
    "res.country": "countries",
    "res.country.state": "states",
    "phone.blacklist": "blacklist",
}
CATEGORIES = {2: "phonecall", 4: "default"}  # of the kinds of activities in messages.json
ANSWERS: dict[str, dict[str, Any]] = json.loads((DATA / "answers.json").read_text())


def recorded(name: str) -> Answer:
    answer = ANSWERS[name]
    return Answer(
        answer["body"].encode(), answer["status"], {"Content-Type": answer["content_type"]}
    )


class Odoo:
    """Answers searches over the recorded rows as Odoo does, and keeps what is written.

    `instead` answers the next request of a "model/method" otherwise, by its answer or a function
    of what was asked; what it gives None for is answered as ever.
    """

    def __init__(self) -> None:
        self.rows: dict[str, list[dict[str, Any]]] = {
            model: json.loads((DATA / f"{name}.json").read_text()) for model, name in FILES.items()
        }
        self.external: dict[str, int] = {}
        self.asked: list[tuple[str, dict[str, Any]]] = []
        self.instead: dict[str, list[Answer | Callable[[dict[str, Any]], Answer | None]]] = {}

    def __call__(self, asked: Asked) -> Answer:
        if asked.headers.get("authorization", "").lower() != f"bearer {KEY}":
            return recorded("key")
        if asked.headers.get("x-odoo-database") != "company":
            return recorded("database")
        name = asked.path.removeprefix("/json/2/")
        params = asked.json
        self.asked.append((name, params))
        if waiting := self.instead.get(name):
            first = waiting.pop(0)
            answer = first if isinstance(first, Answer) else first(params)
            if answer is not None:
                return answer
        model, method = name.split("/")
        if method == "search_read":
            return answer_json(self._search_read(model, params))
        return {"add": self._add, "message_post": self._post, "load": self._load}[method](
            model, params
        )

    def written(self, *methods: str) -> list[dict[str, Any]]:
        return [params for name, params in self.asked if name.split("/")[1] in methods]

    # ------------------------------------------------------------------ reading

    def _search_read(self, model: str, params: dict[str, Any]) -> list[dict[str, Any]]:
        assert params["order"] == "id"
        found = [row for row in self.rows[model] if self._holds(row, list(params["domain"]))]
        if params.get("context", {}).get("active_test", True):
            found = [row for row in found if row.get("active", True)]
        return [{name: row[name] for name in params["fields"]} for row in found[: params["limit"]]]

    def _holds(self, row: dict[str, Any], domain: list[Any]) -> bool:
        verdicts = []
        while domain:
            verdicts.append(self._one(row, domain))
        return all(verdicts)

    def _one(self, row: dict[str, Any], domain: list[Any]) -> bool:
        first = domain.pop(0)
        if first in ("|", "&"):
            a, b = self._one(row, domain), self._one(row, domain)
            return a or b if first == "|" else a and b
        field, operator, value = first
        held = self._value(row, field)
        if operator == "ilike":
            return re.sub(r"\\(.)", r"\1", value).casefold() in str(held or "").casefold()
        if operator == "in":
            return held in value
        if operator == ">":
            return bool(held > value)
        assert operator == "=", operator
        return bool((held or False) == value)

    def _value(self, row: dict[str, Any], field: str) -> Any:
        if field == "phone_mobile_search":
            return re.sub(r"[\s\\./()-]", "", row["phone"] or "")
        if field == "mail_activity_type_id.category":
            kind = row["mail_activity_type_id"]
            return CATEGORIES[kind[0]] if kind else False
        if field.startswith("mail_message_id."):
            messages = {m["id"]: m for m in self.rows["mail.message"]}
            return messages[row["mail_message_id"][0]][field.partition(".")[2]]
        held = row[field]
        return held[0] if isinstance(held, list) else held

    # ------------------------------------------------------------------ writing

    def _now(self) -> str:
        return (NOW + timedelta(seconds=len(self.asked))).strftime("%Y-%m-%d %H:%M:%S")

    def _add(self, model: str, params: dict[str, Any]) -> Answer:
        if not phonenumbers.is_valid_number(phonenumbers.parse(params["number"])):
            return recorded("number")
        for row in self.rows[model]:
            if row["number"] == params["number"]:
                if not row["active"]:
                    row |= {"active": True, "write_date": self._now()}
                return answer_json([row["id"]])
        new = max(row["id"] for row in self.rows[model]) + 1
        self.rows[model].append(
            {"id": new, "number": params["number"], "active": True, "write_date": self._now()}
        )
        return answer_json([new])

    def _post(self, model: str, params: dict[str, Any]) -> Answer:
        assert params["subtype_xmlid"] == "mail.mt_note"  # nobody is written to
        assert params["body_is_html"] is True
        new = max(row["id"] for row in self.rows["mail.message"]) + 1
        row = {
            "id": new,
            "date": self._now(),
            "message_type": "notification",
            "model": model,
            "res_id": params["ids"][0],
            "author_id": [3, "Sales bot"],
            "email_from": "sales@example.com",
            "subject": False,
            "body": params["body"],
            "preview": "",
            "mail_activity_type_id": False,
        }
        self.rows["mail.message"].append(row)
        return answer_json([new])

    def _load(self, model: str, params: dict[str, Any]) -> Answer:
        [cells] = params["data"]
        record = dict(zip(params["fields"], cells, strict=True))
        partner = record.get("partner_id/.id")
        if partner and int(partner) not in {row["id"] for row in self.rows[PARTNER]}:
            return recorded("load_partner")
        lead = self.external.get(record["id"])
        if lead is None:
            if "name" not in record:
                return recorded("load_absent")
            lead = self.external[record["id"]] = max(row["id"] for row in self.rows[model]) + 1
            empty = dict.fromkeys(self.rows[model][0], False)
            self.rows[model].append({**empty, "id": lead, "create_date": self._now()})
        row = next(row for row in self.rows[model] if row["id"] == lead)
        row.update({k: v for k, v in record.items() if k != "id"})
        return answer_json({"ids": [lead], "messages": [], "nextrow": 0})


def refused(message: str) -> Answer:
    """Of an import, with HTTP 200."""
    told = {"rows": {"from": 0, "to": 0}, "record": 0, "type": "error", "message": message}
    return answer_json({"ids": False, "messages": [told], "nextrow": 0})


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setenv("LISTENER_ODOO_KEY", KEY)
    with stamina.set_testing(True, attempts=2, cap=True):
        yield


@pytest.fixture
def server() -> Odoo:
    return Odoo()


@pytest.fixture
def crm(server: Odoo) -> Iterator[Crm]:
    with WebServer(server) as web:
        yield opened(web.base_url)


def opened(url: str, timeout: float = 5, **options: Any) -> Crm:
    spain = Brand(key="ours", name="Ours", query="ours", countries=("ES",))
    abroad = Brand(key="theirs", name="Theirs", query="x", kind="competitor", countries=("DE",))
    settings = Settings(folder=Path(), var=Path(), database_url="", brands=(abroad, spain))
    http = Http(
        allow_private_addresses=True,
        per_host_interval=timedelta(0),
        timeout=timedelta(seconds=timeout),
    )
    config = CrmConfig(name="sales", type="odoo")
    connection = Connection(config, settings, None, HttpClient(http), lambda: NOW)  # type: ignore[arg-type]
    given = odoo.Options.model_validate({"url": url, "database": "company", **options})
    return odoo.open(given, connection)


def email(value: str) -> Identifier:
    return Identifier(IdentifierKind.EMAIL, value)


def customer_id(value: str) -> Identifier:
    return Identifier(IdentifierKind.CUSTOMER_ID, value)


def refs(crm: Crm, *identifiers: Identifier) -> list[str]:
    return [candidate.customer.ref for candidate in crm.find(identifiers)]


# ---------------------------------------------------------------------------- who


@pytest.mark.parametrize(
    ("written", "country", "found"),
    [
        ("+44 20 7946 0102", "", ["7"]),
        ("(020) 7946-0102", "GB", ["7"]),
        ("0044 207 946 0102", "", ["7"]),
        ("020 7946 0304", "GB", ["7"]),  # of the delivery address
        ("755 10 20 30", "ES", ["8"]),  # Odoo holds it for invalid
        ("0034755102030", "", ["8"]),
        ("0491 570 156", "AU", ["9", "10"]),
        ("305.555.0123", "US", ["11"]),
        ("11 5550 0123", "AR", ["12"]),
        ("+54 9 11 5550 0123", "", ["12"]),
        ("55 5550 1234", "MX", ["13"]),
        ("+52 1 55 5550 1234", "", ["13"]),
        ("(11) 98765-0123", "BR", ["14"]),
        ("+55 11 8765 0123", "", ["14"]),
        ("755203040", "ES", ["15"]),  # two in one field
        ("755203041", "ES", ["15"]),
        ("755 66 77 88", "ES", ["17"]),  # archived, and there is no other
        ("+34 755 30 40 50", "", ["lead-3"]),  # the archived lead has it too
        ("755 10 20 31", "ES", []),
        ("+44 755 10 20 30", "", []),
    ],
)
def test_a_phone_is_found_in_whatever_form_it_was_written(
    crm: Crm, written: str, country: str, found: list[str]
) -> None:
    number = phones.normalise(written, country)
    assert number is not None
    assert refs(crm, phone(number)) == found


@pytest.mark.parametrize(
    ("ref", "typed", "number"),
    [
        (12, "02901 15 500123", "+542901500123"),
        (12, "(011) 15-5550.0123", "+541155500123"),
        (14, "011 8765-0124", "+5511987650124"),
        (13, "01 55 5550 1299", "+525555501299"),
        (7, "+44 (0)20 7946 0999", "+442079460999"),
        (18, "(020) 7946.0555", "+442079460555"),  # an address has its contact's country
        (15, "755 20 30 49 or 755 20 30 48", "+34755203048"),
    ],
)
def test_a_phone_that_odoo_has_not_read_is_found_as_it_was_typed(
    crm: Crm, server: Odoo, ref: int, typed: str, number: str
) -> None:
    [row] = [row for row in server.rows[PARTNER] if row["id"] == ref]
    row |= {"phone": typed, "phone_sanitized": False}
    [found] = (c.customer for c in crm.find([phone(number)]))
    assert found.ref == ("7" if ref == 18 else str(ref))
    assert number in found.phones


@pytest.mark.parametrize(
    ("given", "found"),
    [
        (email("Rosa.Vidal@Example.org"), ["7"]),
        (email("gil@example.net"), ["8"]),  # the second in its field
        (email("workshop@example.org"), ["7"]),
        (email("luis@example.org"), ["lead-3"]),
        (email("osa.vidal@example.org"), []),
        (email("%@example.org"), []),
        (email("rosa_vidal@example.org"), []),
        (customer_id("C-1001"), ["7"]),
        (customer_id("C-1002"), ["8"]),
        (customer_id("7"), []),
        (Identifier(IdentifierKind.HANDLE, "mastodon:rosa"), []),
    ],
)
def test_addresses_and_ids_fit_wholly_or_not_at_all(
    crm: Crm, given: Identifier, found: list[str]
) -> None:
    assert refs(crm, given) == found


def test_nobody_is_asked_for_by_what_is_no_identifier(crm: Crm, server: Odoo) -> None:
    values = ["", " ", "x", "1004", "%", "' OR 1=1 --", "Rosa Vidal", "\0"]
    kinds = (IdentifierKind.PHONE, IdentifierKind.EMAIL, IdentifierKind.HANDLE)
    assert crm.find([Identifier(kind, value) for kind in kinds for value in values]) == []
    assert crm.find([]) == []
    assert server.asked == []
    assert crm.find([customer_id(value) for value in values]) == []


def test_everybody_once_for_each_identifier_in_the_order_given(crm: Crm) -> None:
    given = [email("luis@example.org"), phone("+442079460102"), customer_id("c-1001")]
    found = [(c.found_by, c.customer.ref) for c in crm.find([*given, given[1]])]
    assert found == list(zip(given, ["lead-3", "7", "7"], strict=True))


def test_what_a_customer_is(crm: Crm) -> None:
    [rosa] = (c.customer for c in crm.find([customer_id("C-1001")]))
    assert (rosa.crm, rosa.ref, rosa.name, rosa.country) == ("sales", "7", "Rosa Vidal", "GB")
    assert rosa.phones == ("+442079460102", "+442079460304")
    assert rosa.emails == ("rosa.vidal@example.org", "workshop@example.org")
    assert (rosa.status, rosa.time_zone, rosa.consent) == ("customer", "", "none")
    assert crm.get("7") == rosa
    dora, olga, luis = crm.get("11"), crm.get("17"), crm.get("lead-3")
    assert dora is not None
    assert olga is not None
    assert luis is not None
    assert (dora.country, dora.region) == ("US", "FL")
    assert olga.status == "former"
    assert (luis.name, luis.phones, luis.status) == ("Luis Prada", ("+34755304050",), "prospect")
    [prado] = (c.customer for c in crm.find([phone("+34755203041")]))
    assert (prado.phones, prado.country) == (("+34755203040", "+34755203041"), "")


@pytest.mark.parametrize(
    "ref", ["", "999", "lead-999", "C-404", "-7", "07", "7 ", "lead-", "2147483648", "٧"]
)
def test_who_is_not_there_has_nothing(crm: Crm, ref: str) -> None:
    assert crm.get(ref) is None
    assert crm.history(ref) == []


def test_a_phone_that_is_none_stays_as_it_is_written(crm: Crm, server: Odoo) -> None:
    server.rows[PARTNER][1] |= {"phone": " ask at the desk ", "phone_sanitized": False}
    rosa = crm.get("7")
    assert rosa is not None
    assert rosa.phones == ("+442079460304", "ask at the desk")


def test_links_open_odoos_own_pages(crm: Crm) -> None:
    assert str(crm.link("7")).endswith("/odoo/res.partner/7")
    assert str(crm.link("lead-3")).endswith("/odoo/crm.lead/3")
    assert crm.link("C-1") is None


# ---------------------------------------------------------------------------- what happened

ROSA = [
    ("call-72", "2026-11-02T09:05", "out", "call", "no_answer", "No answer"),
    ("email-85", "2026-11-02T10:00", "out", "email", "none", "Fibre for you"),
    ("email-87", "2026-11-02T12:00", "in", "email", "none", "Re: Fibre for you"),
    (
        *("call-74", "2026-11-03T17:30", "out", "call", "not_interested"),
        "No le interesa, que no la llamemos más.\nMuy enfadada",
    ),
    ("call-76", "2026-11-05T08:00", "out", "call", "none", "Q4 script read"),
    ("call-78", "2026-11-05T08:00", "out", "call", "none", ""),
    ("sms-93", "2026-11-08T09:00", "out", "sms", "none", "Fibre at 20 EUR"),
]


def told(crm: Crm, ref: str) -> list[tuple[str, ...]]:
    return [
        (
            *(e.event_id, e.at.isoformat()[:16], e.direction.value, e.channel.value),
            *(e.disposition.value, e.note),
        )
        for e in crm.history(ref)
    ]


def test_a_history_is_whole_in_order_and_the_same_again(crm: Crm) -> None:
    """Neither notes, plans, other tasks, mail among colleagues, nor what was not delivered."""
    assert told(crm, "7") == ROSA
    assert told(crm, "7") == ROSA
    events = {e.event_id: e for e in crm.history("7")}
    assert all(e.at.tzinfo == UTC and e.customer_ref == "7" for e in events.values())
    refused = events["call-74"]
    assert (refused.agent, refused.campaign, refused.duration_s) == (
        "Marta Sanz",
        "Fibre autumn",
        None,
    )
    assert refused.customer_number == "+442079460102"
    assert events["call-76"].campaign == "Fibre autumn"  # on a lead of nobody with her phone
    assert events["call-78"].customer_number == "+442079460304"  # on her delivery address
    assert events["email-87"].agent == ""


@pytest.mark.parametrize(
    ("status", "contact"),
    [("sent", True), ("process", True), ("canceled", False), ("ready", False), ("bounce", False)],
)
def test_what_was_not_delivered_was_no_contact(
    crm: Crm, server: Odoo, status: str, contact: bool
) -> None:
    for notice in server.rows["mail.notification"]:
        notice["notification_status"] = status
    found = {e for e, *_ in told(crm, "7")}
    assert ("sms-93" in found, "email-85" in found) == (contact, contact)


def test_a_history_is_the_same_page_by_page(
    crm: Crm, server: Odoo, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(odoo_api, "PAGE", 2)
    assert told(crm, "7") == ROSA
    assert len(server.asked) > 10


def test_a_lead_has_what_is_on_all_leads_with_its_phone(crm: Crm) -> None:
    expected = [
        ("call-84", "2026-10-06T12:00", "out", "call", "do_not_call", "DNC!"),
        ("call-82", "2026-11-06T12:00", "out", "call", "none", "VM"),
        ("email-90", "2026-11-07T09:00", "out", "email", "none", "Mobile offer"),
        ("email-92", "2026-11-07T11:00", "in", "email", "none", "No"),
    ]
    assert told(crm, "lead-3") == expected
    # The archived one has the phone only, not the address.
    assert [e for e, *_ in told(crm, "lead-4")] == ["call-84", "call-82"]


def test_a_lead_that_became_a_contact_has_the_contacts_history(crm: Crm) -> None:
    assert told(crm, "lead-1") == ROSA


def test_a_contact_without_a_phone_has_no_leads_of_others(crm: Crm, server: Odoo) -> None:
    for row in server.rows[PARTNER]:
        row |= {"phone": False, "phone_sanitized": False}
    assert [e for e, *_ in told(crm, "7")] == [e for e, *_ in ROSA if e != "call-76"]


def test_a_lead_whose_phone_only_ends_alike_is_somebody_elses(crm: Crm, server: Odoo) -> None:
    server.rows[LEAD][3] |= {"phone": "020 8946 0102", "phone_sanitized": "+442089460102"}
    assert told(crm, "7") == ROSA


def test_own_first_words_come_before_ours(server: Odoo) -> None:
    codes = {"VM": "voicemail", "No answer": "none", "Q4 Script": "interested"}
    with WebServer(server) as web:
        crm = opened(web.base_url, dispositions=codes)
        dispositions = {e.event_id: e.disposition for e in crm.history("7")}
        assert crm.history("lead-3")[1].disposition is Disposition.VOICEMAIL
    assert dispositions["call-76"] is Disposition.INTERESTED
    assert dispositions["call-72"] is Disposition.NONE


@pytest.mark.parametrize(
    ("feedback", "disposition"),
    [
        ("NO LE INTERESA", Disposition.NOT_INTERESTED),
        ("no contesta, probar mañana", Disposition.NO_ANSWER),
        ("Sale el contestador", Disposition.VOICEMAIL),
        ("Buzón", Disposition.VOICEMAIL),
        ("Línea ocupada", Disposition.BUSY),
        ("Colgó", Disposition.HANG_UP_BY_CUSTOMER),
        ("Call back on Monday", Disposition.CALLBACK),
        ("Don’t call again", Disposition.DO_NOT_CALL),
        ("interested", Disposition.INTERESTED),
        ("not interested at all", Disposition.NOT_INTERESTED),
        ("interestedly", Disposition.NONE),
        ("comunica que no le interesa", Disposition.NONE),
        ("Sale a las ocho de trabajar", Disposition.NONE),
        ("", Disposition.NONE),
    ],
)
def test_feedback_is_coded_by_its_first_words(feedback: str, disposition: Disposition) -> None:
    assert disposition_of(feedback, DISPOSITIONS) is disposition


def test_the_longest_entry_decides() -> None:
    table = {"no": Disposition.NOT_INTERESTED, "no answer": Disposition.NO_ANSWER}
    assert disposition_of("No answer", table) is Disposition.NO_ANSWER
    assert disposition_of("No!", table) is Disposition.NOT_INTERESTED


def test_feedback_is_found_in_any_language_of_the_user() -> None:
    body = next(
        m["body"] for m in json.loads((DATA / "messages.json").read_text()) if m["id"] == 74
    )
    said = "No le interesa, que no la llamemos más.\nMuy enfadada"
    assert feedback_of(body) == said
    assert feedback_of(body.replace("Feedback:", "Comentarios:")) == said
    assert feedback_of("<p>Another template: busy</p>") == "Another template: busy"


# ---------------------------------------------------------------------------- orders


def test_a_suppression_is_written_once_with_its_reason(crm: Crm, server: Odoo) -> None:
    order = Order("listener-1-sales-aa", "+61491570156", "9", "Asked <b>twice</b> in public")
    first = crm.suppress(order)
    again = crm.suppress(order)
    assert (first.already, again.already) == (False, True)
    assert first.reference == again.reference == "phone.blacklist/2"
    assert first.effective_at == again.effective_at > NOW
    assert len(server.written("add")) == 1
    [note] = server.written("message_post")
    assert note["ids"] == [2]
    assert "Asked &lt;b&gt;twice" in note["body"]
    assert "listener-1-sales-aa" in note["body"]


def test_a_number_that_stands_there_already_gets_the_reason_of_each_order(
    crm: Crm, server: Odoo
) -> None:
    one = Order("listener-1-sales-aa", "+442079460102", "7", "a", NOW + timedelta(days=30))
    assert crm.suppress(one).already
    assert crm.suppress(Order("listener-11-sales-aa", "+442079460102", "7", "b")).already
    assert crm.suppress(Order("listener-1", "+442079460102", "7", "c")).already
    assert server.written("add") == []
    assert len(server.written("message_post")) == 3
    assert "(2026-12-26)" in server.written("message_post")[0]["body"]


def test_a_number_that_was_taken_off_comes_back(crm: Crm, server: Odoo) -> None:
    server.rows["phone.blacklist"][0]["active"] = False
    receipt = crm.suppress(Order("k", "+442079460102", "7", "a"))
    assert (receipt.reference, receipt.already) == ("phone.blacklist/1", False)
    assert receipt.effective_at > NOW


def test_after_a_crash_between_number_and_reason_the_reason_follows(crm: Crm, server: Odoo) -> None:
    order = Order("listener-1-sales-aa", "+61491570156", "9", "a")
    server.instead["phone.blacklist/message_post"] = [Answer(b"", 502)]
    with pytest.raises(CRMError) as caught:
        crm.suppress(order)
    assert caught.value.retry
    assert crm.suppress(order).already
    assert len(server.written("add")) == 1
    assert sum("listener-1-sales-aa" in m["body"] for m in server.rows["mail.message"]) == 1


def test_an_argentine_number_is_suppressed_in_both_its_forms(crm: Crm, server: Odoo) -> None:
    assert not crm.suppress(Order("k", "+541155500123", "12", "a")).already
    numbers = [row["number"] for row in server.rows["phone.blacklist"][1:]]
    assert numbers == ["+541155500123", "+5491155500123"]
    server.rows["phone.blacklist"].pop()
    assert not crm.suppress(Order("k", "+541155500123", "12", "a")).already
    assert crm.suppress(Order("k", "+541155500123", "12", "a")).already


def test_a_number_that_odoo_holds_for_invalid_cannot_be_suppressed_there(crm: Crm) -> None:
    with pytest.raises(CRMError, match=r"phone blacklist.*•••030.*Block it where") as caught:
        crm.suppress(Order("k", "+34755102030", "8", "a"))
    assert not caught.value.retry
    assert "755" not in str(caught.value)


def test_a_case_is_one_lead_that_people_may_edit(crm: Crm, server: Odoo) -> None:
    ticket = Ticket(
        "listener-case-17-sales", "7", "Calls", "a <b>\nc", "https://l.example/?a=1&b=2"
    )
    first = crm.record(ticket)
    [lead] = [row for row in server.rows[LEAD] if row.get("name") == "Calls"]
    assert lead["partner_id/.id"] == "7"
    assert lead["description"] == (
        "<p>a &lt;b&gt;<br>c</p>"
        '<p><a href="https://l.example/?a=1&amp;b=2">https://l.example/?a=1&amp;b=2</a></p>'
    )
    lead |= {"name": "Being looked into", "active": False}
    again = crm.record(ticket)
    assert (first.already, again.already) == (False, True)
    assert first.reference == again.reference == f"crm.lead/{lead['id']}"
    assert first.effective_at == again.effective_at
    assert lead["name"] == "Being looked into"
    assert list(server.external) == ["listener.listener-case-17-sales"]


def test_a_case_of_nobody_and_a_key_with_other_signs(crm: Crm, server: Odoo) -> None:
    assert not crm.record(Ticket("case: 1.a", None, "", "x", "")).already
    assert list(server.external) == ["listener.case__1_a"]
    assert server.rows[LEAD][-1]["name"] == "case: 1.a"
    assert "partner_id/.id" not in server.rows[LEAD][-1]


def test_a_case_of_somebody_who_is_a_lead_is_a_note_on_it(crm: Crm, server: Odoo) -> None:
    ticket = Ticket(
        "listener-case-3-sales", "lead-3", "Calls & more", "text", "https://l.example/3"
    )
    first, again = crm.record(ticket), crm.record(ticket)
    assert (first.already, again.already) == (False, True)
    assert first.reference == again.reference
    [note] = server.written("message_post")
    assert note["ids"] == [3]
    assert "Calls &amp; more" in note["body"]
    assert server.written("load") == []
    assert [e for e, *_ in told(crm, "lead-3")][-1] == "email-92"  # no contact


def test_of_two_at_the_same_moment_one_is_asked_again(crm: Crm, server: Odoo) -> None:
    busy = refused("could not serialize access due to concurrent update\n")

    def other(_: dict[str, Any]) -> Answer:
        server.external["listener.k"] = 1
        server.rows[LEAD][0]["create_date"] = "2026-11-26 09:00:00"
        return busy

    server.instead["crm.lead/load"] = [lambda _: None, other]
    receipt = crm.record(Ticket("k", "7", "t", "x", ""))
    assert (receipt.reference, receipt.already) == ("crm.lead/1", True)
    server.instead["crm.lead/load"] = [busy] * 6
    with pytest.raises(CRMError, match="serialize") as caught:
        crm.record(Ticket("other", "7", "t", "x", ""))
    assert caught.value.retry


def test_after_a_lost_answer_the_lead_is_found(crm: Crm, server: Odoo) -> None:
    def carried_out(params: dict[str, Any]) -> Answer:
        server._load(LEAD, params)
        return Answer(b"", 504)

    server.instead["crm.lead/load"] = [lambda _: None, carried_out]
    ticket = Ticket("k", "7", "t", "x", "")
    with pytest.raises(CRMError) as caught:
        crm.record(ticket)
    assert caught.value.retry
    assert crm.record(ticket).already
    assert len(server.external) == 1


def test_a_case_of_a_customer_who_is_gone_is_refused_for_good(crm: Crm) -> None:
    with pytest.raises(CRMError, match="No matching record found") as caught:
        crm.record(Ticket("k", "99999", "t", "x", ""))
    assert not caught.value.retry
    with pytest.raises(CRMError, match="no id"):
        crm.record(Ticket("k", "C-1", "t", "x", ""))


def test_a_refused_lead_shows_no_phone(crm: Crm, server: Odoo) -> None:
    server.instead["crm.lead/load"] = [refused("+34755102030 is no phone")] * 6
    with pytest.raises(CRMError, match="is no phone") as caught:
        crm.record(Ticket("k", "7", "t", "x", ""))
    assert "755102030" not in str(caught.value)


# ---------------------------------------------------------------------------- errors


@pytest.mark.parametrize(
    ("answer", "told", "retry"),
    [
        (recorded("key"), r"API key.*LISTENER_ODOO_KEY", False),
        (recorded("rights"), r"may not do that.*Settings", False),
        (recorded("database"), r"no such database.*Check url, database", False),
        (recorded("model"), r"no app CRM", False),
        (recorded("field"), r"ValueError.*missing", False),
        (recorded("number"), r"422 ValidationError", False),
        (Answer(b"slow down", 429, {"Retry-After": "0"}), "too often", True),
        (Answer(b"<h1>Oops</h1>", 500, {"Content-Type": "text/html"}), "it failed", True),
        (Answer(b"", 415), "415", False),
        (Answer(b"<html>sign in</html>"), "is no JSON", False),
        (Answer(b""), "is no JSON", False),
        (answer_json({"jsonrpc": "2.0"}), "it is no list", False),
        (answer_json(None), "it is no list", False),
        (answer_json([7]), "a row", False),
        (answer_json([{"id": 7}]), "missing", False),
        (answer_json([{"id": "seven"}]), "id", False),
    ],
)
def test_what_cannot_be_used_is_explained(
    crm: Crm, server: Odoo, answer: Answer, told: str, retry: bool
) -> None:
    server.instead = {
        f"{PARTNER}/search_read": [answer] * 4,
        "phone.blacklist/search_read": [answer] * 4,
    }
    questions: list[Callable[[], object]] = [
        lambda: crm.find([phone("+442079460102")]),
        lambda: crm.get("7"),
        lambda: crm.history("7"),
        lambda: crm.suppress(Order("k", "+442079460102", "7", "a")),
    ]
    for question in questions:
        server.instead = {name: [answer] * 4 for name in server.instead}
        with pytest.raises(CRMError, match=rf"CRM sales: cannot .*127\.0\.0\.1.*{told}") as caught:
            question()
        assert caught.value.retry is retry
        assert KEY not in str(caught.value)
        assert "Traceback" not in str(caught.value)
        assert "7946" not in str(caught.value)


def test_an_empty_answer_is_nobody(crm: Crm, server: Odoo) -> None:
    server.instead = {f"{model}/search_read": [answer_json([])] for model in (PARTNER, LEAD)}
    assert crm.find([phone("+442079460102")]) == []


def test_rows_that_go_round_in_circles_are_noticed(
    crm: Crm, server: Odoo, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(odoo_api, "PAGE", 1)
    same = answer_json([server.rows[PARTNER][1]])
    server.instead = {f"{PARTNER}/search_read": [same, same]}
    with pytest.raises(CRMError, match="not in order"):
        crm.find([phone("+442079460102")])


def test_a_note_that_is_not_there_afterwards_is_told(crm: Crm, server: Odoo) -> None:
    server.instead = {"phone.blacklist/message_post": [answer_json([0])]}
    with pytest.raises(CRMError, match="not there afterwards"):
        crm.suppress(Order("k", "+442079460102", "7", "a"))


def test_a_failure_on_the_blacklist_is_no_invalid_number(crm: Crm, server: Odoo) -> None:
    server.instead = {"phone.blacklist/add": [recorded("rights")]}
    with pytest.raises(CRMError, match="may not do that"):
        crm.suppress(Order("k", "+61491570156", "9", "a"))


def test_one_that_is_silent_is_not_waited_for() -> None:
    def slow(asked: Asked) -> Answer:
        time.sleep(1)
        return answer_json([])

    with WebServer(slow) as web, pytest.raises(CRMError, match="cannot find contacts") as caught:
        opened(web.base_url, timeout=0.1).find([phone("+442079460102")])
    assert caught.value.retry


def test_one_that_is_not_there_is_worth_another_try() -> None:
    with WebServer(lambda _: answer_json([])) as web:
        url = web.base_url
    with pytest.raises(CRMError) as caught:
        opened(url).get("7")
    assert caught.value.retry


def test_a_missing_key_names_its_variable(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("LISTENER_ODOO_KEY")
    crm = opened("https://odoo.example.com/")
    assert crm.link("7") == "https://odoo.example.com/odoo/res.partner/7"
    with pytest.raises(CRMError, match="LISTENER_ODOO_KEY is not set"):
        crm.get("7")


@pytest.mark.parametrize(
    "url",
    ["odoo.example.com", "https://x.example/odoo", "ftp://x", "https://", "https://a:b@x.example"],
)
def test_an_address_is_that_of_odoo_itself(url: str) -> None:
    with pytest.raises(ValidationError, match="without a path"):
        odoo.Options(url=url)


# ---------------------------------------------------------------------------- any answer

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=10,
)
MANY2ONE = st.just(False) | st.tuples(st.integers(1, 9), st.text() | st.just(False)).map(list)
TEXT = st.text() | st.just(False)
CELL = (
    JSON | TEXT | MANY2ONE | st.sampled_from(["2026-11-26 01:35:16", "+34755102030", "a@b.example"])
)
KINDS = (Partner, Lead, Note, Letter, Notice, Blocked, Coded, Created)


def unreadable(parse: Callable[[], object]) -> bool:
    """By a ValueError, though not pydantic's, which would show what was answered."""
    try:
        parse()
    except ValidationError as error:
        raise AssertionError from error
    except ValueError:
        return True
    return False


@pytest.mark.parametrize("kind", KINDS)
@given(data=st.data())
def test_any_answer_is_rows_or_a_value_error(kind: type[Any], data: st.DataObject) -> None:
    likely = st.lists(st.fixed_dictionaries(dict.fromkeys(kind.model_fields, CELL)), max_size=3)
    answer = data.draw(JSON | likely)
    if not unreadable(lambda: rows(kind, answer)):
        assert all(isinstance(row, kind) for row in rows(kind, answer))


@given(JSON | st.fixed_dictionaries({"ids": CELL, "messages": st.lists(CELL)}))
def test_any_answer_to_an_import_is_read_or_a_value_error(answer: object) -> None:
    if not unreadable(lambda: read(Loaded, answer)):
        assert isinstance(answer, dict)


def likely_rows(kind: type[Any]) -> st.SearchStrategy[Any]:
    cells = {
        name: MANY2ONE
        if "Link" in str(field.annotation)
        else st.booleans()
        if field.annotation is bool
        else st.integers(1, 99)
        if field.annotation is int
        else st.just("2026-11-26 01:35:16")
        if field.annotation is datetime
        else TEXT
        for name, field in kind.model_fields.items()
    }
    return st.fixed_dictionaries(cells).map(lambda row: read(kind, row))


PERSON = Person("7", {7: Document(("+442079460102",))}, {3: Document((), "x")}, ("+1",), ("a@b.c",))


@given(likely_rows(Note))
def test_any_note_of_a_call_is_an_event(note: Note) -> None:
    event = call(note, PERSON, DISPOSITIONS)
    assert (event.channel, event.direction) == (Channel.CALL, Direction.OUT)


@given(likely_rows(Letter), st.dictionaries(st.integers(1, 99), st.sampled_from(["sms", "email"])))
def test_any_letter_is_an_event_or_none(message: Letter, sent: dict[int, str]) -> None:
    event = letter(message, PERSON, sent)
    if event is None:
        assert message.id not in sent
    else:
        assert event.channel in (Channel.EMAIL, Channel.SMS)


@given(
    likely_rows(Partner) | likely_rows(Lead),
    st.builds(Identifier, st.sampled_from(IdentifierKind), st.text()),
)
def test_any_record_has_phones_and_addresses_and_fits_or_not(
    row: Partner | Lead, identifier: Identifier
) -> None:
    assert all(n.strip() for n in phones_of(row, "ES"))
    assert all(n.strip() for n in phones_of(row.model_copy(update={"phone_sanitized": " "}), "ES"))
    assert all(e == e.lower() for e in emails_of(row))
    assert fits(row, "ES", identifier) in (True, False)
    json.dumps(term_of(identifier, PARTNER))
    json.dumps(term_of(identifier, LEAD))


@given(st.text(), st.text())
def test_any_text_has_feedback_and_a_disposition(before: str, after: str) -> None:
    feedback = feedback_of(f'{before}<div class="fw-bold">Feedback:</div>{after}')
    assert disposition_of(feedback, DISPOSITIONS) in Disposition
