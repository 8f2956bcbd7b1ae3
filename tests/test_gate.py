"""The sign-in pages and the gate, asked as a browser asks."""

from __future__ import annotations

import re
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.responses import PlainTextResponse
from starlette.routing import Route
from starlette.testclient import TestClient

from dashboard import cookies
from dashboard.gate import Gate
from dashboard.signin import SignInPages
from listener import accounts, settings_files
from listener.checks import listening_host
from listener.errors import StorageError
from listener.settings import Settings
from listener.storage import Database, health

BASE = "http://127.0.0.1:8501"
PASSWORD = "gris tormenta 42"
OWN = {"Origin": BASE, "Accept-Language": "es-ES,es;q=0.9"}


@pytest.fixture
def db(sqlite_database: Database) -> Database:
    accounts.add_user(
        sqlite_database,
        "marta",
        name="Marta",
        email="",
        role="community_manager",
        language="es",
        time_zone="Europe/Madrid",
    )
    accounts.set_password(sqlite_database, "marta", PASSWORD)
    return sqlite_database


@pytest.fixture
def app(db: Database, tmp_path: Path) -> Starlette:
    own = settings_files.load(
        Path(__file__).resolve().parent.parent / "config", {"LISTENER_VAR": str(tmp_path)}
    )
    jar = cookies.Cookies(cookies.key(tmp_path))
    limits = own.listener.dashboard

    def user_of(token: str) -> object:
        return accounts.session_user(
            db, token, idle=limits.session_idle, longest=limits.session_max
        )

    async def inside(_request: object) -> PlainTextResponse:
        return PlainTextResponse("inside")

    return Starlette(
        routes=[
            *SignInPages(db, own, jar, address_failures=8).routes(),
            Route("/{path:path}", inside, methods=["GET", "POST"]),
        ],
        middleware=[Middleware(Gate, hosts=frozenset({"127.0.0.1"}), jar=jar, user_of=user_of)],
    )


@pytest.fixture
def browser(app: Starlette) -> TestClient:
    return TestClient(app, base_url=BASE, headers=OWN, follow_redirects=False)


def sign_in(browser: TestClient, password: str = PASSWORD, **form: str) -> Any:
    return browser.post("/auth/sign-in", data={"username": "marta", "password": password} | form)


def test_a_page_without_session_leads_to_the_sign_in_and_back(
    browser: TestClient,
) -> None:
    page = browser.get("/case?id=7", headers={"Accept": "text/html"})
    assert page.status_code == 303
    assert page.headers["location"] == "/auth/sign-in?next=/case%3Fid%3D7"
    form = browser.get(page.headers["location"])
    assert 'value="/case?id=7"' in form.text
    answer = sign_in(browser, next="/case?id=7")
    assert answer.headers["location"] == "/case?id=7"
    assert (browser.get("/case?id=7")).text == "inside"


def test_the_cookie_is_for_the_server_alone(browser: TestClient) -> None:
    answer = sign_in(browser)
    cookie = answer.headers["set-cookie"].lower()
    assert "httponly" in cookie
    assert "samesite=lax" in cookie
    assert "path=/" in cookie
    assert "max-age=604800" in cookie


@pytest.mark.parametrize(
    "wanted",
    ["https://evil.example", "//evil.example", "/\\evil.example", "x", "/auth/sign-out", "/a\nb"],
)
def test_signing_in_never_leads_to_another_site(browser: TestClient, wanted: str) -> None:
    assert (sign_in(browser, next=wanted)).headers["location"] == "/"


def test_wrong_and_locked_are_said_in_the_persons_language(
    browser: TestClient,
) -> None:
    wrong = sign_in(browser, "no es esta clave")
    assert wrong.status_code == 403
    assert "no son correctos" in wrong.text
    for _ in range(4):
        locked = sign_in(browser, "no es esta clave")
    assert "Demasiados intentos" in locked.text
    assert (sign_in(browser)).status_code == 403
    english = browser.get("/auth/sign-in", headers={"Accept-Language": "fr;q=0.9, en-GB;q=0.8"})
    assert "<h1>Sign in</h1>" in english.text
    switched = browser.get("/auth/sign-in?lang=en")
    assert "<h1>Sign in</h1>" in switched.text
    assert "<h1>Sign in</h1>" in (browser.get("/auth/sign-in")).text


