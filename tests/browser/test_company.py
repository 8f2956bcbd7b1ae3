"""Signing in with the company's account, at a real OpenID Connect provider, in a real browser."""

from __future__ import annotations

import re
from collections.abc import Iterator

import pytest

pytest.importorskip("playwright.sync_api", reason="playwright is not installed")
from playwright.sync_api import Page, expect
from served import Served
from servers import free_port, running
from servers_node import CompanyProvider

from browser import world as worlds
from browser.steps import Open, enter, heading
from listener import accounts
from listener.storage import identities

PEOPLE = {
    "ana": {"name": "Ana Prieto", "preferred_username": "ana", "locale": "es", "groups": ["care"]},
    "rui": {"name": "Rui Costa", "preferred_username": "rui", "locale": "en", "groups": ["look"]},
    "eva": {"name": "Eva Sanz", "preferred_username": "eva", "locale": "en", "groups": ["tele"]},
    "leo": {"name": "Leo Pons", "preferred_username": "leo", "locale": "es", "groups": ["yoga"]},
}
SECTION = """
[oidc]
enabled = true
issuer = "{issuer}"
client_id = "{client}"
client_secret_env = "LISTENER_OIDC_SECRET"
name = "Acme"
[oidc.roles]
care = "community_manager"
look = "marketing_lead"
tele = "community_manager"
[oidc.brands]
care = ["*"]
look = ["*"]
tele = ["vodafone"]
"""


@pytest.fixture(scope="module")
def acme(chromium: object) -> Iterator[tuple[CompanyProvider, int]]:
    """The provider, and the dashboard's port that it knows."""
    port = free_port()
    with running(CompanyProvider, f"http://127.0.0.1:{port}", PEOPLE) as provider:
        yield provider, port


@pytest.fixture(scope="module")
def company(
    acme: tuple[CompanyProvider, int], tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Served]:
    provider, port = acme
    made = serve(tmp_path_factory, provider, port, client="listener")
    yield made
    assert made.stop() == 0, made.log.read_text()
    made.world.db.close()


def serve(
    folders: pytest.TempPathFactory, provider: CompanyProvider, port: int, *, client: str
) -> Served:
    world = worlds.build(folders.mktemp("company"))
    file = world.settings.folder / "listener.toml"
    text = file.read_text(encoding="utf-8")
    text = re.sub(r"(?ms)^\[oidc\].*?(?=^\[private_link\])", "", text)
    text = re.sub(r'public_url = "[^"]+"', f'public_url = "http://127.0.0.1:{port}"', text)
    section = SECTION.format(issuer=provider.issuer, client=client)
    file.write_text(text + section, encoding="utf-8")
    return Served(world, port=port, LISTENER_OIDC_SECRET=provider.SECRET)


def arrive(opened: Open, company: Served, acme: CompanyProvider, path: str = "/") -> Page:
    page = opened(company.url, also=acme.issuer)
    page.goto(path)
    page.get_by_role("link", name="Entrar con Acme").click()
    return page


def at_acme(page: Page, login: str, password: str = "right") -> None:
    page.get_by_label("login").fill(login)
    page.get_by_label("password").fill(password)
    page.get_by_role("button", name="Enter Acme").click()


def test_ana_comes_in_with_her_company_and_goes_out_of_both(
    opened: Open, company: Served, acme: tuple[CompanyProvider, int]
) -> None:
    number = company.world.cases["lucia"]
    page = arrive(opened, company, acme[0], f"/case?id={number}")
    at_acme(page, "ana")
    heading(page, f"Caso {number}")
    expect(page.locator("[data-testid=stSidebar] .ls-who")).to_contain_text("Ana Prieto")
    cookies = {c["name"]: c for c in page.context.cookies(company.url)}
    assert "listener_company" not in cookies
    assert cookies["listener_session"]["httpOnly"]
    assert cookies["listener_session"]["sameSite"] == "Lax"
    page.reload()
    heading(page, f"Caso {number}")
    page.get_by_role("link", name="Salir").click()
    page.get_by_role("button", name="Salir").click()
    expect(page.get_by_role("status")).to_contain_text("Ha salido")
    page.get_by_role("link", name="Salir también de Acme").click()
    page.get_by_role("button", name="Yes, sign me out").click()
    expect(page).to_have_url(re.compile(r"/auth/sign-in"))
    page.get_by_role("link", name="Entrar con Acme").click()
    expect(page.get_by_label("login")).to_be_visible()


