"""Signing in with the company: what a provider that errs or lies can do, and who comes in."""

from __future__ import annotations

import base64
import hashlib
import time
import urllib.parse
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from joserfc import jwt
from joserfc.jwk import OctKey, RSAKey
from pydantic import ValidationError
from servers import Answer, Asked, WebServer, answer_json
from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.testclient import TestClient

from dashboard import cookies
from dashboard.company_pages import CompanyPages
from dashboard.gate import Gate
from dashboard.signin import SignInPages
from listener import accounts, company_accounts, oidc, settings_files
from listener.domain import Role
from listener.errors import AccountError, ProviderError
from listener.oidc_settings import Oidc, is_loopback
from listener.settings import Service
from listener.storage import Database, people

NOW = datetime(2026, 11, 23, 9, 0, tzinfo=UTC)
BASE = "http://127.0.0.1:8501"
SECRET = "una clave: con % y /"
KEY = RSAKey.generate_key(2048, {"kid": "first"})
OTHER_KEY = RSAKey.generate_key(2048, {"kid": "second"})
ROLES = {"care": Role.COMMUNITY_MANAGER, "bosses": Role.ADMINISTRATOR, "look": Role.MARKETING_LEAD}


@dataclass
class Liar:
    """A provider that answers as told. `claims` replaces claims of the ID token; None leaves one
    out."""

    claims: dict[str, Any] = field(default_factory=dict)
    userinfo: dict[str, Any] | None = None
    key: Any = field(default_factory=lambda: KEY)
    algorithm: str = "RS256"
    published: list[Any] = field(default_factory=lambda: [KEY])
    token_answer: Answer | None = None
    metadata: dict[str, Any] = field(default_factory=dict)
    nonce: str = ""
    forms: list[dict[str, str]] = field(default_factory=list)
    headers: list[dict[str, str]] = field(default_factory=list)
    issuer: str = ""

    def __call__(self, asked: Asked) -> Answer:
        match asked.path:
            case "/.well-known/openid-configuration":
                return answer_json(
                    {
                        "issuer": self.issuer,
                        "authorization_endpoint": f"{self.issuer}/enter?tenant=1",
                        "token_endpoint": f"{self.issuer}/token",
                        "jwks_uri": f"{self.issuer}/keys",
                        "userinfo_endpoint": f"{self.issuer}/me",
                        "id_token_signing_alg_values_supported": ["RS256", "HS256", "none"],
                        **self.metadata,
                    }
                )
            case "/keys":
                return answer_json({"keys": [k.as_dict(private=False) for k in self.published]})
            case "/token":
                self.forms.append(dict(urllib.parse.parse_qsl(asked.body.decode())))
                self.headers.append(dict(asked.headers))
                return self.token_answer or answer_json(
                    {"access_token": "access", "token_type": "Bearer", "id_token": self.token()}
                )
            case "/me":
                assert asked.headers["authorization"] == "Bearer access"
                return answer_json(self.userinfo or {})
        return Answer(status=404)

    def token(self) -> str:
        now = int(NOW.timestamp())
        claims = {
            "iss": self.issuer,
            "aud": "listener",
            "sub": "42",
            "iat": now,
            "exp": now + 300,
            "nonce": self.nonce,
            "name": "Ana Prieto",
            "email": "ana@acme.example",
            "groups": ["care"],
            **self.claims,
        }
        claims = {name: value for name, value in claims.items() if value is not None}
        return str(jwt.encode({"alg": self.algorithm, "kid": "first"}, claims, self.key))


@pytest.fixture
def liar() -> Iterator[Liar]:
    told = Liar()
    with WebServer(told) as server:
        told.issuer = server.base_url
        yield told


@pytest.fixture
def provider(liar: Liar, monkeypatch: pytest.MonkeyPatch) -> oidc.Provider:
    monkeypatch.setenv("ACME_SECRET", SECRET)
    return provider_of(liar)


