"""The numbers that people report, in a real browser: Ana works, Marc only looks, Berta sees another
brand."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import timedelta

import pytest
import sqlalchemy as sa

pytest.importorskip("playwright.sync_api", reason="playwright is not installed")
from playwright.sync_api import expect
from served import Served

from browser import world as worlds
from browser.steps import Open, heading, signed_in
from browser.world import Post, Stated, World
from listener import processing
from listener.crm import systems
from listener.domain import Author, Mention
from listener.storage import mentions, pending
from listener.storage.mentions import BrandHit, Found
from listener.storage.tables import CrmEvent, CrmNumber

STRANGER = "+34911222333"
MORE = (
    Post(
        "rosa@red.example",
        "Movistar: el 911 22 23 33 me ofrece una alarma con la fibra, cuatro llamadas en dos días.",
        hours=6,
    ),
    Post(
        "gil@red.example",
        "Desde el 911222333 dicen ser Movistar y venden alarma y fibra a voces. Basta ya.",
        hours=28,
    ),
    Post(
        "eme@red.example",
        "<b>911 222 333</b> [otra](javascript:alert(1)) de Movistar con la alarma dichosa",
        hours=52,
    ),
)


def more_posts(world: World) -> None:
    """Three people about a number that is in no registry, an agency's in the registry, and a log
    that counts as real."""
    found = [
        Found(
            Mention(
                source=p.source,
                external_id=f"number-{n}",
                text=p.text,
                published_at=world.now - timedelta(hours=p.hours),
                author=Author(p.author, "", "", p.followers),
                site="red.example",
                lang=p.lang,
            ),
            (BrandHit(p.brand),),
        )
        for n, p in enumerate(MORE)
    ]
    with world.db.write() as session:
        mentions.save_found(session, "mastodon-es/movistar", found, now=world.now)
        waiting = pending.oldest(session, 1000)
        session.execute(sa.update(CrmEvent).values(invented=False))
        session.add(
            CrmNumber(
                number="+34840990001",
                brand="movistar",
                valid_from_day="2026-01-01",
                valid_to_day="",
                kind="agency",
                owner="Canal Norte",
            )
        )
    crms = systems(world.settings, world.db, lambda: world.now)
    processing.step(world.db, world.settings, Stated(MORE), crms, waiting, lambda: world.now)


@pytest.fixture(scope="module")
def reported(chromium: object, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    world = worlds.build(tmp_path_factory.mktemp("numbers"))
    more_posts(world)
    made = Served(world)
    yield made
    assert made.stop() == 0, made.log.read_text()
    made.world.db.close()


def test_the_list_flags_the_unknown_number_and_shows_the_registry(
    opened: Open, reported: Served
) -> None:
    page = signed_in(opened, reported, "ana", "/numbers")
    heading(page, "Números que llaman")
    row = page.locator("table", has_text="Números denunciados").locator("tr", has_text=STRANGER)
    expect(row).to_contain_text("desconocido")
    expect(row).to_contain_text("no tiene ninguno desde él")
    expect(row.locator("td").nth(2)).to_have_text("3")
    expect(page.locator("tr", has_text="1004").first).to_contain_text("propio")
    registry = page.locator("table", has_text="Dónde consta")
    expect(registry.locator("tr", has_text="Canal Norte")).to_contain_text("agencia")
    page.get_by_text("Solo números desconocidos").click()
    expect(page.locator("table", has_text="Números denunciados").locator("tbody tr")).to_have_count(
        1
    )
    row.get_by_role("link", name=STRANGER).click()
    heading(page, STRANGER)


def test_the_dossier_of_a_stranger(opened: Open, reported: Served) -> None:
    page = signed_in(opened, reported, "ana", f"/numbers?number={STRANGER.replace('+', '%2B')}")
    heading(page, STRANGER)
    expect(page.get_by_text("El registro de contactos no tiene ninguno desde él")).to_be_visible()
    expect(page.get_by_text("alarma (3)")).to_be_visible()
    expect(page.get_by_text("el número es de: España.")).to_be_visible()
    expect(page.get_by_text("No se sabe: ni el registro de números")).to_be_visible()
    expect(page.locator("canvas, svg.marks").nth(2)).to_be_visible()
    expect(page.locator(".ls-row", has_text="911 22 23 33")).to_contain_text("desconocido")
    assert page.title() != "owned"
    assert page.locator(".ls-row b", has_text="911 222 333").count() == 0
    page.get_by_role("link", name="Caso").first.click()
    expect(page.get_by_role("heading", level=1, name="Caso")).to_be_visible()


def test_the_dossier_compares_what_is_claimed_with_the_log(opened: Open, reported: Served) -> None:
    page = signed_in(opened, reported, "ben", "/numbers?number=1004")
    heading(page, "1004")
    expect(page.locator("tr", has_text="Claimed with the time they took")).to_contain_text("9")
    expect(page.locator("tr", has_text="In the log in that time")).to_contain_text("7")
    expect(page.locator("tr", has_text="Of the people whom the CRM knows")).to_contain_text(
        "claimed: 9; in the log: 7"
    )
    expect(page.locator("tr", has_text="Fibra otoño")).to_contain_text("sales")
    expect(page.get_by_text("The centres that used it, by the log: Norte (7)")).to_be_visible()
    expect(page.locator("tr", has_text="Spain")).to_contain_text("1")
    assert page.get_by_text("Lucía Marín").count() == 0


def test_a_number_is_looked_up_as_people_write_it(opened: Open, reported: Served) -> None:
    page = signed_in(opened, reported, "ana", "/numbers")
    page.get_by_label("Buscar un número").fill("911 22-23 33")
    page.keyboard.press("Enter")
    heading(page, STRANGER)
    page.get_by_role("link", name="Todos los números").click()
    heading(page, "Números que llaman")
    page.goto("/numbers?number=699000111")
    expect(page.get_by_text("Ninguna queja que pueda ver nombra este número")).to_be_visible()


def test_marc_sees_no_customers_and_berta_no_numbers_of_movistar(
    opened: Open, reported: Served
) -> None:
    page = signed_in(opened, reported, "marc", "/numbers?number=1004")
    heading(page, "1004")
    expect(
        page.get_by_text("Quiénes son los autores solo lo ve quien gestiona la comunidad.")
    ).to_be_visible()
    assert page.get_by_text("De quienes conoce el CRM").count() == 0
    page = signed_in(opened, reported, "berta", "/numbers?number=1004")
    expect(page.get_by_text("Ninguna queja que pueda ver nombra este número")).to_be_visible()
    page.goto("/numbers")
    expect(page.get_by_text("Nadie se ha quejado de un número")).to_be_visible()


def test_the_alert_leads_to_the_dossier(opened: Open, reported: Served) -> None:
    page = signed_in(opened, reported, "ana", "/alerts")
    expect(page.get_by_text("un número desconocido, en 7 d")).to_be_visible()
    page.get_by_role("button", name="Ver la alerta").first.click()
    expect(page).to_have_url(re.compile(r"/alerts\?id=\d+$"))
    alert = page.url
    page.get_by_role("link", name="Ficha del número").click()
    heading(page, STRANGER)
    page.goto(alert)
    page.get_by_role("link", name="Las publicaciones que lo nombran").click()
    heading(page, "Menciones")
    expect(page.get_by_text("me ofrece una alarma con la fibra")).to_be_visible()


def test_a_phone_shows_a_dossier(opened: Open, reported: Served) -> None:
    page = signed_in(opened, reported, "ana", "/numbers?number=1004", width=390, height=844)
    heading(page, "1004")
    wide = "document.querySelector('[data-testid=stMain]').scrollWidth <= window.innerWidth"
    assert page.evaluate(wide)
