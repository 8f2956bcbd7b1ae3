"""An administrator makes a token of the API in the browser; another system uses it, until it is ended."""

from __future__ import annotations

from typing import Any

import httpx
import pytest

pytest.importorskip("playwright.sync_api", reason="playwright is not installed")
from playwright.sync_api import Page, expect
from served import Served

from browser.steps import Open, case_of, choose, settled, signed_in, stored
from listener import api_tokens


def ask(served: Served, token: str) -> httpx.Response:
    headers = {"Authorization": f"Bearer {token}"}
    return httpx.get(f"{served.url}/api/v1/me", headers=headers, trust_env=False)


_FETCH = """async ([path, token, body]) => {
  const headers = token ? {Authorization: `Bearer ${token}`} : {};
  const send = body && {method: "POST", body: JSON.stringify(body)};
  if (send) headers["Content-Type"] = "application/json";
  const answer = await fetch(path, {...send, headers, credentials: "same-origin"});
  return [answer.status, answer.headers.get("content-type"), await answer.text()];
}"""


def fetched(page: Page, path: str, token: str, body: object) -> list[Any]:
    """Status, kind and text of what a script on the page is answered."""
    found: list[Any] = page.evaluate(_FETCH, [path, token, body])
    return found


def test_a_token_is_made_used_and_ended(opened: Open, served: Served) -> None:
    page = signed_in(opened, served, "admin", "/settings?part=tokens")
    page.get_by_text("Token nuevo").click()
    page.get_by_label("Para qué es").fill("Cuadro de mando")
    choose(page, "Actúa como", "Marc Soler (marc)")
    page.get_by_role("button", name="Crear el token").click()
    shown = page.locator("code", has_text="lst_")
    expect(shown).to_be_visible()
    token = shown.inner_text().strip()
    assert ask(served, token).json() | {"expires_at": ""} == {
        "username": "marc",
        "role": "marketing_lead",
        "brands": [],
        "scopes": ["read"],
        "token": "Cuadro de mando",
        "expires_at": "",
    }
    page.reload()
    expect(page.get_by_text("Cuadro de mando")).to_be_visible()
    expect(shown).to_have_count(0)
    settled(page)
    page.get_by_role("button", name="Revocar").click()
    expect(page.get_by_text("El token queda revocado.")).to_be_visible()
    assert ask(served, token).status_code == 401


def test_only_administrators_see_tokens(opened: Open, served: Served) -> None:
    page = signed_in(opened, served, "ana", "/settings?part=tokens")
    expect(page.get_by_role("heading", name="Contraseña")).to_be_visible()
    expect(page.get_by_text("Tokens de la API")).to_have_count(0)


def test_a_signed_in_browser_is_refused_by_the_api(opened: Open, served: Served) -> None:
    """The session of the pages opens nothing; marketing's own token changes nothing."""
    page = signed_in(opened, served, "marc")
    lucia = f"/api/v1/cases/{case_of(served, 'lucia')}"
    before = stored(served, "lucia").summary
    close = {"status": "closed", "resolution": "answered", "version": before.version}
    assert fetched(page, lucia, "", None)[:2] == [401, "application/problem+json"]
    assert fetched(page, f"{lucia}/status", "", close)[0] == 401
    token = api_tokens.add(
        served.world.db,
        "marc",
        name="Su tabla",
        scopes=("read", "work"),
        by="admin",
        now=served.world.now,
    )[1]
    assert fetched(page, lucia, token, None)[0] == 200
    status, kind, said = fetched(page, f"{lucia}/status", token, close)
    assert (status, kind) == (403, "application/problem+json")
    assert "may look but not change" in said
    assert stored(served, "lucia").summary == before


def test_the_documentation_is_read_on_a_phone(opened: Open, served: Served) -> None:
    page = opened(served.url, width=390, height=800)
    page.goto("/api/v1/docs")
    expect(page.get_by_role("heading", level=2, name="Qué se puede pedir")).to_be_visible()
    assert page.evaluate("document.documentElement.scrollWidth") <= 390
    page.get_by_role("link", name="English").click()
    expect(page.get_by_role("heading", level=2, name="What can be asked")).to_be_visible()
