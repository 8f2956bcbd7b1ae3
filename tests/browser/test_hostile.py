"""Hostile content in every field: shown as text on every page, and safe in every export."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator
from pathlib import Path

import openpyxl
import pytest

pytest.importorskip("playwright.sync_api", reason="playwright is not installed")
from playwright.sync_api import Browser, ConsoleMessage, Download, Page

from browser import hostile
from browser.conftest import Served
from browser.every_page import DESK, PHONE, paths, too_wide, views, visits
from browser.steps import settled
from dashboard import cookies
from listener import accounts

_INSIDE = """() => {
  const main = document.querySelector('[data-testid=stMain]');
  const found = [];
  for (const e of main.querySelectorAll('script:not([src^="/assets/"]), iframe, object, embed, img[src=x], [onerror], [onload], [onclick]'))
    found.push(e.outerHTML.slice(0, 120));
  for (const e of main.querySelectorAll('a[href]'))
    if (/^\\s*(?!https?:|blob:)[a-z0-9+.-]+:/i.test(e.getAttribute('href'))) found.push(e.outerHTML.slice(0, 120));
  return found;
}"""


class Watched:
    """A page, and what it did that text may not do."""

    def __init__(self, page: Page, url: str) -> None:
        self.page = page
        self.did: list[str] = []
        page.on("dialog", lambda d: (self.did.append(f"dialog {d.message}"), d.dismiss()))
        page.on("pageerror", lambda e: self.did.append(f"error {e}"))
        page.on("console", self._said)
        own = (url, "data:", "blob:")
        page.on(
            "request",
            lambda r: None if r.url.startswith(own) else self.did.append(f"asked {r.url[:100]}"),
        )

    def _said(self, message: ConsoleMessage) -> None:
        # Streamlit looks for its server below the page's own address first.
        looks = "/_stcore/" in str(message.location.get("url"))
        if message.type == "error" and not looks:
            self.did.append(f"console: {message.text} {message.location}")

    def done(self) -> list[str]:
        did, self.did = self.did, []
        inside = [f"inside: {text}" for text in self.page.evaluate(_INSIDE)]
        ran = [self.page.title()] if hostile.MARK in self.page.title() else []
        return [*did, *inside, *ran]


@pytest.fixture(scope="module")
def hostile_world(chromium: object, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    made = Served(hostile.build(tmp_path_factory.mktemp("hostile")))
    yield made
    assert made.stop() == 0, made.log.read_text()
    made.world.db.close()


@pytest.fixture(scope="module")
def watched(chromium: Browser, hostile_world: Served) -> Iterator[Watched]:
    context = chromium.new_context(viewport=DESK, locale="es-ES", base_url=hostile_world.url)
    context.set_default_timeout(20_000)
    token = accounts.start_session(hostile_world.world.db, "admin")
    jar = cookies.Cookies(cookies.key(hostile_world.world.settings.var))
    context.add_cookies(
        [{"name": cookies.NAME, "value": jar.sign(token), "url": hostile_world.url}]
    )
    yield Watched(context.new_page(), hostile_world.url)
    context.close()


@pytest.mark.parametrize("path", paths())
def test_a_page_shows_it_as_text(watched: Watched, hostile_world: Served, path: str) -> None:
    page = watched.page
    problems = []
    for case in ("lucia", "malo") if path == "case" else ("lucia",):
        for visit in visits(hostile_world.world, path, case):
            for name in views(page, visit):
                assert page.get_by_text("Esta página no se ha podido mostrar").count() == 0, name
                problems += [f"{name} at 1280: {p}" for p in too_wide(page)]
                problems += [f"{name}: {p}" for p in exported(page)]
                page.set_viewport_size(PHONE)
                settled(page)
                problems += [f"{name} on a phone: {p}" for p in too_wide(page)]
                page.set_viewport_size(DESK)
                settled(page)
                problems += [f"{name}: {p}" for p in watched.done()]
    assert not problems, "\n".join(problems)


def exported(page: Page) -> list[str]:
    """What is wrong with the files that the page offers."""
    problems = []
    buttons = page.locator("[data-testid=stDownloadButton] button")
    for number in range(buttons.count()):
        with page.expect_download() as download:
            buttons.nth(number).click()
        problems += unsafe(download.value)
        settled(page)
    return problems


def unsafe(download: Download) -> list[str]:
    name, path = download.suggested_filename, Path(download.path())
    match Path(name).suffix:
        case ".csv":
            rows = list(csv.reader(io.StringIO(path.read_text("utf-8-sig"))))
            assert rows, name
            return [f"{name}: {value!r} is a formula" for value in hostile.formulas(rows)]
        case ".xlsx":
            book = openpyxl.load_workbook(path)
            return [
                f"{name}: {c.value!r} is a formula"
                for sheet in book
                for row in sheet.iter_rows()
                for c in row
                if c.data_type == "f"
            ]
        case ".html" | ".svg":
            text = path.read_text("utf-8")
            return [f"{name}: {t[:60]}" for t in hostile.TEXTS if t.startswith("<") and t in text]
        case _:
            return []


def test_the_sweep_fills_what_it_should(hostile_world: Served) -> None:
    texts = " ".join(hostile.TEXTS)
    with hostile_world.world.db.engine.connect() as connection:
        for column, table in (
            ("title", "mentions"),
            ("handle", "authors"),
            ("name", "authors"),
            ("campaign", "crm_events"),
            ("name", "crm_people"),
            ("last_error", "subscriptions"),
            ("reason", "rejects"),
        ):
            found = connection.exec_driver_sql(f"SELECT {column} FROM {table}").scalars().all()
            assert found
            assert all(str(value)[:3] in texts for value in found), (table, column)