def provider_of(liar: Liar, **changes: Any) -> oidc.Provider:
    own = settings_files.load(Path(__file__).resolve().parent.parent / "config", environ={})
    config = Oidc(
        enabled=True,
        issuer=liar.issuer,
        client_id="listener",
        client_secret_env="ACME_SECRET",
        name="Acme",
        roles=ROLES,
        **changes,
    )
    service = own.listener.service.model_copy(update={"public_url": BASE})
    listener = own.listener.model_copy(update={"oidc": config, "service": service})
    found = oidc.provider(own.model_copy(update={"listener": listener}), lambda: NOW)
    assert found is not None
    return found


def come_back(provider: oidc.Provider, liar: Liar, **answer: str) -> oidc.Claims:
    attempt = oidc.begun()
    liar.nonce = attempt.nonce
    return provider.claims({"code": "c0de", "state": attempt.state} | answer, attempt)


# ---------------------------------------------------------------------------- the protocol


def test_the_browser_is_sent_with_a_challenge_and_the_code_is_exchanged(
    provider: oidc.Provider, liar: Liar
) -> None:
    attempt = oidc.begun()
    liar.nonce = attempt.nonce
    address = urllib.parse.urlsplit(provider.address(attempt))
    query = dict(urllib.parse.parse_qsl(address.query))
    assert query["tenant"] == "1"
    assert query["redirect_uri"] == f"{BASE}/auth/oidc/callback"
    assert query["code_challenge_method"] == "S256"
    found = provider.claims({"code": "c0de", "state": attempt.state}, attempt)
    assert found["sub"] == "42"
    [form] = liar.forms
    digest = hashlib.sha256(form["code_verifier"].encode()).digest()
    assert base64.urlsafe_b64encode(digest).decode().rstrip("=") == query["code_challenge"]
    assert "client_secret" not in form
    sent = base64.b64decode(liar.headers[0]["authorization"].removeprefix("Basic ")).decode()
    assert urllib.parse.unquote(sent) == f"listener:{SECRET}"


def test_the_secret_goes_into_the_form_where_the_provider_wants_it(liar: Liar) -> None:
    liar.metadata = {"token_endpoint_auth_methods_supported": ["client_secret_post"]}
    with pytest.MonkeyPatch.context() as environment:
        environment.setenv("ACME_SECRET", SECRET)
        come_back(provider_of(liar), liar)
    assert liar.forms[0]["client_secret"] == SECRET


def test_what_only_userinfo_tells_is_asked_there(provider: oidc.Provider, liar: Liar) -> None:
    liar.claims = {"groups": None, "email": None}
    liar.userinfo = {"sub": "42", "groups": ["bosses"], "email": "a@acme.example", "name": "No"}
    found = come_back(provider, liar)
    assert (found["groups"], found["email"]) == (["bosses"], "a@acme.example")
    assert found["name"] == "Ana Prieto", "the signed word counts more"
    liar.userinfo = {"sub": "43", "groups": ["bosses"]}
    with pytest.raises(ProviderError) as refused:
        come_back(provider, liar)
    assert refused.value.key == "sign_in.foreign"


@pytest.mark.parametrize(
    ("claims", "key"),
    [
        ({"aud": "another"}, "sign_in.foreign"),
        ({"aud": ["listener", "another"]}, "sign_in.foreign"),
        ({"azp": "another"}, "sign_in.foreign"),
        ({"iss": "http://127.0.0.1:1"}, "sign_in.foreign"),
        ({"nonce": "another sign-in's"}, "sign_in.foreign"),
        ({"nonce": None}, "sign_in.foreign"),
        ({"aud": None}, "sign_in.foreign"),
        ({"sub": None}, "sign_in.foreign"),
        ({"sub": ""}, "sign_in.foreign"),
        ({"sub": "x" * 300}, "sign_in.broken"),
        ({"sub": "a\0b"}, "sign_in.broken"),
        ({"exp": None}, "sign_in.foreign"),
        ({"exp": int(NOW.timestamp()) - 600}, "sign_in.stale"),
        ({"iat": int(NOW.timestamp()) + 600}, "sign_in.foreign"),
    ],
)
def test_a_token_that_is_not_for_us_now_opens_nothing(
    provider: oidc.Provider, liar: Liar, claims: dict[str, Any], key: str
) -> None:
    liar.claims = claims
    with pytest.raises(ProviderError) as refused:
        come_back(provider, liar)
    assert refused.value.key == key
    assert "eyJ" not in str(refused.value), "no token stands in a log"