def test_one_address_that_tries_many_names_has_to_wait(browser: TestClient) -> None:
    answers = [
        browser.post("/auth/sign-in", data={"username": f"n{n}", "password": "x"}) for n in range(9)
    ]
    assert answers[7].status_code == 403
    assert answers[8].status_code == 429


def test_what_is_typed_is_shown_as_text(browser: TestClient) -> None:
    page = browser.post(
        "/auth/sign-in", data={"username": '"><script>alert(1)</script>', "password": "x"}
    )
    assert "<script>" not in page.text
    assert "&lt;script&gt;" in page.text


def test_signing_out_ends_the_session_on_the_server(browser: TestClient) -> None:
    sign_in(browser)
    kept = dict(browser.cookies)
    assert (browser.get("/inbox")).text == "inside"
    browser.get("/auth/sign-out")
    assert (browser.get("/inbox")).text == "inside", "asking for the page signs nobody out"
    browser.post("/auth/sign-out")
    browser.cookies.update(kept)
    assert (browser.get("/inbox")).status_code == 401


@pytest.mark.parametrize(
    "headers",
    [
        {"Origin": "https://evil.example"},
        {"Origin": "http://127.0.0.1:9999"},
        {"Origin": "null"},
        {"Sec-Fetch-Site": "cross-site"},
    ],
)
def test_forms_of_other_sites_are_refused(browser: TestClient, headers: dict[str, str]) -> None:
    answer = browser.post(
        "/auth/sign-in", data={"username": "marta", "password": PASSWORD}, headers=headers
    )
    assert answer.status_code == 403
    assert "set-cookie" not in answer.headers


def test_a_name_that_is_not_ours_is_refused(browser: TestClient) -> None:
    answer = browser.get("/auth/sign-in", headers={"Host": "rebound.example"})
    assert answer.status_code == 403
    assert "public_url" in answer.text


@pytest.mark.parametrize("value", ["x", "abc.def", "é", "a" * 400, "a.b.c"])
def test_a_forged_cookie_opens_nothing(browser: TestClient, value: str) -> None:
    header = f"{cookies.NAME}={value}".encode()
    answer = browser.get("/inbox", headers=[(b"Cookie", header)])
    assert answer.status_code == 401


@pytest.mark.parametrize(
    "path", ["/api", "/api/v1", "/api/v2/x", "/metrics/x", "/metricsx", "/Api/v1/me"]
)
def test_nothing_beside_the_api_is_open_without_a_session(browser: TestClient, path: str) -> None:
    assert browser.get(path).status_code == 401


def test_streamlits_other_doors_stay_shut(browser: TestClient) -> None:
    sign_in(browser)
    for path in ("/_stcore/agent/interact", "/_stcore/agent/openapi.json", "/_stcore/metrics"):
        assert (browser.get(path)).status_code == 404


def test_a_one_time_link_sets_a_password_once(browser: TestClient, db: Database) -> None:
    link = accounts.make_setup_link(db, "marta")
    page = browser.get(link)
    token = re.search(r'name="token" value="([^"]+)"', page.text)
    assert token is not None
    form = {"token": token[1], "password": "frase nueva 77", "again": "frase nueva 78"}
    assert "no son iguales" in (browser.post("/auth/setup", data=form)).text
    short = browser.post("/auth/setup", data=form | {"password": "corta", "again": "corta"})
    assert "demasiado corta: use 10" in short.text
    done = browser.post("/auth/setup", data=form | {"again": "frase nueva 77"})
    assert done.status_code == 200
    assert 'value="marta"' in done.text
    assert (browser.get(link)).status_code == 410
    assert (sign_in(browser, "frase nueva 77")).status_code == 303


