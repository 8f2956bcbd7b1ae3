"""A private link: Ana makes it, Marta leaves her phone there, once; and everybody else finds nothing."""

from __future__ import annotations

import base64
import hashlib
import re
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import anyio
import httpx
import pytest
import sqlalchemy as sa
import uvicorn
from builders import NOW, ByHand, Clock, found, reading, user
from hypothesis import given
from hypothesis import strategies as st
from servers import free_port
from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.responses import PlainTextResponse
from starlette.routing import Route
from starlette.testclient import TestClient
from starlette.types import ASGIApp, Message
from starlette.websockets import WebSocketDisconnect

from dashboard import cookies, private_page
from dashboard.gate import Gate
from dashboard.private_page import HEADERS, Allowance, Limits, PrivatePages, Tokens, neighbourhood
from listener import i18n, pipeline, private_links, retention, sample
from listener.accounts import hash_token
from listener.crm import csv_import
from listener.desk import Desk
from listener.domain import CaseStatus, Resolution
from listener.errors import AccountError, NotAllowed, StaleWrite, StorageError
from listener.httpclient import HttpClient
from listener.pipeline import Road
from listener.private_links import Answer, PrivateLinks, State, read_number
from listener.settings import Brand, BrandNumber, Http, Settings
from listener.sources import SOURCES
from listener.storage import Database, case_detail, case_search, mentions, people
from listener.storage.case_detail import CaseDetail
from listener.storage.case_search import CaseFilter
from listener.storage.tables import CaseRow, PrivateLink

ANA, MARC = user("ana"), user("marc", role="brand_manager")
BERTA = user("berta", brands=("vodafone",))
MOVISTAR = Brand(
    key="movistar",
    name="Movistar <Norte>",
    query="movistar OR number:1004",
    numbers=(BrandNumber(number="1004"), BrandNumber(number="900 101 010")),
)
PEOPLE = (
    "customer_id,name,phone,handles,country\n"
    "C-1,Marta Rey,612 904 417;+34 840 11 22 33,,ES\n"
    "C-2,Tomás Gil,755 100 200,mastodon:tomas@social.example,ES\n"
)
PHONE = "612 904 417"
BASE = "http://127.0.0.1:8501"
KEY = "k" * 40


@dataclass
class Scene:
    db: Database
    folder: Path
    clock: Clock = field(default_factory=Clock)
    limits: Limits = field(default_factory=Limits)
    count: int = 0

    def settings(self) -> Settings:
        return Settings(
            folder=self.folder, var=self.folder, database_url=self.db.url, brands=(MOVISTAR,)
        )

    @property
    def desk(self) -> Desk:
        return Desk(self.db, self.settings(), self.clock)

    @property
    def links(self) -> PrivateLinks:
        return PrivateLinks(self.db, self.settings())

    @property
    def tokens(self) -> Tokens:
        return Tokens(KEY, BASE)

    def process(self) -> dict[str, Any]:
        complaint = {"otra vez": reading(harassment=True)}
        http = HttpClient(Http())
        return pipeline.process(
            Road(self.settings(), self.db, http, lambda: ByHand(complaint), self.clock)
        )

    def post(self, author: str = "marta", source: str = "mastodon", **more: Any) -> CaseDetail:
        self.count += 1
        text = f"Movistar otra vez al teléfono, van {self.count + 3} esta semana"
        item = found(f"post-{self.count}", text, author=author, source=source, **more)
        with self.db.write() as session:
            mentions.save_found(session, "square/movistar", [item], now=self.clock.at)
        self.process()
        return self.case()

    def case(self) -> CaseDetail:
        with self.db.read() as session:
            lines, _ = case_search.search(session, CaseFilter())
            detail = case_detail.get(session, max(line.id for line in lines))
        assert detail is not None
        return detail

    def make(self) -> str:
        """A token."""
        case = self.case().summary
        return self.desk.promise.make_private_link(ANA, case.id, version=case.version)

    def leave(self, token: str, phone: str = PHONE, *, consent: bool = True) -> Answer:
        return self.links.leave(token, phone, consent=consent, language="es", now=self.clock.at)

    def row(self) -> PrivateLink:
        with self.db.read() as session:
            return session.scalars(
                sa.select(PrivateLink).order_by(PrivateLink.made_at.desc())
            ).first()  # type: ignore[return-value]

    def pages(self, app: ASGIApp) -> PrivatePages:
        return PrivatePages(app, lambda: self.links, self.tokens, self.clock, self.limits)

    def app(self) -> Starlette:
        """As the server puts it together, with a page inside that needs a session."""

        async def inside(_request: object) -> PlainTextResponse:
            return PlainTextResponse("inside")

        jar = cookies.Cookies(KEY)
        gate = Middleware(
            Gate, hosts=frozenset({"127.0.0.1"}), jar=jar, user_of=lambda _token: None
        )
        return Starlette(
            routes=[Route("/{path:path}", inside)], middleware=[gate, Middleware(self.pages)]
        )

    def phone(self, address: str = "203.0.113.9") -> TestClient:
        """Marta's browser."""
        return TestClient(
            self.app(),
            base_url=BASE,
            headers={"Accept-Language": "es-ES,es;q=0.9"},
            client=(address, 40_000),
            follow_redirects=False,
        )