def test_a_token_that_another_key_signed_opens_nothing(provider: oidc.Provider, liar: Liar) -> None:
    liar.key = OTHER_KEY
    with pytest.raises(ProviderError) as refused:
        come_back(provider, liar)
    assert refused.value.key == "sign_in.foreign"
    # HMAC with what everybody may know: the public key, or the client's name.
    liar.algorithm, liar.key = "HS256", OctKey.import_key("listener-listener-listener-listener")
    with pytest.raises(ProviderError):
        come_back(provider, liar)
    head, body, _ = liar.token().split(".")
    unsigned = base64.urlsafe_b64encode(b'{"alg":"none"}').decode().rstrip("=")
    for token in (f"{unsigned}.{body}.", f"{head}.{body}.", "x", ""):
        liar.token_answer = answer_json({"access_token": "access", "id_token": token})
        with pytest.raises(ProviderError):
            come_back(provider, liar)


def test_a_provider_may_change_its_keys(provider: oidc.Provider, liar: Liar) -> None:
    come_back(provider, liar)
    liar.key = replaced = RSAKey.generate_key(2048, {"kid": "first"})
    liar.published = [replaced]
    with pytest.raises(ProviderError):
        come_back(provider, liar)
    later = NOW + timedelta(minutes=2)
    provider._now = lambda: later
    assert come_back(provider, liar)["sub"] == "42"


@pytest.mark.parametrize(
    ("answer", "key"),
    [
        ({"state": "another"}, "sign_in.stale"),
        ({"state": ""}, "sign_in.stale"),
        ({"iss": "https://another.example"}, "sign_in.foreign"),
        ({"error": "access_denied"}, "sign_in.denied"),
        ({"error": "server_error\nforged log line"}, "sign_in.broken"),
        ({"code": ""}, "sign_in.broken"),
    ],
)
def test_what_the_browser_brings_is_checked_before_anything_is_asked(
    provider: oidc.Provider, liar: Liar, answer: dict[str, str], key: str
) -> None:
    with pytest.raises(ProviderError) as refused:
        come_back(provider, liar, **answer)
    assert refused.value.key == key
    assert "\n" not in str(refused.value)
    assert liar.forms == []


@pytest.mark.parametrize(
    ("answer", "key"),
    [
        (answer_json({"error": "invalid_grant"}, 400), "sign_in.stale"),
        (answer_json({"error": "invalid_client"}, 401), "sign_in.config"),
        (Answer(b"<html>", 200), "sign_in.broken"),
        (Answer(b"[]", 200), "sign_in.broken"),
        (Answer(b"x" * 1_100_000, 200), "sign_in.down"),
        (Answer(b"", 503), "sign_in.down"),
        (Answer(b"", 302, {"Location": "http://127.0.0.1:1/"}), "sign_in.down"),
    ],
)
def test_a_token_endpoint_that_refuses_or_breaks(
    provider: oidc.Provider, liar: Liar, answer: Answer, key: str
) -> None:
    liar.token_answer = answer
    with pytest.raises(ProviderError) as refused:
        come_back(provider, liar)
    assert refused.value.key == key