def test_health_tells_of_the_database(browser: TestClient, db: Database) -> None:
    fine = browser.get("/healthz")
    loops = dict.fromkeys(("collect", "process", "deliver", "forget"), "never run")
    assert fine.json() == {"status": "ok", "database": "ok", "loops": loops}
    with db.write() as session:
        health.loop_started(session, "collect", accounts.utc_now() - timedelta(hours=7))
        health.loop_started(session, "deliver", accounts.utc_now())
        health.loop_finished(session, "deliver", accounts.utc_now(), {}, "no answer of the server")
    late = browser.get("/healthz")
    assert late.status_code == 200
    assert late.json()["status"] == "degraded"
    assert late.json()["loops"]["collect"] == "late"
    assert late.json()["loops"]["deliver"] == "failing"
    with db.engine.begin() as connection:
        connection.exec_driver_sql("UPDATE alembic_version SET version_num = '0000'")
    old = browser.get("/healthz")
    assert old.status_code == 503
    assert old.json()["database"] == "old schema"


def test_the_pages_carry_their_headers(browser: TestClient) -> None:
    answer = browser.get("/auth/sign-in")
    policy = answer.headers["content-security-policy"]
    assert "default-src 'none'" in policy
    assert "frame-ancestors 'none'" in policy
    assert answer.headers["x-content-type-options"] == "nosniff"
    assert answer.headers["cache-control"] == "no-store"
    assert (browser.get("/auth/style.css")).headers["content-type"].startswith("text/css")


def test_a_large_or_foreign_form_is_no_form(browser: TestClient) -> None:
    large = browser.post("/auth/sign-in", data={"username": "marta", "password": "x" * 30_000})
    assert large.status_code == 403
    other = browser.post("/auth/sign-in", json={"username": "marta", "password": PASSWORD})
    assert other.status_code == 403


def test_the_key_is_kept_and_read_by_its_owner_only(tmp_path: Path) -> None:
    first = cookies.key(tmp_path / "var")
    assert cookies.key(tmp_path / "var") == first
    assert (tmp_path / "var" / "cookie.key").stat().st_mode & 0o077 == 0
    (tmp_path / "var" / "cookie.key").write_text("short")
    with pytest.raises(StorageError, match="delete it"):
        cookies.key(tmp_path / "var")


@pytest.mark.parametrize(
    ("host", "public_url", "guarded", "listens", "said"),
    [
        ("127.0.0.1", BASE, False, "127.0.0.1", ""),
        ("::1", BASE, False, "::1", ""),
        ("0.0.0.0", BASE, False, "127.0.0.1", "no account has a password yet"),
        ("0.0.0.0", BASE, True, "127.0.0.1", "public_url"),
        ("0.0.0.0", "https://listener.example", False, "127.0.0.1", "no account has a password"),
        ("0.0.0.0", "https://listener.example", True, "0.0.0.0", ""),
        ("10.0.0.7", "http://localhost:8501", True, "127.0.0.1", "public_url"),
    ],
)
def test_only_this_machine_is_answered_until_a_password_and_an_address_are_set(
    host: str, public_url: str, guarded: bool, listens: str, said: str
) -> None:
    own = Settings(folder=Path(), database_url="sqlite://", var=Path())
    service = own.listener.service.model_copy(update={"public_url": public_url})
    listener = own.listener.model_copy(update={"service": service})
    own = own.model_copy(update={"listener": listener})
    found, why = listening_host(own, host, guarded=guarded)
    assert found == listens
    assert (said in why) if said else why == ""


def test_somebody_enters_once_a_password_is_set(sqlite_database: Database) -> None:
    link = accounts.first_administrator(sqlite_database)
    assert link is not None
    assert not accounts.somebody_enters(sqlite_database)
    accounts.use_setup_link(sqlite_database, link.partition("=")[2], PASSWORD)
    assert accounts.somebody_enters(sqlite_database)
    accounts.disable(sqlite_database, "admin")
    assert not accounts.somebody_enters(sqlite_database)