@pytest.fixture
def scene(database: Database, tmp_path: Path) -> Scene:
    return prepared(database, tmp_path)


@pytest.fixture
def page(sqlite_database: Database, tmp_path: Path) -> Scene:
    """Where the kind of database makes no difference."""
    return prepared(sqlite_database, tmp_path)


def prepared(database: Database, folder: Path) -> Scene:
    made = Scene(database, folder)
    file = folder / "people.csv"
    file.write_text(PEOPLE, encoding="utf-8")
    csv_import.import_people(database, made.settings(), file)
    with database.write() as session:
        for person in (ANA, MARC, BERTA):
            people.add(session, person, NOW)
    made.post()
    return made


def path(scene: Scene, token: str) -> str:
    return scene.tokens.address(token).removeprefix(BASE)


def form(phone: str = PHONE, **more: str) -> dict[str, str]:
    return {"phone": phone, "consent": "yes"} | more


# ---------------------------------------------------------------------------- the whole way


def test_marta_leaves_her_phone_and_is_found_by_it(scene: Scene) -> None:
    before = scene.case()
    assert before.summary.customer_ref is None
    token = scene.make()
    assert scene.leave(token) == Answer(State.LEFT, "•••417")
    assert scene.process()["matched_later"] == 1
    case = scene.case()
    assert case.summary.customer_ref == "C-1"
    assert case.match is not None
    assert case.match["basis"] == "private_link"
    assert case.match["reasons"] == ["phone_left:•••417"]
    told = {e.kind: e for e in case.timeline}
    assert told["private_link"].actor == "ana"
    assert told["phone_left"].data == {"phone": "•••417", "consent": "es", "asked_by": "ana"}
    assert told["customer"].data["basis"] == "private_link"
    assert case.summary.priority_reasons[0].key == "phone_left", "the owner's inbox tells"
    assert scene.process()["matched_later"] == 0


def test_the_number_is_sealed_and_the_token_stored_nowhere(scene: Scene) -> None:
    token = scene.make()
    scene.leave(token)
    row = scene.row()
    assert row.digest == hash_token(token)
    assert row.used_at == NOW
    everything = []
    with scene.db.read() as session:
        for name in ("private_links", "cases", "case_events"):
            everything += session.execute(sa.text(f"SELECT * FROM {name}")).all()
    assert "612904417" not in re.sub(r"[ \-]", "", repr(everything))
    assert token not in repr(everything)


def test_ana_ends_the_contact_by_the_phone_that_was_left(scene: Scene) -> None:
    scene.leave(scene.make(), "699 888 777")  # nobody's in the CRM
    scene.process()
    case = scene.case()
    assert case.summary.customer_ref is None
    assert case.match is not None
    assert "not_found:•••777" in case.match["reasons"]
    asked = scene.desk.promise.private_link(ANA, case.summary.id)
    assert asked is not None
    assert (asked.state, asked.phones) == (State.USED, ("+34699888777",))
    scene.desk.promise.suppress(ANA, case.summary.id, version=case.summary.version)
    with scene.db.read() as session:
        index = session.execute(sa.text("SELECT count(*) FROM suppressed_phones")).scalar()
    assert index == 1


def test_whoever_only_looks_learns_of_no_phone(scene: Scene) -> None:
    scene.leave(scene.make())
    scene.process()
    case_id = scene.case().summary.id
    view = scene.desk.cases.view(MARC, case_id)
    assert "417" not in repr(view)
    assert "phone_left" not in repr(view)
    with pytest.raises(NotAllowed):
        scene.desk.promise.private_link(MARC, case_id)


# ---------------------------------------------------------------------------- who makes it, on what


def test_only_those_who_work_on_a_case_make_a_link(scene: Scene) -> None:
    case = scene.case().summary
    for other in (MARC, BERTA):
        with pytest.raises(NotAllowed):
            scene.desk.promise.make_private_link(other, case.id, version=case.version)
    with pytest.raises(StaleWrite):
        scene.desk.promise.make_private_link(ANA, case.id, version=case.version - 1)
    assert scene.row() is None