def test_the_company_knows_ana_and_the_local_ana_is_another(
    opened: Open, company: Served, acme: tuple[CompanyProvider, int]
) -> None:
    page = arrive(opened, company, acme[0])
    at_acme(page, "ana")
    heading(page, "Bandeja")
    local = opened(company.url)
    enter(local, "ana")
    heading(local, "Bandeja")
    with company.world.db.read() as session:
        assert not identities.is_company_account(session, "ana")
        assert identities.is_company_account(session, "ana-2")


def test_roles_and_brands_are_the_companys_word(
    opened: Open, company: Served, acme: tuple[CompanyProvider, int]
) -> None:
    page = arrive(opened, company, acme[0])
    at_acme(page, "rui")
    heading(page, "Inbox")
    expect(page.locator("[data-testid=stSidebar] .ls-who")).to_contain_text("marketing lead")
    page.goto("/customer?ref=C-1001&crm=local")
    expect(page.get_by_text("You may not see this record.")).to_be_visible()
    page = arrive(opened, company, acme[0])
    at_acme(page, "eva")
    heading(page, "Inbox")
    page.goto(f"/case?id={company.world.cases['lucia']}")
    expect(page.get_by_text("You may not see this case.")).to_be_visible()


def test_nobody_without_a_role_and_nobody_who_is_disabled(
    opened: Open, company: Served, acme: tuple[CompanyProvider, int]
) -> None:
    page = arrive(opened, company, acme[0])
    at_acme(page, "leo")
    expect(page.get_by_role("alert")).to_contain_text("ninguno de sus grupos tiene un papel")
    page.goto("/")
    expect(page).to_have_url(re.compile("/auth/sign-in"))
    page = arrive(opened, company, acme[0])
    at_acme(page, "rui")
    heading(page, "Inbox")
    accounts.disable(company.world.db, "rui")
    page.get_by_role("link", name="Trends").click()
    expect(page.get_by_text("Su sesión ha terminado.")).to_be_visible()
    page = arrive(opened, company, acme[0])
    at_acme(page, "rui")
    expect(page.get_by_role("alert")).to_contain_text("está desactivada")


def test_wrong_password_and_cancelling_come_back_with_words(
    opened: Open, company: Served, acme: tuple[CompanyProvider, int]
) -> None:
    page = arrive(opened, company, acme[0])
    at_acme(page, "ana", "wrong")
    expect(page.get_by_role("alert")).to_contain_text("no ha dado permiso")
    page.get_by_role("link", name="Volver a la entrada").click()
    page.get_by_role("link", name="Entrar con Acme").click()
    page.get_by_role("button", name="Cancel").click()
    expect(page.get_by_role("alert")).to_contain_text("no ha dado permiso")
    page.get_by_role("link", name="English").click()
    expect(page.get_by_role("link", name="Sign in with Acme")).to_be_visible()


def test_an_answer_that_was_used_or_forged_begins_anew(
    opened: Open, company: Served, acme: tuple[CompanyProvider, int]
) -> None:
    page = opened(company.url, also=acme[0].issuer)
    page.goto("/auth/oidc/callback?code=guessed&state=guessed")
    expect(page.get_by_role("alert")).to_contain_text("Empiece de nuevo")
    page = arrive(opened, company, acme[0])
    page.goto("/auth/oidc/callback?code=guessed&state=guessed")
    expect(page.get_by_role("alert")).to_contain_text("Empiece de nuevo")


def test_a_provider_that_is_down_and_one_that_knows_another_client(
    opened: Open, acme: tuple[CompanyProvider, int], tmp_path_factory: pytest.TempPathFactory
) -> None:
    provider, _ = acme
    port = free_port()
    made = serve(tmp_path_factory, provider, port, client="stranger")
    try:
        page = arrive(opened, made, provider)
        expect(page.get_by_text("invalid_client")).to_be_visible()
        made.stop()
        provider.stop()
        # It says what it can do only once an hour, so a new process asks anew.
        made = Served(made.world, port=port, LISTENER_OIDC_SECRET=provider.SECRET)
        page = arrive(opened, made, provider)
        expect(page.get_by_role("alert")).to_contain_text("El acceso de Acme no responde")
        page.get_by_role("link", name="Volver a la entrada").click()
        enter(page, "ana")
        heading(page, "Bandeja")
    finally:
        provider.start()
        made.stop()
        made.world.db.close()
