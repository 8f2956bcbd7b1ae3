"""The brand manager's way: find the trend, click through to the posts, take it away as a file."""

from __future__ import annotations

import io
import re
from typing import Any

import pytest

pytest.importorskip("playwright.sync_api", reason="playwright is not installed")
from PIL import Image
from playwright.sync_api import Page, expect

from browser.conftest import Served
from browser.steps import Open, heading, settled, signed_in


def chart(page: Page, title: str) -> Any:
    """The chart of that title, drawn."""
    found = page.locator(f'[data-testid=stVegaLiteChart][aria-label="{title}"]')
    expect(found.locator("svg.marks, canvas").first).to_be_visible()
    return found


def marks(chart: Any, said: str) -> Any:
    """The uppermost mark whose label says so."""
    return chart.locator(f'[role=graphics-symbol][aria-label*="{said}"]').last


def part(page: Page, name: str) -> None:
    page.get_by_role("radio", name=name).click()


def test_bruno_finds_a_trend_and_reads_the_posts_behind_it(opened: Open, served: Served) -> None:
    page = signed_in(opened, served, "bruno", "/trends")
    heading(page, "Tendencias")
    for name in ("Volumen", "Sentimiento", "Quejas", "Acoso"):
        expect(page.get_by_role("heading", level=2, name=name, exact=True)).to_be_visible()
        chart(page, name)
    expect(page.get_by_text("Días rayados")).to_be_visible()
    expect(page.get_by_text("No se cuentan copias ni reenvíos").first).to_be_visible()
    expect(page.locator(".ls-figures li", has_text="Acoso")).to_contain_text("%")
    bar = marks(chart(page, "Acoso"), "Menciones: ")
    said = bar.get_attribute("aria-label")
    count = re.search(r"Menciones: (\d+)", said or "")
    assert count is not None
    bar.click()
    heading(page, "Menciones")
    expect(page).to_have_url(re.compile(r"/mentions\?.*harassment=yes"))
    expect(page.get_by_text(f"Publicaciones: {count[1]},")).to_be_visible()
    expect(page.locator(".ls-row", has_text="Otra vez el 1004")).to_be_visible()
    original = page.get_by_role("link", name="Abrir el original").first
    assert (original.get_attribute("href") or "").startswith("https://red.example/")
    page.get_by_role("link", name="Caso").first.click()
    heading(page, "Caso")


def test_hostile_posts_are_text_in_the_list_and_in_the_file(opened: Open, served: Served) -> None:
    page = signed_in(opened, served, "bruno", "/mentions?brand=movistar&harassment=yes")
    expect(page.locator(".ls-row", has_text="<script>document.title")).to_be_visible()
    assert page.title() != "owned"
    with page.expect_download() as download:
        page.get_by_role("button", name="Descargar en CSV").click()
    body = download.value.path().read_text("utf-8-sig")
    assert body.startswith("published_at,brand,source,site,author,lang,")
    assert "<script>" in body
    assert "lucia@red.example" in body


def test_a_figure_is_had_as_a_picture_and_as_a_table(opened: Open, served: Served) -> None:
    page = signed_in(opened, served, "bruno", "/trends")
    chart(page, "Volumen")
    page.get_by_text("Volumen: cifras y descargas").click()
    settled(page)
    with page.expect_download(timeout=60_000) as download:  # drawn when it is asked for
        page.get_by_role("button", name="PNG: Volumen").click()
    picture = Image.open(io.BytesIO(download.value.path().read_bytes()))
    assert picture.format == "PNG"
    assert picture.width > 1000
    with page.expect_download() as download:
        page.get_by_role("button", name="CSV: Volumen").click()
    lines = download.value.path().read_text("utf-8-sig").splitlines()
    assert lines[0] == "Día,Serie,Menciones"
    counted = sum(int(line.rsplit(",", 1)[1]) for line in lines[1:])
    with page.expect_download() as download:
        page.get_by_role("button", name="Descargar todos los recuentos").click()
    lines = download.value.path().read_text("utf-8-sig").splitlines()
    assert lines[0] == (
        "day,brand,source,lang,country,sentiment,complaint,harassment,category,count"
    )
    assert sum(int(line.rsplit(",", 1)[1]) for line in lines[1:]) == counted
    # Without a mouse: the table behind the chart leads to the same posts.
    page.locator("details", has_text="Volumen: cifras").get_by_role("link").first.click()
    heading(page, "Menciones")