@pytest.mark.parametrize(("author", "close", "key"), [("marta", True, "closed"), ("tomas", False, "known")])  # fmt: skip
def test_there_must_be_something_to_ask(scene: Scene, author: str, close: bool, key: str) -> None:
    case = scene.post(author).summary
    if close:
        scene.desk.cases.set_status(
            ANA, case.id, CaseStatus.CLOSED, Resolution.ANSWERED, version=case.version
        )
    with pytest.raises(AccountError) as refused:
        scene.make()
    assert refused.value.key == f"private.{key}"
    for language in i18n.languages():
        assert i18n.text(refused.value.key, language) != refused.value.key


def test_a_new_link_ends_the_older_one(scene: Scene) -> None:
    first, second = scene.make(), scene.make()
    assert scene.links.open(first, NOW).state is State.EXPIRED
    assert scene.leave(first).state is State.EXPIRED
    assert scene.leave(second).state is State.LEFT
    scene.clock.at += timedelta(minutes=1)
    third = scene.make()  # the number was wrong
    assert scene.links.open(second, NOW).state is State.USED
    assert scene.leave(third, "840 11 22 33").state is State.LEFT
    assert scene.links.numbers(scene.case().summary.id) == ("+34612904417", "+34840112233")


# ---------------------------------------------------------------------------- once, and for a while


def test_a_link_runs_out(scene: Scene) -> None:
    token = scene.make()
    for later, state in ((timedelta(hours=71, minutes=59), State.READY), (timedelta(hours=72), State.EXPIRED)):  # fmt: skip
        scene.clock.at = NOW + later
        assert scene.links.open(token, scene.clock.at).state is state
    assert scene.leave(token).state is State.EXPIRED
    assert scene.row().sealed == ""


def test_a_link_is_good_once(scene: Scene) -> None:
    token = scene.make()
    assert scene.leave(token).state is State.LEFT
    first = scene.row().sealed
    assert scene.leave(token, "699 888 777").state is State.USED
    assert scene.row().sealed == first


def test_of_many_at_once_one_wins(scene: Scene) -> None:
    token = scene.make()
    numbers = [f"612 90 44 {n}" for n in range(10, 22)]
    ready = threading.Barrier(len(numbers))

    def try_it(number: str) -> State:
        ready.wait(30)
        return scene.leave(token, number).state

    with ThreadPoolExecutor(len(numbers)) as pool:
        states = list(pool.map(try_it, numbers))
    assert states.count(State.LEFT) == 1
    assert states.count(State.USED) == len(numbers) - 1
    assert [e.kind for e in scene.case().timeline].count("phone_left") == 1
    winner = numbers[states.index(State.LEFT)]
    assert scene.links.numbers(scene.case().summary.id) == (read_number(winner, MOVISTAR),)


def test_a_link_and_its_use_at_once_do_not_wait_for_each_other(scene: Scene) -> None:
    for _ in range(5):
        token, case = scene.make(), scene.case().summary
        ready = threading.Barrier(2)

        def make(case_id: int, version: int, gate: threading.Barrier) -> None:
            gate.wait(30)
            try:
                scene.desk.promise.make_private_link(ANA, case_id, version=version)
            except StaleWrite:
                return

        def use(token: str, gate: threading.Barrier) -> State:
            gate.wait(30)
            return scene.leave(token).state

        with ThreadPoolExecutor(2) as pool:
            made = pool.submit(make, case.id, case.version, ready)
            used = pool.submit(use, token, ready)
            made.result(30)
            assert used.result(30) in (State.LEFT, State.EXPIRED)


# ---------------------------------------------------------------------------- what becomes of the case


def test_a_case_that_waited_or_was_closed_is_open_again(scene: Scene) -> None:
    token, case = scene.make(), scene.case().summary
    scene.desk.cases.set_status(
        ANA, case.id, CaseStatus.PENDING, version=scene.case().summary.version
    )
    assert scene.leave(token).state is State.LEFT
    assert scene.case().summary.status == "open"
    scene.process()
    second = scene.post("rosa").summary
    token = scene.make()
    scene.desk.cases.set_status(
        ANA,
        second.id,
        CaseStatus.CLOSED,
        Resolution.NO_REPLY_NEEDED,
        version=scene.case().summary.version,
    )
    scene.clock.at = NOW + timedelta(hours=30)
    assert scene.leave(token, "699 888 777").state is State.LEFT
    again = scene.case()
    assert (again.summary.status, again.resolution) == ("open", None)
    assert again.summary.due_at == scene.clock.at + timedelta(hours=4)
    before = again.summary.id
    scene.post("rosa")
    assert scene.case().summary.id == before, "her next post comes to this case"