@pytest.mark.parametrize(
    "metadata",
    [
        {"issuer": "https://another.example"},
        {"token_endpoint": "http://acme.example/token"},
        {"jwks_uri": "file:///etc/passwd"},
        {"authorization_endpoint": "javascript:alert(1)"},
        {"authorization_endpoint": ""},
        {"userinfo_endpoint": "http://acme.example/me"},
    ],
)
def test_a_provider_that_is_another_or_speaks_in_clear_is_refused(
    provider: oidc.Provider, liar: Liar, metadata: dict[str, Any]
) -> None:
    liar.metadata = metadata
    with pytest.raises(ProviderError) as refused:
        provider.address(oidc.begun())
    assert refused.value.key == "sign_in.config"


# ---------------------------------------------------------------------------- who comes in


CONFIG = Oidc(
    enabled=True,
    issuer="https://login.acme.example",
    client_id="listener",
    roles=ROLES,
    brand_claim="https://acme.example/brands",
    brands={"tele": ("movistar",), "all": ("*",)},
)
BRANDS = {CONFIG.brand_claim: ["tele", "unknown"]}


def claims(sub: str = "42", **more: Any) -> dict[str, Any]:
    return {"sub": sub, "name": "Ana Prieto", "groups": ["care"], **BRANDS} | more


def admit(db: Database, told: dict[str, Any], config: Oidc = CONFIG) -> people.User:
    return company_accounts.admit(db, config, Service(), told, NOW)


def test_the_first_sign_in_makes_the_account(database: Database) -> None:
    user = admit(
        database,
        claims(preferred_username="Ána Prieto", email="ana@acme.example", locale="en-GB"),
    )
    assert (user.username, user.role, user.brands) == (
        "ana.prieto",
        "community_manager",
        ("movistar",),
    )
    assert (user.language, user.email, user.password_hash) == ("en", "ana@acme.example", None)
    again = admit(database, claims(groups=["bosses"], name="Another", preferred_username="x"))
    assert (again.username, again.name, again.role) == ("ana.prieto", "Ana Prieto", "administrator")
    with database.read() as session:
        assert len(people.everyone(session)) == 1


def test_a_name_that_somebody_has_takes_over_no_account(database: Database) -> None:
    accounts.first_administrator(database, NOW)
    for sub, expected in (("1", "admin-2"), ("2", "admin-3")):
        user = admit(database, claims(sub, preferred_username="admin", email="a@b.example"))
        assert user.username == expected
        assert user.role == "community_manager"


def test_whoever_loses_the_role_loses_the_door(database: Database) -> None:
    user = admit(database, claims())
    token = accounts.start_session(database, user.username, NOW)
    limits = {"idle": timedelta(hours=1), "longest": timedelta(days=1), "now": NOW}
    for told, key in (
        (claims(groups=[]), "sign_in.norole"),
        (claims(groups="nobody"), "sign_in.norole"),
        (claims(groups={"care": True}), "sign_in.norole"),
        (claims(**{CONFIG.brand_claim: ["unknown"]}), "sign_in.nobrand"),
    ):
        with pytest.raises(AccountError) as refused:
            admit(database, told)
        assert refused.value.key == key
        assert accounts.session_user(database, token, **limits) is None  # type: ignore[arg-type]
    with pytest.raises(AccountError):
        admit(database, claims("stranger", groups=[]))
    with database.read() as session:
        assert [u.username for u in people.everyone(session)] == [user.username]


def test_disabled_stays_disabled_and_no_password_opens_it(database: Database) -> None:
    user = admit(database, claims())
    with pytest.raises(AccountError) as no_link:
        accounts.make_setup_link(database, user.username, NOW)
    assert no_link.value.key == "account.company"
    assert accounts.authenticate(database, user.username, "", now=NOW).user is None
    accounts.disable(database, user.username, NOW)
    with pytest.raises(AccountError) as refused:
        admit(database, claims(groups=["bosses"]))
    assert refused.value.key == "sign_in.disabled"
    with database.read() as session:
        stored = people.get(session, user.username)
    assert stored is not None
    assert (stored.disabled, stored.role) == (True, "community_manager")


