"""An administrator makes a token of the API in the browser; another system uses it, until it is ended."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import httpx
import pytest

pytest.importorskip("playwright.sync_api", reason="playwright is not installed")
from playwright.sync_api import Page, expect
from served import Served

from browser.test_pages import settled, shoot, signed_in

Open = Callable[..., Page]


def ask(served: Served, token: str) -> httpx.Response:
    headers = {"Authorization": f"Bearer {token}"}
    return httpx.get(f"{served.url}/api/v1/me", headers=headers, trust_env=False)


def test_a_token_is_made_used_and_ended(opened: Open, served: Served, screenshots: Path) -> None:
    page = signed_in(opened, served, "admin", "/settings?part=tokens")
    page.get_by_text("Token nuevo").click()
    page.get_by_label("Para qué es").fill("Cuadro de mando")
    field = page.get_by_label("Actúa como")
    field.fill("Marc")  # opens the list, narrowed
    expect(page.get_by_role("option")).to_have_count(1)
    field.press("Enter")
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
    shoot(page, screenshots, "tokens-es")
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


def test_the_documentation_is_read_on_a_phone(
    opened: Open, served: Served, screenshots: Path
) -> None:
    page = opened(served.url, width=390, height=800)
    page.goto("/api/v1/docs")
    expect(page.get_by_role("heading", level=2, name="Qué se puede pedir")).to_be_visible()
    assert page.evaluate("document.documentElement.scrollWidth") <= 390
    page.get_by_role("link", name="English").click()
    expect(page.get_by_role("heading", level=2, name="What can be asked")).to_be_visible()