def test_a_customer_whom_ana_refused_stays_refused(scene: Scene) -> None:
    case_id = scene.post("tomas").summary.id
    known = scene.case()
    assert known.summary.customer_ref == "C-2"
    scene.desk.cases.confirm_customer(ANA, case_id, None, None, version=known.summary.version)
    scene.leave(scene.make(), "755 100 200")
    assert scene.process()["matched_later"] == 0
    case = scene.case()
    assert case.summary.customer_ref is None
    assert case.match is not None
    assert "refused_before:" in case.match["reasons"]
    assert [(c["ref"], c["basis"]) for c in case.match["candidates"]] == [("C-2", "private_link")]
    scene.desk.cases.confirm_customer(ANA, case_id, "local", "C-2", version=case.summary.version)
    told = scene.case().match
    assert told is not None
    assert (told["basis"], told["confirmed_by"]) == ("private_link", "ana")


def test_another_customer_than_those_whom_ana_refused_is_found(scene: Scene) -> None:
    case_id = scene.post("tomas").summary.id
    version = scene.case().summary.version
    scene.desk.cases.confirm_customer(ANA, case_id, None, None, version=version)
    scene.leave(scene.make())
    scene.process()
    case = scene.case()
    assert case.summary.customer_ref is None, "his account and his phone name two people"
    assert case.match is not None
    assert "several_customers:2" in case.match["reasons"]


# ---------------------------------------------------------------------------- sources that forbid


def test_where_the_terms_forbid_it_nobody_is_looked_for_but_by_what_they_left(scene: Scene) -> None:
    case = scene.post("tomas", source="x")
    assert case.match is not None
    assert case.match["reasons"] == ["source_forbids:x"]
    assert case.match["basis"] is None
    scene.leave(scene.make())
    scene.process()
    case = scene.case()
    assert (case.summary.customer_ref, (case.match or {})["basis"]) == ("C-1", "private_link")