@pytest.mark.parametrize(
    ("told", "role"),
    [
        ({"groups": ["look", "care"]}, Role.COMMUNITY_MANAGER),
        ({"groups": "look"}, Role.MARKETING_LEAD),
        ({"realm": {"roles": ["bosses"]}}, Role.ADMINISTRATOR),
        ({"realm.roles": ["look"], "realm": {"roles": ["bosses"]}}, Role.MARKETING_LEAD),
        ({"groups": [["care"], 7, None]}, None),
        ({}, None),
    ],
)
def test_the_widest_role_of_the_groups(told: dict[str, Any], role: Role | None) -> None:
    name = "groups" if "groups" in told else "realm.roles"
    config = CONFIG.model_copy(update={"role_claim": name})
    assert company_accounts.role_of(told, config) == role


def test_brands_by_their_mapping() -> None:
    name = CONFIG.brand_claim
    assert company_accounts.brands_of({name: ["tele", "all"]}, CONFIG) == ()
    assert company_accounts.brands_of({name: []}, CONFIG) is None
    everybody = CONFIG.model_copy(update={"brands": {}})
    assert company_accounts.brands_of({}, everybody) == ()


@pytest.mark.parametrize(
    "told",
    [
        {
            "name": "<b>\u202e\0" + "x" * 999,
            "preferred_username": "../../\0etc",
            "email": "a@b\0.c",
        },
        {"name": ["a"], "email": {"a": 1}, "locale": 5, "zoneinfo": "Mars/Olympus"},
        {"name": "测试", "preferred_username": "测试", "email_verified": False, "email": "a@b.c"},
    ],
)
def test_hostile_claims_make_a_usable_account(database: Database, told: dict[str, Any]) -> None:
    user = admit(database, claims() | told)
    assert user.email == ""
    assert user.time_zone == "Europe/Madrid"
    assert len(user.name) <= 200
    assert user.name.isprintable()


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"issuer": "http://login.acme.example"}, "https://"),
        ({"client_id": ""}, "client_id"),
        ({"roles": {}}, "roles"),
        ({"roles": {"care": "boss"}}, "roles"),
        ({"scopes": ["profile"]}, "openid"),
    ],
)
def test_a_section_that_cannot_work_is_refused(changes: dict[str, Any], said: str) -> None:
    with pytest.raises(ValidationError, match=said):
        Oidc.model_validate(CONFIG.model_dump() | changes)


def test_loopback_is_this_machine_alone() -> None:
    assert all(map(is_loopback, ("localhost", "127.0.0.1", "127.9.9.9", "::1", "[::1]")))
    assert not any(map(is_loopback, ("0.0.0.0", "", "localhost.example", "10.0.0.1", "::", None)))


# ---------------------------------------------------------------------------- the pages


@pytest.fixture
def browser(provider: oidc.Provider, sqlite_database: Database, tmp_path: Path) -> TestClient:
    own = settings_files.load(
        Path(__file__).resolve().parent.parent / "config", {"LISTENER_VAR": str(tmp_path)}
    )
    service = own.listener.service.model_copy(update={"public_url": BASE})
    listener = own.listener.model_copy(update={"oidc": provider.config, "service": service})
    own = own.model_copy(update={"listener": listener})
    key = cookies.key(tmp_path)
    jar = cookies.Cookies(key)
    pages = SignInPages(
        sqlite_database, own, jar, company=CompanyPages(sqlite_database, own, provider, key)
    )
    app = Starlette(
        routes=pages.routes(),
        middleware=[
            Middleware(
                Gate,
                hosts=frozenset({"127.0.0.1", "localhost"}),
                jar=jar,
                user_of=lambda _: None,
            )
        ],
    )
    return TestClient(app, base_url=BASE, headers={"Accept-Language": "en"}, follow_redirects=False)


