"""Marta gets a private link on her phone, in a real browser that runs no scripts."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest

pytest.importorskip("playwright.sync_api", reason="playwright is not installed")
from playwright.sync_api import Browser, Locator, Page, expect
from served import Served

from browser.steps import Open, heading, settled, signed_in, stored
from listener import pipeline
from listener.httpclient import HttpClient
from listener.pipeline import Road

WIDTH, HEIGHT = 360, 740


class Phone:
    """A browser of its own, 360 points wide, without scripts; it notes what it was told and asked."""

    def __init__(self, chromium: Browser, locale: str = "es-ES") -> None:
        self.context = chromium.new_context(
            viewport={"width": WIDTH, "height": HEIGHT},
            device_scale_factor=2,
            has_touch=True,
            is_mobile=True,
            locale=locale,
            java_script_enabled=False,
        )
        self.page = self.context.new_page()
        self.asked: list[str] = []
        self.complaints: list[str] = []
        self.page.on("request", lambda r: self.asked.append(r.url))
        self.page.on("console", lambda m: self.complaints.append(m.text))


@pytest.fixture
def phone(chromium: Browser) -> Iterator[Callable[..., Phone]]:
    made: list[Phone] = []

    def new(locale: str = "es-ES") -> Phone:
        made.append(Phone(chromium, locale))
        return made[-1]

    yield new
    for one in made:
        one.context.close()


def address_of(page: Page) -> Locator:
    """Where a link that was made just now is shown."""
    return page.get_by_test_id("stCode").filter(has_text="/p/")


def link_of(opened: Open, served: Served, name: str) -> tuple[Page, str]:
    """Ana's page of a case, and the address that she was shown there, on the port of this test."""
    page = signed_in(opened, served, "ana", f"/case?id={served.world.cases[name]}")
    page.get_by_role("button", name="Hacer un enlace privado").click()
    shown = address_of(page)
    expect(shown).to_be_visible()
    address = shown.locator("code").inner_text().strip()
    return page, served.url + address[address.index("/p/") :]


def process(served: Served) -> dict[str, Any]:
    world = served.world
    http = HttpClient(world.settings.listener.http)
    return pipeline.process(Road(world.settings, world.db, http, lambda: None))  # type: ignore[arg-type, return-value]


def test_from_the_link_to_the_customer(
    opened: Open, served: Served, phone: Callable[..., Phone]
) -> None:
    ana, address = link_of(opened, served, "persona5")
    expect(ana.get_by_text("Se muestra solo ahora.")).to_be_visible()
    expect(ana.get_by_text("no es pública con https")).to_be_visible()
    settled(ana)
    assert ana.get_by_role("button", name="Hacer un enlace privado").count() == 0
    ana.get_by_role("heading", name="Quién lo escribe").evaluate("e => e.scrollIntoView()")
    marta = phone()
    answer = marta.page.goto(address)
    assert answer is not None
    assert answer.status == 200
    heading(marta.page, "Deje su teléfono a Movistar")
    field, tick = (
        marta.page.get_by_label("Su número de teléfono"),
        marta.page.get_by_role("checkbox"),
    )
    button = marta.page.get_by_role("button", name="Dejar mi número")
    for thing in (field, button):
        box = thing.bounding_box()
        assert box is not None
        assert box["height"] >= 44, "a thumb hits it"
        assert box["x"] >= 0
        assert box["x"] + box["width"] <= WIDTH
    field.fill("600 99 98")
    tick.check()
    button.click()
    expect(marta.page.get_by_role("alert")).to_contain_text("no es un número de teléfono completo")
    expect(field).to_have_value("600 99 98")
    for thing in (field, marta.page.get_by_role("alert")):
        expect(thing).to_be_in_viewport()
    expect(tick).to_be_checked()
    field.fill("600 99 98 88")
    button.click()
    heading(marta.page, "Gracias")
    expect(marta.page.get_by_role("status")).to_contain_text("acaba en 888")
    assert {u.partition("?")[0] for u in marta.asked} == {address}, "no other file, no other host"
    refused = [c for c in marta.complaints if "400" not in c]
    assert refused == [], "nothing that the page's own policy forbids"
    assert marta.context.cookies() == []
    assert process(served)["matched_later"] == 1
    ana.reload()
    expect(ana.get_by_text("Tomás Rey").first).to_be_visible()
    expect(ana.get_by_text("dejó este teléfono en un enlace privado: •••888")).to_be_visible()
    expect(ana.get_by_text("con su consentimiento")).to_be_visible()
    expect(ana.get_by_text("+34600999888")).to_be_visible()
    ana.get_by_role("tab", name="Qué se ha hecho").click()
    expect(ana.locator(".ls-steps")).to_contain_text(
        "recibió un teléfono por el enlace privado: •••888"
    )
    assert address_of(ana).count() == 0, "shown once"
    assert ana.get_by_role("button", name="Hacer un enlace privado").count() == 0
    ana.get_by_role("heading", name="Quién lo escribe").evaluate("e => e.scrollIntoView()")
    assert stored(served, "persona5").summary.customer_ref == "C-1002"


def test_two_phones_at_once_and_afterwards(
    opened: Open, served: Served, phone: Callable[..., Phone]
) -> None:
    ana, address = link_of(opened, served, "persona7")
    first, second = phone(), phone("en-GB")
    first.page.goto(address)
    second.page.goto(address)
    heading(second.page, "Leave your phone number to Movistar")
    second.page.get_by_role("link", name="español").click()
    heading(second.page, "Deje su teléfono a Movistar")
    second.page.get_by_role("link", name="English").click()
    for one, label in ((first, "Su número de teléfono"), (second, "Your phone number")):
        one.page.get_by_label(label).fill("+44 7700 900123")
        one.page.get_by_role("checkbox").check()
    first.page.get_by_role("button").click()
    heading(first.page, "Gracias")
    second.page.get_by_role("button").click()
    heading(second.page, "This link was used already")
    again = first.page.goto(address)
    assert again is not None
    assert again.status == 410
    heading(first.page, "Este enlace ya se ha usado")
    expect(first.page.get_by_text("Movistar")).to_have_count(0)
    settled(ana)
    ana.get_by_role("button", name="Ya lo he enviado").click()
    expect(address_of(ana)).to_have_count(0)
    expect(ana.get_by_role("button", name="Hacer un enlace privado")).to_have_count(1)


def test_marc_finds_no_button(opened: Open, served: Served) -> None:
    page = signed_in(opened, served, "marc", f"/case?id={served.world.cases['persona9']}")
    settled(page)
    assert page.get_by_role("button", name="Hacer un enlace privado").count() == 0