def test_a_module_may_forbid_it_too(scene: Scene, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(SOURCES["mastodon"], "MAY_MATCH", False)
    assert (scene.post("tomas").match or {})["reasons"] == ["source_forbids:mastodon"]


def test_other_links_between_author_and_customer_say_their_basis_too(scene: Scene) -> None:
    assert (scene.post("tomas").match or {})["basis"] == "declared_account"
    item = found("own", "otra vez Movistar. Mi número es 612 904 417", author="rosa")
    with scene.db.write() as session:
        mentions.save_found(session, "square/movistar", [item], now=NOW)
    scene.process()
    assert (scene.case().match or {})["basis"] == "given_in_post"
    for basis in ("declared_account", "given_in_post", "private_link"):
        for language in i18n.languages():
            assert i18n.label("basis", basis, language) != basis
            assert not i18n.match_reason("phone_left:•••417", language).startswith("match.")


# ---------------------------------------------------------------------------- numbers

FORMS = [
    ("612904417", ("ES",), "+34612904417"),
    (" 612 904 417 ", ("ES",), "+34612904417"),
    ("612-90-44-17", ("ES",), "+34612904417"),
    ("612.904.417", ("ES",), "+34612904417"),
    ("(+34) 612 904 417", ("ES",), "+34612904417"),
    ("0034 612904417", ("ES",), "+34612904417"),
    ("Tel.: 612 904 417", ("ES",), "+34612904417"),
    ("\u202a+34 612 90 44 17\u202c", ("ES",), "+34612904417"),
    ("612\u00a0904\u00a0417", ("ES",), "+34612904417"),
    ("６１２ ９０４ ４１７", ("ES",), "+34612904417"),
    ("٦١٢٩٠٤٤١٧", ("ES",), "+34612904417"),
    ("07700 900123", ("GB",), "+447700900123"),
    ("+44 (0)7700 900123", ("ES",), "+447700900123"),
    ("044 55 1234 5678", ("MX",), "+525512345678"),
    ("\u202a044 55 1234 5678\u202c", ("MX",), "+525512345678"),
    ("011 15 2345 6789", ("AR",), "+541123456789"),
    ("(11) 98765-4321", ("BR",), "+5511987654321"),
    ("06 12 34 56 78", ("ES", "FR"), "+33612345678"),
    ("912 345 678", ("PT", "ES"), "+351912345678"),
    ("", ("ES",), None),
    ("1004", ("ES",), None),
    ("612 904 41", ("ES",), None),
    ("612 904 417 / 699 888 777", ("ES",), None),
    ("no os lo doy", ("ES",), None),
    ("6" * 50, ("ES",), None),
    ("612904417 " + "x" * 60, ("ES",), None),
]


@pytest.mark.parametrize(("written", "countries", "e164"), FORMS)
def test_every_written_form_of_a_number_is_read(
    written: str, countries: tuple[str, ...], e164: str | None
) -> None:
    assert read_number(written, MOVISTAR.model_copy(update={"countries": countries})) == e164


@given(st.text(max_size=80))
def test_any_text_is_a_number_or_none(written: str) -> None:
    number = read_number(written, MOVISTAR)
    assert number is None or re.fullmatch(r"\+\d{7,15}", number)
    private_links.is_own(written, MOVISTAR)


@pytest.mark.parametrize("written", ["1004", "10 04", "+34 1004", "900101010", "+34 900 10 10 10"])
def test_the_number_that_calls_is_not_the_one_that_is_called(page: Scene, written: str) -> None:
    assert page.leave(page.make(), written).state is State.OWN_NUMBER


@pytest.mark.parametrize(("written", "consent", "state"), [("no", True, State.INVALID), (PHONE, False, State.NO_CONSENT)])  # fmt: skip
def test_what_is_not_accepted_leaves_the_link_good(
    scene: Scene, written: str, consent: bool, state: State
) -> None:
    token = scene.make()
    assert scene.leave(token, written, consent=consent).state is state
    assert scene.row().used_at is None
    assert scene.leave(token).state is State.LEFT


# ---------------------------------------------------------------------------- the page


def test_the_page_says_who_asks_why_and_for_how_long(page: Scene) -> None:
    shown = page.phone().get(path(page, page.make()))
    assert shown.status_code == 200
    for words in (
        "Deje su teléfono a Movistar &lt;Norte&gt;",
        "en respuesta a lo que usted publicó",
        "se borra a los 30 días",
        "nunca para venderle algo",
        "aquí nadie le pide un nombre, una clave",
        "hasta el 23 nov 2026, 11:30",
        "Acepto que Movistar &lt;Norte&gt; use este número",
    ):
        assert words in shown.text
    assert len(re.findall(r"<input", shown.text)) == 2
    for leaked in ("otra vez al teléfono", "marta", "ana", "Listener"):
        assert not re.search(rf"\b{leaked}\b", shown.text), leaked


def test_marta_fills_in_the_form(page: Scene) -> None:
    browser, address = page.phone(), path(page, page.make())
    wrong = browser.post(address, data=form("612 904"))
    assert wrong.status_code == 400
    assert "no es un número de teléfono completo" in wrong.text
    assert 'value="612 904"' in wrong.text
    assert "checked" in wrong.text
    missing = browser.post(address, data={"phone": PHONE})
    assert missing.status_code == 400
    assert "marque la casilla" in missing.text
    own = browser.post(address, data=form("1004"))
    assert own.status_code == 400
    assert "desde el que se llama en nombre de Movistar &lt;Norte&gt;" in own.text
    done = browser.post(address, data=form(name="Marta", note="y mi clave es 1234"))
    assert done.status_code == 200
    assert "acaba en 417" in done.text
    assert "612" not in done.text
    with page.db.read() as session:
        told = session.execute(sa.text("SELECT data FROM case_events")).all()
    assert "1234" not in repr(told)


def test_spanish_and_english(page: Scene) -> None:
    browser, address = page.phone(), path(page, page.make())
    for header, query, words in (
        ("en-GB,en;q=0.9", "", "Leave your phone number to"),
        ("fr;q=0.9, en;q=0.5, es;q=0.4", "", "Leave your phone number to"),
        ("en", "?lang=es", "Deje su teléfono a"),
        ("zh, xx", "", "Deje su teléfono a"),
        ("", "?lang=../../etc", "Deje su teléfono a"),
        ("es", "?lang=en", "Leave your phone number to"),
    ):
        shown = browser.get(address + query, headers={"Accept-Language": header})
        assert words in shown.text, (header, query)
    english = browser.get(address + "?lang=en")
    assert '<html lang="en">' in english.text
    assert 'action="?lang=en"' in english.text
    assert 'href="?lang=es"' in english.text
    sent = browser.post(address + "?lang=en", data=form("x"))
    assert "This is not a whole phone number" in sent.text


def test_a_preview_does_not_use_it_up(page: Scene) -> None:
    browser, address = page.phone(), path(page, page.make())
    for _ in range(3):
        assert browser.get(address).status_code == 200
        assert browser.head(address).status_code == 200
    assert browser.post(address, data=form()).status_code == 200


def test_used_and_run_out_tell_nothing_more(page: Scene) -> None:
    browser, address = page.phone(), path(page, page.make())
    browser.post(address, data=form())
    for answer in (browser.get(address), browser.post(address, data=form())):
        assert answer.status_code == 410
        assert "ya se ha usado" in answer.text
        assert "Movistar" not in answer.text
    second = path(page, page.make())
    page.clock.at += timedelta(hours=73)
    for answer in (browser.get(second), browser.post(second, data=form())):
        assert answer.status_code == 410
        assert "ha caducado" in answer.text
        assert "Movistar" not in answer.text


HOSTILE = [
    "x",
    "",
    "%2e%2e/%2e%2e/inbox",
    "a.b.c",
    "a" * 5000,
    "é.ñ",
    "%00",
    "%ff%fe",
    "' OR 1=1 --",
    "<script>alert(1)</script>",
    "{{7*7}}",
    "_stcore/stream",
    "inbox",
]


def test_unknown_tampered_and_guessed_are_one(page: Scene) -> None:
    good = path(page, page.make())
    never_made = path(page, "AAAAAAAAAAAAAAAAAAAAAA")
    of_others = f"/p/{Tokens('another key, as long as ours', BASE).address('x').rsplit('/')[-1]}"
    session = f"/p/{cookies.Cookies(KEY).sign(good[3:25])}"
    expected = page.phone().get(never_made)
    assert expected.status_code == 404
    assert "no es válido" in expected.text
    asked = [good[:-1], good + "A", good[:3] + "B" + good[4:], of_others, session]
    asked += [f"/p/{token}" for token in HOSTILE]
    for n, address in enumerate(asked):
        browser = page.phone(f"203.0.113.{n + 10}")
        for answer in (browser.get(address), browser.post(address, data=form())):
            assert (answer.status_code, answer.text) == (404, expected.text), address
            assert dict(answer.headers) == dict(expected.headers)
    assert page.phone().get(good).status_code == 200


@pytest.mark.parametrize("method", ["PUT", "DELETE", "PATCH", "OPTIONS", "TRACE", "BREW"])
def test_other_methods_are_refused(page: Scene, method: str) -> None:
    for address in (path(page, page.make()), "/p/x"):
        answer = page.phone().request(method, address)
        assert answer.status_code == 405
        assert answer.headers["allow"] == "GET, HEAD, POST"
        assert "Abra su enlace en un navegador" in answer.text


@pytest.mark.parametrize(
    ("body", "kind", "status"),
    [
        (b"phone=" + b"6" * 5000, "application/x-www-form-urlencoded", 413),
        (b"phone=612904417&consent=yes", "text/plain", 415),
        (b'{"phone": "612904417", "consent": "yes"}', "application/json", 415),
        (b"--x\r\n", "multipart/form-data; boundary=x", 415),
        (b"phone=\xff\xfe&consent=yes", "application/x-www-form-urlencoded", 400),
        (b"&".join(b"a%d=1" % n for n in range(50)), "application/x-www-form-urlencoded", 400),
    ],
)
def test_what_is_no_form_is_refused(page: Scene, body: bytes, kind: str, status: int) -> None:
    address = path(page, page.make())
    answer = page.phone().post(address, content=body, headers={"Content-Type": kind})
    assert answer.status_code == status
    assert "No se ha guardado nada" in answer.text
    assert "Movistar" not in answer.text
    assert page.row().used_at is None


@pytest.mark.parametrize(
    "phone",
    [
        '"><script>alert(1)</script>',
        "{{ config }}",
        "\x00\x1b[31m",
        "\u202e417",
        "' OR ''='",
        "=HYPERLINK()",
    ],
)
def test_what_is_typed_is_shown_as_text(page: Scene, phone: str) -> None:
    answer = page.phone().post(path(page, page.make()), data=form(phone))
    assert answer.status_code == 400
    assert "<script" not in answer.text
    assert "SECRET" not in answer.text


def test_every_answer_has_its_headers_and_asks_for_nothing_else(page: Scene) -> None:
    browser, address = page.phone(), path(page, page.make())
    answers = [
        browser.get(address),
        browser.post(address, data=form("x")),
        browser.get("/p/x"),
        browser.put(address),
        browser.post(address, content=b"x", headers={"Content-Type": "text/plain"}),
        browser.post(address, data=form()),
        browser.get(address),
    ]
    assert [a.status_code for a in answers] == [200, 400, 404, 405, 415, 200, 410]
    for answer in answers:
        for name, value in HEADERS.items():
            assert answer.headers[name] == value
        assert "set-cookie" not in answer.headers
        assert "noindex" in answer.text
        assert not re.search(r"<script|<link|<img|<iframe|https?:|//|@import|url\(", answer.text)
    policy = HEADERS["Content-Security-Policy"]
    [style] = re.findall(r"<style>(.*?)</style>", answers[0].text, re.DOTALL)
    digest = base64.b64encode(hashlib.sha256(style.encode()).digest()).decode()
    assert f"style-src 'sha256-{digest}'" in policy
    assert "default-src 'none'" in policy
    assert "unsafe" not in policy
    assert HEADERS["Referrer-Policy"] == "no-referrer"


def test_a_form_that_does_not_arrive_is_not_waited_for(
    page: Scene, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(private_page, "_PATIENCE", 0.05)
    address = path(page, page.make())
    sent: list[Message] = []

    async def receive() -> Message:
        await anyio.sleep_forever()
        raise AssertionError

    async def send(message: Message) -> None:
        sent.append(message)

    kind = (b"content-type", b"application/x-www-form-urlencoded")
    scope = {
        "type": "http",
        "method": "POST",
        "path": address,
        "query_string": b"",
        "headers": [kind],
        "client": ("203.0.113.9", 1),
    }
    anyio.run(page.pages(Starlette()), scope, receive, send)
    assert sent[0]["status"] == 408
    assert page.row().used_at is None


def test_a_database_that_does_not_answer_is_told_plainly(
    page: Scene, monkeypatch: pytest.MonkeyPatch
) -> None:
    address = path(page, page.make())

    def broken(*_: object) -> None:
        raise StorageError("database /secret/place: disk I/O error")

    monkeypatch.setattr(PrivateLinks, "open", broken)
    answer = page.phone().get(address)
    assert answer.status_code == 503
    assert "su enlace sigue siendo válido" in answer.text
    assert "secret" not in answer.text


# ---------------------------------------------------------------------------- the gate


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({"Origin": "null", "Sec-Fetch-Site": "same-origin"}, 200),
        ({"Origin": BASE}, 200),
        ({"Origin": "https://evil.example"}, 403),
        ({"Origin": "null", "Sec-Fetch-Site": "cross-site"}, 403),
        ({"Host": "rebound.example"}, 403),
    ],
)
def test_forms_of_other_sites_are_refused(
    page: Scene, headers: dict[str, str], status: int
) -> None:
    answer = page.phone().post(path(page, page.make()), data=form(), headers=headers)
    assert answer.status_code == status
    assert (page.row().used_at is not None) == (status == 200)