def test_what_is_compared_has_its_interval_and_leads_on(opened: Open, served: Served) -> None:
    page = signed_in(opened, served, "bruno", "/trends")
    chart(page, "Volumen")
    part(page, "Comparado")
    chart(page, "Cuota de voz")
    chart(page, "Volumen por marca")
    page.get_by_text("Cuota de voz: cifras y descargas").click()
    row = page.locator("tr", has=page.get_by_role("link", name="Vodafone")).last
    expect(row).to_contain_text("%")
    marks(chart(page, "Volumen por marca"), "Vodafone").click()
    expect(page).to_have_url(re.compile(r"/mentions\?.*brand=vodafone"))
    expect(page.locator(".ls-row").first).to_contain_text("Vodafone")


def test_the_hours_of_the_week_and_the_numbers(opened: Open, served: Served) -> None:
    page = signed_in(opened, served, "bruno", "/trends")
    chart(page, "Volumen")
    part(page, "Horas de la semana")
    chart(page, "Menciones por hora de la semana")
    expect(page.get_by_text("las horas son las de Europe/Madrid")).to_be_visible()
    page.get_by_text("por hora de la semana: cifras").click()
    page.locator("details").get_by_role("link").first.click()
    expect(page).to_have_url(re.compile(r"/mentions\?.*weekday=\d&hour=\d"))
    heading(page, "Menciones")
    page.goto("/trends")
    chart(page, "Volumen")
    part(page, "Números y campañas")
    marks(chart(page, "Acoso por número denunciado"), "1002").click()
    expect(page).to_have_url(re.compile(r"/mentions\?.*number=1002"))
    expect(page.locator(".ls-row", has_text="a la hora de la siesta")).to_be_visible()
    expect(page.locator("#vg-tooltip-element")).to_be_hidden()


def test_bruno_takes_the_weekly_report_along(opened: Open, served: Served) -> None:
    page = signed_in(opened, served, "bruno", "/trends")
    chart(page, "Volumen")
    part(page, "Servicio e informe")
    expect(page.get_by_role("heading", level=2, name="Cómo se respondió")).to_be_visible()
    expect(page.locator(".ls-figures li", has_text="Sin responder")).to_contain_text("%")
    for name, begins, kind in (("PDF", b"%PDF", "pdf"), ("HTML", b"<!doctype html>", "html")):
        with page.expect_download() as download:
            page.get_by_role("button", name=f"Informe en {name}").click()
        assert download.value.suggested_filename.endswith(f".{kind}")
        assert download.value.path().read_bytes().startswith(begins)
    bar = marks(chart(page, "Casos según cómo se respondieron"), "Casos: ")
    count = re.search(r"Casos: (\d+)", bar.get_attribute("aria-label") or "")
    assert count is not None
    scrolled = "document.querySelector('[data-testid=stMain]').scrollTop"
    page.evaluate(f"{scrolled} = 500")
    bar.click()
    expect(page).to_have_url(re.compile(r"/mentions\?.*answered=\w+"))
    expect(page.get_by_text(f"Publicaciones: {count[1]},")).to_be_visible()
    expect(page.locator(".ls-badges").first).to_contain_text("casos de estos días")
    # The list is shown from its beginning, however far down the chart stood.
    page.wait_for_function(f"{scrolled} === 0")


def test_berta_of_vodafone_sees_her_brand_alone(opened: Open, served: Served) -> None:
    page = signed_in(opened, served, "berta", "/trends")
    chart(page, "Volumen")
    part(page, "Comparado")
    page.get_by_text("Volumen por marca: cifras y descargas").click()
    expect(page.get_by_role("link", name="Vodafone").first).to_be_visible()
    assert page.get_by_role("link", name="Movistar").count() == 0
    page.goto("/mentions?brand=movistar")
    expect(page.get_by_text("Ninguna publicación cumple estos filtros.")).to_be_visible()


def test_an_address_that_cannot_be_read_is_told_so(opened: Open, served: Served) -> None:
    page = signed_in(opened, served, "bruno", "/mentions?from=ayer")
    expect(page.get_by_text("la dirección dice from=ayer: escribe un día")).to_be_visible()
    page.goto("/mentions?campaign=Fibra")
    expect(page.get_by_text("solo lo ve quien gestiona la comunidad")).to_be_visible()


def test_a_phone_shows_the_trends(opened: Open, served: Served) -> None:
    page = signed_in(opened, served, "bruno", "/trends", width=390, height=844)
    chart(page, "Volumen")
    wide = "document.querySelector('[data-testid=stMain]').scrollWidth <= window.innerWidth"
    assert page.evaluate(wide)