def leave(browser: TestClient, liar: Liar, wanted: str = "/case?id=7") -> str:
    """Goes to the provider; returns the state that it is to bring back."""
    answer = browser.get("/auth/oidc", params={"next": wanted})
    assert answer.status_code == 303
    query = dict(urllib.parse.parse_qsl(urllib.parse.urlsplit(answer.headers["location"]).query))
    liar.nonce = query["nonce"]
    return query["state"]


def test_there_and_back_ends_in_a_session(browser: TestClient, liar: Liar) -> None:
    assert "Sign in with Acme" in browser.get("/auth/sign-in").text
    state = leave(browser, liar)
    answer = browser.get("/auth/oidc/callback", params={"code": "c", "state": state})
    assert (answer.status_code, answer.headers["location"]) == (303, "/case?id=7")
    assert cookies.NAME in answer.headers["set-cookie"]
    again = browser.get("/auth/oidc/callback", params={"code": "c", "state": state})
    assert again.status_code == 400, "the same answer opens nothing twice"
    assert "Begin again" in again.text


def test_the_answer_belongs_to_the_browser_that_asked(browser: TestClient, liar: Liar) -> None:
    state = leave(browser, liar)
    browser.cookies.clear()
    answer = browser.get("/auth/oidc/callback", params={"code": "c", "state": state})
    assert answer.status_code == 400
    assert cookies.NAME not in answer.headers.get("set-cookie", "")
    assert liar.forms == []


def test_a_sign_in_that_took_too_long_is_begun_again(
    browser: TestClient, liar: Liar, monkeypatch: pytest.MonkeyPatch
) -> None:
    state = leave(browser, liar)
    late = time.time() + 700
    monkeypatch.setattr("itsdangerous.timed.time.time", lambda: late)
    answer = browser.get("/auth/oidc/callback", params={"code": "c", "state": state})
    assert answer.status_code == 400
    assert "more than ten minutes" in answer.text


@pytest.mark.parametrize(
    ("claims_", "status", "said"),
    [
        ({"groups": []}, 403, "none of its groups has a role"),
        ({"aud": "another"}, 403, "was not for Listener"),
    ],
)
def test_refusals_are_said_and_set_no_cookie(
    browser: TestClient, liar: Liar, claims_: dict[str, Any], status: int, said: str
) -> None:
    liar.claims = claims_
    liar.userinfo = {"sub": "42"}
    state = leave(browser, liar)
    answer = browser.get("/auth/oidc/callback", params={"code": "c", "state": state})
    assert answer.status_code == status
    assert said in answer.text
    assert cookies.NAME not in answer.headers.get("set-cookie", "")
    assert 'href="/auth/sign-in?lang=es"' in answer.text


def test_a_provider_that_is_down_is_told_of(browser: TestClient, liar: Liar) -> None:
    liar.metadata = {"issuer": "https://another.example"}
    answer = browser.get("/auth/oidc")
    assert answer.status_code == 502
    assert "do not understand each other" in answer.text


def test_the_sign_in_goes_by_the_public_address(browser: TestClient, liar: Liar) -> None:
    answer = browser.get("/auth/oidc?next=/trends", headers={"Host": "localhost:8501"})
    assert answer.headers["location"] == f"{BASE}/auth/oidc?next=%2Ftrends"


@pytest.mark.parametrize("wanted", ["https://evil.example", "//evil.example", "/auth/sign-out"])
def test_it_never_leads_to_another_site(browser: TestClient, liar: Liar, wanted: str) -> None:
    state = leave(browser, liar, wanted)
    answer = browser.get("/auth/oidc/callback", params={"code": "c", "state": state})
    assert answer.headers["location"] == "/"


def test_without_the_section_there_is_no_such_door(sqlite_database: Database) -> None:
    own = settings_files.load(Path(__file__).resolve().parent.parent / "config", environ={})
    assert oidc.provider(own, lambda: NOW) is None