def test_an_unnamed_origin_is_refused_elsewhere(page: Scene) -> None:
    answer = page.phone().post("/auth/sign-in", headers={"Origin": "null"})
    assert answer.status_code == 403


def test_nothing_under_the_address_leads_inside(page: Scene) -> None:
    browser = page.phone()
    for address in ("/p/inbox/%2e%2e", "/p//inbox", "/p/x/y/z", "/p/", "/p/..%5c..%5cinbox"):
        assert browser.get(address).status_code == 404
    for address in ("/p", "/inbox", "/P/x"):
        assert browser.get(address).status_code == 401
    with pytest.raises(WebSocketDisconnect), browser.websocket_connect("/p/_stcore/stream"):
        pass


# ---------------------------------------------------------------------------- floods


def test_guesses_of_one_address_are_slowed_down(page: Scene) -> None:
    address = path(page, page.make())
    attacker = page.phone("198.51.100.7")
    answers = [attacker.get(f"/p/guess{n}") for n in range(12)]
    assert [a.status_code for a in answers] == [404] * 10 + [429] * 2
    assert answers[-1].headers["retry-after"] == "60"
    assert "Demasiados intentos" in answers[-1].text
    assert attacker.get(path(page, "A" * 22)).status_code == 429, "one that was never made, too"
    assert page.phone("198.51.100.8").get("/p/x").status_code == 404
    assert attacker.get(address).status_code == 200, "a neighbour behind the same address"
    page.clock.at += timedelta(minutes=1)
    assert attacker.get("/p/again").status_code == 404
    assert attacker.get("/p/again").status_code == 429


