"""An administrator has another system told of what happens, tries it and ends it."""

from __future__ import annotations

import re

import pytest

pytest.importorskip("playwright.sync_api", reason="playwright is not installed")
from playwright.sync_api import expect
from served import Served

from browser.steps import Open, settled, signed_in


def test_a_webhook_is_added_tried_and_removed(opened: Open, served: Served) -> None:
    page = signed_in(opened, served, "admin", "/settings?part=webhooks")
    page.get_by_text("Webhook nuevo").click()
    address, add = page.get_by_label("Dirección"), page.get_by_role("button", name="Añadir el")
    address.fill("http://hooks.example/listener")
    add.click()
    expect(page.get_by_text("La dirección empieza por https://")).to_be_visible()
    settled(page)
    expect(address).to_have_value("http://hooks.example/listener")
    address.fill("hooks.example")
    add.click()
    expect(page.get_by_text("Esto no es una dirección")).to_be_visible()
    settled(page)
    address.fill("https://hooks.example/listener")
    add.click()
    secret = page.locator("code", has_text="whsec_")
    expect(secret).to_be_visible()
    settled(page)
    hook = page.locator("[class*=st-key-webhook_]", has_text="hooks.example/listener").last
    expect(hook).to_contain_text("se rompe una promesa")
    page.get_by_role("button", name="Enviar una prueba").click()
    expect(page.get_by_text("La prueba sale antes de un minuto.")).to_be_visible()
    expect(secret).to_have_count(0)
    settled(page)
    page.get_by_text("Lo que ha recibido").click()
    expect(page.get_by_role("row", name=re.compile("una prueba.*pendiente"))).to_be_visible()
    hook.get_by_role("button", name="Quitar").click()
    expect(page.get_by_text("El webhook está quitado.")).to_be_visible()
    expect(page.get_by_text("hooks.example/listener")).to_have_count(0)


def test_only_administrators_see_webhooks(opened: Open, served: Served) -> None:
    page = signed_in(opened, served, "ana", "/settings?part=webhooks")
    expect(page.get_by_role("heading", name="Contraseña")).to_be_visible()
    expect(page.get_by_text("Webhook nuevo")).to_have_count(0)
