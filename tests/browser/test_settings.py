"""The settings in a real browser: the administrator edits a query and adds Inés, Berta only her brand's
query, Marc nothing."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

import pytest

pytest.importorskip("playwright.sync_api", reason="playwright is not installed")
from playwright.sync_api import Page, expect

from browser import world as worlds
from browser.conftest import Served
from browser.steps import Open, choose, enter, heading, settled, signed_in
from listener import pipeline, service
from listener.in_force import InForce
from listener.pipeline import Road
from listener.settings import Settings
from listener.storage import config_edits, people

PASSWORD = "verde tormenta 51"


@pytest.fixture(scope="module")
def edited(chromium: object, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    made = Served(worlds.build(tmp_path_factory.mktemp("settings")))
    yield made
    assert made.stop() == 0, made.log.read_text()
    made.world.db.close()


def part(opened: Open, served: Served, user: str, name: str, **kw: Any) -> Page:
    page = signed_in(opened, served, user, f"/settings?part={name}", **kw)
    settled(page)
    return page


def write(page: Page, label: str, text: str) -> None:
    field = page.get_by_label(label, exact=True)
    field.fill(text)
    field.press("Control+Enter")
    settled(page)


def test_a_query_is_tried_then_stored_and_the_loops_take_it(opened: Open, edited: Served) -> None:
    world = edited.world
    newest: InForce[Road] = service.roads(world.settings, world.db)
    before = newest()
    page = part(opened, edited, "admin", "brands")
    expect(page.locator(".ls-query")).to_contain_text("número, se escriba como se escriba 1004")
    expect(page.get_by_role("button", name="Guardar la consulta").last).to_be_disabled()
    write(page, "Consulta", 'number:1004 OR (movistar NOT película) OR "sin cobertura"')
    figures = page.locator("table", has_text="Con el cambio")
    expect(figures.locator("td").nth(2)).to_have_text("1")
    expect(page.get_by_text(re.compile(r"Perdería \(\d+\)"))).to_be_visible()
    gained = page.locator(".ls-row", has_text="Vodafone otra vez sin cobertura")
    expect(gained.locator("mark")).to_have_text("sin cobertura")
    expect(page.locator(".ls-row", has_text="va fino con la").first).to_contain_text("aparte")
    page.get_by_label("Motivo (otros lo leerán en el historial)").fill("El cine <b>no</b>")
    page.get_by_role("button", name="Guardar la consulta").click()
    expect(page.get_by_text("La consulta está guardada")).to_be_visible()
    expect(page.get_by_role("button", name="Guardar la consulta").last).to_be_disabled()
    after = newest()
    assert after is not before
    assert "película" in str(after.queries["movistar"])
    assert pipeline.about(after, [], keep_all=False) == []
    page.goto("/settings?part=documents")
    expect(page.locator("tr", has_text="brands.toml")).to_contain_text("modificado aquí")
    choose(page, "Documento", "brands.toml")
    expect(page.get_by_text("El cine <b>no</b>")).to_be_visible()
    expect(page.locator(".ls-plus")).to_contain_text("película")


def test_a_query_that_cannot_be_read_says_where(opened: Open, edited: Served) -> None:
    page = part(opened, edited, "admin", "brands")
    write(page, "Consulta", "movistar (1004")
    expect(page.get_by_text("consulta, posición 10")).to_be_visible()
    expect(page.get_by_role("button", name="Guardar la consulta")).to_have_count(0)


def test_ines_is_added_and_signs_in_by_her_link(opened: Open, edited: Served) -> None:
    page = part(opened, edited, "admin", "users")
    write(page, "Usuario", "ines")
    page.get_by_label("Nombre", exact=True).fill("Inés Vidal")
    page.get_by_label("Nombre", exact=True).press("Enter")
    settled(page)
    page.get_by_role("button", name="Añadir", exact=True).click()
    expect(page.get_by_text("La cuenta está creada.")).to_be_visible()
    address = page.locator("[data-testid=stCode] code").inner_text().strip()
    path = address.removeprefix(edited.world.settings.listener.service.public_url)
    page.get_by_role("button", name="Ya lo he enviado").click()
    expect(page.locator("[data-testid=stCode]")).to_have_count(0)
    expect(page.locator("tr", has_text="Inés Vidal").first).to_contain_text("sin contraseña")
    hers = opened(edited.url)
    hers.goto(path)
    hers.fill("#password", PASSWORD)
    hers.fill("#again", PASSWORD)
    hers.click("main button")
    hers.context.clear_cookies()
    enter(hers, "ines", PASSWORD)
    heading(hers, "Bandeja")
    choose(page, "Cuenta", "ines")
    role = page.get_by_label("Función", exact=True).nth(1)
    expect(role).to_have_value("gestión de comunidad")
    settled(page)
    page.get_by_role("button", name="Desactivar").click()
    expect(page.get_by_text("La cuenta está desactivada")).to_be_visible()
    hers.get_by_role("link", name="Tendencias").click()
    expect(hers.get_by_text("Su sesión ha terminado.")).to_be_visible()
    with edited.world.db.read() as session:
        found = people.get(session, "ines")
    assert found is not None
    assert found.disabled


def test_berta_edits_the_query_of_her_brand_and_nothing_else(opened: Open, edited: Served) -> None:
    page = part(opened, edited, "berta", "users")
    heading(page, "Ajustes")
    expect(page.get_by_text("Sobre mí").first).to_be_visible()
    assert page.get_by_text("Usuarios").count() == 0
    assert page.get_by_role("button", name="Añadir", exact=True).count() == 0
    page.goto("/settings?part=brands")
    settled(page)
    page.get_by_label("Marca", exact=True).click()
    expect(page.get_by_role("option")).to_have_text(["Vodafone"])
    page.keyboard.press("Escape")
    assert page.get_by_text("Vigilar otra marca").count() == 0
    write(page, "Consulta", "vodafone OR otra")
    shown = page.locator(".ls-row .ls-text").all_inner_texts()
    assert shown
    assert not [text for text in shown if "Movistar" in text]


def test_marc_has_only_his_own_settings(opened: Open, edited: Served) -> None:
    page = part(opened, edited, "marc", "brands")
    heading(page, "Ajustes")
    expect(page.get_by_role("heading", name="Sobre mí")).to_be_visible()
    assert page.get_by_text("Marcas y consultas").count() == 0


def test_due_times_are_stored_and_who_comes_second_is_told(opened: Open, edited: Served) -> None:
    first = part(opened, edited, "admin", "routing")
    second = part(opened, edited, "admin", "routing")
    write(first, "urgente", "pronto")
    first.get_by_role("button", name="Guardar los cambios").click()
    expect(first.get_by_text("escribe una duración")).to_be_visible()
    write(first, "urgente", "45m")
    first.get_by_role("button", name="Guardar los cambios").click()
    expect(first.get_by_text("Guardado; en vigor desde ahora.")).to_be_visible()
    settled(first)
    expect(first.get_by_label("urgente", exact=True).last).to_have_value("45m")
    write(second, "alta", "3h")
    expect(second.get_by_text("ha cambiado estos ajustes entretanto")).to_be_visible()
    second.get_by_role("button", name="Guardar los cambios").click()
    expect(second.get_by_text("No se ha guardado nada suyo")).to_be_visible()
    settled(second)
    second.get_by_role("button", name="Cargar lo que está en vigor").click()
    settled(second)
    expect(second.get_by_label("urgente", exact=True).last).to_have_value("45m")
    own: InForce[Settings] = InForce(edited.world.db, edited.world.settings, lambda s: s)
    assert own().routing.due["urgent"].total_seconds() == 45 * 60
    with edited.world.db.read() as session:
        assert len(config_edits.history(session, "rules/routing.toml")) == 1


def test_a_phone_shows_every_part(opened: Open, edited: Served) -> None:
    wide = "document.querySelector('[data-testid=stMain]').scrollWidth <= window.innerWidth"
    page = signed_in(opened, edited, "admin", "/settings", width=390, height=844)
    parts = ("brands", "numbers", "routing", "priority", "alerts", "policy", "templates")
    for name in (*parts, "retention", "users", "documents"):
        page.goto(f"/settings?part={name}")
        heading(page, "Ajustes")
        settled(page)
        assert page.evaluate(wide), name
        assert page.locator("[data-testid=stAlert]").count() == 0, name