def test_a_flood_of_guesses_from_everywhere_stops_no_real_link(page: Scene) -> None:
    address = path(page, page.make())
    states = [page.phone(f"10.{n // 200}.{n % 200}.1").get("/p/x").status_code for n in range(110)]
    assert states == [404] * 100 + [429] * 10
    assert page.phone("203.0.113.200").post(address, data=form()).status_code == 200


def test_a_link_that_is_hammered_is_slowed_down(page: Scene) -> None:
    browser, address = page.phone(), path(page, page.make())
    states = [browser.post(address, data=form("no")).status_code for _ in range(62)]
    assert states == [400] * 60 + [429] * 2
    page.clock.at += timedelta(seconds=2)
    assert browser.post(address, data=form()).status_code == 200


def test_all_together_have_a_limit(page: Scene) -> None:
    page.limits = Limits(of_all=Allowance(3, timedelta(seconds=1)))
    address, app = path(page, page.make()), page.app()
    states = [
        TestClient(app, base_url=BASE, client=(f"203.0.113.{n}", 1)).get(address).status_code
        for n in range(5)
    ]
    assert states == [200] * 3 + [429] * 2


def test_an_allowance_comes_back_and_stays_small() -> None:
    allowance = Allowance(2, timedelta(seconds=10), most=50)
    assert not allowance.wait("a", NOW)
    assert not allowance.wait("a", NOW)
    assert allowance.wait("a", NOW) == timedelta(seconds=10)
    assert allowance.wait("a", NOW + timedelta(seconds=4)) == timedelta(seconds=6)
    assert not allowance.wait("a", NOW + timedelta(seconds=10))
    assert allowance.wait("a", NOW - timedelta(days=9)) <= timedelta(seconds=20), "a clock set back"
    for n in range(1000):
        allowance.wait(f"address {n}", NOW)
    assert len(allowance._free_at) == 50


@given(
    st.integers(1, 8),
    st.lists(st.floats(0, 40), min_size=1, max_size=60),
)
def test_an_allowance_is_never_exceeded(burst: int, gaps: list[float]) -> None:
    every = timedelta(seconds=5)
    allowance = Allowance(burst, every)
    now, taken = NOW, []
    for gap in gaps:
        now += timedelta(seconds=gap)
        if not allowance.wait("x", now):
            taken.append(now)
    for i, first in enumerate(taken):
        for j in range(i, len(taken)):
            assert j - i + 1 <= burst + (taken[j] - first) / every + 1e-6


def test_neighbours_count_as_one() -> None:
    assert neighbourhood("203.0.113.9") == "203.0.113.9"
    assert neighbourhood("::ffff:203.0.113.9") == "203.0.113.9"
    assert neighbourhood("2001:db8:1:2:aaaa::1") == neighbourhood("2001:db8:1:2:bbbb::2")
    assert neighbourhood("2001:db8:1:2::1") != neighbourhood("2001:db8:1:3::1")
    assert neighbourhood("") == ""
    assert neighbourhood("a socket") == "a socket"


# ---------------------------------------------------------------------------- a real server


@pytest.fixture
def server(page: Scene) -> Iterator[str]:
    port = free_port()
    app = page.pages(Starlette())
    running = uvicorn.Server(uvicorn.Config(app, port=port, log_level="critical"))
    thread = threading.Thread(target=running.run, daemon=True)
    thread.start()
    base = f"http://127.0.0.1:{port}"
    for _ in range(200):
        try:
            httpx.get(f"{base}/p/x", timeout=5)
            break
        except httpx.TransportError:
            threading.Event().wait(0.05)
    yield base
    running.should_exit = True
    thread.join(10)


def test_two_browsers_at_once(page: Scene, server: str) -> None:
    address = server + path(page, page.make())
    ready = threading.Barrier(6)

    def press(n: int) -> int:
        ready.wait(30)
        return httpx.post(address, data=form(f"612 90 44 {n}"), timeout=30).status_code

    with ThreadPoolExecutor(6) as pool:
        states = sorted(pool.map(press, range(10, 16)))
    assert states == [200, 410, 410, 410, 410, 410]


def test_a_body_without_end_is_cut_off(page: Scene, server: str) -> None:
    address = server + path(page, page.make())

    def endless() -> Iterator[bytes]:
        for _ in range(100_000):
            yield b"phone=6" * 1000

    try:
        answer = httpx.post(
            address,
            content=endless(),
            headers={"Content-Type": "application/x-www-form-urlencoded"},
            timeout=30,
        )
        assert answer.status_code == 413
    except httpx.TransportError:
        pass  # the server had answered and hung up while we were still sending
    assert httpx.get(address, timeout=30).status_code == 200


# ---------------------------------------------------------------------------- what is erased


def test_what_was_left_is_erased_in_time(scene: Scene) -> None:
    scene.leave(scene.make())
    scene.process()
    scene.clock.at = NOW + timedelta(days=29)
    road = Road(scene.settings(), scene.db, HttpClient(Http()), lambda: ByHand({}), scene.clock)
    assert retention.forget(road)["private_links"] == 0
    scene.clock.at = NOW + timedelta(days=30, minutes=1)
    assert retention.forget(road)["private_links"] == 1
    assert scene.links.numbers(scene.case().summary.id) == ()
    assert scene.case().summary.customer_ref == "C-1"


def test_what_is_invented_goes_with_its_links(scene: Scene) -> None:
    scene.post("inventada", invented=True)
    scene.leave(scene.make())
    with scene.db.write() as session:
        before = session.scalar(sa.select(sa.func.count()).select_from(CaseRow))
    sample.remove(scene.db)
    with scene.db.read() as session:
        assert session.scalar(sa.select(sa.func.count()).select_from(PrivateLink)) == 0
        after = session.scalar(sa.select(sa.func.count()).select_from(CaseRow))
    assert before is not None
    assert after == before - 1


def test_a_phone_sealed_with_another_key_stops_nothing(
    scene: Scene, monkeypatch: pytest.MonkeyPatch
) -> None:
    scene.leave(scene.make())
    (scene.folder / "phone.key").unlink()
    from listener import vault

    vault._of_file.cache_clear()
    assert scene.process()["matched_later"] == 0
    with pytest.raises(StorageError, match="another key"):
        scene.desk.promise.private_link(ANA, scene.case().summary.id)
    assert replace(scene.case().summary, version=0).status in ("new", "open")
